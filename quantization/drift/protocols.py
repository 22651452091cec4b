"""Undamaged pictures sent through JPEG, as the drift gate and the blame measure them.

``gray``
    Studio-range luma (16 to 235; a gray picture as it is), coded as a grayscale JPEG,
    decoded and enhanced as (H, W).
``colour``
    RGB coded as 4:2:0, decoded to RGB and enhanced as (H, W, 3). Gray pictures have no
    part in it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from edgeqe.codecs import jpeg
from edgeqe.codecs.strength import ijg_table
from edgeqe.errors import ImageError, InputError
from edgeqe.files.reading import READ_SUFFIXES, read_picture
from edgeqe.typing import Uint8
from edgeqe.views.colour import studio_luma

PROTOCOLS = ("gray", "colour")
#: Suffixes of pictures that were compressed with loss before.
JPEG_SUFFIXES = (".jpeg", ".jpg")
#: Smallest side that is measured: two JPEG blocks.
SMALLEST_SIDE = 16


@dataclass(frozen=True, eq=False)
class Coded:
    """One picture behind the encoder."""

    name: str
    """File name."""
    protocol: str
    """One of `PROTOCOLS`."""
    quality: int
    """IJG quality."""
    original: Uint8
    """(H, W) in protocol ``gray``, (H, W, 3) in ``colour``."""
    data: bytes
    """The JPEG."""


def picture_files(folder: Path) -> tuple[Path, ...]:
    """Picture files directly inside a folder, by name.

    Raises
    ------
    InputError
        If there is no such folder, or it holds no picture.
    """
    if not folder.is_dir():
        raise InputError(f"'{folder}' is no folder: give one that holds undamaged pictures.")
    files = tuple(
        sorted(p for p in folder.iterdir() if p.suffix.lower() in READ_SUFFIXES and p.is_file())
    )
    if not files:
        raise InputError(
            f"no pictures in '{folder}': put undamaged ones there ({', '.join(READ_SUFFIXES)})."
        )
    return files


def code(
    files: Sequence[Path],
    protocols: Sequence[str],
    qualities: Sequence[int],
    advance: Callable[[], None] = lambda: None,
) -> Iterator[Coded]:
    """Send pictures through JPEG, one picture in memory at a time.

    Parameters
    ----------
    files : sequence of Path
    protocols : sequence of str
        Some of `PROTOCOLS`.
    qualities : sequence of int
        IJG qualities, 1 to 100.
    advance : callable
        Called after every quality of every picture.

    Yields
    ------
    Coded
        A picture at a time, of it a quality at a time, of that every protocol.

    Raises
    ------
    ImageError
        If a picture cannot be read, has more than 8 bits, or is too small.
    InputError
        If a protocol or a quality is none, or no picture has a part in any protocol.
    """
    for protocol in protocols:
        if protocol not in PROTOCOLS:
            raise InputError(f"protocol {protocol!r} is none of {', '.join(PROTOCOLS)}.")
    for quality in qualities:
        ijg_table(quality)
    found = False
    for file in files:
        pixels = _pixels(file)
        for quality in qualities:
            for protocol in protocols:
                if protocol == "gray":
                    original = pixels if pixels.ndim == 2 else studio_luma(pixels)
                elif pixels.ndim == 3:
                    original = pixels
                else:
                    continue
                found = True
                data = jpeg.encode(Image.fromarray(original), quality)
                yield Coded(_name(file), protocol, quality, original, data)
            advance()
    if not found:
        raise InputError(
            "all pictures are gray, and protocol colour measures colour: give --protocol gray, or "
            "other pictures."
        )


def notes_of(
    files: Sequence[Path], protocols: Sequence[str], measured: Collection[str]
) -> tuple[str, ...]:
    """What a reader of figures should know of the pictures.

    Parameters
    ----------
    files : sequence of Path
    protocols, measured : collection of str
        Protocols that were asked for, and those that any picture had a part in.
    """
    notes = []
    coded = [_name(file) for file in files if file.suffix.lower() in JPEG_SUFFIXES]
    if coded:
        notes.append(
            f"{len(coded)} of {len(files)} pictures are JPEG files, {coded[0]} the first: their "
            "own artefacts count as detail that must stay"
        )
    if set(protocols) - set(measured):
        notes.append("all pictures are gray: protocol colour was left out")
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
