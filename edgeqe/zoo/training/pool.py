"""A pool of coded pictures, each of which serves many crops before another takes its place.

Coding whole pictures costs a fraction of coding crops. A crop is flipped in the pool's
planes, which commutes with JPEG's 8x8 transform on sides that are multiples of 16; transposing
does not, because quantization tables are not symmetric, so pictures are transposed before
they are coded. Other codecs predict from above and the left, so a flipped crop is one of a
codec that does not exist; its artefacts are alike, and flips serve there as augmentation.

What the pool holds at a step, and the batch of that step, are functions of (seed, step)
alone, so a resumed training sees what an uninterrupted one would have seen: slot s holds
generation ``(step + s * lifetime // slots) // lifetime``, made from (seed, slot, generation);
what is drawn in code serves several generations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeqe.codecs.strength import step_from_quality
from edgeqe.errors import InputError
from edgeqe.typing import Float, Rgb
from edgeqe.views.colour import SCALE
from edgeqe.zoo.training.degrade import (
    CHROMA_WEIGHTS,
    FINE_QUALITY,
    FINENESS,
    CodedPicture,
    code,
    draw_quality,
)
from edgeqe.zoo.training.drawn import draw
from edgeqe.zoo.training.encoded import code_by, draw_fine_value, draw_value, nominal_step

#: Planes (N, H/2, W/2, 6), log2 of the step (N, 1), residual and its weight (N, H/2, W/2, 12).
#: Of several codecs a one-hot of the codec stands behind the step, (N, 1 + codecs).
Batch = tuple[Float, Float, Float]

#: Pictures in the pool, most side of one in pixels, crops that each pixel serves in the mean.
SLOTS, SIDE, REUSE = 768, 256, 8
#: Times that a drawing is coded, at a strength of its own each: to draw takes ten times as long.
CODED_AGAIN = 8
#: Side of the squares over which texture is summed, samples of the planes.
CELL = 8
#: Samples at the rim of a crop that see zero padding more than pictures do, and what they count for.
RIM, RIM_WEIGHT = 3, 0.25
#: Where the planes of Y and their residuals lie after a flip of columns, and of rows.
FLIPPED_COLUMNS = [1, 0, 3, 2, 4, 5, 7, 6, 9, 8, 10, 11]
FLIPPED_ROWS = [2, 3, 0, 1, 4, 5, 8, 9, 6, 7, 10, 11]

#: What a generator of random numbers is for, a part of its seed.
CROPS, PICTURES, DRAWINGS = 0, 1, 2

#: Gives the residual (h, w, 6) that a teacher adds to a coded picture, 8-bit levels; None of a
#: codec that it does not serve.
Teacher = Callable[[CodedPicture], Float | None]


@dataclass(frozen=True)
class TrainingPicture:
    """An undegraded picture to code."""

    rgb: Rgb
    """Shape (H, W, 3)."""
    lossless: bool
    """No older codec's errors in it."""


@dataclass(frozen=True)
class Entry:
    """A slot's picture."""

    coded: Any
    """A `CodedPicture`, or another with its `half_size` and `log2_step`."""
    texture: npt.NDArray[np.float64]
    """Summed-area table of gradient energy per cell, shape (rows + 1, columns + 1)."""

    def energy(self, top: int, left: int, side: int) -> float:
        """Mean gradient energy of the cells that a square of samples touches."""
        table = self.texture
        y0, x0 = top // CELL, left // CELL
        y1 = min(-(-(top + side) // CELL), table.shape[0] - 1)
        x1 = min(-(-(left + side) // CELL), table.shape[1] - 1)
        total = table[y1, x1] - table[y0, x1] + table[y0, x0] - table[y1, x0]
        return float(total / max(1, (y1 - y0) * (x1 - x0)))


class Pool:
    """Makes the batches of a training.

    Parameters
    ----------
    references : sequence of Reference
    seed : sequence of int
        Pools of one training have seeds of one length.
    batch : int
        Crops a batch.
    crop : int
        Side of a crop, pixels; a multiple of 16.
    candidates : int
        A crop is the best of so many by gradient energy times a random factor.
    error_floor : float
        See `weights`.
    slots : int
        Pictures in the pool.
    teacher : callable, optional
        Its residual takes `teacher_share` of the target's place in photographs of the codecs
        that it serves; what is drawn has clean references, which no teacher knows better.
    teacher_share : float
        0 to 1.
    codecs : mapping of str to float, optional
        Share of the pictures by codec; JPEG alone if left out.
    fine_share : float
        Share of the pictures that are coded at the fine end of their codec, 0 to 1.
    drawn_share : float
        Share of the crops that are drawn, not photographed, 0 to 1.

    Raises
    ------
    InputError
        If no picture is large enough for a crop at half its size.
    """

    def __init__(
        self,
        references: Sequence[TrainingPicture],
        seed: Sequence[int],
        *,
        batch: int,
        crop: int,
        candidates: int,
        error_floor: float,
        slots: int = SLOTS,
        teacher: Teacher | None = None,
        teacher_share: float = 0.5,
        codecs: Mapping[str, float] = MappingProxyType({"jpeg": 1.0}),
        fine_share: float = 0.0,
        drawn_share: float = 0.1,
    ) -> None:
        self.codecs, shares = tuple(codecs), np.array(list(codecs.values()), float)
        self._shares = np.cumsum(shares / shares.sum())
        self.references = [r for r in references if min(r.rgb.shape[:2]) >= 2 * crop]
        if not self.references:
            raise InputError(f"no picture has {2 * crop} pixels both ways, twice the crop's side.")
        self.seed = list(seed)
        self.batch_size, self.crop, self.candidates = batch, crop, candidates
        self.error_floor, self.teacher, self.teacher_share = error_floor, teacher, teacher_share
        areas = np.array([r.rgb.shape[0] * r.rgb.shape[1] for r in self.references], float)
        self.fine_share, self.drawn_share = fine_share, drawn_share
        self._edges = np.cumsum(areas / areas.sum())
        self.lifetime = max(1, round(slots * SIDE**2 * REUSE / (batch * crop**2)))
        self._entries: list[Entry | None] = [None] * slots
        self._held = np.full(slots, -1)
        self._drawings: dict[int, tuple[int, Rgb]] = {}
        self._photographs = slots - max(1, round(slots * drawn_share)) if slots > 1 else 1

    def batch(self, step: int) -> Batch:
        """Batch of a step; steps may be asked for in any order, in order is cheapest."""
        self._advance(step)
        rng = np.random.default_rng([*self.seed, CROPS, step])
        side, count = self.crop // 2, self.batch_size
        planes = np.empty((count, side, side, 6), np.float32)
        several = len(self.codecs) > 1
        strength = np.zeros((count, 1 + len(self.codecs) * several), np.float32)
        targets = np.empty((count, side, side, 12), np.float32)
        for index in range(count):
            entry, top, left = self._choose(rng, side)
            samples = entry.coded.samples[top : top + side, left : left + side]
            if rng.random() < 0.5:
                samples = samples[:, ::-1, FLIPPED_COLUMNS]
            if rng.random() < 0.5:
                samples = samples[::-1, :, FLIPPED_ROWS]
            unit = np.float32(1 / (FINENESS * SCALE))
            np.multiply(samples[..., :6], unit, out=planes[index])
            np.multiply(samples[..., 6:], unit, out=targets[index, ..., :6])
            strength[index, 0] = entry.coded.log2_step
            if several:
                strength[index, 1 + self.codecs.index(entry.coded.codec)] = 1.0
            targets[index, ..., 6:] = weights(
                targets[index, ..., :6], entry.coded, self.error_floor
            )
        return planes, strength, targets

    def _choose(self, rng: np.random.Generator, side: int) -> tuple[Entry, int, int]:
        """Entry and corner of a crop, in samples: the one of most texture, mostly."""
        drawn = self._photographs < len(self._entries) and rng.random() < self.drawn_share
        first, last = (self._photographs, len(self._entries)) if drawn else (0, self._photographs)
        best_score, best = -1.0, None
        for slot, down, right, factor in rng.random((self.candidates, 4)).tolist():
            entry = self._entries[first + int(slot * (last - first))]
            assert entry is not None, "every slot is filled by _advance"
            height, width = entry.coded.half_size
            top, left = int(down * (height - side + 1)), int(right * (width - side + 1))
            score = factor * entry.energy(top, left, side)
            if score > best_score:
                best_score, best = score, (entry, top, left)
        assert best is not None, "a recipe has at least one candidate"
        return best

    def _advance(self, step: int) -> None:
        """Fill the slots with what they hold at a step."""
        slots = len(self._entries)
        generations = (step + np.arange(slots) * self.lifetime // slots) // self.lifetime
        for slot in np.flatnonzero(generations != self._held).tolist():
            self._entries[slot] = self._make(slot, int(generations[slot]))
        self._held = generations

    def _make(self, slot: int, generation: int) -> Entry:
        rng = np.random.default_rng([*self.seed, PICTURES, slot, generation])
        codec, value, fine = self._draw_strength(rng)
        drawn = slot >= self._photographs
        rgb = self._drawing(slot, generation) if drawn else self._cut(rng, fine)
        coded = code(rgb, rng, int(value)) if codec == "jpeg" else code_by(codec, rgb, rng, value)
        known = None if self.teacher is None or drawn else self.teacher(coded)
        if known is not None:
            target = coded.samples[..., 6:]
            target += np.rint((known * FINENESS - target) * self.teacher_share).astype(np.int16)
        return Entry(coded, texture(rgb))

    def _draw_strength(self, rng: np.random.Generator) -> tuple[str, float, bool]:
        """Codec, its strength in its coder's unit, and whether that is fine."""
        codec = self.codecs[0]
        if len(self.codecs) > 1:
            codec = self.codecs[int(np.searchsorted(self._shares, rng.random(), side="right"))]
        # without a share nothing is drawn: batches of recipes that have none stay the same
        finest = self.fine_share > 0.0 and rng.random() < self.fine_share
        if codec == "jpeg":
            quality = int(draw_fine_value(rng, codec)) if finest else draw_quality(rng)
            return codec, quality, quality >= FINE_QUALITY
        value = draw_fine_value(rng, codec) if finest else draw_value(rng, codec)
        return codec, value, nominal_step(codec, value) <= step_from_quality(FINE_QUALITY)

    def _drawing(self, slot: int, generation: int) -> Rgb:
        """What is drawn for a slot, the same for `CODED_AGAIN` generations."""
        sheet = (generation + slot) // CODED_AGAIN  # slots change at different times
        held = self._drawings.get(slot)
        if held is None or held[0] != sheet:
            rng = np.random.default_rng([*self.seed, DRAWINGS, slot, sheet])
            held = self._drawings[slot] = (sheet, draw(rng, SIDE, SIDE))
        return held[1]

    def _cut(self, rng: np.random.Generator, fine: bool) -> Rgb:
        """Window of a reference picture, downscaled and transposed at random.

        What is coded finely is not downscaled where the picture is lossless, so that its
        finest detail is seen, and is downscaled where it is not, which hides its own codec.
        """
        index = int(np.searchsorted(self._edges, rng.random(), side="right"))
        reference = self.references[min(index, len(self.references) - 1)]
        scale = rng.uniform(0.5, 1.0)
        if fine:
            scale = 1.0 if reference.lossless else min(scale, 0.8)
        height, width = (_grid(min(SIDE, int(n * scale))) for n in reference.rgb.shape[:2])
        rows, columns = round(height / scale), round(width / scale)
        top = int(rng.integers(reference.rgb.shape[0] - rows + 1))
        left = int(rng.integers(reference.rgb.shape[1] - columns + 1))
        rgb = reference.rgb[top : top + rows, left : left + columns]
        if scale != 1.0:
            kernel = (Image.Resampling.BICUBIC, Image.Resampling.BOX)[int(rng.integers(2))]
            rgb = np.asarray(Image.fromarray(rgb).resize((width, height), kernel))
        return rgb.transpose(1, 0, 2) if rng.random() < 0.5 else rgb


def _grid(size: int) -> int:
    """Largest multiple of 16 up to a size."""
    return size // 16 * 16


def texture(rgb: Rgb) -> npt.NDArray[np.float64]:
    """Summed-area table of the gradient energy of green, a cell each `CELL` samples."""
    luma = rgb[..., 1].astype(np.float32)
    energy = np.zeros_like(luma)
    energy[:, 1:] += np.square(np.diff(luma, axis=1))
    energy[1:] += np.square(np.diff(luma, axis=0))
    pixels = 2 * CELL
    rows, columns = luma.shape[0] // pixels, luma.shape[1] // pixels
    cells = energy[: rows * pixels, : columns * pixels].reshape(rows, pixels, columns, pixels)
    table = np.zeros((rows + 1, columns + 1))
    table[1:, 1:] = cells.mean(axis=(1, 3)).cumsum(0).cumsum(1)
    return table


def weights(target: Float, coded: CodedPicture, floor: float) -> Float:
    """Weight of every value of a crop's residual, shape (H/2, W/2, 6).

    Each crop counts by the inverse of its own compression error plus the error that its
    strength makes on typical content, ``floor * step ** 0.85`` in squared 8-bit levels, so
    that a decibel counts the same at every strength.
    """
    height, width = target.shape[:2]
    error = np.einsum("ijk,ijk->k", target, target) * np.float32(SCALE**2 / (height * width))
    luma = float(error[:4].mean())
    per_plane = np.array([0.25] * 4 + [0.0, 0.0], np.float32)
    if not coded.gray:
        per_plane[4:] = CHROMA_WEIGHTS
        luma += float(error[4] * CHROMA_WEIGHTS[0] + error[5] * CHROMA_WEIGHTS[1])
    expected = luma + floor * 2.0 ** (0.85 * coded.log2_step)
    result: Float = _rim(height, width) * (per_plane * np.float32(SCALE**2 / expected))
    return result


@lru_cache(maxsize=1)
def _rim(height: int, width: int) -> Float:
    """What a crop's samples count for, shape (H/2, W/2, 1): less at its rim."""
    counted = np.full((height, width, 1), RIM_WEIGHT, np.float32)
    counted[RIM:-RIM, RIM:-RIM] = 1.0
    counted.flags.writeable = False  # shared by all crops
    return counted
