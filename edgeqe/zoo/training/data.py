"""Pictures and batches: crops chosen by texture, downscaled at random, coded.

A batch is a function of (seed, step) alone, so a resumed training sees what an
uninterrupted one would have seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeqe.errors import InputError
from edgeqe.planes import SCALE
from edgeqe.zoo.training.degrade import CHROMA_WEIGHTS, Sample, degrade

Float = npt.NDArray[np.float32]
Rgb = npt.NDArray[np.uint8]

#: Pictures of train/free that are never trained on: they validate.
HOLDOUT = Path(__file__).with_name("holdout.txt")
SUFFIXES = {".avif", ".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"}
#: Side of the squares over which texture is summed, pixels.
CELL = 16
#: Network planes at the rim of a crop that see zero padding more than pictures do,
#: and what they count for.
RIM, RIM_WEIGHT = 3, 0.25


@dataclass(frozen=True)
class Picture:
    """A clean picture and its texture."""

    rgb: Rgb
    """Shape (H, W, 3)."""
    texture: npt.NDArray[np.float64]
    """Summed-area table of gradient energy per cell, shape (H / CELL + 1, W / CELL + 1)."""

    def energy(self, top: int, left: int, side: int) -> float:
        """Mean gradient energy of the cells that a square window touches."""
        y0, x0 = top // CELL, left // CELL
        y1 = min(-(-(top + side) // CELL), self.texture.shape[0] - 1)
        x1 = min(-(-(left + side) // CELL), self.texture.shape[1] - 1)
        total = self.texture[y1, x1] - self.texture[y0, x1]
        total += self.texture[y0, x0] - self.texture[y1, x0]
        return float(total / max(1, (y1 - y0) * (x1 - x0)))


def picture_files(folder: Path) -> list[Path]:
    """Picture files below a folder in a fixed order.

    Raises
    ------
    InputError
        If there are none.
    """
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not files:
        raise InputError(f"no pictures in '{folder}': give the folder that holds them by --data.")
    return files


def holdout_names() -> frozenset[str]:
    """File names of the held-out pictures."""
    lines = HOLDOUT.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def split(files: list[Path]) -> tuple[list[Path], list[Path]]:
    """Files to train on and files held out: by the list of names, else every tenth."""
    names = holdout_names()
    held = [file for file in files if file.name in names] or files[::10][: len(files) - 1]
    return [file for file in files if file not in held], held


def load(path: Path) -> Picture:
    """Read a picture as RGB and measure its texture."""
    with Image.open(path) as file:
        rgb = np.asarray(file.convert("RGB"))
    luma = rgb[..., 1].astype(np.float32)
    energy = np.zeros_like(luma)
    energy[:, 1:] += np.square(np.diff(luma, axis=1))
    energy[1:] += np.square(np.diff(luma, axis=0))
    rows, columns = luma.shape[0] // CELL, luma.shape[1] // CELL
    cells = energy[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL)
    table = np.zeros((rows + 1, columns + 1))
    table[1:, 1:] = cells.mean(axis=(1, 3)).cumsum(0).cumsum(1)
    return Picture(rgb, table)


def load_all(files: list[Path]) -> list[Picture]:
    """Read pictures on two threads (decoders release the interpreter's lock)."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(load, files))


class Crops:
    """Random clean crops of a set of pictures.

    Parameters
    ----------
    pictures : list of Picture
    side : int
        Side of a crop, pixels; a multiple of 16.
    candidates : int
        A crop is the best of so many by gradient energy times a random factor.
    """

    def __init__(self, pictures: list[Picture], side: int, candidates: int = 4) -> None:
        self.pictures = [p for p in pictures if min(p.rgb.shape[:2]) >= 2 * side]
        if not self.pictures:
            raise InputError(f"no picture has {2 * side} pixels both ways, twice the crop's side.")
        self.side, self.candidates = side, candidates
        areas = np.array([p.rgb.shape[0] * p.rgb.shape[1] for p in self.pictures], float)
        self._edges = np.cumsum(areas / areas.sum())

    def draw(self, rng: np.random.Generator) -> Rgb:
        """One crop, downscaled by 0.5 to 1, flipped and turned at random."""
        best, best_score = (self.pictures[0], 0, 0, self.side), -1.0
        for _ in range(self.candidates):
            index = int(np.searchsorted(self._edges, rng.random(), side="right"))
            picture = self.pictures[min(index, len(self.pictures) - 1)]
            side = round(self.side / rng.uniform(0.5, 1.0))
            height, width = picture.rgb.shape[:2]
            top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
            score = picture.energy(top, left, side) * rng.random()
            if score > best_score:
                best, best_score = (picture, top, left, side), score
        picture, top, left, side = best
        crop = picture.rgb[top : top + side, left : left + side]
        if side != self.side:
            kernel = (Image.Resampling.BICUBIC, Image.Resampling.BOX)[int(rng.integers(2))]
            crop = np.asarray(Image.fromarray(crop).resize((self.side, self.side), kernel))
        crop = np.rot90(crop, int(rng.integers(4)))
        return np.ascontiguousarray(crop[:, ::-1] if rng.random() < 0.5 else crop)


def weights(sample: Sample, floor: float) -> Float:
    """Weight of every value of a sample's residual, shape (H/2, W/2, 6).

    Each sample counts by the inverse of its own JPEG error plus the error that its
    strength makes on typical content, ``floor * step ** 0.85`` in squared grey
    levels, so that a decibel counts the same at every strength.
    """
    error = np.square(sample.target * SCALE).mean(axis=(0, 1))
    luma = float(error[:4].mean())
    per_plane = np.array([0.25] * 4 + [0.0, 0.0], np.float32)
    if not sample.gray:
        per_plane[4:] = CHROMA_WEIGHTS
        luma += float(error[4] * CHROMA_WEIGHTS[0] + error[5] * CHROMA_WEIGHTS[1])
    expected = luma + floor * 2.0 ** (0.85 * sample.log2_step)
    result = np.empty_like(sample.target)
    result[:] = per_plane * np.float32(SCALE**2 / expected)
    for edge in (np.s_[:RIM], np.s_[-RIM:]):
        result[edge] *= RIM_WEIGHT
        result[RIM:-RIM, edge] *= RIM_WEIGHT
    return result


Batch = tuple[Float, Float, Float]


def make_batch(crops: Crops, seed: int, step: int, size: int, floor: float) -> Batch:
    """Batch of a step.

    Returns
    -------
    planes : ndarray of float32, shape (N, H/2, W/2, 6)
    log2_step : ndarray of float32, shape (N, 1)
    targets : ndarray of float32, shape (N, H/2, W/2, 12)
        Residual and weight.
    """
    rng = np.random.default_rng([seed, step])
    samples = [degrade(crops.draw(rng), rng) for _ in range(size)]
    return (
        np.stack([s.planes for s in samples]),
        np.array([[s.log2_step] for s in samples], np.float32),
        np.stack([np.concatenate([s.target, weights(s, floor)], axis=-1) for s in samples]),
    )


def batches(
    crops: Crops, seed: int, first: int, last: int, size: int, floor: float, ahead: int = 6
) -> Iterator[Batch]:
    """Batches of steps first to last - 1, made ahead of their use on two threads."""
    with ThreadPoolExecutor(2) as pool:
        waiting: deque[Future[Batch]] = deque()
        for step in range(first, last):
            waiting.append(pool.submit(make_batch, crops, seed, step, size, floor))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
