"""The shipped profiles: they read, their options exist, their peaks are what their sources give."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from edgeqe.hardware.machine import CPU_FLAGS
from edgeqe.model.catalogue import find_model
from edgeqe.targets.options import (
    ACCELERATORS,
    ALIASES,
    CPU,
    CUDA,
    FEATURES,
    PROVIDERS,
    TENSORRT,
    XNNPACK,
)
from edgeqe.targets.profile import Profile
from edgeqe.targets.reading import read_profile, shipped_profiles

#: Names that a shipped profile may set, as the documentation of each runtime spells them (pages
#: "CUDA Execution Provider" and "TensorRT Execution Provider" of ONNX Runtime).
DOCUMENTED = {
    CPU: set(),
    XNNPACK: {"num_threads"},
    CUDA: {
        "arena_extend_strategy",
        "cudnn_conv_algo_search",
        "cudnn_conv_use_max_workspace",
        "gpu_mem_limit",
        "use_tf32",
    },
    TENSORRT: {
        "trt_builder_optimization_level",
        "trt_engine_cache_enable",
        "trt_fp16_enable",
        "trt_max_workspace_size",
        "trt_timing_cache_enable",
    },
}


@pytest.fixture(params=["arm-cpu", "cuda", "jetson", "x86-cpu"])
def profile(request: pytest.FixtureRequest) -> Profile:
    return read_profile(request.param)


def test_which_are_shipped() -> None:
    assert shipped_profiles() == ["arm-cpu", "cuda", "jetson", "x86-cpu"]


def test_one_says_what_it_is_and_how_to_mend_it(profile: Profile) -> None:
    assert profile.description and Path(profile.source).is_file()
    assert all(way.fix for way in profile.backends)
    # what an accelerator leaves to the processor is not what was asked for
    assert profile.most_on_cpu == 0
    assert profile.on_accelerator == (profile.name in ("cuda", "jetson"))
    assert profile.window.fixed == profile.on_accelerator


def test_estimates_know_every_precision_that_runs(profile: Profile) -> None:
    for peak in profile.peaks:
        run = {precision for way in profile.backends for precision in way.precisions}
        assert run <= set(peak.gigamacs)
        assert set(peak.assumed) <= set(peak.gigamacs)
    # the last one asks for nothing, so every such device has figures
    assert profile.peaks and profile.peaks[-1].needs == ()


def test_option_names_are_documented(profile: Profile) -> None:
    for way in profile.backends:
        assert set(way.options) <= DOCUMENTED[way.provider]
        assert DOCUMENTED[way.provider] <= PROVIDERS[way.runtime][way.provider]


def test_options_of_the_processor_are_the_runtimes_own() -> None:
    ort = pytest.importorskip("onnxruntime")
    session = ort.InferenceSession(str(find_model("edgeqe-tiny")), providers=[CPU])
    assert set(session.get_provider_options()[CPU]) == PROVIDERS["onnxruntime"][CPU]


def test_options_of_litert_are_its_interpreters() -> None:
    module = pytest.importorskip("ai_edge_litert.interpreter")
    taken = inspect.signature(module.Interpreter).parameters
    assert PROVIDERS["litert"][XNNPACK] <= set(taken)


@pytest.mark.parametrize("provider", [CUDA, TENSORRT])
def test_options_of_an_accelerator_are_the_runtimes_own(
    provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ort = pytest.importorskip("onnxruntime")
    if provider not in ort.get_available_providers():
        pytest.skip(f"this ONNX Runtime has no {provider}")
    if hasattr(ort, "preload_dlls"):
        ort.preload_dlls()
    monkeypatch.chdir(tmp_path)  # TensorRT writes its caches where it runs
    model = str(find_model("edgeqe-tiny"))
    # with its defaults first: that it does not start here says nothing of the names
    if provider not in ort.InferenceSession(model, providers=[provider]).get_providers():
        pytest.skip(f"{provider} does not start here")
    for name in shipped_profiles():
        for way in read_profile(name).backends:
            if way.provider == provider:
                providers = [(provider, dict(way.options))]
                session = ort.InferenceSession(model, providers=providers, enable_fallback=False)
                assert set(way.options) <= set(session.get_provider_options()[provider])


def test_the_known_words() -> None:
    assert set(FEATURES) == set(CPU_FLAGS)
    known = {provider for providers in PROVIDERS.values() for provider in providers}
    assert set(ALIASES.values()) == known
    assert ACCELERATORS < known


# multiply-accumulates a cycle, clock in GHz, and what the sources in the files state
@pytest.mark.parametrize(
    ("name", "number", "precision", "gigamacs"),
    [
        ("cuda", 0, "float32", 3584 * 1.777),
        ("cuda", 0, "float16", 28 * 512 * 1.777),
        ("cuda", 0, "int8-trt", 28 * 1024 * 1.777),
        ("jetson", 0, "float32", 1024 * 0.625),
        ("jetson", 0, "int8-trt", 20_000 / 2),  # 20 TOPS: an operation is half of one
        ("jetson", 0, "float16", 20_000 / 4),
        ("arm-cpu", 0, "float32", 2 * 4 * 2.4),  # two FMLA of four lanes
        ("arm-cpu", 0, "int8", 2 * 16 * 2.4),  # two SDOT of sixteen bytes
        ("arm-cpu", 1, "float32", 4 * 1.8),
        ("arm-cpu", 1, "int8", 8 * 1.8),  # SMLAL: eight bytes
    ],
)
def test_peaks_follow_from_their_sources(
    name: str, number: int, precision: str, gigamacs: float
) -> None:
    peak = read_profile(name).peaks[number]
    assert peak.gigamacs[precision] == pytest.approx(gigamacs, rel=0.005)  # three digits


@pytest.mark.parametrize(
    ("name", "number", "gigabytes"),
    [
        ("cuda", 0, 192 * 15 / 8),  # bits a transfer, thousand million transfers a second
        ("jetson", 0, 128 * 4.266 / 8),
        ("arm-cpu", 0, 32 * 4.267 / 8),
        ("arm-cpu", 1, 32 * 3.2 / 8),
    ],
)
def test_traffic_follows_from_the_sources(name: str, number: int, gigabytes: float) -> None:
    assert read_profile(name).peaks[number].gigabytes == pytest.approx(gigabytes, rel=0.005)
