"""A model file on the device: read, checked, and set to a strength."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from edgeqe.card import Card, StrengthTable, read_card, read_golden, read_strengths
from edgeqe.errors import ModelError
from edgeqe.protobuf import OnnxOutline, outline
from edgeqe.strength import step_key

#: Files above this are no models of ours.
LARGEST_FILE = 512 << 20
_FLOAT32 = 1


class ModelFile:
    """An ONNX model with its card.

    Parameters
    ----------
    path : Path
        File to read; it is read once, whole.

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
            self.outline: OnnxOutline = outline(self.data)
            self.card: Card = read_card(self.outline.metadata)
            self.strengths: StrengthTable | None = read_strengths(self.outline.metadata)
            self.golden = read_golden(self.outline.metadata)
            self._check()
        except ModelError as error:
            raise ModelError(
                f"cannot use the model '{path}': {error} 'edgeqe models' lists the shipped ones."
            ) from error

    def _check(self) -> None:
        tensors = self.outline.initializers
        channels = 0
        for name in self.card.vectors:
            tensor = tensors.get(name)
            if tensor is None or tensor.data_type != _FLOAT32 or tensor.start == tensor.stop:
                raise ModelError(f"its strength vector '{name}' is missing or not raw float32.")
            channels += (tensor.stop - tensor.start) // 4
        width = 0 if self.strengths is None else self.strengths.basis.shape[1]
        if channels != width:
            raise ModelError(f"its strength table has {width} columns for {channels} channels.")
        if weights_sha256(self.data, self.outline, self.card.vectors) != self.card.weights_sha256:
            raise ModelError(
                "its weights do not match its card: the file is damaged or was edited."
            )

    def key(self, step: float) -> int:
        """Key of a step, clamped to the strengths that the file holds."""
        if self.strengths is None:
            return step_key(self.card.default_step)
        first = self.strengths.first_key
        return min(max(step_key(step), first), first + len(self.strengths.curve) - 1)

    def at(self, key: int) -> bytes:
        """Bytes of the file with its vectors set to the strength of a key."""
        if self.strengths is None:
            return self.data
        data, values, used = bytearray(self.data), self.strengths.row(key), 0
        for name in self.card.vectors:
            tensor = self.outline.initializers[name]
            count = (tensor.stop - tensor.start) // 4
            vector = np.asarray(values[used : used + count], "<f4")
            data[tensor.start : tensor.stop] = vector.tobytes()
            used += count
        return bytes(data)


def weights_sha256(data: bytes, found: OnnxOutline, vectors: tuple[str, ...]) -> str:
    """Hash of the initializers' names and bytes, strength vectors left out."""
    digest = hashlib.sha256()
    for name in sorted(found.initializers):
        if name not in vectors:
            tensor = found.initializers[name]
            digest.update(name.encode())
            digest.update(data[tensor.start : tensor.stop])
    return digest.hexdigest()
