"""What a network takes, gives and costs, as its file says; compared with the card and the limits.

Card and graph come from the same untrusted file. Buffers are sized by the one and filled by the
other, so nothing runs before they agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from edgeqe.errors import ModelError
from edgeqe.model import limits
from edgeqe.model.card import Card

#: Scale and offsets of a value.
Size = tuple[Fraction, tuple[int, int]]
#: Of the network's planes, and of what pooled the whole picture.
WHOLE: Size = Fraction(1), (0, 0)
POOLED: Size = Fraction(0), (1, 1)
FLOAT32, UINT8, INT8, INT32, INT64, FLOAT16 = 1, 2, 3, 6, 7, 10


class Value(NamedTuple):
    """What one operator gives to the next: planes of one size.

    For planes of n samples along an axis it has ``scale * n + offset``, with an offset for each
    axis; what pooled the whole picture has scale 0 and offsets 1.
    """

    channels: int
    scale: Fraction
    offsets: tuple[int, int]
    kind: int
    """ONNX's number of its element type."""

    @property
    def size(self) -> Size:
        """Scale and offsets."""
        return self.scale, self.offsets

    @property
    def per_sample(self) -> float:
        """Elements per sample of the network's planes."""
        return self.channels * area(self.scale)


def area(scale: Fraction) -> float:
    """Samples of a value for each sample of the network's planes."""
    return (scale.numerator / scale.denominator) ** 2


@dataclass(frozen=True)
class Network:
    """A network's ends and its cost."""

    inputs: dict[str, int]
    """Channels of each input, by name, in the file's order."""
    outputs: tuple[int, ...]
    """Channels of each output."""
    kinds: tuple[int, ...]
    """ONNX's number of each output's element type."""
    sizes: tuple[Size, ...]
    """Of each output; that of the inputs is 1, (0, 0)."""
    alignment: int
    """Sides of the planes must be multiples of this, samples."""
    macs: float
    """Multiply-accumulates per sample of the planes."""
    widest: float
    """Elements per sample that the operator with most of them reads and writes."""


@dataclass
class Tally:
    """Cost of a network, added up operator by operator and held to the limits."""

    alignment: int = 1
    macs: float = 0.0
    widest: float = 0.0
    values: float = 0.0
    weights: int = 0
    operators: int = 0
    sizes: list[Size] = field(default_factory=list)
    """Of every value."""

    def add(self, given: list[Value], made: Value, weights: int = 0, macs: float = 0.0) -> None:
        """Count an operator: values that it reads, what it makes, weights, MACs per sample.

        Raises
        ------
        ModelError
            If the result is too wide.
        """
        if self.alignment % made.scale.denominator:
            self.alignment = math.lcm(self.alignment, made.scale.denominator)
        count = made.per_sample
        touched = count
        for value in given:
            touched += value.per_sample
        self.widest = max(self.widest, touched)
        self.values += count
        self.sizes.append(made.size)
        self.macs += macs
        self.weights += weights
        self.operators += 1
        if max(count, made.channels) > limits.WIDEST_VALUE:
            raise ModelError(
                f"its network has a value of {made.channels} channels, {count:.0f} numbers per "
                f"sample: {limits.WIDEST_VALUE} are the most."
            )

    def network(self, inputs: dict[str, int], outputs: list[Value]) -> Network:
        """The network of these ends.

        Raises
        ------
        ModelError
            If a limit is passed, or a value has no samples where the planes are smallest.
        """
        for what, found, most in (
            ("operators", self.operators, limits.MOST_OPERATORS),
            ("values per sample", self.values, limits.MOST_VALUES),
            ("weights, counted at each use", self.weights, limits.MOST_WEIGHTS),
            ("multiply-accumulates per sample", self.macs, limits.MOST_MACS),
            ("samples of alignment", self.alignment, limits.LARGEST_WINDOW),
        ):
            if found > most:
                raise ModelError(f"its network has {found:.0f} {what}, {most} are the most.")
        for scale, offsets in self.sizes:
            least = scale.numerator * (self.alignment // scale.denominator) + min(offsets)
            if least < 1:
                raise ModelError(f"its network has values of {_formula((scale, offsets))} samples.")
        channels = tuple(value.channels for value in outputs)
        sizes = tuple(value.size for value in outputs)
        kinds = tuple(value.kind for value in outputs)
        return Network(inputs, channels, kinds, sizes, self.alignment, self.macs, self.widest)


def window(value: Value, sides: tuple[int, int], stride: int, zeros: tuple[int, int]) -> Size:
    """Size behind a window that steps over a value.

    Parameters
    ----------
    value : Value
    sides : (int, int)
        Rows and columns of the window.
    stride : int
    zeros : (int, int)
        Rows and columns of zeros around the value, both ends together.
    """
    if not (1 <= min(sides) <= max(sides) <= limits.LARGEST_WINDOW >= stride >= 1):
        raise ModelError(f"its network has a window of {sides} samples with stride {stride}.")
    if not 0 <= min(zeros) <= max(zeros) <= 2 * limits.LARGEST_WINDOW:
        raise ModelError(f"its network puts {zeros} zeros around a value.")
    rows, columns = (
        (offset + more - side) // stride + 1
        for offset, more, side in zip(value.offsets, zeros, sides, strict=True)
    )
    return value.scale if stride == 1 else value.scale / stride, (rows, columns)


def joined(a: Value, b: Value, what: str) -> Value:
    """What an operator makes of two values, one of which may be spread over the other.

    Raises
    ------
    ModelError
        If they do not fit.
    """
    sizes, channels = {a.size, b.size} - {POOLED}, {a.channels, b.channels} - {1}
    if a.kind != b.kind or len(sizes) > 1 or len(channels) > 1:
        raise ModelError(f"its operator {what} joins values that do not fit.")
    size = sizes.pop() if sizes else POOLED
    return Value(channels.pop() if channels else 1, *size, a.kind)


def rearranged(value: Value, op: str, block: int) -> Value:
    """What DepthToSpace or SpaceToDepth makes of a value.

    Raises
    ------
    ModelError
        If its channels or its size do not fit the block.
    """
    to_space = op.upper().startswith("DEPTH")
    if not 1 <= block <= limits.LARGEST_WINDOW or value.offsets != (0, 0):
        raise ModelError(f"its operator {op} has blocks of {block} samples.")
    if not to_space:
        return value._replace(channels=value.channels * block**2, scale=value.scale / block)
    if value.channels % block**2:
        raise ModelError(f"its operator {op} cannot cut {value.channels} channels by {block}.")
    return value._replace(channels=value.channels // block**2, scale=value.scale * block)


def check_network(network: Network, card: Card) -> None:
    """Compare a network with the card of its file.

    Raises
    ------
    ModelError
        If inputs, output, alignment or memory are others than the card says.
    """
    if list(network.inputs.items()) != list(card.input_channels.items()):
        raise ModelError(
            f"its network takes {_listed(network.inputs)}, its card says "
            f"{_listed(card.input_channels)}."
        )
    if network.outputs != (card.channels,):
        raise ModelError(
            f"its network gives {' and '.join(map(str, network.outputs))} channels, its card says "
            f"{card.channels}."
        )
    if network.sizes != (WHOLE,):
        raise ModelError(
            f"its network gives {_formula(network.sizes[0])} samples for n by n: a residual has "
            "the size of the planes."
        )
    unit = network.alignment * card.pixels_per_sample
    if card.alignment % unit:
        raise ModelError(f"its card's alignment {card.alignment} is no multiple of {unit}.")
    width = 0.25 if card.precision == "int8" else 1.0
    least = width * network.widest / card.pixels_per_sample**2
    if card.peak_floats_per_pixel < 0.5 * least:
        raise ModelError(
            f"its card says {card.peak_floats_per_pixel:g} live floats per pixel, an operator "
            f"alone has {least:g}."
        )


def _formula(size: Size) -> str:
    scale, (rows, columns) = size
    return f"{scale} n + {rows} by {scale} n + {columns}"


def _listed(inputs: dict[str, int]) -> str:
    return ", ".join(f"'{name}' of {count} channels" for name, count in inputs.items())
