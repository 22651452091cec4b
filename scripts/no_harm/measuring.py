"""What models gain on photographs and drawn pictures, quality by quality."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from edgeqe import metrics
from edgeqe.bench.data import folder, packaged
from edgeqe.bench.latency import ProgressCallback
from edgeqe.bench.quality import PSNR_CEILING
from edgeqe.codecs import jpeg
from edgeqe.protocols import ReferencePicture
from edgeqe.zoo.training.drawn import drawn_set

QUALITIES = tuple(range(10, 96, 5))
#: Photographs are downscaled by so much: off the grid that those which were JPEGs were coded on.
SCALE = 0.7
#: Chroma sampling that each kind of picture is coded with, as Pillow numbers them.
SAMPLINGS = {"photographs": {"4:2:0": 2}, "drawn": {"4:2:0": 2, "4:4:4": 0}}
KINDS = tuple(SAMPLINGS)


@dataclass(frozen=True)
class HarmRow:
    """One model on all pictures of a kind, at one quality and chroma sampling."""

    model: str
    kind: str
    """One of `KINDS`."""
    sampling: str
    quality: int
    jpeg: float
    """Mean PSNR of the JPEGs in RGB, dB."""
    gains: Mapping[str, float]
    """PSNR after less before, dB, by picture; at least one."""

    @property
    def mean(self) -> float:
        """Mean gain, dB."""
        return float(np.mean(list(self.gains.values())))

    @property
    def worst(self) -> str:
        """Name of the picture that gains least."""
        return min(self.gains, key=lambda name: self.gains[name])


def measure(
    networks: Mapping[str, Any],
    kinds: Sequence[str],
    data: Path | None,
    qualities: Sequence[int],
    progress: ProgressCallback,
) -> list[HarmRow]:
    """Gains of all networks, each picture coded once for all of them.

    Parameters
    ----------
    networks : mapping of str to Enhancer
    kinds : sequence of str
        Some of `KINDS`.
    data : Path or None
        Folder of more photographs.
    qualities : sequence of int
        IJG qualities, 1 to 100.
    progress : callable
        Gets progress: what is done, how much of it, and of how much.
    """
    found: dict[tuple[str, str, str, int], dict[str, tuple[float, float]]] = {}
    for kind in kinds:
        pictures = list(_pictures(kind, data))
        for done, picture in enumerate(pictures, 1):
            for sampling, number in SAMPLINGS[kind].items():
                for quality in qualities:
                    shown = decoded(picture.pixels, quality, number)
                    before = psnr(picture.pixels, shown)
                    for name, network in networks.items():
                        better = network.enhance(shown, quality=quality)
                        row = found.setdefault((name, kind, sampling, quality), {})
                        row[picture.name] = before, psnr(picture.pixels, better)
            progress(kind, done, len(pictures))
    return [
        HarmRow(
            *key,
            float(np.mean([before for before, _ in row.values()])),
            {name: after - before for name, (before, after) in row.items()},
        )
        for key, row in found.items()
    ]


def _pictures(kind: str, data: Path | None) -> Iterator[ReferencePicture]:
    """Pictures of a kind, each with a name of its own."""
    if kind == "drawn":
        yield from (ReferencePicture(name, pixels) for name, pixels in drawn_set().items())
        return
    yield from (picture for picture in packaged() if not picture.gray)
    sets = [packaged(SCALE), *([folder(data, SCALE)] if data is not None else [])]
    for pictures in sets:
        for picture in pictures:
            if not picture.gray:
                yield ReferencePicture(f"{picture.name} x{SCALE}", picture.pixels)


def decoded(pixels: Any, quality: int, subsampling: int) -> Any:
    """RGB of a decoder behind an encoder, shape (H, W, 3)."""
    data = jpeg.encode(Image.fromarray(pixels), quality, subsampling)
    return jpeg.decode_rgb(data)


def psnr(original: Any, picture: Any) -> float:
    """PSNR in RGB, dB, counted up to a ceiling: equal pictures have none."""
    return metrics.psnr(original, picture, ceiling=PSNR_CEILING)
