"""What every kind of picture is drawn on: a picture, its colours, its random generator and its fonts."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from edgeqe.typing import Rgb
from edgeqe.zoo.training.drawn.colours import Colour, Palette, palette
from edgeqe.zoo.training.drawn.fonts import Font, enlarged
from edgeqe.zoo.training.drawn.pen import Pen

Point = tuple[float, float]

#: How letters meet pixels, and how often: grey edges, none, or a phase for each of R, G and B.
LETTERING = {"smooth": 0.72, "hard": 0.1, "subpixel": 0.18}
#: Weights of a pixel's thirds in subpixel lettering, so that edges are not too coloured.
SUBPIXEL_FILTER = np.array([1, 2, 3, 2, 1], np.float32) / 9


class Canvas:
    """A picture while it is drawn.

    Parameters
    ----------
    rng : numpy.random.Generator
        What all choices come from.
    size : (int, int)
        Width and height, pixels.
    colours : Palette, optional
        Drawn if left out.
    """

    def __init__(
        self, rng: np.random.Generator, size: tuple[int, int], colours: Palette | None = None
    ) -> None:
        self.rng = rng
        self.colours = palette(rng) if colours is None else colours
        self.lettering = str(rng.choice(list(LETTERING), p=list(LETTERING.values())))
        self.show(Image.new("RGB", size, self.colours.paper))

    def show(self, image: Image.Image) -> None:
        """Go on with another picture of the same size."""
        self.image = image
        self.width, self.height = image.size
        self.pen = Pen(image)
        self.pen.fontmode = "1" if self.lettering == "hard" else "L"

    def pixels(self) -> Rgb:
        """The picture, shape (H, W, 3)."""
        return np.asarray(self.image)

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included; low if high is less."""
        return int(self.rng.integers(low, max(low, high) + 1))

    def size(self, low: float, high: float) -> int:
        """A whole number from low to high whose logarithm is uniform."""
        return round(float(low * (high / low) ** self.rng.random()))

    def chance(self, share: float) -> bool:
        """True in a share of the cases."""
        return bool(self.rng.random() < share)

    def place(self) -> Point:
        """A point of the picture or a little outside."""
        x, y = self.rng.uniform(-0.05, 1.05, 2)
        return x * self.width, y * self.height

    def accent(self) -> Colour:
        """One of the palette's accents."""
        accents = self.colours.accents
        return accents[int(self.rng.integers(len(accents)))]

    def text(self, at: Point, text: str, font: Font, colour: Colour | None = None) -> float:
        """Write a line from its upper left corner; its width in pixels."""
        x, y = round(at[0]), round(at[1])
        colour = self.colours.ink if colour is None else colour
        if self.lettering == "subpixel" and font.size < 40:
            self._subpixel(x, y, text, font, colour)
        else:
            self.pen.text((x, y), text, colour, font)
        return float(font.getlength(text))

    def fitted(self, text: str, font: Font, width: float) -> str:
        """The beginning of a line that fits into a width, by the font's mean letter."""
        return text[: max(0, int(6 * width / max(1.0, float(font.getlength("nesaio")))))]

    def _subpixel(self, x: int, y: int, text: str, font: Font, colour: Colour) -> None:
        """Write a line whose R, G and B lie a third of a pixel apart, as flat screens show it."""
        wide = enlarged(font, 3)
        left, top, right, bottom = (int(edge) for edge in wide.getbbox(text))
        width, height = -(-max(right, 1) // 3) + 2, -(-max(bottom, 1) // 3) + 1
        width, height = min(width, self.width - x), min(height, self.height - y)
        if min(width, height) < 1 or x < 0 or y < 0 or left > 3 * width or top > 3 * height:
            return
        mask = Image.new("L", (3 * width, 3 * height))
        ImageDraw.Draw(mask).text((0, 0), text, 255, wide)
        thirds = np.asarray(mask.reduce((1, 3)), np.float32) / 255
        padded = np.pad(thirds, ((0, 0), (2, 2)))
        soft = sum(
            weight * padded[:, tap : tap + 3 * width] for tap, weight in enumerate(SUBPIXEL_FILTER)
        )
        cover = np.asarray(soft).reshape(height, width, 3)
        box = (x, y, x + width, y + height)
        below = np.asarray(self.image.crop(box), np.float32)
        mixed = below + (np.array(colour, np.float32) - below) * cover
        self.image.paste(Image.fromarray(np.rint(mixed).astype(np.uint8)), box)
