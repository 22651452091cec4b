"""A model file on the device: read, checked, and set to a strength."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeqe import flatbuffer, protobuf
from edgeqe.card import Card, StrengthTable, read_card, read_golden, read_strengths
from edgeqe.errors import ModelError
from edgeqe.flatbuffer import TfliteOutline
from edgeqe.protobuf import OnnxOutline, Tensor
from edgeqe.strength import step_key

Float = npt.NDArray[np.float32]
Outline = OnnxOutline | TfliteOutline

#: Files above this are no models of ours.
LARGEST_FILE = 512 << 20
#: ONNX's numbers of the types that a strength vector, or a kernel it is folded into, may have.
_FLOATS = (1, 10)


class ModelFile:
    """An ONNX or TFLite model with its card.

    Parameters
    ----------
    path : Path
        File to read; it is read once, whole. Its bytes say what format it has.

    Raises
    ------
    ModelError
        If the file is missing, damaged, foreign, or does not match its card.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            size = path.stat().st_size
            if size > LARGEST_FILE:
                raise ModelError(f"'{path}' has {size >> 20} MiB, more than any model of edgeqe.")
            self.data = path.read_bytes()
        except OSError as error:
            raise ModelError(
                f"cannot read the model '{path}': {error.strerror or error}."
            ) from error
        try:
            self.outline: Outline = outline_of(self.data)
            self.format = "tflite" if isinstance(self.outline, TfliteOutline) else "onnx"
            self.card: Card = read_card(self.outline.metadata)
            self.strengths: StrengthTable | None = read_strengths(self.outline.metadata)
            self.golden = read_golden(self.outline.metadata)
            self._check()
        except ModelError as error:
            raise ModelError(
                f"cannot use the model '{path}': {error} 'edgeqe models' lists the shipped ones."
            ) from error

    def _check(self) -> None:
        tensors, folded = self.outline.initializers, self.card.folded
        if folded and self.format != "tflite":
            raise ModelError("its card folds strength vectors, which only TFLite files do.")
        channels = 0
        for name in self.card.vectors:
            tensor = tensors.get(folded.get(name, name))
            if tensor is None or tensor.data_type not in _FLOATS or tensor.start == tensor.stop:
                raise ModelError(f"its strength vector '{name}' is missing or has no raw numbers.")
            channels += _channels(tensor, name in folded)
        width = 0 if self.strengths is None else self.strengths.basis.shape[1]
        if channels != width:
            raise ModelError(f"its strength table has {width} columns for {channels} channels.")
        if self.strengths is not None:
            default = self.strengths.row(self.key(self.card.default_step))
            for name, columns in self._columns():
                if name in folded and not default[columns].all():
                    raise ModelError(f"its folded strength vector '{name}' is 0 somewhere.")
        if weights_sha256(self.data, self.outline, self.card.vectors) != self.card.weights_sha256:
            raise ModelError(
                "its weights do not match its card: the file is damaged or was edited."
            )

    def _columns(self) -> Iterator[tuple[str, slice]]:
        """Each strength vector and its columns of the strength table."""
        used = 0
        for name in self.card.vectors:
            tensor = self.outline.initializers[self.card.folded.get(name, name)]
            count = _channels(tensor, name in self.card.folded)
            yield name, slice(used, used + count)
            used += count

    def key(self, step: float) -> int:
        """Key of a step, clamped to the strengths that the file holds."""
        if self.strengths is None:
            return step_key(self.card.default_step)
        first = self.strengths.first_key
        return min(max(step_key(step), first), first + len(self.strengths.curve) - 1)

    def at(self, key: int) -> bytes:
        """Bytes of the file with its vectors set to the strength of a key.

        A vector that is folded into a kernel scales that kernel's output channels by its
        value over its value at the default strength, at which the file lies.
        """
        if self.strengths is None:
            return self.data
        data, values = bytearray(self.data), self.strengths.row(key)
        default = self.strengths.row(self.key(self.card.default_step))
        for name, columns in self._columns():
            kernel = self.card.folded.get(name)
            tensor = self.outline.initializers[kernel or name]
            new = values[columns].astype(np.float64)
            if kernel:
                lying = np.frombuffer(self.data[tensor.start : tensor.stop], tensor.dtype)
                factor = new / default[columns].astype(np.float64)
                new = lying.reshape(len(factor), -1).astype(np.float64) * factor[:, None]
            data[tensor.start : tensor.stop] = new.astype(tensor.dtype).tobytes()
        return bytes(data)


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


def weights_sha256(data: bytes, found: Outline, vectors: tuple[str, ...]) -> str:
    """Hash of the initializers' names and bytes, strength vectors left out."""
    digest = hashlib.sha256()
    for name in sorted(found.initializers):
        if name not in vectors:
            tensor = found.initializers[name]
            digest.update(name.encode())
            digest.update(data[tensor.start : tensor.stop])
    return digest.hexdigest()


def _channels(tensor: Tensor, folded: bool) -> int:
    """Numbers of a strength vector: all of its tensor's, or one an output channel."""
    return tensor.dims[0] if folded else (tensor.stop - tensor.start) // tensor.dtype.itemsize
