"""Reference pictures sent through JPEG, as the drift gate and the blame measure them.

What is coded and decoded is `edgeqe.protocols`; gray pictures have a part in protocol ``gray`` alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeqe.codecs.strength import ijg_table
from edgeqe.errors import ImageError, InputError
from edgeqe.files.reading import READ_SUFFIXES, read_picture
from edgeqe.protocols import CodingProtocol, CompressedPicture, ReferencePicture, compress

Uint8 = npt.NDArray[np.uint8]

#: Protocols that are measured unless others are asked for.
PROTOCOLS = (CodingProtocol.GRAY, CodingProtocol.RGB)
#: Suffixes of pictures that were compressed with loss before.
JPEG_SUFFIXES = (".jpeg", ".jpg")
#: Smallest side that is measured: two JPEG blocks.
SMALLEST_SIDE = 16


def picture_files(folder: Path) -> tuple[Path, ...]:
    """Picture files directly inside a folder, by name.

    Raises
    ------
    InputError
        If there is no such folder, or it holds no picture.
    """
    if not folder.is_dir():
        raise InputError(f"'{folder}' is no folder: give one that holds reference pictures.")
    files = tuple(
        sorted(p for p in folder.iterdir() if p.suffix.lower() in READ_SUFFIXES and p.is_file())
    )
    if not files:
        raise InputError(
            f"no pictures in '{folder}': put reference pictures there ({', '.join(READ_SUFFIXES)})."
        )
    return files


def compressed_pictures(
    files: Sequence[Path],
    protocols: Sequence[CodingProtocol],
    qualities: Sequence[int],
    advance: Callable[[], None] = lambda: None,
) -> Iterator[CompressedPicture]:
    """Send pictures through JPEG, one picture in memory at a time.

    Parameters
    ----------
    files : sequence of Path
    protocols : sequence of CodingProtocol
    qualities : sequence of int
        IJG qualities, 1 to 100.
    advance : callable
        Called after every quality of every picture.

    Yields
    ------
    CompressedPicture
        A picture at a time, of it a quality at a time, of that every protocol.

    Raises
    ------
    ImageError
        If a picture cannot be read, has more than 8 bits, or is too small.
    InputError
        If a quality is none, or no picture has a part in any protocol.
    """
    for quality in qualities:
        ijg_table(quality)
    found = False
    for file in files:
        reference = ReferencePicture(_name(file), _pixels(file))
        for quality in qualities:
            for protocol in protocols:
                if reference.gray and protocol != CodingProtocol.GRAY:
                    continue
                found = True
                yield compress(reference, protocol, quality)
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
    coded = [_name(file) for file in files if file.suffix.lower() in JPEG_SUFFIXES]
    if coded:
        notes.append(
            f"{len(coded)} of {len(files)} pictures are JPEG files, {coded[0]} the first: their "
            "own artefacts count as detail that must stay"
        )
    left_out = [protocol.value for protocol in protocols if protocol not in measured]
    if left_out:
        notes.append(f"all pictures are gray: protocol {' and '.join(left_out)} was left out")
    return tuple(notes)


def _pixels(file: Path) -> Uint8:
    """Gray (H, W) or RGB (H, W, 3), 8 bits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about damaged metadata
        picture = read_picture(file)
    if picture.bit_depth != 8:
        raise ImageError(
            f"'{file}' has {picture.bit_depth} bits a sample: drift is measured on 8, convert it."
        )
    if min(picture.height, picture.width) < SMALLEST_SIDE:
        raise ImageError(
            f"'{file}' is {picture.width}x{picture.height} pixels, smaller than {SMALLEST_SIDE} on "
            "a side: take it out of the folder."
        )
    pixels: Uint8 = picture.pixels()
    return pixels


def _name(file: Path) -> str:
    """File name that can be printed, bytes that are no UTF-8 included."""
    return file.name.encode("utf-8", "backslashreplace").decode("utf-8")
