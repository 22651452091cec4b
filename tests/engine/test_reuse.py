"""Frames of a stream: the bytes are those of whole frames, and what did not change is not computed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import edgeqe
from edgeqe import Enhancer, FrameSequence, InputError
from edgeqe.model.arithmetic import convolves_integers
from edgeqe.model.file import ModelFile
from tests.fakes import FakeFile, enhancer_of, noise

MODELS = Path(edgeqe.__file__).parent / "models"
SMALL_LIMIT = (11 << 18) + 400_000
Frame = tuple[npt.NDArray[Any], npt.NDArray[Any]]


def blocky(height: int, width: int, seed: int = 1) -> npt.NDArray[np.uint8]:
    """Smooth waves, rounded in blocks, so that a network has something to do."""
    rows, columns = np.mgrid[:height, :width]
    waves = (
        120 + 60 * np.sin(rows / 19 + seed) * np.cos(columns / 23) + (rows // 8 + columns // 8) % 5
    )
    made: npt.NDArray[np.uint8] = waves.astype(np.uint8)
    return made


def camera(count: int, height: int = 240, width: int = 320) -> Iterator[Frame]:
    """NV12 frames of a still scene with a small square that moves; then the scene changes."""
    for i in range(count):
        y = blocky(height, width, seed=1 + (i >= count - 2))
        uv = np.stack([blocky(height // 2, width // 2, 3), blocky(height // 2, width // 2, 4)], 2)
        y[60 + 3 * i : 84 + 3 * i, 100 + 5 * i : 124 + 5 * i] = noise(24, 24, seed=i)
        uv[30:38, 50 + i : 58 + i, 1] = 90 + i
        yield y, uv


@pytest.mark.parametrize("form", ["int8.onnx", "int8.tflite", "float32.onnx"])
@pytest.mark.parametrize("in_place", [False, True])
def test_the_bytes_are_those_of_whole_frames(form: str, in_place: bool) -> None:
    with (
        Enhancer(MODELS / f"edgeqe-nano.{form}", threads=2, memory_limit="24MiB") as enhancer,
        FrameSequence(enhancer) as frames,
    ):
        for y, uv in camera(8):
            given = (y.copy(), uv.copy())
            whole = given if in_place else None
            expected = enhancer.enhance_nv12(*given, quality=25, out=whole)
            out = (y, uv) if in_place else None
            found = frames.enhance_nv12(y, uv, quality=25, out=out)
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one, other)
        assert frames.report.frames == 8
        # six frames of which at most a sixth moves; floats go by the plan's few windows
        assert frames.report.share > (0.4 if "int8" in form else -0.1)


@pytest.mark.parametrize("call", ["gray", "rgb", "planes16", "p010"])
def test_every_layout_gives_the_bytes_of_whole_frames(call: str) -> None:
    with Enhancer("edgeqe-nano", threads=2) as enhancer, FrameSequence(enhancer) as frames:

        def enhance(by: Any, i: int) -> Any:
            y, uv = list(camera(6, 300, 400))[i]
            if call == "gray":
                return [by.enhance(y, quality=25, amount=0.7)]
            if call == "rgb":
                return [by.enhance(np.stack([y, y, 255 - y, y], 2), quality=25)]
            y, uv = y.astype(np.uint16), uv.astype(np.uint16)
            if call == "p010":
                return by.enhance_p010(y << 8 & 0xFFC0, uv << 8 & 0xFFC0, quality=25)
            return by.enhance_planes(
                y * 4, uv[..., 0] * 4, uv[..., 1] * 4, quality=25, bit_depth=10
            )

        for i in range(6):
            for one, other in zip(enhance(frames, i), enhance(enhancer, i), strict=True):
                np.testing.assert_array_equal(one, other)
        assert frames.report.share > 0.2


def test_only_windows_that_read_a_change_run() -> None:
    """A network of floats: the plan's windows, of which the halo counts too."""
    file = FakeFile(lambda planes: planes / np.float32(-3), halo=8)
    with enhancer_of(file, threads=4) as enhancer:
        frames = FrameSequence(enhancer)
        frame = noise(400, 500)
        first = frames.enhance(frame, step=10)
        runs = sum(len(session.shapes) for session in file.sessions)
        assert runs > 2
        np.testing.assert_array_equal(frames.enhance(frame.copy(), step=10), first)
        assert sum(len(session.shapes) for session in file.sessions) == runs
        frame[0, 0] ^= 1
        changed = frames.enhance(frame, step=10)
        assert sum(len(session.shapes) for session in file.sessions) == runs + 1
        np.testing.assert_array_equal(changed, enhancer.enhance(frame, step=10))


def test_what_stays_keeps_the_strength_at_which_it_was_coded() -> None:
    def by_step(planes: Any) -> Any:
        return planes * 0 + np.float32(5)

    file = FakeFile(by_step)
    with enhancer_of(file) as enhancer:
        frames = FrameSequence(enhancer)
        frame = noise(40, 40)
        first = frames.enhance(frame, step=10)
        frames.enhance(frame, step=30)
        assert [s.key for s in file.sessions if s.shapes] == [10]
        frame[3, 3] ^= 1
        frames.enhance(frame, step=30)
        assert [s.key for s in file.sessions if s.shapes] == [10, 30]
        half = frames.enhance(frame, step=30, amount=0.4)  # another amount begins anew
        assert (half != first).any()
        np.testing.assert_array_equal(half, enhancer.enhance(frame, step=30, amount=0.4))


def test_the_callers_array_may_change_between_frames() -> None:
    """In place, over an overlay that the caller draws into the result."""
    with Enhancer("edgeqe-nano") as enhancer, FrameSequence(enhancer) as frames:
        frame = blocky(80, 96)
        expected = enhancer.enhance(frame, quality=25)
        buffer = frame.copy()
        for _ in range(3):
            buffer[:] = frame
            frames.enhance(buffer, quality=25, out=buffer)
            np.testing.assert_array_equal(buffer, expected)
            buffer[10:20] = 255


def test_another_size_begins_anew() -> None:
    with Enhancer("edgeqe-nano") as enhancer, FrameSequence(enhancer) as frames:
        for size in ((64, 64), (80, 48), (64, 64)):
            frame = blocky(*size)
            found = frames.enhance(frame, quality=25)
            np.testing.assert_array_equal(found, enhancer.enhance(frame, quality=25))


def test_frames_that_do_not_fit_are_enhanced_whole() -> None:
    file = FakeFile(lambda planes: planes / np.float32(-3))
    with enhancer_of(file, memory_limit=SMALL_LIMIT, threads=1) as enhancer:
        frames = FrameSequence(enhancer)
        frame = noise(500, 600)  # three times as many bytes as the limit leaves
        for _ in range(2):
            found = frames.enhance(frame, step=10)
            np.testing.assert_array_equal(found, enhancer.enhance(frame, step=10))
        assert frames.report.frames_without_memory == 2 and frames.report.share == 0
        assert frames.planned_bytes(500, 600) <= SMALL_LIMIT


def test_planned_bytes_hold_both_frames() -> None:
    with Enhancer("edgeqe-nano", memory_limit="24MiB", threads=1) as enhancer:
        frames, off = FrameSequence(enhancer), FrameSequence(enhancer, reuse="off")
        whole = enhancer.planned_bytes(240, 320)
        assert off.planned_bytes(240, 320) == whole
        assert whole + 2 * 240 * 320 * 1.5 <= frames.planned_bytes(240, 320) <= 24 << 20


def test_other_calls_get_the_memory_of_an_idle_stream() -> None:
    """The limit has room for the frame that is kept, or for the windows of a larger picture."""
    file = FakeFile(lambda planes: planes / np.float32(-3))
    with enhancer_of(file, memory_limit=SMALL_LIMIT, threads=1) as enhancer:
        frames = FrameSequence(enhancer)
        frame, large = noise(60, 100), noise(400, 500)
        first = frames.enhance(frame, step=10)
        assert frames.report.frames_without_memory == 0
        done: list[npt.NDArray[Any]] = []
        thread = threading.Thread(
            target=lambda: done.append(enhancer.enhance(large, step=10)), daemon=True
        )
        thread.start()
        thread.join(30)
        assert done  # it did not wait for ever
        np.testing.assert_array_equal(frames.enhance(frame, step=10), first)


def test_streams_side_by_side_share_an_enhancer() -> None:
    file = FakeFile(lambda planes: planes / np.float32(-3), halo=2)
    failures: list[int] = []
    with enhancer_of(file, memory_limit=SMALL_LIMIT + 60_000, threads=2) as enhancer:

        def stream(seed: int) -> None:
            frames = FrameSequence(enhancer)
            for i in range(8):
                frame = noise(90, 120 + 10 * seed, seed=seed)
                frame[i, i] = 0
                buffer = frame.copy()
                frames.enhance(buffer, step=10, out=buffer)
                level = frame.astype(np.float32)
                expected = np.rint(np.clip(level + np.rint((level - 128) / -3), 0, 255))
                if (buffer != expected).any():
                    failures.append(seed)

        threads = [threading.Thread(target=stream, args=(k,), daemon=True) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)
    assert failures == []


def test_a_scene_that_moves_is_not_compared_for_a_while() -> None:
    file = FakeFile(lambda planes: planes / np.float32(-3))
    with enhancer_of(file) as enhancer:
        frames = FrameSequence(enhancer)
        for i in range(60):  # all frames differ, in every pixel
            frames.enhance(np.full((40, 40), 3 + i, np.uint8), step=10)
        still = np.full((40, 40), 200, np.uint8)
        for _ in range(70):
            last = frames.enhance(still, step=10)
        np.testing.assert_array_equal(last, enhancer.enhance(still, step=10))
        assert 0.2 < frames.report.share < 0.6  # it was noticed that the scene stands still


def test_an_error_leaves_nothing_half_made() -> None:
    failing = [False]

    def network(planes: Any) -> Any:
        if failing[0]:
            raise InputError("no")
        return planes / np.float32(-3)

    with enhancer_of(FakeFile(network)) as enhancer:
        frames = FrameSequence(enhancer)
        frame = noise(50, 50)
        frames.enhance(frame, step=10)
        frame[20, 20] ^= 9
        failing[0] = True
        with pytest.raises(InputError, match="no"):
            frames.enhance(frame, step=10)
        failing[0] = False
        found = frames.enhance(frame, step=10)
        np.testing.assert_array_equal(found, enhancer.enhance(frame, step=10))


def test_reuse_off_compares_nothing() -> None:
    file = FakeFile(lambda planes: planes / np.float32(-3))
    with enhancer_of(file) as enhancer, FrameSequence(enhancer, reuse="off") as frames:
        for _ in range(3):
            frames.enhance(noise(40, 40), step=10)
        assert frames.report == edgeqe.ReuseReport(3, 0.0, 0)
        assert len(file.sessions[0].shapes) == 6  # two windows a frame
    with pytest.raises(InputError, match="'exact' or 'off'"):
        FrameSequence(enhancer, reuse="some")


def test_closing_frees_what_is_kept_and_may_come_last() -> None:
    enhancer = enhancer_of(FakeFile(lambda planes: planes / np.float32(-3)))
    frames = FrameSequence(enhancer)
    frames.enhance(noise(40, 40), step=10)
    frames.close()
    budget = enhancer._engine.budget
    assert budget._kept == []
    frames.enhance(noise(40, 40), step=10)
    enhancer.close()
    frames.close()
    with pytest.raises(edgeqe.ClosedError):
        frames.enhance(noise(40, 40), step=10)


@pytest.mark.parametrize("name", ["edgeqe-nano", "edgeqe-tiny", "edgeqe-small"])
@pytest.mark.parametrize("format", ["onnx", "tflite"])
def test_integer_networks_are_told_from_floats(name: str, format: str) -> None:
    assert convolves_integers(ModelFile(MODELS / f"{name}.int8.{format}"))
    assert not convolves_integers(ModelFile(MODELS / f"{name}.float32.{format}"))
