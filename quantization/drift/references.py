"""Reference pictures, coded and decoded, as the drift gate and its attribution measure them.

What is coded and decoded is `edgeqe.protocols`; gray pictures have a part in protocol ``gray`` alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from edgeqe.coding import RatePoint
from edgeqe.errors import ImageError, InputError
from edgeqe.files.folders import names_of, read_reference
from edgeqe.protocols import CodingProtocol, CompressedPicture, ReferencePicture, compress
from edgeqe.protocols.clips import ReferenceClip, is_clip

#: Protocols that are measured unless others are asked for.
PROTOCOLS = (CodingProtocol.GRAY, CodingProtocol.RGB)
#: Suffixes of pictures that were compressed with loss before.
JPEG_SUFFIXES = (".jpeg", ".jpg")
#: Smallest side that is measured: two JPEG blocks.
SMALLEST_SIDE = 16


def compressed_pictures(
    files: Sequence[Path],
    protocols: Sequence[CodingProtocol],
    points: Sequence[RatePoint],
    advance: Callable[[], None] = lambda: None,
) -> Iterator[CompressedPicture]:
    """Send pictures through a codec, one picture in memory at a time.

    Parameters
    ----------
    files : sequence of Path
        Of a clip, every frame is a picture.
    protocols : sequence of CodingProtocol
    points : sequence of RatePoint
        Codec and strengths.
    advance : callable
        Called after every strength of every picture, or of a clip's first frame.

    Yields
    ------
    CompressedPicture
        A picture at a time, of it a strength at a time, of that every protocol.

    Raises
    ------
    ImageError
        If a picture cannot be read, has more than 8 bits, or is too small.
    InputError
        If no picture has a part in any protocol, or as of `edgeqe.protocols.compress`.
    """
    found = False
    for file, name in zip(files, names_of(files), strict=True):
        for number, reference in enumerate(_references(file, name)):
            for point in points:
                for protocol in protocols:
                    if reference.gray and protocol != CodingProtocol.GRAY:
                        continue
                    found = True
                    yield compress(reference, protocol, point.value, point.codec)
                if number == 0:
                    advance()
    if not found:
        raise InputError(
            f"all pictures are gray, and protocol {protocols[0]} measures colour: give --protocol "
            "gray, or other pictures."
        )


def notes_of(
    files: Sequence[Path],
    protocols: Sequence[CodingProtocol],
    measured: Collection[CodingProtocol],
) -> tuple[str, ...]:
    """What a reader of figures should know of the pictures.

    Parameters
    ----------
    files : sequence of Path
    protocols, measured : collection of CodingProtocol
        Protocols that were asked for, and those that any picture had a part in.
    """
    notes = []
    coded = [name for name in names_of(files) if name.lower().endswith(JPEG_SUFFIXES)]
    if coded:
        notes.append(
            f"{len(coded)} of {len(files)} pictures are JPEG files, {coded[0]} the first: their "
            "own artefacts count as detail that must stay"
        )
    left_out = [protocol.value for protocol in protocols if protocol not in measured]
    if left_out:
        notes.append(f"all pictures are gray: protocol {' and '.join(left_out)} was left out")
    return tuple(notes)


def _references(file: Path, name: str) -> Iterator[ReferencePicture]:
    if is_clip(file):
        yield from ReferenceClip(name, file).frames()
    else:
        yield _reference(file, name)


def _reference(file: Path, name: str) -> ReferencePicture:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about damaged metadata
        pixels = read_reference(file)
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST_SIDE:
        raise ImageError(
            f"'{file}' is {width}x{height} pixels, smaller than {SMALLEST_SIDE} on a side: take it "
            "out of the folder."
        )
    return ReferencePicture(name, pixels)
