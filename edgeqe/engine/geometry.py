"""What the models of a cascade ask of tiling together: layout, alignment, halo."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgeqe.engine.blocks import SMALLEST_BLOCK
from edgeqe.errors import InputError, ModelError
from edgeqe.model.card import Card
from edgeqe.views.margin import margin_of


@dataclass(frozen=True)
class Geometry:
    """How pictures are cut for models that run one after another on each window."""

    layout: str
    """Of the planes, one of `card.LAYOUTS`."""
    tiling: str
    """As the card's: ``exact``, ``blocks`` or ``whole``."""
    block: int
    """Side of the blocks, picture pixels, where tiling goes by blocks; else 0."""
    channels: int
    """Planes of the picture."""
    pixels_per_sample: int
    """Picture pixels per sample of a plane along an axis."""
    takes_residual: bool
    """Whether a model has the codec's prediction residual as a further plane."""
    alignment: int
    """Picture pixels: sides and places of windows are multiples of it."""
    halo: int
    """Picture pixels that a window reads around what it writes: the sum of the models'."""

    @property
    def margin(self) -> int:
        """Picture pixels around the picture into which it is mirrored."""
        return margin_of(self.layout, self.tiling, self.halo, self.alignment)

    def filled(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that the views of a picture fill: up to whole units of the windows, or all of a block."""
        if self.tiling == "blocks":
            return height + self.block, width + self.block
        return -(-height // self.alignment) * self.alignment, -(
            -width // self.alignment
        ) * self.alignment

    @property
    def inputs(self) -> int:
        """Planes that go in, the prediction residual too."""
        return self.channels + self.takes_residual


def geometry_of(cards: Sequence[Card]) -> Geometry:
    """Geometry of models that run one after another.

    Raises
    ------
    InputError
        If the models do not go together.
    ModelError
        If a card asks for what this runtime does not do.
    """
    for what in ("planes", "tiling", "block"):
        found = [getattr(card, what) for card in cards]
        if len(set(found)) > 1:
            raise InputError(
                f"the models of a cascade must agree in {what}, these have "
                f"{', '.join(map(str, found))}: give models that do."
            )
    card = cards[0]
    alignment = math.lcm(*(c.alignment for c in cards))
    made = Geometry(
        layout=card.planes,
        tiling=card.tiling,
        block=card.block,
        channels=card.channels,
        pixels_per_sample=card.pixels_per_sample,
        takes_residual=any("residual" in c.inputs for c in cards),
        alignment=alignment,
        halo=-(-sum(c.halo for c in cards) // alignment) * alignment,
    )
    if made.takes_residual and made.pixels_per_sample != 1:
        raise ModelError("its residual input needs planes of full size (layout y or rgb).")
    if made.tiling == "blocks" and (
        made.block < SMALLEST_BLOCK or made.block % made.pixels_per_sample
    ):
        raise ModelError(f"its block {made.block} is below {SMALLEST_BLOCK} pixels, or odd.")
    return made
