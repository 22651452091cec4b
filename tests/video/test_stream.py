"""Live sources: queue, drops, restarts, latency, ends, with sources and clocks that are scripted."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import av
import numpy as np
import pytest

from edgeqe import Enhancer, InputError, InputTypeError
from edgeqe.video import StreamEnhancer
from edgeqe.video.feed import Clock
from tests.fakes import FakeFile, enhancer_of, noise


class FakeClock(Clock):
    """Time that goes on by being asked to pause, or by hand."""

    def __init__(self) -> None:
        self.time = 100.0
        self.pauses: list[float] = []

    def now(self) -> float:
        return self.time

    def pause(self, seconds: float, ended: Any) -> None:
        self.pauses.append(seconds)
        self.time += seconds


def third() -> Enhancer:
    return enhancer_of(FakeFile(lambda planes: planes / np.float32(-3)))


def level(value: int) -> np.ndarray:
    return np.full((20, 20), value, np.uint8)


def enhanced(value: int) -> int:
    return value + round((value - 128) / -3)


def values(stream: StreamEnhancer) -> list[int]:
    return [int(item.frame[0, 0]) for item in stream]


def test_all_frames_come_in_order_where_none_is_dropped() -> None:
    source = [level(value) for value in range(0, 240, 10)]
    with StreamEnhancer(source, third(), step=10, drop=False, queue=1) as stream:
        assert values(stream) == [enhanced(value) for value in range(0, 240, 10)]
        report = stream.report
    assert (report.read, report.enhanced, report.dropped, report.restarts) == (24, 24, 0, 0)


@pytest.mark.parametrize("queue", [1, 3])
def test_the_newest_frames_are_kept_when_behind(queue: int) -> None:
    last_was_read, go_on = threading.Event(), threading.Event()

    def source() -> Iterator[np.ndarray]:
        for value in range(50):
            yield level(value)
        last_was_read.set()
        assert go_on.wait(30)

    with StreamEnhancer(source(), third(), step=10, queue=queue) as stream:
        assert last_was_read.wait(30)  # nobody took a frame meanwhile
        go_on.set()
        assert values(stream) == [enhanced(value) for value in range(50 - queue, 50)]
        assert stream.report.dropped == 50 - queue


def test_latency_counts_from_the_read_frame() -> None:
    clock, read = FakeClock(), threading.Event()

    def source() -> Iterator[np.ndarray]:
        yield level(40)
        read.set()

    with StreamEnhancer(source(), third(), step=10, clock=clock) as stream:
        assert read.wait(30)
        clock.time += 0.25
        assert next(stream).latency == 0.25
        assert stream.report.median_latency == stream.report.latency_95 == 0.25


def test_a_broken_source_is_opened_again_with_longer_pauses() -> None:
    clock, opened, freed = FakeClock(), [0], [0]

    def source() -> Iterator[np.ndarray]:
        opened[0] += 1
        try:
            if opened[0] in (2, 3, 4):
                raise OSError("no signal")
            yield level(opened[0])
            if opened[0] == 5:
                raise OSError("cable")
        finally:
            freed[0] += 1

    with StreamEnhancer(source, third(), step=10, drop=False, clock=clock) as stream:
        found = [int(next(stream).frame[0, 0]) for _ in range(3)]
    assert found == [enhanced(1), enhanced(5), enhanced(6)]
    # a frame came in the first and fifth, so those count as the first failure again
    assert clock.pauses[:5] == [0.5, 1.0, 2.0, 4.0, 0.5]
    assert freed == opened


def test_pauses_grow_to_half_a_minute_and_the_loop_raises_at_last() -> None:
    clock = FakeClock()

    def source() -> Iterator[np.ndarray]:
        raise OSError("no such camera")
        yield

    with (
        StreamEnhancer(source, third(), step=10, restarts=8, clock=clock) as stream,
        pytest.raises(InputError, match="9 times in a row: no such camera") as caught,
    ):
        next(stream)
    assert isinstance(caught.value.__cause__, OSError)
    assert clock.pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_without_restarts_the_end_is_the_end() -> None:
    def ends() -> Iterator[np.ndarray]:
        yield level(9)

    with StreamEnhancer(ends, third(), step=10, restarts=0) as stream:
        assert values(stream) == [enhanced(9)]

    def breaks() -> Iterator[np.ndarray]:
        yield level(9)
        raise OSError("cable")

    with StreamEnhancer(breaks, third(), step=10, restarts=0, drop=False) as stream:
        assert next(stream).number == 0
        with pytest.raises(OSError, match="cable"):
            next(stream)
        assert list(stream) == []


def test_closing_ends_the_thread_a_waiting_loop_and_the_source() -> None:
    freed = threading.Event()

    def source() -> Iterator[np.ndarray]:
        try:
            while True:
                yield level(1)
        finally:
            freed.set()

    stream = StreamEnhancer(source, third(), step=10, drop=False)
    next(stream)
    stream.close()
    assert freed.is_set() and not stream._feed._thread.is_alive()
    assert list(stream) == []
    stream.close()


def test_closing_ends_a_pause() -> None:
    paused = threading.Event()

    class Pausing(Clock):
        def pause(self, seconds: float, ended: Any) -> None:
            paused.set()
            super().pause(1000.0, ended)

    def source() -> Iterator[np.ndarray]:
        return iter(())

    stream = StreamEnhancer(source, third(), step=10, clock=Pausing())
    assert paused.wait(30)
    stream.close()
    assert not stream._feed._thread.is_alive()


def test_a_stream_that_is_freed_ends_its_thread() -> None:
    def source() -> Iterator[np.ndarray]:
        while True:
            yield level(1)

    stream = StreamEnhancer(source, third(), step=10, drop=False)
    thread = stream._feed._thread
    next(stream)
    del stream
    gc.collect()
    thread.join(30)
    assert not thread.is_alive()


def test_a_waiting_loop_can_be_interrupted_and_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ctrl-C does it: an exception out of the wait."""
    go_on = threading.Event()

    def source() -> Iterator[np.ndarray]:
        assert go_on.wait(30)
        yield level(7)

    with StreamEnhancer(source(), third(), step=10) as stream:
        wake = stream._feed._wake

        class Interrupted:
            def acquire(self) -> bool:
                stream._feed._wake = wake
                raise KeyboardInterrupt

            def release(self) -> None:
                wake.release()

        stream._feed._wake = Interrupted()  # type: ignore[assignment]
        with pytest.raises(KeyboardInterrupt):
            next(stream)
        go_on.set()
        assert int(next(stream).frame[0, 0]) == enhanced(7)


def test_a_bad_frame_raises_and_the_next_one_comes() -> None:
    source = [level(1), np.zeros((4, 4)), "frame", level(2)]
    with StreamEnhancer(source, third(), step=10, drop=False) as stream:
        assert next(stream).number == 0
        with pytest.raises(InputTypeError, match="float64"):
            next(stream)
        with pytest.raises(InputTypeError, match="not str"):
            next(stream)
        assert next(stream).number == 1


def test_asyncio_takes_frames_and_may_be_cancelled() -> None:
    go_on = threading.Event()

    def source() -> Iterator[np.ndarray]:
        yield level(1)
        assert go_on.wait(30)
        yield level(2)

    async def watch() -> list[int]:
        found = []
        async with StreamEnhancer(source(), third(), step=10, drop=False) as stream:
            found.append(int((await anext(stream)).frame[0, 0]))
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)  # lets it begin to wait
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            go_on.set()
            async for item in stream:
                found.append(int(item.frame[0, 0]))
        return found

    assert asyncio.run(watch()) == [enhanced(1), enhanced(2)]


def plane(frame: Any, index: int) -> np.ndarray:
    """Samples of a plane, copied, without the padding of its rows."""
    one = frame.planes[index]
    kind = "<u2" if "10" in frame.format.name else "u1"
    rows = np.frombuffer(bytes(one), "u1").reshape(-1, one.line_size)[: one.height]
    pair = 2 if index and frame.format.name in ("nv12", "p010le") else 1
    samples = rows.view(kind)[:, : one.width * pair]
    return samples.reshape(-1, one.width, 2) if pair == 2 else samples


@pytest.mark.parametrize("name", ["yuv420p", "nv12", "p010le", "yuv420p10le", "gray"])
def test_frames_of_pyav_are_enhanced_in_place(name: str) -> None:
    made = av.VideoFrame.from_ndarray(noise(40, 50, 3), "rgb24").reformat(format=name)
    before = [plane(made, index) for index in range(len(made.planes))]
    with Enhancer("edgeqe-nano") as enhancer:
        with StreamEnhancer([made], enhancer, quality=20) as stream:
            (item,) = stream
        ways: dict[str, Callable[[], Any]] = {
            "yuv420p": lambda: enhancer.enhance_planes(*before, quality=20),
            "nv12": lambda: enhancer.enhance_nv12(*before, quality=20),
            "p010le": lambda: enhancer.enhance_p010(*before, quality=20),
            "yuv420p10le": lambda: enhancer.enhance_planes(*before, quality=20, bit_depth=10),
            "gray": lambda: [enhancer.enhance(before[0], quality=20)],
        }
        expected = ways[name]()
    assert item.frame.format.name == name
    for index, one in enumerate(expected):
        assert (one != before[index]).any()
        np.testing.assert_array_equal(plane(item.frame, index), one)


def test_a_format_that_is_not_enhanced_is_named() -> None:
    frame = av.VideoFrame.from_ndarray(noise(40, 50, 3), "rgb24")
    with (
        StreamEnhancer([frame], third(), step=10) as stream,
        pytest.raises(InputTypeError, match="rgb24"),
    ):
        next(stream)


def test_bgr_of_opencv_and_strengths_that_follow_the_stream() -> None:
    frame = noise(48, 64, 3)
    with Enhancer("edgeqe-nano") as enhancer:
        source = [frame, 255 - frame]
        with StreamEnhancer(source, enhancer, quality=20, channels="bgr", drop=False) as stream:
            first = next(stream).frame
            stream.strength = {"quality": 60}
            second = next(stream).frame
        expected = enhancer.enhance(frame, quality=20, channels="bgr")
        np.testing.assert_array_equal(first, expected)
        expected = enhancer.enhance(255 - frame, quality=60, channels="bgr")
        np.testing.assert_array_equal(second, expected)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda e: StreamEnhancer([], e, step=10, queue=0), "queue 0"),
        (lambda e: StreamEnhancer([], e, step=10, restarts=-1), "restarts -1"),
        (
            lambda e: StreamEnhancer(7, e, step=10),  # type: ignore[arg-type]
            "neither callable nor iterable",
        ),
        (lambda e: StreamEnhancer([], e, step=10, reuse="maybe"), "'exact' or 'off'"),
    ],
)
def test_wrong_arguments_are_told(wrong: Callable[[Enhancer], object], told: str) -> None:
    before = threading.active_count()
    with pytest.raises(InputError, match=told):
        wrong(third())
    assert threading.active_count() == before
