"""Windows of bytes for integer networks: sample for sample what the views' floats give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import edgeqe
from edgeqe import Enhancer
from edgeqe.engine.cascade import OpenSessions
from edgeqe.runtimes import litert
from edgeqe.views.integers import holds_bytes, is_inside, read_integers, write_integers
from edgeqe.views.subsampled import Depth, GrayView, PlanesView, View
from edgeqe.views.window import Window
from tests.fakes import noise

HEIGHT, WIDTH = 120, 96
#: One at a corner, one whose own result is its middle and takes two blocks, one on the whole picture.
WINDOWS = (
    Window(0, 0, 40, 36, (0, 30), (0, 28)),
    Window(8, 10, 100, 60, (18, 96), (20, 60)),
    Window(0, 0, HEIGHT, WIDTH, (0, HEIGHT), (0, WIDTH)),
)
Planes = list[npt.NDArray[Any]]


def planar(seed: int) -> Planes:
    sizes = (HEIGHT, WIDTH), (HEIGHT // 2, WIDTH // 2), (HEIGHT // 2, WIDTH // 2)
    return [noise(*size, seed=seed + i) for i, size in enumerate(sizes)]


def nv12(seed: int) -> Planes:
    y, uv = noise(HEIGHT, WIDTH, seed=seed), noise(HEIGHT // 2, WIDTH // 2, 2, seed=seed + 1)
    return [y, uv[..., 0], uv[..., 1]]


def nv21(seed: int) -> Planes:
    y, u, v = nv12(seed)
    return [y, v, u]


def thinned(seed: int) -> Planes:
    """Every second sample of larger arrays: no two lie side by side."""
    return [noise(2 * p.shape[0], 2 * p.shape[1], seed=seed)[::2, ::2] for p in planar(seed)]


def gray(seed: int) -> Planes:
    return planar(seed)[:1]


LAYOUTS = pytest.mark.parametrize("layout", [planar, nv12, nv21, thinned, gray])


def view_of(sources: Planes, targets: Planes, amount: float = 1.0) -> View:
    kind = GrayView if len(sources) == 1 else PlanesView
    return kind(sources, targets, Depth(8), amount=amount)


@LAYOUTS
@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_is_read_as_its_levels(layout: Any, window: Window) -> None:
    sources = layout(3)
    view = view_of(sources, [np.zeros_like(plane) for plane in sources])
    half = window.height // 2, window.width // 2
    levels, samples = np.empty((6, *half), np.float32), np.empty((*half, 6), np.int8)
    view.read(window, levels)
    assert holds_bytes(view) and is_inside(view, window)
    read_integers(view, window, samples)
    np.testing.assert_array_equal(samples.transpose(2, 0, 1), levels)


@LAYOUTS
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("amount", [1.0, 0.37])
def test_a_window_is_written_as_by_floats(layout: Any, window: Window, amount: float) -> None:
    sources, scale = layout(5), np.float32(1.7)  # the residual goes to both ends of the samples
    ours, expected = layout(50), layout(50)
    residual = noise(window.height // 2, window.width // 2, 6, seed=9).view(np.int8)
    residual[0] = np.arange(-128, -128 + window.width // 2, dtype=np.int8)[:, None]
    view_of(sources, expected, amount).write(window, (residual * scale).transpose(2, 0, 1))
    samples = np.empty(residual.shape, np.int8)
    view = view_of(sources, ours, amount)
    read_integers(view, window, samples)
    write_integers(view, window, samples, residual, scale)
    for one, other in zip(ours, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_rows_of_a_saved_band_are_read_as_those_of_the_picture() -> None:
    sources, window = nv12(4), WINDOWS[1]
    view = view_of(sources, nv12(40))
    band = [plane[4 if index else 8 :].copy() for index, plane in enumerate(sources)]
    found, expected = (np.empty((window.height // 2, window.width // 2, 6), np.int8) for _ in "ab")
    read_integers(view, window, expected)
    read_integers(view.on_rows(band, 8), window, found)
    np.testing.assert_array_equal(found, expected)


def test_deeper_samples_and_windows_beyond_the_end_are_left_to_floats() -> None:
    deep = [plane.astype(np.uint16) for plane in planar(1)]
    assert not holds_bytes(PlanesView(deep, deep, Depth(10)))
    odd = [plane[:-1] for plane in planar(1)]
    view = view_of(odd, odd)
    assert not is_inside(view, WINDOWS[2]) and is_inside(view, WINDOWS[0])


@pytest.mark.parametrize("shape", [(90, 132), (291, 333)])
@pytest.mark.parametrize("in_place", [False, True])
def test_an_enhancer_gives_the_same_samples_by_integers_and_by_floats(
    shape: tuple[int, int], in_place: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    run = litert.LitertSession.run_integers

    def counted(*given: Any) -> None:
        calls.append(given)
        run(*given)

    monkeypatch.setattr(litert.LitertSession, "run_integers", counted)
    y = noise(*shape, seed=2)
    uv = noise(-(-shape[0] // 2), -(-shape[1] // 2), 2, seed=3)
    model = Path(edgeqe.__file__).parent / "models" / "edgeqe-nano.int8.tflite"
    with Enhancer(model, threads=1, memory_limit="4MiB") as enhancer:

        def enhanced() -> Planes:
            given = y.copy(), uv.copy()
            out = given if in_place else None
            return list(enhancer.enhance_nv12(*given, quality=15, amount=0.8, out=out))

        found = enhanced()
        assert calls
        monkeypatch.setattr(OpenSessions, "integers", None)
        count = len(calls)
        expected = enhanced()
        assert len(calls) == count
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (found[0] != y).any()
