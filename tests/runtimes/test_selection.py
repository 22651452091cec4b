"""Which file runs where: the ways of a profile on what is installed."""

from __future__ import annotations

import dataclasses
import importlib.machinery
import importlib.util
from pathlib import Path

import pytest

from edgeqe import Enhancer
from edgeqe.errors import InputError, ModelError, ProviderError
from edgeqe.hardware.machine import Gpu, Hardware
from edgeqe.model.catalogue import shipped_files
from edgeqe.runtimes.selection import chosen_file, profile_for, select
from edgeqe.targets.reading import read_profile

PLAIN = Hardware("x86_64", "", 2, (), "", ())
CARD = Gpu("a card", "550.1", "8.6", 1 << 33)


def absent(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Hide modules from whoever asks whether they are installed."""
    real = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> importlib.machinery.ModuleSpec | None:
        return None if name in modules else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)


def here(monkeypatch: pytest.MonkeyPatch, providers: tuple[str, ...] = (), **facts: object) -> None:
    """Pretend to be a machine, with providers that the runtime lists."""
    found = dataclasses.replace(PLAIN, **facts)  # type: ignore[arg-type]
    monkeypatch.setattr("edgeqe.runtimes.selection.read_hardware", lambda: found)
    if providers:
        monkeypatch.setattr("edgeqe.runtimes.ort.providers", lambda: list(providers))


def test_auto_is_what_the_machine_is_and_the_runtime_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEQE_TARGET", raising=False)
    here(monkeypatch)
    assert profile_for("auto").name == "x86-cpu"
    here(monkeypatch, machine="aarch64")
    assert profile_for("auto").name == profile_for("cpu").name == "arm-cpu"
    here(monkeypatch, gpus=(CARD,))
    assert profile_for("auto").name == "x86-cpu"  # the runtime here has no provider for it
    cuda = ("CUDAExecutionProvider", "CPUExecutionProvider")
    here(monkeypatch, cuda, gpus=(CARD,))
    assert profile_for("auto").name == "cuda" and profile_for("cpu").name == "x86-cpu"
    here(monkeypatch, cuda, machine="aarch64", gpus=(CARD,), tegra="Orin")
    assert profile_for("auto").name == "jetson"


def test_the_environment_names_what_auto_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEQE_TARGET", "arm-cpu")
    assert profile_for("auto").name == "arm-cpu"
    assert profile_for("x86-cpu").name == "x86-cpu"
    monkeypatch.setenv("EDGEQE_TARGET", "moon")
    with pytest.raises(InputError, match="no target 'moon'"):
        profile_for("auto")


def test_a_name_alone_is_integers_where_they_are_fastest(monkeypatch: pytest.MonkeyPatch) -> None:
    for features, form, provider in (
        (("avx2", "avx512"), "int8", "CPUExecutionProvider"),
        (("avx2", "vnni"), "int8.tflite", "XNNPACK"),
    ):
        here(monkeypatch, cpu_features=features)
        for name in ("edgeqe-tiny", "edgeqe-small"):
            placed = select(name, read_profile("x86-cpu"))
            assert placed.path == shipped_files()[f"{name}:{form}"]
            assert placed.backend.provider == provider


def test_without_litert_a_name_alone_is_what_onnx_runtime_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent(monkeypatch, "ai_edge_litert", "tflite_runtime")
    for features in (("avx2",), ("avx2", "vnni")):
        here(monkeypatch, cpu_features=features)
        placed = select("edgeqe-tiny", read_profile("x86-cpu"))
        assert placed.path == shipped_files()["edgeqe-tiny:int8"]
        assert placed.backend.provider == "CPUExecutionProvider"


def test_without_onnx_runtime_a_name_alone_is_what_litert_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent(monkeypatch, "onnxruntime")
    for features, form in ((("avx2",), "float32"), (("avx2", "vnni"), "int8")):
        here(monkeypatch, cpu_features=features)
        placed = select("edgeqe-tiny", read_profile("x86-cpu"))
        assert placed.path == shipped_files()[f"edgeqe-tiny:{form}.tflite"]
        assert placed.backend.provider == "XNNPACK"
    # a file that is named runs all the same
    here(monkeypatch)
    placed = select("edgeqe-tiny:int8.tflite", read_profile("x86-cpu"))
    assert placed.path.name == "edgeqe-tiny.int8.tflite"


def test_without_any_runtime_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    absent(monkeypatch, "onnxruntime", "ai_edge_litert", "tflite_runtime")
    with pytest.raises(ProviderError, match=r"ONNX Runtime is not installed.*edgeqe\[ort,tflite\]"):
        select("edgeqe-tiny", read_profile("x86-cpu"))
    with pytest.raises(ProviderError, match="LiteRT is not installed"):
        select("edgeqe-tiny:float32.tflite", read_profile("x86-cpu"))


def test_an_accelerators_absence_names_provider_finding_and_fix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here(monkeypatch, ("CPUExecutionProvider",))
    with pytest.raises(ProviderError) as caught:
        select("edgeqe-tiny", read_profile("jetson"))
    text = str(caught.value)
    for part in ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider only",
                 "Fix: ", "onnxruntime-gpu", "--allow-fallback"):  # fmt: skip
        assert part in text


def test_refused_ways_are_passed_over_and_formats_find_their_runtime(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here(monkeypatch, ("TensorrtExecutionProvider", "CUDAExecutionProvider"))
    profile = read_profile("cuda")
    first = select("edgeqe-tiny", profile)
    assert first.backend.provider == "TensorrtExecutionProvider"
    assert first.path.name == "edgeqe-tiny.float16.onnx"
    second = select("edgeqe-tiny", profile, [first.backend])
    assert second.backend.provider == "CUDAExecutionProvider"
    with pytest.raises(ProviderError, match="none of its runtimes reads"):
        select("edgeqe-tiny:float32.tflite", profile)


def test_a_runtime_that_is_installed_and_broken_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> object:
        raise ProviderError("LiteRT cannot be imported (its library is gone).")

    here(monkeypatch, cpu_features=("avx2", "vnni"))
    monkeypatch.setattr("edgeqe.runtimes.litert.interpreter_module", broken)
    with Enhancer("edgeqe-tiny", target="x86-cpu") as enhancer:
        assert (enhancer.info.provider, enhancer.info.fallback) == ("CPUExecutionProvider", "")
    with pytest.raises(ProviderError, match=r"cannot run here: LiteRT .*gone.*Fix: pip install"):
        Enhancer("edgeqe-tiny:int8.tflite", target="x86-cpu")


def test_a_profile_may_name_a_networks_precision(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first way runs integers alone and is passed over, but where there is no other."""
    here(monkeypatch, cpu_features=("avx2", "vnni"))
    mine = tmp_path / "mine.toml"
    mine.write_text('extends = "x86-cpu"\n[precision]\n"edgeqe-tiny" = ["float32"]\n')
    profile = read_profile(str(mine))
    assert select("edgeqe-tiny", profile).path == shipped_files()["edgeqe-tiny:float32"]
    assert select("edgeqe-small", profile).path == shipped_files()["edgeqe-small:int8.tflite"]
    others = [way for way in profile.backends if "float32" in way.precisions]
    assert select("edgeqe-tiny", profile, others).path == shipped_files()["edgeqe-tiny:int8.tflite"]


def test_a_chosen_file_is_autos_or_the_path_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EDGEQE_TARGET", "x86-cpu")
    here(monkeypatch, cpu_features=("avx2",))
    assert chosen_file("edgeqe-tiny") == shipped_files()["edgeqe-tiny:int8"]
    file = tmp_path / "m.onnx"
    file.write_bytes(b"x")
    assert chosen_file(file) == file
    with pytest.raises(ModelError, match="no model"):
        chosen_file(tmp_path / "none.onnx")
