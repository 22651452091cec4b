"""The tables of a plan, measured: every picture coded at every strength, and enhanced by every network.

What is compared with the reference is the file that `edgeqe enhance` would write, by the same call. A
network's time is measured once for each size of picture: in turns with the others, after a warm-up, as
the median.
"""

from __future__ import annotations

import io
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from edgeqe.bench.planning.coding import encode_picture
from edgeqe.bench.planning.references import PlanSource
from edgeqe.bench.planning.tables import ChoiceTables
from edgeqe.bench.quality import PSNR_CEILING
from edgeqe.coding import RatePoint, coder
from edgeqe.files.file_report import FileReport
from edgeqe.files.reading import read_picture
from edgeqe.metrics import psnr
from edgeqe.planned import Unchanged
from edgeqe.typing import Uint8

__all__ = ["FileEnhancer", "PlanMeasurement", "measure_tables"]

#: Timed runs of each network on each size: so many, and more until they took some time together, because
#: other programs may hold up all of a few short ones.
ROUNDS, MOST_ROUNDS, ROUNDS_SECONDS = 5, 50, 0.5


class FileEnhancer(Protocol):
    """What a plan needs of an `Enhancer`."""

    def enhance_file(self, source: bytes, destination: io.BytesIO, /) -> FileReport:
        """Enhance a picture file into a PNG."""


@dataclass(frozen=True, eq=False)
class PlanMeasurement:
    """What was measured of pictures."""

    tables: ChoiceTables
    sizes: tuple[tuple[int, int], ...]
    """Height and width of each picture."""
    files: tuple[tuple[Path, ...], ...]
    """Coded file of each picture at each strength."""
    stripped: int
    """Pictures whose files hold more than samples, which the coded files do not."""

    @property
    def pixels(self) -> int:
        """Of all pictures."""
        return sum(height * width for height, width in self.sizes)


@dataclass
class _Rows:
    """Rows of the tables so far."""

    bytes: list[list[int]] = field(default_factory=list)
    microseconds: list[list[int]] = field(default_factory=list)
    psnr: list[list[list[float]]] = field(default_factory=list)


def measure_tables(
    sources: Sequence[PlanSource],
    points: Sequence[RatePoint],
    networks: Sequence[FileEnhancer],
    folder: Path,
    *,
    scale: float = 1.0,
    progress: Callable[[str, int, int], None] = lambda what, done, length: None,
) -> PlanMeasurement:
    """Code, enhance, compare and time.

    Parameters
    ----------
    sources : sequence of PlanSource
    points : sequence of RatePoint
        Of one codec.
    networks : sequence of FileEnhancer
        None, as decoded, comes before them in the tables.
    folder : Path
        Gets the coded files.
    scale : float
        Factor of a bicubic resize of the references.
    progress : callable
        Gets what is being done, how much of it is done, and how much there is.

    Raises
    ------
    InputError
        If a picture cannot be read, coded or enhanced.
    """
    encoder, rows = coder(points[0].codec), _Rows()
    lanes = (Unchanged(), *networks)
    times: dict[tuple[int, ...], list[int]] = {}
    shapes, files, stripped, done = [], [], 0, 0
    progress("coding and enhancing", done, len(sources) * len(points))
    for number, source in enumerate(sources):
        reference, more = source.read(scale)
        stripped += more
        paths, qualities = [], []
        for index, point in enumerate(points):
            data = encode_picture(reference, encoder, point.value)
            paths.append(folder / f"{number}-{index}")
            paths[-1].write_bytes(data)
            if index == len(points) // 2 and reference.shape not in times:
                times[reference.shape] = [0, *_microseconds(networks, data)]
            qualities.append([_quality(reference, lane, data) for lane in lanes])
            done += 1
            progress("coding and enhancing", done, len(sources) * len(points))
        rows.bytes.append([path.stat().st_size for path in paths])
        rows.microseconds.append(times[reference.shape])
        rows.psnr.append(qualities)
        shapes.append((reference.shape[0], reference.shape[1]))
        files.append(tuple(paths))
    tables = ChoiceTables(
        np.array(rows.bytes, np.int64),
        np.array(rows.microseconds, np.int64),
        np.array(rows.psnr, np.float64),
    )
    return PlanMeasurement(tables, tuple(shapes), tuple(files), stripped)


def _quality(reference: Uint8, network: FileEnhancer | Unchanged, data: bytes) -> float:
    """PSNR in dB of a coded file, enhanced; of gray pictures that of gray, else of RGB."""
    written = io.BytesIO()
    network.enhance_file(data, written)
    shown = read_picture(written.getvalue()).pixels()
    if shown.ndim > reference.ndim:
        reference = np.dstack([reference] * 3)
    return psnr(reference, shown, ceiling=PSNR_CEILING)


def _microseconds(networks: Sequence[FileEnhancer], data: bytes) -> list[int]:
    """Median time of each network on a picture, microseconds, 1 or more."""

    def run() -> list[float]:
        return [network.enhance_file(data, io.BytesIO()).enhance_seconds for network in networks]

    run()  # makes the sessions
    rounds: list[list[float]] = []
    while len(rounds) < ROUNDS or (
        len(rounds) < MOST_ROUNDS and sum(map(sum, rounds)) < ROUNDS_SECONDS * len(networks)
    ):
        rounds.append(run())
    return [max(1, round(1e6 * statistics.median(lane))) for lane in zip(*rounds, strict=True)]
