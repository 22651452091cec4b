"""Tensors and operators of a model file, of either format: what both parsers return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from edgeqe.errors import ModelError

#: NumPy type by ONNX's number of an element type, little-endian as both formats store them.
DTYPES = {1: "<f4", 2: "u1", 3: "i1", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8"}


#: Attribute of an operator.
Attribute = int | float | str | tuple[int, ...]


@dataclass(frozen=True)
class Tensor:
    """A constant of a model file, and where its data are."""

    name: str
    dims: tuple[int, ...]
    data_type: int
    """ONNX's number of the element type; 1 is float32, 10 float16."""
    start: int
    """First byte of the raw data in the file; equal to `stop` if it has none."""
    stop: int
    """Byte behind the last."""

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """NumPy type of its elements.

        Raises
        ------
        ModelError
            If it is none that a model of edgeqe holds.
        """
        if self.data_type not in DTYPES:
            raise ModelError(f"its tensor '{self.name}' has the unknown type {self.data_type}.")
        return np.dtype(DTYPES[self.data_type])


@dataclass(frozen=True)
class Operation:
    """One operator of a model file, by names of its tensors."""

    op_type: str
    inputs: tuple[str, ...]
    """Names; '' for an optional one that is not given."""
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    """Of an ONNX file."""
