"""Targets with one window shape: on the processor in place of an accelerator, and on one that lies."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from edgeqe import Enhancer
from edgeqe.errors import InputError, ProviderError
from edgeqe.hardware.machine import Gpu, Hardware
from edgeqe.model.catalogue import find_model
from edgeqe.model.file import ModelFile
from edgeqe.runtimes.accelerator import Accelerator
from edgeqe.runtimes.engine_cache import engines
from edgeqe.targets.reading import read_profile
from edgeqe.typing import Float
from tests.fakes import noise

FIXED = """
[[runtime]]
runtime = "onnxruntime"
provider = "CPUExecutionProvider"
precisions = ["float32", "int8"]
[window]
smallest = 64
largest = 192
fixed = true
"""


@pytest.fixture
def fixed(tmp_path: Path) -> str:
    """A target whose accelerator is the processor."""
    path = tmp_path / "fixed.toml"
    path.write_text(FIXED)
    return str(path)


@pytest.mark.parametrize("name", ["edgeqe-tiny:float32", "multiscale"])
def test_pictures_from_the_window_on_equal_the_processors_at_every_strength(
    fixed: str, name: str, multiscale: Path
) -> None:
    model = str(multiscale) if name == "multiscale" else name
    with Enhancer(model, target=fixed) as ours, Enhancer(model, target="cpu") as plain:
        assert ours.info.window == (192, 192)
        for height, width, quality in ((200, 333, 10), (193, 512, 60), (256, 208, 90)):
            picture = noise(height, width, 3, seed=height)
            assert ours.is_exact(height, width)
            made = ours.enhance(picture, quality=quality).astype(int)
            # float sums in another order round a half the other way at most here and there
            off = np.abs(made - plain.enhance(picture, quality=quality))
            assert off.max() <= 1 and np.count_nonzero(off) <= off.size * 1e-4


def test_one_session_serves_all_strengths(fixed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bool] = []
    plain = onnxruntime.InferenceSession

    def counted(*given: Any, **more: Any) -> Any:
        made.append(True)
        return plain(*given, **more)

    monkeypatch.setattr(onnxruntime, "InferenceSession", counted)
    picture = noise(200, 200)
    with Enhancer("edgeqe-tiny:float32", target=fixed) as enhancer:
        results = [enhancer.enhance(picture, quality=q).tobytes() for q in range(5, 96, 10)]
    assert len(made) == 1 and len(set(results)) == len(results)


def test_integers_have_a_session_a_strength_and_equal_the_processors(fixed: str) -> None:
    picture = noise(220, 300)
    with Enhancer("edgeqe-tiny:int8", target=fixed) as ours, Enhancer("edgeqe-tiny:int8") as plain:
        for quality in (10, 80):
            np.testing.assert_array_equal(
                ours.enhance(picture, quality=quality), plain.enhance(picture, quality=quality)
            )


@pytest.mark.parametrize("name", ["edgeqe-tiny:float32", "multiscale"])
def test_the_self_test_runs_in_the_one_window(fixed: str, name: str, multiscale: Path) -> None:
    model = str(multiscale) if name == "multiscale" else name
    with Enhancer(model, target=fixed) as enhancer:
        shapes = []
        session = enhancer._engine.cascade.one(0)
        plain = session.run

        def noted(planes: Float, out: Float | None = None, place: Hashable = None) -> Float:
            shapes.append(planes.shape)
            return plain(planes, out, place)

        def wrong(planes: Float, out: Float | None = None, place: Hashable = None) -> Float:
            return plain(planes) + 1.0

        session.run = noted  # type: ignore[method-assign]
        assert enhancer.self_test().passed
        assert shapes == [(6, 96, 96)]
        session.run = wrong  # type: ignore[method-assign]
        test = enhancer.self_test()
        assert not test.passed and test.max_error == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (250, 33), (100, 101)])
def test_smaller_pictures_are_mirrored_and_called_not_exact(
    fixed: str, size: tuple[int, int]
) -> None:
    height, width = size
    picture = noise(height, width, 3)
    # the picture with its mirror images around is large enough for the plain way
    mirrored = np.pad(
        picture,
        ((0, max(0, 200 - height)), (0, max(0, 200 - width)), (0, 0)),
        mode="symmetric",
    )
    with (
        Enhancer("edgeqe-tiny:float32", target=fixed) as ours,
        Enhancer("edgeqe-tiny:float32") as p,
    ):
        assert not ours.is_exact(height, width) and p.is_exact(height, width)
        made = ours.enhance(picture, quality=20).astype(int)
        expected = p.enhance(mirrored, quality=20)[:height, :width]
        if height % 2 == 0 and width % 2 == 0:  # else half a sample of chroma is repeated first
            assert np.abs(made - expected).max() <= 1
        assert np.abs(made - picture).max() > 0
        again = picture.copy()
        ours.enhance(again, quality=20, out=again)  # in place
        np.testing.assert_array_equal(again, made)


@pytest.mark.parametrize(
    ("model", "side", "exact"),
    [("edgeqe-tiny", 176, True), ("edgeqe-tiny", 174, False), ("edgeqe-nano", 9, True)],
)
def test_a_picture_is_exact_where_all_that_is_seen_is_the_margin(
    fixed: str, model: str, side: int, exact: bool
) -> None:
    """edgeqe-nano sees 8 pixels far, which are the margin, edgeqe-tiny 10."""
    picture = noise(side, side, 3)
    with Enhancer(f"{model}:float32", target=fixed) as ours, Enhancer(f"{model}:float32") as plain:
        assert ours.is_exact(side, side) == exact
        different = ours.enhance(picture, quality=20) != plain.enhance(picture, quality=20)
        # float32: one level in 1 of 10,000 samples, where a sum in another order is rounded the other way
        assert (np.count_nonzero(different) <= picture.size / 10_000) == exact


def test_the_window_shrinks_to_the_memory_limit_and_no_further(
    fixed: str, tmp_path: Path, multiscale: Path
) -> None:
    with Enhancer("edgeqe-tiny:float32", target=fixed, memory_limit="4MiB") as enhancer:
        window = enhancer.info.window
        assert 64 <= window[0] == window[1] < 192
        assert enhancer.info.planned_bytes <= 4 << 20
    with pytest.raises(InputError, match="smallest that works"):
        Enhancer(multiscale, target=fixed, memory_limit="6MiB")
    narrow = tmp_path / "narrow.toml"
    narrow.write_text(FIXED.replace("192", "128"))  # halo 64, alignment 8 on both sides
    with pytest.raises(InputError, match=r"halo of 64: give window.largest at least 136"):
        Enhancer(multiscale, target=str(narrow))


def test_bounds_hold_on_the_processor_too(tmp_path: Path, multiscale: Path) -> None:
    path = tmp_path / "bounded.toml"
    path.write_text('extends = "x86-cpu"\n[window]\nsmallest = 96\nlargest = 128\n')
    picture = noise(300, 401)
    with Enhancer("edgeqe-tiny:int8", target=str(path)) as bounded:
        assert all(96 <= side <= 128 for side in bounded.info.window)
        with Enhancer("edgeqe-tiny:int8") as plain:
            np.testing.assert_array_equal(
                bounded.enhance(picture, quality=30), plain.enhance(picture, quality=30)
            )
    path.write_text('extends = "x86-cpu"\n[window]\nlargest = 100\n')
    with pytest.raises(
        InputError, match="too small for a halo of 64: give window.largest at least 136"
    ):
        Enhancer(multiscale, target=str(path))


class Liar:
    """ONNX Runtime that lists CUDA and says that a session has it, and runs on the processor."""

    def __init__(self, *, listed: tuple[str, ...]) -> None:
        self.listed = listed

    def __getattr__(self, name: str) -> Any:
        return getattr(onnxruntime, name)

    def get_available_providers(self) -> list[str]:
        return [*self.listed, "CPUExecutionProvider"]

    def InferenceSession(self, model: bytes, options: Any, **more: Any) -> Any:
        wanted = [name for name, _ in more.pop("providers")]
        session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"], **more
        )
        session.get_providers = lambda: wanted
        return session


@pytest.fixture
def liar(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Liar]:
    """A machine with a card whose runtime lies."""
    runtime = Liar(listed=("TensorrtExecutionProvider", "CUDAExecutionProvider"))
    card = Gpu("a card", "550.1", "8.6", 1 << 33)
    machine = Hardware("x86_64", "", 2, (), "", (card,))
    monkeypatch.setattr("edgeqe.runtimes.ort._onnxruntime", lambda: runtime)
    monkeypatch.setattr("edgeqe.runtimes.selection.read_hardware", lambda: machine)
    monkeypatch.setattr("edgeqe.runtimes.accelerator.read_hardware", lambda: machine)
    monkeypatch.setenv("EDGEQE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("EDGEQE_TARGET", raising=False)
    yield runtime


def test_placement_decides_and_not_the_list(liar: Liar, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProviderError) as caught:
        Enhancer("edgeqe-tiny", target="cuda")
    text = str(caught.value)
    for provider in liar.listed:
        assert f"{provider} was asked for" in text
    assert "100% of the multiply-accumulates elsewhere" in text
    assert "CPUExecutionProvider 100%" in text and "--allow-fallback" in text
    assert engines() == []  # nothing that a provider did not build is kept
    with Enhancer("edgeqe-tiny", target="cuda", allow_fallback=True) as fallen:
        assert (fallen.info.fallback, fallen.info.target) == ("cpu", "x86-cpu")
        assert dict(fallen.info.placement) == {"CPUExecutionProvider": 1.0}
    with Enhancer("edgeqe-tiny") as auto:  # asked for nothing, so nothing is a fallback
        assert (auto.info.fallback, auto.info.target) == ("", "x86-cpu")
    monkeypatch.setenv("EDGEQE_TARGET", "cuda")  # this is asking
    with pytest.raises(ProviderError, match="CUDAExecutionProvider was asked for"):
        Enhancer("edgeqe-tiny")


def test_a_profile_may_leave_a_share_to_the_processor(liar: Liar, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('extends = "cuda"\nmost_on_cpu = 1.0\n')
    with Enhancer("edgeqe-tiny", target=str(mine)) as enhancer:
        assert enhancer.info.provider == "CPUExecutionProvider"  # as placed, whatever was asked
    (engine,) = engines()
    assert engine.key["provider"] == "TensorrtExecutionProvider"
    assert engine.key["devices"] == ["a card, driver 550.1"]


def test_the_engines_key_holds_what_the_engine_depends_on(liar: Liar) -> None:
    profile = read_profile("cuda")
    way = profile.backends[0]
    tiny = ModelFile(find_model("edgeqe-tiny", "float16"))
    key = Accelerator(tiny, way, profile, 256).engine_key(40)
    assert key == Accelerator(tiny, way, profile, 256).engine_key(50)  # one for all strengths
    assert key != Accelerator(tiny, way, profile, 512).engine_key(40)
    integers = Accelerator(ModelFile(find_model("edgeqe-tiny", "int8-trt")), way, profile, 256)
    assert integers.engine_key(40) != integers.engine_key(50)
