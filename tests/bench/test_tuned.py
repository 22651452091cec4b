"""A setting as a profile, and as the `Enhancer` that the profile makes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeqe import Enhancer
from edgeqe.bench.tuning.candidates import Opener, left_out
from edgeqe.bench.tuning.settings import Setting, Space, space_of
from edgeqe.bench.tuning.tuned import extended_from, profile_text
from edgeqe.errors import InputError, MemoryLimitError, ProviderError
from edgeqe.model.catalogue import find_model
from edgeqe.protocols import ReferencePicture
from edgeqe.targets.profile import WindowBounds
from edgeqe.targets.reading import read_profile

TARGET = read_profile("x86-cpu")
OPTIONS = r"""
extends = "cuda"
[[runtime]]
runtime = "onnxruntime"
provider = "cpu"
precisions = ["int8", "float32"]
[[runtime]]
runtime = "onnxruntime"
provider = "cuda"
precisions = ["float16"]
needs = ["avx2", "neon"]
fix = "say \"please\"\\\tor 'now', naïvely"
options = { use_tf32 = false, gpu_mem_limit = 536870912, cudnn_conv_algo_search = "HEURISTIC" }
"""


def test_the_file_is_read_back_with_all_that_the_ways_say(tmp_path: Path) -> None:
    base, tuned = tmp_path / "base.toml", tmp_path / "tuned.toml"
    base.write_text(OPTIONS, encoding="utf-8")
    profile = read_profile(str(base))
    setting = Setting(backend=1, form="float16", threads=3, smallest=128, largest=192)
    text = profile_text(
        profile,
        setting,
        "edgeqe-small",
        extended_from(profile, tuned),
        description='of "a" board',
        comments=["made by: x\nthreads = 7", "2 %"],
    )
    tuned.write_text(text, encoding="utf-8")
    assert text.startswith("# made by: x threads = 7\n# 2 %\nextends = ")
    made = read_profile(str(tuned))
    assert made.backends == (profile.backends[1], profile.backends[0])
    assert made.window == WindowBounds(128, 192, fixed=True)  # cuda's `fixed` stays
    assert (made.threads, made.description) == (3, 'of "a" board')
    assert made.precision == {"edgeqe-small": ("float16",)}
    assert (made.peaks, made.most_on_cpu) == (profile.peaks, profile.most_on_cpu)


def test_what_a_file_extends(tmp_path: Path) -> None:
    assert extended_from(TARGET, tmp_path / "tuned.toml") == "x86-cpu"
    base = tmp_path / "base.toml"
    base.write_text('extends = "x86-cpu"\n', encoding="utf-8")
    profile = read_profile(str(base))
    assert extended_from(profile, tmp_path / "tuned.toml") == "base.toml"
    assert extended_from(profile, tmp_path / "board" / "tuned.toml") == "../base.toml"
    with pytest.raises(InputError, match="cannot extend itself"):
        extended_from(profile, base)


@pytest.mark.parametrize(
    ("setting", "runtime"),
    [
        (Setting(backend=1, form="float32", threads=1, smallest=72, largest=96), "onnxruntime"),
        (Setting(backend=2, form="float32.tflite", threads=3, smallest=0, largest=128), "litert"),
        (Setting(backend=1, form="int8", threads=2, smallest=0, largest=0), "onnxruntime"),
    ],
)
def test_an_enhancer_on_the_file_is_the_candidate(
    tmp_path: Path, setting: Setting, runtime: str
) -> None:
    pytest.importorskip("onnxruntime" if runtime == "onnxruntime" else "ai_edge_litert")
    slow = tmp_path / "slow.toml"
    slow.write_text('extends = "x86-cpu"\nthreads = 1\n[window]\nsmallest = 64\nlargest = 64\n')
    profile, path = read_profile(str(slow)), tmp_path / "tuned.toml"
    path.write_text(profile_text(profile, setting, "edgeqe-tiny", "slow.toml"), encoding="utf-8")
    opener = Opener("edgeqe-tiny", profile, 64 << 20, 96, 128, tmp_path)
    with Enhancer("edgeqe-tiny", target=str(path)) as made, opener.enhancer(setting) as tried:
        ours, theirs = made.info, tried.info
        assert ours.path == str(find_model(f"edgeqe-tiny:{setting.form}"))
        assert (ours.runtime, ours.threads) == (runtime, setting.threads)
        if setting.largest:
            assert setting.smallest <= min(ours.window) <= max(ours.window) <= setting.largest
        else:  # not the 64 pixels of the profile that it extends
            assert min(ours.window) > 64
        same = ("path", "provider", "threads", "window", "planned_bytes", "memory_limit")
        assert [getattr(ours, n) for n in same] == [getattr(theirs, n) for n in same]


def test_a_candidate_runs_the_whole_path_at_every_level(tmp_path: Path) -> None:
    opener = Opener("edgeqe-tiny", TARGET, 64 << 20, 140, 280, tmp_path)
    assert opener.sizes == [(140, 280), (70, 140)]  # the next would have 35 rows
    assert opener.pixels == [140 * 280, 70 * 140]
    candidate = opener(Setting(backend=1, form="float32", threads=1, smallest=0, largest=0))
    try:
        assert [candidate.run(level).shape for level in (0, 1)] == [(140, 280, 3), (70, 140, 3)]
        assert candidate.run(1).dtype == np.uint8
    finally:
        candidate.close()
    assert any(name.startswith("onnxruntime ") for name in opener.versions)


def test_a_candidate_keeps_the_memory_limit(tmp_path: Path) -> None:
    opener = Opener("edgeqe-tiny", TARGET, 8 << 20, 96, 128, tmp_path)
    with pytest.raises(MemoryLimitError, match="the smallest that works is"):
        opener(Setting(backend=1, form="float32", threads=1, smallest=512, largest=768))


def test_losses_are_the_worst_quality_of_each_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One photograph's corner and an int8 form that is known to be near."""
    pytest.importorskip("skimage")
    from edgeqe.bench.data import read_picture
    from edgeqe.bench.tuning import candidates

    def corner(path: Path) -> ReferencePicture:
        whole = read_picture(path)
        return ReferencePicture(whole.name, np.ascontiguousarray(whole.pixels[:96, :128]))

    monkeypatch.setattr(candidates, "read_picture", corner)
    opener = Opener("edgeqe-tiny", TARGET, 64 << 20, 96, 128, tmp_path)
    space, _ = space_of("edgeqe-tiny", TARGET, (), 1)
    told: list[str] = []
    losses = opener.losses(space, told.append)
    assert list(losses) == [(1, "int8")]
    assert 0.0 < abs(losses[1, "int8"]) < 0.2
    assert told == ["drift: float32", "drift: int8"]


def test_an_accelerator_that_is_listed_and_does_not_run_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "board.toml"
    path.write_text(OPTIONS, encoding="utf-8")
    profile = read_profile(str(path))
    profile = replace(profile, backends=profile.backends[::-1])  # CUDA first
    opener = Opener("edgeqe-tiny", profile, 64 << 20, 96, 128, tmp_path)
    start = Setting(backend=0, form="float16", threads=1, smallest=256, largest=1024)
    space = Space(((0, "float16"), (1, "int8")), start, start, (1,), ((256, 1024),))
    by_itself = opener.enhancer

    def no_cuda(setting: Setting) -> Enhancer:
        if setting.backend == 0:
            raise ProviderError("CUDAExecutionProvider does not start.")
        return by_itself(setting)

    monkeypatch.setattr(opener, "enhancer", no_cuda)
    found, refused = opener.running(space)
    assert found.forms == ((1, "int8"),)
    assert (found.default.backend, found.default.form) == (1, "int8")
    assert (found.start.backend, found.start.form) == (1, "int8")
    assert refused == {0: "CUDAExecutionProvider does not start"}
    with pytest.raises(ProviderError, match="target 'board' cannot be tuned here.*Fix: "):
        opener.running(replace(space, forms=((0, "float16"),)))


def test_losses_need_other_forms(tmp_path: Path) -> None:
    file = find_model("edgeqe-base", "float32")  # a file fixes the form
    opener = Opener(file, TARGET, 64 << 20, 96, 128, tmp_path)
    space, _ = space_of(file, TARGET, (), 1)
    assert opener.losses(space) == {}


def test_forms_above_the_limit_are_left_out() -> None:
    losses = {(0, "int8"): 0.06, (1, "int8.tflite"): 0.04, (2, "float16"): -0.01}
    assert left_out(losses, 0.05) == {
        (0, "int8"): "drifts: loses 0.060 dB against float32, at most 0.05 dB may be lost"
    }
    assert list(left_out(losses, 0.0)) == [(0, "int8"), (1, "int8.tflite")]
