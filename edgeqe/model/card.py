"""Model card: metadata of a model file, stored as JSON inside it."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import math
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.errors import ModelError
from edgeqe.model.card_fields import check_fields, integer, read_json
from edgeqe.model.limits import LARGEST_ARRAY, LARGEST_CARD, LARGEST_SIDE, LARGEST_TABLE
from edgeqe.typing import Float

FORMAT_VERSION = 1
#: Keys of `metadata_props`.
CARD_KEY, STRENGTHS_KEY, GOLDEN_KEY = "edgeqe.card", "edgeqe.strengths", "edgeqe.golden"
#: Key of the table of the scales of quantized values.
ACTIVATIONS_KEY = "edgeqe.activations"
#: Layouts of the planes and their channels: ``420-space-to-depth`` four half-size phases of
#: Y, half-size Cb and Cr; ``y`` luma; ``rgb`` red, green and blue, both at full size.
LAYOUTS = {"420-space-to-depth": 6, "y": 1, "rgb": 3}
TILINGS = ("exact", "blocks", "whole")
PRECISIONS = ("float32", "float16", "int8")
#: Resolution of a stored golden output, 8-bit levels.
GOLDEN_STEP = 1 / 256
#: Rows of the golden output that are kept.
GOLDEN_ROWS = 8
#: Strengths of a codec in a table, codecs, and the largest value.
MOST_KEYS, MOST_BLOCKS, LARGEST_ENTRY = 1 << 10, 64, 1e30


@dataclass(frozen=True)
class Card:
    """Facts of a model: layout, precision, tiling, cost, strengths, provenance."""

    name: str
    """Name of the network."""
    description: str
    """One sentence."""
    planes: str
    """Layout of input and output, one of `LAYOUTS`."""
    codecs: tuple[str, ...]
    """Codecs whose pictures it was trained on."""
    precision: str
    """``float32`` or ``float16``: how the weights are stored; ``int8``: quantized weights and
    activations. Input and output are float32, of INT8 in TFLite int8."""
    halo: int
    """Picture pixels around a tile that its result depends on (receptive field), rounded up to
    the alignment."""
    alignment: int
    """Tiles start at multiples of this, picture pixels."""
    kmac_per_pixel: float
    """Thousand multiply-accumulates per picture pixel."""
    parameters: int
    """Weights, each shared one counted once."""
    peak_floats_per_pixel: float
    """Peak live floats per picture pixel, from the tensors' lifetimes."""
    default_step: float
    """Strength that the file is stored at: the codec's quantization step, 8-bit levels."""
    weights_sha256: str
    """Hash of all initializers in order of their names, strength vectors left out."""
    vectors: tuple[str, ...] = ()
    """Constants that follow the strength, in the order of the strength table's columns. An
    int32 bias among them is a float in the table."""
    activations: tuple[str, ...] = ()
    """Quantized values whose scale follows the strength, in the order of the columns of the
    table `ACTIVATIONS_KEY`; the scale of value ``v`` is the constant ``v.scale``."""
    residual_step: float = 0.0
    """Scale of the output of INT8 at the default strength, 8-bit levels; 0 where the output is
    float."""
    golden_tolerance: float = 0.0
    """Tolerance of the golden output of INT8, 8-bit levels, where a deep network needs more than
    usual: each layer that rounds a half the other way changes what follows."""
    biases: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """int32 biases of INT8, each with the two constants whose product is its scale: that of the
    kernel and that of the input; the product is the constant ``<bias>.scale``."""
    fades: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Two quantization steps of a codec, 8-bit levels: up to the first the residual is zero, from
    the second on whole, between them its share grows with the step's logarithm. Codecs that are
    not named have it whole at every step."""
    faded: tuple[str, ...] = ()
    """Constants that follow the strength and that together the residual is proportional to: what
    the share of `fades` is multiplied into."""
    folded: Mapping[str, str] = field(default_factory=dict)
    """Vectors that are multiplied into a kernel's output channels, and that kernel (float
    TFLite, where nothing folds at load)."""
    inputs: tuple[str, ...] = ("planes",)
    """Inputs of the file: ``planes``, and ``residual``, the decoded prediction residual."""
    tiling: str = "exact"
    """``exact``: windows with the halo equal the whole. ``blocks``: the network is defined
    on blocks of `block` pixels. ``whole``: it needs the whole picture at once."""
    block: int = 0
    """Side of a block, pixels, where `tiling` is ``blocks``."""
    traffic_floats_per_pixel: float = 0.0
    """Floats read and written per picture pixel by all fused layers, from the graph; an 8-bit
    value counts a quarter. 0 in files from before it was counted."""
    integer_kmac_per_pixel: float = 0.0
    """Part of `kmac_per_pixel` that INT8 computes in integers; convolutions may be kept in
    float."""
    exact_halo: int = 0
    """`halo` before it was rounded up."""
    trainable: int = 0
    """Trainable parameters of the network it was exported from, 0 where unknown."""
    shared: tuple[str, ...] = ()
    """Kernels above 1x1 that several convolutions use, each stored once."""
    licence: str = "Apache-2.0"
    """SPDX identifier of the weights, or `card_fields.NOT_STATED`."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Recipe, data, seed, steps."""
    quality: Mapping[str, Any] = field(default_factory=dict)
    """Measured quality."""
    format_version: int = FORMAT_VERSION
    """Version of this schema."""

    @property
    def channels(self) -> int:
        """Planes of the picture that go in and come out."""
        return LAYOUTS[self.planes]

    @property
    def input_channels(self) -> dict[str, int]:
        """Channels of each input of the file, in their order."""
        return {name: self.channels if name == "planes" else 1 for name in self.inputs}

    @property
    def pixels_per_sample(self) -> int:
        """Picture pixels per sample of a plane along an axis."""
        return pixels_per_sample(self.planes)

    @property
    def random_weights(self) -> bool:
        """Whether nobody trained it: it serves timing and tests alone."""
        return self.provenance.get("weights") == "random"

    @property
    def not_fine_tuned(self) -> bool:
        """Whether channels were pruned, and no training won back what that costs."""
        return "pruned" in self.provenance and "fine-tuned" not in self.provenance

    @property
    def caveat(self) -> str:
        """Why its pictures say little of the network, in a few words; empty for most."""
        if self.random_weights:
            return "random weights, for timing and tests alone"
        return "pruned and not fine-tuned" if self.not_fine_tuned else ""

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary, as in the file."""
        return dataclasses.asdict(self)

    def to_json(self) -> str:
        """JSON text, as in the file."""
        return json.dumps(self.to_dict(), sort_keys=True)


def pixels_per_sample(layout: str) -> int:
    """Picture pixels per sample of a plane along an axis, for one of `LAYOUTS`."""
    return 2 if layout == "420-space-to-depth" else 1


def read_card(metadata: Mapping[str, str]) -> Card:
    """Card of a file's metadata.

    Raises
    ------
    ModelError
        If there is none, or it is of another version, or a field is missing or wrong.
    """
    if CARD_KEY not in metadata:
        raise ModelError("it carries no card: it was not exported by edgeqe.")
    try:
        values = read_json(metadata[CARD_KEY], LARGEST_CARD)
        version = values.get("format_version")
        if type(version) is int and version != FORMAT_VERSION:
            raise ModelError(
                f"its card has format {version}, this edgeqe reads {FORMAT_VERSION}: "
                "update edgeqe, or export the model again."
            )
        card = Card(**check_fields(values))
        if card.halo % card.alignment:
            raise ValueError(f"halo {card.halo} is no multiple of alignment {card.alignment}")
        if card.tiling == "blocks" and (card.block < 1 or card.block % card.alignment):
            raise ValueError(f"block {card.block} is no multiple of alignment {card.alignment}")
    except (TypeError, ValueError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"its card is damaged ({error}).") from error
    known: dict[str, Collection[Any]] = {
        "planes": LAYOUTS,
        "tiling": TILINGS,
        "inputs": (("planes",), ("planes", "residual")),
        "precision": PRECISIONS,
    }
    for what, choices in known.items():
        if getattr(card, what) not in choices:
            raise ModelError(
                f"its {what} is {getattr(card, what)!r}, which this edgeqe does not know: "
                "update edgeqe, or export the model again."
            )
    return card


@dataclass(frozen=True)
class StrengthTable:
    """Strength vectors at every 1/12 octave of the step, as a low-rank product of two matrices.

    A key of a block behind the first goes on counting where the block before it ends. The
    vectors are smooth in the step, so the table is stored as
    ``curve @ basis``, which a test holds to 1e-5 of the exact values.
    """

    first_key: int
    """``round(12 * log2(step))`` of the first row."""
    curve: Float
    """Shape (keys, rank)."""
    basis: Float
    """Shape (rank, all channels of all vectors, in the card's order)."""
    blocks: int = 1
    """Blocks of rows, one below the other: one, or one for each of the card's codecs in their
    order, each with the keys of the first."""

    @property
    def keys(self) -> int:
        """Keys of one block."""
        return len(self.curve) // self.blocks

    def row(self, key: int) -> Float:
        """All vectors, concatenated, at a key; keys outside the table are clamped.

        Products of two float32 are exact in float64, and the order of the sums is fixed, so every
        machine gets the same bits; those of a matrix product depend on processor and alignment.
        """
        index = min(max(key - self.first_key, 0), len(self.curve) - 1)
        values = np.zeros(self.basis.shape[1], np.float64)
        for weight, vector in zip(self.curve[index].astype(np.float64), self.basis, strict=True):
            values += weight * vector
        return values.astype(np.float32)

    def to_text(self) -> str:
        """JSON text, as in the file."""
        return json.dumps(
            {
                "first_key": self.first_key,
                **({"blocks": self.blocks} if self.blocks > 1 else {}),
                "curve": pack_array(self.curve, squeeze=True),
                "basis": pack_array(self.basis, squeeze=True),
            }
        )


def read_strengths(metadata: Mapping[str, str], table: str = STRENGTHS_KEY) -> StrengthTable | None:
    """A strength table of a file's metadata, None where the model has one strength.

    Raises
    ------
    ModelError
        If it is damaged.
    """
    if table not in metadata:
        return None
    try:
        values = read_json(metadata[table], LARGEST_TABLE)
        found = StrengthTable(
            integer(-(1 << 12), 1 << 12)(values["first_key"]),
            unpack_array(values["curve"], np.dtype("<f4"), 2),
            unpack_array(values["basis"], np.dtype("<f4"), 2),
            integer(1, MOST_BLOCKS)(values.get("blocks", 1)),
        )
        if len(found.curve) % found.blocks:
            raise ValueError(f"{len(found.curve)} rows in {found.blocks} blocks")
        too_long = len(found.curve) > MOST_KEYS * found.blocks
        if found.curve.shape[1] != found.basis.shape[0] or too_long or not len(found.curve):
            raise ValueError(f"shapes {found.curve.shape} and {found.basis.shape}")
        largest = np.abs(found.curve).max() * np.abs(found.basis).sum(0, np.float64).max()
        if not largest < LARGEST_ENTRY:
            raise ValueError(f"values up to {largest:g}")
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"its table '{table}' is damaged ({error}).") from error
    return found


def golden_text(planes: npt.NDArray[np.uint8], residual: Float) -> str:
    """Golden input and output, as in the file; of the output the first `GOLDEN_ROWS` rows."""
    steps = np.rint(residual[:, :GOLDEN_ROWS] / GOLDEN_STEP).astype("<i2")
    return json.dumps({"planes": pack_array(planes), "residual": pack_array(steps)})


def read_golden(metadata: Mapping[str, str]) -> tuple[npt.NDArray[np.uint8], Float]:
    """Golden input (C, h, w), 8-bit sample values, and the first rows of its residual.

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    try:
        values = read_json(metadata[GOLDEN_KEY], LARGEST_TABLE)
        planes = unpack_array(values["planes"], np.dtype("u1"), 3)
        residual = unpack_array(values["residual"], np.dtype("<i2"), 3)
        rows = min(GOLDEN_ROWS, planes.shape[1])
        if residual.shape[1:] != (rows, planes.shape[2]) or max(planes.shape) > LARGEST_SIDE:
            raise ValueError(f"shapes {planes.shape} and {residual.shape}")
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"its golden tile is missing or damaged ({error}).") from error
    return planes, residual.astype(np.float32) * np.float32(GOLDEN_STEP)


def pack_array(array: npt.NDArray[Any], *, squeeze: bool = False) -> dict[str, Any]:
    """Shape and base64 of an array's bytes, compressed by zlib if asked for."""
    raw = np.ascontiguousarray(array).tobytes()
    packed = zlib.compress(raw, 9) if squeeze else raw
    text = base64.b64encode(packed).decode("ascii")
    return {"shape": list(array.shape), "zlib" if squeeze else "data": text}


def unpack_array(value: Any, dtype: np.dtype[Any], rank: int | None = None) -> npt.NDArray[Any]:
    """Inverse of `pack_array`, of at most `LARGEST_ARRAY` elements and of a rank, if one is given.

    Raises
    ------
    ValueError
        If its shape is no array's, or its bytes do not fit.
    TypeError, KeyError
        If it is not what `pack_array` gives.
    """
    sides = value["shape"]
    if not isinstance(sides, list) or len(sides) > 8 or rank not in (None, len(sides)):
        raise ValueError("a shape of another rank")
    shape = [integer(1, LARGEST_ARRAY)(side) for side in sides]
    size = math.prod(shape) * dtype.itemsize
    if size > LARGEST_ARRAY * dtype.itemsize:
        raise ValueError(f"an array of shape {shape}")
    try:
        if "zlib" not in value:
            raw = base64.b64decode(value["data"], validate=True)
        else:  # never more than the shape needs, whatever the bytes say
            packed = base64.b64decode(value["zlib"], validate=True)
            raw = zlib.decompressobj().decompress(packed, size + 1)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(str(error)) from error
    return np.frombuffer(raw, dtype).reshape(shape)
