"""A pool of coded pictures for the networks of the papers: whole planes, luma or RGB.

It is `pool.Pool` but for what is kept of a picture: decoded samples and the reference at full
size, in 8 bits, coded by the protocols that bench measures with (`edgeqe.protocols`). Strengths are
dealt out evenly over the slots, so that every batch mixes them: batch norm would cancel the
scales of a QP-adaptive convolution in batches of one strength.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.codecs.strength import step_from_quality
from edgeqe.protocols import CodingProtocol, ReferencePicture, compress
from edgeqe.typing import Float, Rgb
from edgeqe.views.colour import NEUTRAL, SCALE
from edgeqe.zoo.training.degrade import FINE_QUALITY
from edgeqe.zoo.training.encoded import nominal_step
from edgeqe.zoo.training.pool import CROPS, PICTURES, Batch, Entry, Pool, TrainingPicture, texture
from edgeqe.zoo.training.recipe import Loss, Side
from edgeqe.zoo.training.unfiltered import code_unfiltered

#: Protocol that codes pictures of a layout of planes.
PROTOCOLS = {"y": CodingProtocol.GRAY, "rgb": CodingProtocol.RGB}


@dataclass(frozen=True)
class CodedPlanes:
    """Decoded samples of a picture, and its reference."""

    samples: npt.NDArray[np.int16]
    """Shape (H, W, C), 8-bit values less 128; a second input is one more plane behind them."""
    reference: npt.NDArray[np.int16]
    """Shape (H, W, C), of the same unit."""
    log2_step: float
    """Strength."""

    @property
    def half_size(self) -> tuple[int, int]:
        """Half of height and width, the unit that crops are chosen in."""
        height, width = self.samples.shape[:2]
        return height // 2, width // 2


def code_planes(rgb: Rgb, layout: str, codec: str, value: float) -> CodedPlanes:
    """Code an RGB picture and decode it, by itself (all intra), its loop filters on.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (H, W, 3)
        Reference; H and W even.
    layout : str
        ``y``: studio-range luma is coded; ``rgb``: 4:2:0, and RGB as the decoder shows it.
    codec, value
        As of `edgeqe.protocols.compress`.

    Raises
    ------
    InputError
        If the encoder is not there, or has no such strength.
    """
    coded = compress(ReferencePicture("", rgb), PROTOCOLS[layout], value, codec)
    return CodedPlanes(
        _levels(coded.decoded.pixels), _levels(coded.reference.pixels), math.log2(coded.step)
    )


def code_with_side(rgb: Rgb, qp: float, side: Side) -> CodedPlanes:
    """Code the luma of an RGB picture as HEVC without loop filters; see `unfiltered`."""
    coded = code_unfiltered(rgb, qp, side)
    samples = _levels(coded.decoded)
    if coded.side is not None:
        samples = np.concatenate([samples, coded.side[..., None]], axis=-1)
    return CodedPlanes(samples, _levels(coded.reference), math.log2(coded.step))


def _levels(pixels: npt.NDArray[Any]) -> npt.NDArray[np.int16]:
    """Samples less 128, shape (H, W, C)."""
    return np.atleast_3d(pixels).astype(np.int16) - np.int16(NEUTRAL)


class PicturePool(Pool):
    """Makes the batches of a training on whole planes.

    Parameters
    ----------
    references, seed, options
        As of `Pool`.
    layout : str
        ``y`` or ``rgb``.
    values : sequence of float
        Strengths, in the unit of the codec's coder; as in `Pool` if empty.
    loss : str
        One of `recipe.Loss`: what the weights of crops are for.
    alignment : int
        Corners of crops lie at multiples of so many pixels.
    loop_filters : bool
        Without them HEVC's luma is coded by `unfiltered`.
    side : str
        Second plane, one of `recipe.Side`.
    """

    def __init__(
        self,
        references: Sequence[TrainingPicture],
        seed: Sequence[int],
        *,
        layout: str,
        values: Sequence[float],
        loss: str,
        alignment: int,
        loop_filters: bool = True,
        side: str = "none",
        **options: Any,
    ) -> None:
        super().__init__(references, seed, **options)
        self.layout, self.values, self.alignment = layout, tuple(values), alignment
        self.loss, self.loop_filters, self.side = Loss(loss), loop_filters, Side(side)
        self._photographs = len(self._entries)  # the papers train on photographs alone

    def batch(self, step: int) -> Batch:
        """Batch of a step: planes (N, S, S, C), log2 of the step (N, 1), and (N, S, S, C + 1).

        The last holds the reference and, as one more channel, the weight of its squared error.
        """
        self._advance(step)
        rng = np.random.default_rng([*self.seed, CROPS, step])
        made = [self._crop(rng) for _ in range(self.batch_size)]
        planes, strength, targets = (np.stack(parts) for parts in zip(*made, strict=True))
        return planes, strength, targets

    def _crop(self, rng: np.random.Generator) -> tuple[Float, Float, Float]:
        entry, top, left = self._choose(rng, self.crop // 2)
        coded: Any = entry.coded
        top, left = (2 * n // self.alignment * self.alignment for n in (top, left))
        place = np.s_[top : top + self.crop, left : left + self.crop]
        flip = np.s_[:: -1 if rng.random() < 0.5 else 1, :: -1 if rng.random() < 0.5 else 1]
        given, reference = (part[place][flip] for part in (coded.samples, coded.reference))
        unit = np.float32(1 / SCALE)
        weight = np.full((self.crop, self.crop, 1), self._weight(coded, place), np.float32)
        target = np.concatenate([reference * unit, weight], axis=-1)
        return given * unit, np.array([coded.log2_step], np.float32), target

    def _weight(self, coded: CodedPlanes, place: Any) -> float:
        """Weight of a crop's squared error."""
        if self.loss is not Loss.RELATIVE:
            return 1.0
        reference = coded.reference[place]
        error = coded.samples[place][..., : reference.shape[-1]].astype(np.float32) - reference
        expected = float(np.mean(error**2)) + self.error_floor * 2.0 ** (0.85 * coded.log2_step)
        return float(SCALE**2 / expected)

    def _make(self, slot: int, generation: int) -> Entry:
        rng = np.random.default_rng([*self.seed, PICTURES, slot, generation])
        codec, value, fine = self._draw_strength(rng)
        if self.values:
            value = self.values[(slot + generation) % len(self.values)]
            fine = codec != "jpeg" and nominal_step(codec, value) <= step_from_quality(FINE_QUALITY)
            fine = fine or (codec == "jpeg" and value >= FINE_QUALITY)
        rgb = np.ascontiguousarray(self._cut(rng, fine))
        if self.loop_filters:
            return Entry(code_planes(rgb, self.layout, codec, value), texture(rgb))
        return Entry(code_with_side(rgb, value, self.side), texture(rgb))
