"""One Enhancer that runs long: interrupts and forks at random moments, many frames, many sizes."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType

import numpy as np
import numpy.typing as npt

from edgeqe import Enhancer

_QUALITIES = (15, 40, 85)
#: Most that memory may grow once all strengths and the largest picture were there, bytes; how often
#: that is looked at; and the side of the largest picture.
_GROWTH, _EVERY, _SIDE = 8 << 20, 200, 300

Picture = npt.NDArray[np.uint8]


@contextmanager
def attempts(part: str, _model: str, seed: int) -> Iterator[Callable[[int], str]]:
    """Give the function that makes one attempt."""
    with Enhancer("edgeqe-nano", threads=2, memory_limit="24MiB") as enhancer:
        yield _MAKERS[part](enhancer, seed)


def _picture(height: int, width: int, seed: str = "") -> Picture:
    generator = np.random.default_rng(Random(seed).randrange(1 << 32))
    return generator.integers(40, 200, (height, width, 3)).astype(np.uint8)


def _interrupts(enhancer: Enhancer, seed: int) -> Callable[[int], str]:
    """An interrupt in a call, and a whole call behind it."""
    picture, armed = _picture(72, 100), False
    expected = enhancer.enhance(picture, quality=40)
    seconds = min(_timed(lambda: enhancer.enhance(picture, quality=40)) for _ in range(5))

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if armed:
            raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)

    def attempt(index: int) -> str:
        nonlocal armed
        random = Random(f"{seed}/interrupts/{index}")
        for _ in range(100):
            try:
                armed = True
                signal.setitimer(signal.ITIMER_REAL, 1e-6 + random.random() * 1.2 * seconds)
                enhancer.enhance(picture, quality=random.choice(_QUALITIES))
                armed = False
            except KeyboardInterrupt:
                armed = False
                break
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        else:
            return "never interrupted"
        same = np.array_equal(enhancer.enhance(picture, quality=40), expected)
        return "interrupted" if same else "wrong"

    return attempt


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _forks(enhancer: Enhancer, seed: int) -> Callable[[int], str]:
    """A fork of a process whose Enhancer was used, and a call in it."""
    picture = _picture(40, 60)
    expected = enhancer.enhance(picture, quality=40)

    def attempt(_index: int) -> str:
        process = os.fork()
        if not process:
            code = 3
            try:
                signal.alarm(15)
                code = int(not np.array_equal(enhancer.enhance(picture, quality=40), expected))
            finally:
                os._exit(code)
        ended = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        names = {0: "the same", 1: "wrong", 3: "foreign exception", -signal.SIGALRM: "hung"}
        return names.get(ended, "crashed")

    return attempt


def _frames(enhancer: Enhancer, seed: int) -> Callable[[int], str]:
    """A frame of one size, at one of three strengths."""
    picture = _picture(48, 64)
    expected = {q: enhancer.enhance(picture, quality=q) for q in _QUALITIES * 20}
    out, memory = np.empty_like(picture), _Memory()

    def attempt(index: int) -> str:
        quality = _QUALITIES[index % 3]
        enhancer.enhance(picture, quality=quality, out=out)
        if memory.grew(index):
            return "grown"
        return "the same" if np.array_equal(out, expected[quality]) else "wrong"

    return attempt


def _sizes(enhancer: Enhancer, seed: int) -> Callable[[int], str]:
    """A picture of a random size, of which now and then a second call gives the same."""
    largest = _picture(_SIDE, _SIDE)
    for quality in _QUALITIES * 3:
        enhancer.enhance(largest, quality=quality)
    for side in range(1, _SIDE, 7):
        enhancer.enhance(largest[:side, : _SIDE - side], quality=40)
    memory = _Memory()

    def attempt(index: int) -> str:
        random = Random(f"{seed}/sizes/{index}")
        height, width = random.randint(1, _SIDE), random.randint(1, _SIDE)
        picture, quality = _picture(height, width, f"{index}"), random.choice(_QUALITIES)
        result = enhancer.enhance(picture, quality=quality)
        same = result.shape == picture.shape
        if index % 10 == 0:
            same &= np.array_equal(result, enhancer.enhance(picture.copy(), quality=quality))
        if memory.grew(index):
            return "grown"
        return "the same" if same else "wrong"

    return attempt


class _Memory:
    """Resident memory of this process beside what it was when all had been made."""

    def __init__(self) -> None:
        gc.collect()
        self._first = self._now()

    def grew(self, index: int) -> bool:
        """Whether it grew by more than it may; says by how much now and then."""
        if index % _EVERY:
            return False
        more = self._now() - self._first
        print(f"grown {max(more, 0) >> 10}", flush=True)
        return more > _GROWTH

    @staticmethod
    def _now() -> int:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


_MAKERS = {"interrupts": _interrupts, "forks": _forks, "frames": _frames, "sizes": _sizes}
