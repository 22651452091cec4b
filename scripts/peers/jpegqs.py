"""``jpegqs`` (JPEG Quant Smooth) as rows beside networks: a program that reads a JPEG and writes one.

It moves the coefficients inside the intervals that the quantizer left them, so that blocks join
smoothly, and writes them with tables of ones. Its figures are those of that file, decoded as the
first one is; its time is that of the whole process, from file to file.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeqe.bench.data import PictureSet
from edgeqe.bench.quality import PictureScorer, QualityRow, Score
from edgeqe.codecs import jpeg
from edgeqe.coding import RatePoint
from edgeqe.errors import InputError
from edgeqe.protocols import CodingProtocol, MeasuredPicture, compress

#: Values of its ``-q`` that are measured: the fastest one, and its own.
LEVELS = (1, 3)
#: Where it comes from, for pages that leave it out.
ABSENT = "jpegqs, which is not installed (Debian: `apt-get install jpegqs`)"


def version() -> str:
    """Version of the program; empty where there is none."""
    if shutil.which("jpegqs") is None:
        return ""
    told = subprocess.run(["jpegqs", "--help"], capture_output=True, text=True, check=False)
    found = re.search(r"JPEG Quant Smooth.*: ([\d.]+)", told.stdout + told.stderr)
    return f"jpegqs {found[1]}" if found else "jpegqs"


def name_of(level: int) -> str:
    """Name of a row."""
    return f"jpegqs -q {level}"


def smooth(data: bytes, level: int, threads: int = 1) -> bytes:
    """The JPEG that it makes of a JPEG.

    Raises
    ------
    InputError
        If it fails, with what it says.
    """
    with _files(data) as (source, target):
        _run(source, target, level, threads)
        return target.read_bytes()


def rows(
    pictures: PictureSet,
    quality: int,
    progress: Callable[[str, int, int], None] = lambda what, done, length: None,
) -> Iterator[QualityRow]:
    """Rows of protocol gray at one quality, one for each of `LEVELS`."""
    scores: dict[int, list[Score]] = {level: [] for level in LEVELS}
    for number, picture in enumerate(pictures, 1):
        coded = compress(picture, CodingProtocol.GRAY, quality)
        scorer = PictureScorer(coded)
        for level, done in scores.items():
            luma = jpeg.decode_luma(smooth(coded.data, level))
            done.append(scorer.score(MeasuredPicture(luma)))
        progress(f"jpegqs, quality {quality}", number, len(pictures))
    for level, done in scores.items():
        yield QualityRow(
            CodingProtocol.GRAY, name_of(level), RatePoint("jpeg", quality), tuple(done)
        )


@contextmanager
def timed(
    gray: npt.NDArray[np.uint8], quality: int, threads: int, levels: Sequence[int] = LEVELS
) -> Iterator[dict[str, Callable[[], object]]]:
    """What is timed: the whole process on a file of a gray frame, by the name of its row."""
    with _files(jpeg.encode(Image.fromarray(gray), quality)) as (source, target):
        yield {
            name_of(level): lambda level=level: _run(source, target, level, threads)
            for level in levels
        }


@contextmanager
def _files(data: bytes) -> Iterator[tuple[Path, Path]]:
    """A file of some bytes, and a place for another."""
    with tempfile.TemporaryDirectory(prefix="edgeqe-") as folder:
        source = Path(folder) / "in.jpg"
        source.write_bytes(data)
        yield source, Path(folder) / "out.jpg"


def _run(source: Path, target: Path, level: int, threads: int) -> None:
    words = ["jpegqs", "--quality", str(level), "--threads", str(threads), "--info", "0"]
    done = subprocess.run([*words, str(source), str(target)], capture_output=True, text=True)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise InputError(f"jpegqs failed with {done.returncode}: {said[-1] if said else 'no word'}")
