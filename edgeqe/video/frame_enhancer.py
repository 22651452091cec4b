"""Frames of a clip enhanced in display order, each at its smooth strength."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from edgeqe.codecs.strength import Strength
from edgeqe.errors import ImageError, InputError
from edgeqe.video.planes import enhance_in_place, writable
from edgeqe.video.reading import ClipFrame, ClipReader, Item, Passed
from edgeqe.video.smoothing import Smoother

if TYPE_CHECKING:
    from edgeqe.enhancer import Enhancer


class FrameEnhancer:
    """Takes a clip's items and gives them back, the frames enhanced and `smoothing.AHEAD` later.

    Parameters
    ----------
    enhancer : Enhancer
    clip : ClipReader
    given : Strength or None
        That of all frames; None for each frame's own.
    amount : float
        0 to 1.
    ensemble : {1, 8}

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
    ) -> None:
        if given is None and not clip.codec:
            raise InputError(
                f"'{clip.name}' ({clip.format_name}) does not say how strongly it was coded: state "
                "it with a QP or quality, and its codec."
            )
        if enhancer.takes_residual:
            raise InputError(
                "this network takes the decoder's prediction residual, which is read from pictures of "
                "HEVC, HEIC and BPG and not from clips: use another network."
            )
        if not enhancer.takes_planes:
            raise InputError("a network of RGB takes no clips: use one of planes or luma.")
        self._enhancer, self._clip, self._given = enhancer, clip, given
        self._amount, self._ensemble = amount, ensemble
        self._smoother: Smoother[ClipFrame] = Smoother()
        self.numbers: Counter[float] = Counter()
        """How many frames have which number of their codec, to a tenth."""

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
        own_step, weight = (own.step, own.coded_bytes) if own else (None, 0)
        for earlier, step in self._smoother.push(item, own_step, weight):
            yield self._at_own_strength(earlier, step)

    def flush(self) -> Iterator[Item]:
        """Give the frames that wait."""
        for earlier, step in self._smoother.flush():
            yield self._at_own_strength(earlier, step)

    def _at_own_strength(self, item: ClipFrame, step: float | None) -> ClipFrame:
        if item.strength is not None and not item.strength.step:
            return ClipFrame(writable(item.frame), item.strength)  # nothing was quantized
        if step is None:
            raise ImageError(
                f"no header of '{self._clip.name}' says how strongly it was coded: it is damaged "
                "or of an unknown kind. State the strength."
            )
        return self._enhanced(item, step, self._clip.codec)

    def _enhanced(self, item: ClipFrame, step: float, codec: str) -> ClipFrame:
        frame = writable(item.frame)
        enhance_in_place(
            self._enhancer,
            frame,
            step=step,
            codec=codec or None,
            amount=self._amount,
            ensemble=self._ensemble,
        )
        return ClipFrame(frame, item.strength)
