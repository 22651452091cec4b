"""Model file on the device: parse, check against its card, and set to a strength."""

from __future__ import annotations

import hashlib
import math
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.codecs.strength import coded_as, step_key
from edgeqe.errors import MissingModelError, ModelError
from edgeqe.model import flatbuffer, protobuf
from edgeqe.model.card import (
    ACTIVATIONS_KEY,
    CARD_KEY,
    Card,
    StrengthTable,
    read_card,
    read_golden,
    read_strengths,
)
from edgeqe.model.fades import LEAST_INT8_SHARE, check_fades, shares_of
from edgeqe.model.flatbuffer import TfliteOutline
from edgeqe.model.limits import LARGEST_FILE
from edgeqe.model.network import check_network
from edgeqe.model.protobuf import OnnxOutline
from edgeqe.model.tensors import Tensor
from edgeqe.typing import Float

Outline = OnnxOutline | TfliteOutline

#: Suffixes of networks of other tools that `edgeqe convert` takes.
FOREIGN = (".onnx", ".keras", ".tflite")
#: ONNX's numbers of the types that a strength vector, or a kernel it is folded into, may have.
_FLOATS = (1, 10)


class ModelFile:
    """An ONNX or TFLite model file with its card.

    Parameters
    ----------
    path : Path
        File to read; it is read once, whole. Its bytes say what format it has.
    accept : callable, optional
        Gets the bytes before any of them is parsed; what it raises goes on to the caller.

    Raises
    ------
    ModelError
        If the file is missing, damaged, foreign, or does not match its card.
    """

    def __init__(self, path: Path, *, accept: Callable[[bytes], object] | None = None) -> None:
        self.path = path
        try:
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):
                raise ModelError(
                    f"'{path}' is no plain file: give a model file; 'edgeqe convert' makes one of a "
                    "training's folder or a SavedModel."
                )
            if found.st_size > LARGEST_FILE:
                raise ModelError(
                    f"'{path}' has {found.st_size >> 20} MiB, more than any model of edgeqe."
                )
            self.data = path.read_bytes()
        except OSError as error:
            kind = MissingModelError if isinstance(error, FileNotFoundError) else ModelError
            raise kind(f"cannot read the model '{path}': {error.strerror or error}.") from error
        if accept is not None:
            accept(self.data)
        try:
            self.outline: Outline = self._outline()
            self.format = "tflite" if isinstance(self.outline, TfliteOutline) else "onnx"
            self.card: Card = read_card(self.outline.metadata)
            self.strengths: StrengthTable | None = read_strengths(self.outline.metadata)
            self.activations = read_strengths(self.outline.metadata, ACTIVATIONS_KEY)
            self.golden = read_golden(self.outline.metadata)
            self._check()
        except ModelError as error:
            way = "'edgeqe models' lists the shipped ones."
            if CARD_KEY.encode() not in self.data and path.suffix in FOREIGN:
                made = path.with_name(f"{path.stem}.edgeqe.onnx")
                way = f"'edgeqe convert {path} -o {made}' gives a network of another tool its card; {way}"
            raise ModelError(f"cannot use the model '{path}': {error} {way}") from error

    def _outline(self) -> Outline:
        try:
            return outline_of(self.data)
        except ModelError as error:
            if CARD_KEY.encode() in self.data:
                raise
            raise ModelError(
                f"it carries no card: it was not exported by edgeqe ({str(error).rstrip('.')})."
            ) from error

    def _check(self) -> None:
        check_network(self.outline.network, self.card)
        planes, residual = self.golden[0].shape, self.golden[1].shape
        channels = sum(self.card.input_channels.values())
        unit = self.card.alignment // self.card.pixels_per_sample
        if (planes[0], residual[0]) != (channels, self.card.channels) or any(
            side % unit for side in planes[1:]
        ):
            raise ModelError(f"its golden tile has shape {planes} and gives {residual}.")
        folded = self.card.folded
        if folded and self.format != "tflite":
            raise ModelError("its card folds strength vectors, which only TFLite files do.")
        for bias, product in self.card.biases.items():
            shapes = {self._constant(name, (1,)).dims for name in (f"{bias}.scale", product[0])}
            if {self._constant(bias, (6,)).dims} != shapes:
                raise ModelError(f"its integer bias '{bias}' and its scales do not go together.")
            if math.prod(self._constant(product[1], (1,)).dims) != 1 or bias in folded:
                raise ModelError(f"its integer bias '{bias}' has not one scale of its input.")
            if self.strengths is not None and bias not in self.card.vectors:
                raise ModelError(f"its integer bias '{bias}' does not follow the strength.")
        for table, names, columns in (
            (self.strengths, self.card.vectors, self._columns()),
            (self.activations, self.card.activations, self._scales()),
        ):
            channels = max((part.stop for _, part in columns), default=0)
            width = 0 if table is None else table.basis.shape[1]
            if channels != width:
                raise ModelError(f"a strength table has {width} columns for {channels} channels.")
            if (
                table is not None
                and names
                and (table.first_key != self.first_key or len(table.curve) != self.keys)
            ):
                raise ModelError("its strength tables do not have the same strengths.")
            if table is not None and table.blocks not in (1, len(self.card.codecs)):
                raise ModelError(
                    f"a strength table has {table.blocks} blocks for {len(self.card.codecs)} codecs."
                )
        check_fades(self.card, self.strengths, self.key(self.card.default_step) - self.first_key)
        if self.strengths is not None:
            self.shares = shares_of(self.card, self.strengths)
            default = self.strengths.row(self.key(self.card.default_step))
            for name, part in self._columns():
                if name in folded and not default[part].all():
                    raise ModelError(f"its folded strength vector '{name}' is 0 somewhere.")
        if weights_sha256(self.data, self.outline, self.card) != self.card.weights_sha256:
            raise ModelError(
                "its weights do not match its card: the file is damaged or was edited."
            )

    def _constant(self, name: str, types: tuple[int, ...], held_by: str = "") -> Tensor:
        """Tensor of a name, or of the constant that holds it, of one of ONNX's types."""
        tensor = self.outline.initializers.get(held_by or name)
        if tensor is None or tensor.data_type not in types or tensor.start == tensor.stop:
            raise ModelError(f"its strength vector '{name}' is missing or has no raw data.")
        return tensor

    def _columns(self) -> Iterator[tuple[str, slice]]:
        """Each strength vector and its columns of the strength table."""
        used = 0
        for name in self.card.vectors:
            kernel = self.card.folded.get(name)
            types = (6,) if name in self.card.biases else _FLOATS
            tensor = self._constant(name, types, kernel or "")
            if kernel and len(tensor.dims) != 4:
                raise ModelError(f"its strength vector '{name}' is folded into no kernel.")
            count = tensor.dims[0] if kernel else math.prod(tensor.dims)
            yield name, slice(used, used + count)
            used += count

    def _scales(self) -> Iterator[tuple[str, slice]]:
        """Scale of each quantized value, and its column."""
        for index, value in enumerate(self.card.activations):
            if math.prod(self._constant(f"{value}.scale", (1,)).dims) != 1:
                raise ModelError(f"the value '{value}' has not one scale.")
            yield f"{value}.scale", slice(index, index + 1)

    @property
    def first_key(self) -> int:
        """First key of its strengths; the default one where it has one strength."""
        if self.strengths is None:
            return step_key(self.card.default_step)
        return self.strengths.first_key

    @property
    def keys(self) -> int:
        """How many strengths it has, those of all codecs."""
        return 1 if self.strengths is None else len(self.strengths.curve)

    def key(self, step: float, codec: str = "") -> int:
        """Key of a step of a codec, clamped to the strengths that the file holds.

        Parameters
        ----------
        step : float
            8-bit sample values.
        codec : str
            One that the card serves; empty: the first of them.
        """
        if self.strengths is None:
            return self.first_key
        keys, index = self.strengths.keys, 0
        if codec and self.strengths.blocks > 1:
            index = self.card.codecs.index(coded_as(codec, self.card.codecs))
        key = min(max(step_key(step), self.first_key), self.first_key + keys - 1)
        return key + index * keys

    def changes_nothing(self, key: int) -> bool:
        """Whether the fades of its card leave no residual at a key, so that it need not run."""
        return self.strengths is not None and bool(self.shares[self._row(key)] <= LEAST_INT8_SHARE)

    def at(self, key: int) -> bytes:
        """Bytes of the file with its vectors set to the strength of a key.

        A vector that is folded into a kernel scales that kernel's output channels by its
        value over its value at the default strength, at which the file is stored. An int32
        bias has its kernel's scale times its input's.
        """
        if self.strengths is None:
            return self.data
        with np.errstate(all="ignore"):  # of a strange table; the runtime takes any number
            return self._at(self.strengths, key)

    def _at(self, table: StrengthTable, key: int) -> bytes:
        data, default = bytearray(self.data), table.row(self.key(self.card.default_step))
        new = self._moving(table, key)
        for bias, product in self.card.biases.items():
            kernel, given = (new.get(name, self._stored(name)) for name in product)
            new[f"{bias}.scale"] = given * kernel
            new[bias] = integer_bias(new[bias], given * kernel)
        for name, columns in self._columns():
            if name in self.card.folded:
                tensor = self.outline.initializers[self.card.folded[name]]
                stored = self._stored(tensor.name).reshape(len(new[name]), -1).astype(np.float64)
                factor = new[name].astype(np.float64) / default[columns].astype(np.float64)
                new[tensor.name] = stored * factor[:, None]
                del new[name]
        for name, array in new.items():
            tensor = self.outline.initializers[name]
            data[tensor.start : tensor.stop] = array.astype(tensor.dtype).tobytes()
        return bytes(data)

    def _moving(self, table: StrengthTable, key: int) -> dict[str, npt.NDArray[Any]]:
        """Everything of the tables at a key, as floats, what fades scaled by its share."""
        values = table.row(key)
        new: dict[str, npt.NDArray[Any]] = {name: values[part] for name, part in self._columns()}
        if self.activations is not None:
            scales = self.activations.row(key)
            new |= {name: scales[column] for name, column in self._scales()}
        for name in self.card.faded:
            new[name] = new[name] * self.shares[self._row(key)]
        return new

    def _row(self, key: int) -> int:
        """Row of the tables of a key, clamped to those that there are."""
        return min(max(key - self.first_key, 0), self.keys - 1)

    def vectors_at(self, key: int) -> dict[str, npt.NDArray[Any]]:
        """Strength vectors at a key, with the shapes and types that they have in the file."""
        assert self.strengths is not None
        with np.errstate(all="ignore"):
            moving, found = self._moving(self.strengths, key), {}
            for name in self.card.vectors:
                tensor = self.outline.initializers[name]
                found[name] = moving[name].astype(tensor.dtype).reshape(tensor.dims)
        return found

    def _stored(self, name: str) -> npt.NDArray[Any]:
        """Values of a constant, as stored in the file."""
        tensor = self.outline.initializers[name]
        return np.frombuffer(self.data[tensor.start : tensor.stop], tensor.dtype)


def integer_bias(bias: Float, unit: Float) -> npt.NDArray[np.int32]:
    """Quantize a bias to int32 by a scale per channel, saturated."""
    integers = np.rint(bias.astype(np.float64) / unit.astype(np.float64))
    limits = np.iinfo(np.int32)
    return np.clip(integers, limits.min, limits.max).astype(np.int32)


def outline_of(data: bytes) -> Outline:
    """Metadata, constants and operators of a file of either format, told by its bytes.

    Raises
    ------
    ModelError
        If it is damaged or refers to data outside itself.
    """
    if data[4:8] == flatbuffer.IDENTIFIER:
        return flatbuffer.outline(data)
    return protobuf.outline(data)


def weights_sha256(data: bytes, found: Outline, card: Card) -> str:
    """Hash of the initializers' names and bytes, what follows the strength left out."""
    moving = {*card.vectors, *(f"{name}.scale" for name in (*card.activations, *card.biases))}
    digest = hashlib.sha256()
    for name in sorted(found.initializers):
        if name not in moving:
            tensor = found.initializers[name]
            digest.update(name.encode())
            digest.update(data[tensor.start : tensor.stop])
    return digest.hexdigest()
