"""A clip in, a better clip out: decoding, enhancement and encoding, one thread each."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from edgeqe.codecs.strength import Strength
from edgeqe.errors import InputError
from edgeqe.reports.output_file import check_destination
from edgeqe.video.clip_output import ClipOutput
from edgeqe.video.containers import ContainerFormat, output_container
from edgeqe.video.encoders import Encoding, choose, options
from edgeqe.video.frame_enhancer import FrameEnhancer
from edgeqe.video.frames import PIXEL_LIMIT
from edgeqe.video.gain import Gain
from edgeqe.video.hdr import HdrMetadata
from edgeqe.video.pipeline import Pipeline
from edgeqe.video.reading import ClipReader
from edgeqe.video.report import ClipReport
from edgeqe.video.writing import ClipWriter

if TYPE_CHECKING:
    from edgeqe.enhancer import Enhancer

__all__ = ["ClipOptions", "enhance_clip"]


@dataclass(frozen=True)
class ClipOptions:
    """How a clip is enhanced and encoded."""

    given: Strength | None = None
    """Strength of all frames; None for each frame's own."""
    amount: float = 1.0
    ensemble: int = 1
    encoding: Encoding = Encoding()
    reference: str | None = None
    """Clip that the gain is measured against."""
    overwrite: bool = False
    pixel_limit: int = PIXEL_LIMIT
    reuse: str = "exact"
    """As of `FrameSequence`."""


def enhance_clip(
    source: str | IO[bytes],
    destination: str | IO[bytes],
    enhancer: Enhancer,
    wanted: ClipOptions,
    *,
    progress: Callable[[int, int], None] = lambda done, expected: None,
    told: Callable[[str], None] = lambda line: None,
) -> ClipReport:
    """Enhance a clip.

    Where the source ends badly, or the caller is interrupted, the frames until there are kept, as
    a clip with ``partial`` in its name. Where the result cannot be written, nothing is.

    Parameters
    ----------
    source, destination : str or binary file
        Names; or a y4m pipe.
    enhancer : Enhancer
    wanted : ClipOptions
    progress : callable
        Called with the frames done and those expected (0: not known) after each frame.
    told : callable
        Called with a line about a partial clip that was kept.

    Raises
    ------
    ImageError
        As of `edgeqe.video.enhance_frames`.
    InputError
        If the result cannot be written, or as of `Enhancer.enhance`.
    """
    begun = time.monotonic()
    with ExitStack() as stack:
        if isinstance(destination, str):
            check_destination(Path(destination), overwrite=wanted.overwrite)
        container, clip, frames, gain = _opened(stack, source, destination, enhancer, wanted)
        output = stack.enter_context(ClipOutput(destination, overwrite=wanted.overwrite))
        writer = ClipWriter(output.file, container, wanted.encoding, clip)
        pipeline = Pipeline(clip, frames, writer, gain, progress)
        try:
            pipeline.run()
        except BaseException:
            if writer.finished and writer.frames:
                kept = output.keep_partial()
                if kept:
                    told(f"kept the {writer.frames} frames until there as {kept}")
            raise
        output.publish()
        reused = frames.reused
    stream = clip.stream.codec_context
    strength = pipeline.first_strength
    given = wanted.given
    return ClipReport(
        source=_name(source),
        destination=_name(destination),
        width=stream.width,
        height=stream.height,
        pixel_format=stream.pix_fmt,
        codec=given.codec if given else clip.codec,
        scale="" if given or strength is None else strength.scale.value,
        numbers=() if given else tuple(sorted(frames.numbers.items())),
        encoder=writer.encoder,
        frames=writer.frames,
        seconds=time.monotonic() - begun,
        reuse=wanted.reuse,
        reused=reused.share,
        frames_without_memory=reused.frames_without_memory,
        damaged=clip.damaged,
        left_out=tuple(writer.left_out),
        psnr_y_before=gain.before if gain else None,
        psnr_y_after=gain.after if gain else None,
        compared=gain.frames if gain else 0,
    )


def check_clip(
    source: str | IO[bytes], destination: str | IO[bytes], enhancer: Enhancer, wanted: ClipOptions
) -> None:
    """Refuse what `enhance_clip` would refuse before the first frame; nothing is written.

    Of the destination its suffix counts: whether it can be written is its owner's to check.

    Raises
    ------
    ImageError, InputError
        As of `enhance_clip`.
    """
    with ExitStack() as stack:
        _, clip, _, _ = _opened(stack, source, destination, enhancer, wanted)
        if wanted.given is None and clip.codec not in enhancer.codecs:
            raise InputError(
                f"'{enhancer.info.model}' serves {', '.join(enhancer.codecs)} and not {clip.codec}: "
                "give another model."
            )


def _opened(
    stack: ExitStack,
    source: str | IO[bytes],
    destination: str | IO[bytes],
    enhancer: Enhancer,
    wanted: ClipOptions,
) -> tuple[ContainerFormat, ClipReader, FrameEnhancer, Gain | None]:
    """Container, source, enhancement and comparison, all that can be checked before a frame."""
    container = output_container(_name(destination))
    clip = ClipReader(source, _name(source), pixel_limit=wanted.pixel_limit, others=True)
    stack.callback(clip.close)
    encoder = choose(wanted.encoding.encoder, container, clip.codec, 8)
    options(encoder, wanted.encoding, HdrMetadata())
    frames = stack.enter_context(
        FrameEnhancer(
            enhancer,
            clip,
            wanted.given,
            amount=wanted.amount,
            ensemble=wanted.ensemble,
            reuse=wanted.reuse,
        )
    )
    if wanted.reference is None:
        return container, clip, frames, None
    reference = ClipReader(wanted.reference, wanted.reference, pixel_limit=wanted.pixel_limit)
    stack.callback(reference.close)
    return container, clip, frames, Gain(reference)


def _name(clip: str | IO[bytes]) -> str:
    """Name of a clip; of standard input and output, which are ``<stdin>`` and ``<stdout>``, a dash."""
    name = clip if isinstance(clip, str) else getattr(clip, "name", "-")
    return name if isinstance(name, str) and not name.startswith("<") else "-"
