"""`StreamEnhancer`: frames of a camera or another live source, enhanced as they come."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from edgeqe.errors import InputError
from edgeqe.sequence import FrameSequence
from edgeqe.video.feed import Clock, Read, SourceFeed
from edgeqe.video.live import enhance_frame

if TYPE_CHECKING:
    from edgeqe.enhancer import Enhancer

__all__ = ["StreamEnhancer", "StreamFrame", "StreamReport"]

#: Frames whose latency is remembered.
REMEMBERED = 1000


@dataclass(frozen=True)
class StreamFrame:
    """An enhanced frame."""

    frame: Any
    """Of the kind that the source gave."""
    number: int
    """Of the enhanced frames, from 0."""
    latency: float
    """Seconds from when it had been read to when it was enhanced, waiting included."""


@dataclass(frozen=True)
class StreamReport:
    """What a stream has done until now."""

    read: int
    """Frames that the source gave."""
    enhanced: int
    dropped: int
    """Frames that newer ones replaced in the queue."""
    restarts: int
    """Times that the source was opened again."""
    reused: float
    """Share of the enhanced pixels that kept their result, 0 to 1."""
    median_latency: float
    """Seconds, of the last 1000 frames; 0 before the first."""
    latency_95: float
    """Seconds that 95 % of them stay below."""


class StreamEnhancer:
    """Iterates over the enhanced frames of a live source, by ``for`` or ``async for``.

    A thread reads the source into a queue of `queue` frames; the frame is enhanced in the thread that asks
    for it. A frame that fails raises from the loop, and the next one can be asked for. Parts of the
    picture that do not change keep their result (see `FrameSequence`). A context manager, also of
    ``async with``; what is not closed ends when it is freed.

    Parameters
    ----------
    source : callable or iterable
        A callable without arguments opens the source and returns an iterable of frames, such as
        a generator over a camera. Where that ends or fails it is closed and opened again after
        0.5 s, and twice as long each time up to 30 s until a frame comes. An iterable is read once, and
        what it raises goes on to the caller. Each frame must be memory of its own, not a buffer that the
        next one overwrites. A read must end by itself some time (a camera's own time-out): closing
        waits 5 s for it.
    enhancer : Enhancer
        Not closed by this.
    quality, qp, rate, step, codec, amount, ensemble, channels
        As of `Enhancer.enhance`, of all frames. Change `strength` between frames to follow the stream.
    reuse : {"exact", "off"}
        As of `FrameSequence`.
    queue : int
        Frames that wait at most.
    drop : bool
        When behind, drop the oldest waiting frame; else make the source wait.
    restarts : int, optional
        Times in a row that a source is opened again before the loop raises; without limit if left out.
        With 0 the source's end is the stream's.
    clock : Clock, optional
        Another clock, for simulations.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeqe import Enhancer
    >>> from edgeqe.video import StreamEnhancer
    >>> camera = [np.full((48, 64, 3), level, np.uint8) for level in (80, 80, 90)]
    >>> with (
    ...     Enhancer("edgeqe-nano") as enhancer,
    ...     StreamEnhancer(camera, enhancer, quality=40, channels="bgr", drop=False) as stream,
    ... ):
    ...     shapes = [item.frame.shape for item in stream]
    >>> shapes
    [(48, 64, 3), (48, 64, 3), (48, 64, 3)]
    """

    def __init__(
        self,
        source: Callable[[], Iterable[Any]] | Iterable[Any],
        enhancer: Enhancer,
        *,
        quality: int | None = None,
        qp: float | None = None,
        rate: float | None = None,
        step: float | None = None,
        codec: str | None = None,
        amount: float = 1.0,
        ensemble: int = 1,
        channels: str = "rgb",
        reuse: str = "exact",
        queue: int = 2,
        drop: bool = True,
        restarts: int | None = None,
        clock: Clock | None = None,
    ) -> None:
        if type(queue) is not int or queue < 1:
            raise InputError(f"queue {queue!r} is not a whole number from 1 on.")
        if restarts is not None and (type(restarts) is not int or restarts < 0):
            raise InputError(f"restarts {restarts!r} is not a whole number from 0 on.")
        if not callable(source) and not hasattr(source, "__iter__"):
            raise InputError(
                "the source is neither callable nor iterable: give a function that opens it and "
                "returns its frames."
            )
        self.strength: dict[str, Any] = {
            "quality": quality, "qp": qp, "rate": rate, "step": step, "codec": codec
        }  # fmt: skip
        """Strength of the next frames, by the names of the arguments."""
        self._options: dict[str, Any] = {
            "amount": amount, "ensemble": ensemble, "channels": channels
        }  # fmt: skip
        self._frames = FrameSequence(enhancer, reuse=reuse)
        self._clock = clock or Clock()
        self._feed = SourceFeed(source, queue, drop, restarts, self._clock)
        self._latencies: deque[float] = deque(maxlen=REMEMBERED)
        self._enhanced = 0
        weakref.finalize(self, self._feed.end)
        self._feed.start()

    def __enter__(self) -> StreamEnhancer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> StreamEnhancer:
        return self

    def __next__(self) -> StreamFrame:
        found = self._feed.take()
        if found is None:
            raise StopIteration
        return self._enhance(found)

    async def __aenter__(self) -> StreamEnhancer:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def __aiter__(self) -> StreamEnhancer:
        return self

    async def __anext__(self) -> StreamFrame:
        given_up = False

        def work() -> StreamFrame | None:
            found = self._feed.take(lambda: given_up)
            return None if found is None else self._enhance(found)

        try:
            made = await asyncio.to_thread(work)
        except asyncio.CancelledError:
            given_up = True  # else the loop's thread would wait for a frame that nobody wants
            self._feed.nudge()
            raise
        if made is None:
            raise StopAsyncIteration
        return made

    @property
    def report(self) -> StreamReport:
        """Counts and latencies until now."""
        feed, known = self._feed, sorted(self._latencies)
        twentieths = quantiles(known, n=20, method="inclusive") if len(known) > 1 else known * 19
        return StreamReport(
            feed.read,
            self._enhanced,
            feed.dropped,
            feed.restarted,
            self._frames.report.share,
            twentieths[9] if known else 0.0,
            twentieths[18] if known else 0.0,
        )

    def close(self) -> None:
        """Stop reading, wait for the source up to 5 s, and end loops that wait for a frame."""
        self._feed.close()
        self._frames.close()

    def _enhance(self, found: Read) -> StreamFrame:
        made = enhance_frame(self._frames, found.frame, **self._options, **self.strength)
        latency = self._clock.now() - found.at
        self._latencies.append(latency)
        self._enhanced += 1
        return StreamFrame(made, self._enhanced - 1, latency)
