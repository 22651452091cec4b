"""Frames of a clip enhanced in display order, each at its smooth strength, and what is still held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from edgeqe.codecs.strength import Strength
from edgeqe.errors import ImageError, InputError
from edgeqe.sequence import FrameSequence, ReuseReport
from edgeqe.video.planes import arrays, enhance_in_place, level, writable
from edgeqe.video.reading import ClipFrame, ClipReader, Item, Passed
from edgeqe.video.smoothing import Smoother
from edgeqe.video.steadiness import Steadiness

if TYPE_CHECKING:
    from edgeqe.enhancer import Enhancer


class FrameEnhancer:
    """Takes a clip's items and gives them back, the frames enhanced.

    Frames wait, `smoothing.AHEAD` of them at most, while no strength is known. A context manager.

    Parameters
    ----------
    enhancer : Enhancer
    clip : ClipReader
    given : Strength or None
        That of all frames; None for each frame's own.
    amount : float
        0 to 1.
    ensemble : {1, 8}
    reuse : {"exact", "off"}
        As of `FrameSequence`.

    Raises
    ------
    InputError
        If the clip's codec does not say its strength in headers that are read, and none is given, or
        the network takes no clips.
    """

    def __init__(
        self,
        enhancer: Enhancer,
        clip: ClipReader,
        given: Strength | None,
        *,
        amount: float,
        ensemble: int,
        reuse: str,
    ) -> None:
        if given is None and not clip.codec:
            raise InputError(
                f"'{clip.name}' ({clip.format_name}) does not say how strongly it was coded: state "
                "it with a QP or quality, and its codec (--qp or --quality, and --codec)."
            )
        if enhancer.takes_residual:
            raise InputError(
                "this network takes the decoder's prediction residual, which is read from pictures of "
                "HEVC, HEIC and BPG and not from clips: use another network."
            )
        if not enhancer.takes_planes:
            raise InputError("a network of RGB takes no clips: use one of planes or luma.")
        self._sequence = FrameSequence(enhancer, reuse=reuse)
        self._clip, self._given = clip, given
        self._amount, self._ensemble = amount, ensemble
        self._smoother: Smoother[ClipFrame] = Smoother()
        self._steadiness = Steadiness()
        self.numbers: Counter[float] = Counter()
        """How many frames have which number of their codec, to a tenth."""

    def __enter__(self) -> FrameEnhancer:
        return self

    def __exit__(self, *_: object) -> None:
        self._sequence.close()

    @property
    def reused(self) -> ReuseReport:
        """How much was reused until now."""
        return self._sequence.report

    def take(self, item: Item) -> Iterator[Item]:
        """Take the next item; give those that are ready."""
        if isinstance(item, Passed):
            yield item
            return
        own = item.strength
        if own is not None:
            self.numbers[round(own.number, 1)] += 1
        if self._given is not None:
            yield self._enhanced(item, self._given.step, self._given.codec)
            return
        shown, place = (own.shown_step, own.place) if own else (None, 0)
        for ready, step in self._smoother.push(item, shown, place):
            yield self._at_own_strength(ready, step)

    def flush(self) -> Iterator[Item]:
        """Give the frames that wait."""
        for earlier, step in self._smoother.flush():
            yield self._at_own_strength(earlier, step)

    def _at_own_strength(self, item: ClipFrame, step: float | None) -> ClipFrame:
        if item.strength is not None and not item.strength.step:
            self._steadiness.forget()  # nothing was quantized
            return ClipFrame(writable(item.frame), item.strength)
        if step is None:
            raise ImageError(
                f"no header of '{self._clip.name}' says how strongly it was coded: it is damaged "
                "or of an unknown kind. State the strength."
            )
        return self._enhanced(item, step, self._clip.codec)

    def _enhanced(self, item: ClipFrame, step: float, codec: str) -> ClipFrame:
        frame = writable(item.frame)
        planes = arrays(frame)
        one = level(frame)
        self._steadiness.before(planes, one)
        enhance_in_place(
            self._sequence,
            frame,
            step=step,
            codec=codec or None,
            amount=self._amount,
            ensemble=self._ensemble,
        )
        self._steadiness.after(planes, one)
        return ClipFrame(frame, item.strength)
