"""Mutants of small pictures of the formats that edgeqe reads: decoded, and enhanced if they are taken."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from random import Random
from typing import Any

import numpy as np
from mutants import changed_bytes
from PIL import Image

from edgeqe import Enhancer
from edgeqe.files.reading import PictureFile

#: Largest picture that a mutant may state, pixels.
_PIXELS = 2_000_000


@contextmanager
def attempts(_part: str, _model: str, seed: int) -> Iterator[Callable[[int], str]]:
    """Give the function that tries the mutant of a number."""
    made = _pictures()
    warnings.simplefilter("ignore")  # Pillow's, about damaged metadata
    with Enhancer("edgeqe-nano", threads=1, memory_limit="32MiB") as enhancer:

        def attempt(index: int) -> str:
            random = Random(f"{seed}/pictures/{index}")
            data = changed_bytes(made[index % len(made)], random)
            file = PictureFile(data)
            with contextlib.suppress(Exception):
                file.strength  # noqa: B018  # what it raises, decoding raises too
            picture = file.decode(pixel_limit=_PIXELS)
            out = io.BytesIO()
            enhancer.enhance_file(data, out, step=8.0, pixel_limit=_PIXELS)
            with Image.open(out) as again:
                same = again.size == (picture.width, picture.height)
            return "enhanced" if same else "wrong"

        yield attempt


def _pictures() -> list[bytes]:
    """A small photograph-like picture in every format that can be written here."""
    y, x = np.mgrid[:40, :56]
    wave = 128 + 70 * np.sin(x / 5.0)[..., None] * np.cos(y[..., None] / 7.0 + np.arange(3))
    noise = np.random.default_rng(5).normal(0, 12, wave.shape)
    colour = Image.fromarray(np.clip(wave + noise, 0, 255).astype(np.uint8))
    gray, deep = (
        colour.convert("L"),
        Image.fromarray(np.asarray(colour)[..., 0].astype(np.uint16) * 257),
    )
    alpha = colour.copy()
    alpha.putalpha(gray)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "edge camera"
    wanted: list[tuple[Any, str, dict[str, Any]]] = [
        (colour, "JPEG", {"quality": 30, "exif": exif}),
        (colour, "JPEG", {"quality": 60, "subsampling": 0, "progressive": True}),
        (gray, "JPEG", {"quality": 50}),
        (colour.convert("CMYK"), "JPEG", {}),
        (colour, "PNG", {}), (alpha, "PNG", {}), (deep, "PNG", {}), (colour.quantize(16), "PNG", {}),
        (colour, "TIFF", {"compression": "tiff_lzw"}), (deep, "TIFF", {}), (gray, "TIFF", {}),
        (colour, "WEBP", {"quality": 40}), (alpha, "WEBP", {"lossless": True}),
        (colour, "BMP", {}), (gray, "GIF", {}), (colour, "PPM", {}), (gray, "PPM", {}),
        (colour, "JPEG2000", {"quality_layers": [20]}), (gray, "JPEG2000", {"irreversible": True}),
        (colour, "AVIF", {"quality": 50}),
        (colour, "HEIF", {"quality": 50}),
    ]  # fmt: skip
    with contextlib.suppress(ImportError):
        import_module("pillow_heif").register_heif_opener()
    found = []
    for image, kind, how in wanted:
        stream = io.BytesIO()
        with contextlib.suppress(KeyError, OSError, ValueError):  # not in this Pillow
            image.save(stream, kind, **how)
            found.append(stream.getvalue())
    return found
