"""A clip's frames, enhanced, for programs that do something else with them than writing a clip."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from edgeqe.codecs.strength import resolve_if_given
from edgeqe.video.channel import Channel, ChannelClosed
from edgeqe.video.frame_enhancer import FrameEnhancer
from edgeqe.video.reading import ClipFrame, ClipReader, Item

if TYPE_CHECKING:
    from edgeqe.enhancer import Enhancer

__all__ = ["enhance_frames"]

#: Items that are decoded ahead.
AHEAD = 4
#: Pixels of the largest frame that is decoded, unless the caller says otherwise.
PIXEL_LIMIT = 2**28


def enhance_frames(
    source: str | os.PathLike[str] | IO[bytes],
    enhancer: Enhancer,
    *,
    quality: int | None = None,
    qp: float | None = None,
    step: float | None = None,
    codec: str | None = None,
    amount: float = 1.0,
    ensemble: int = 1,
    reuse: str = "exact",
    pixel_limit: int = PIXEL_LIMIT,
) -> Iterator[Any]:
    r"""Decode a clip and enhance its frames, one after the other.

    A thread decodes ahead while a frame is enhanced. Memory does not grow with the clip. Results are
    those of `Enhancer`, but that samples which were decoded as in the frame before keep
    the result that they had there where the new one is a level of 8 bits away or less.

    Parameters
    ----------
    source : str, path or binary file
        The clip: mp4, mov, mkv, webm, ts, y4m, or a stream of H.264, HEVC or VVC. A file object
        must be seekable, or a y4m pipe that has ``peek``.
    enhancer : Enhancer
        Of a network of planes or luma, whose card names the clip's codec.
    quality, qp, step, codec
        Strength of all frames, as of `Enhancer.enhance`. If left out, each frame has its own, by
        the headers of H.264, HEVC, VVC, AV1 or motion JPEG, with those of what it copies.
    amount, ensemble
        As of `Enhancer.enhance`.
    reuse : {"exact", "off"}
        As of `FrameSequence`: windows whose input did not change keep their result.
    pixel_limit : int
        Pixels of the largest frame that is decoded.

    Yields
    ------
    av.VideoFrame
        In display order, with time stamps, colours and side data of the clip's own frame, and its
        format, but for ``yuvj420p``, which becomes ``yuv420p`` of full range. It is the caller's.

    Raises
    ------
    MissingPackageError
        If PyAV is not installed.
    ImageError
        If the clip cannot be read, its frames are not 4:2:0 or gray, or change their size, or it
        is cut short: the frames until there have been given then.
    InputError
        If its strength is neither said nor given, or as of `Enhancer.enhance`.

    Examples
    --------
    >>> import io
    >>> from edgeqe import Enhancer
    >>> from edgeqe.video import enhance_frames
    >>> film = b"YUV4MPEG2 W32 H16 F25:1 C420\n" + (b"FRAME\n" + bytes(32 * 24)) * 2
    >>> with Enhancer("edgeqe-nano") as enhancer:
    ...     frames = list(enhance_frames(io.BytesIO(film), enhancer, quality=40))
    >>> [(frame.width, frame.height, frame.pts) for frame in frames]
    [(32, 16, 0), (32, 16, 1)]
    """
    given = resolve_if_given(quality=quality, qp=qp, step=step, codec=codec)
    opened = os.fspath(source) if isinstance(source, str | os.PathLike) else source
    name = opened if isinstance(opened, str) else getattr(opened, "name", "the clip")
    clip = ClipReader(opened, str(name), pixel_limit=pixel_limit)
    channel: Channel[Item] = Channel(AHEAD)
    thread = threading.Thread(target=decode_into, args=(clip, channel), daemon=True)
    try:
        with FrameEnhancer(
            enhancer, clip, given, amount=amount, ensemble=ensemble, reuse=reuse
        ) as frames:
            thread.start()
            yield from (item.frame for item in _enhanced(channel, frames))
    finally:
        channel.abandon()
        if thread.ident is not None:
            thread.join()
        clip.close()


def decode_into(clip: ClipReader, channel: Channel[Item]) -> None:
    """Put a clip's items into a channel, then its end or the error that ended it."""
    try:
        for item in clip.items():
            channel.put(item)
    except ChannelClosed:
        pass
    except BaseException as error:  # told where the items are taken
        channel.end(error)
    else:
        channel.end()


def _enhanced(channel: Channel[Item], frames: FrameEnhancer) -> Iterator[ClipFrame]:
    """Pictures of a channel; if it ends by an error, first those before it."""
    failed: BaseException | None = None
    items = iter(channel)
    while True:
        try:
            item = next(items, None)
        except BaseException as error:
            failed = error
            break
        if item is None:
            break
        yield from (one for one in frames.take(item) if isinstance(one, ClipFrame))
    yield from (one for one in frames.flush() if isinstance(one, ClipFrame))
    if failed is not None:
        raise failed
