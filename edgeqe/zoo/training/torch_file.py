"""Tensors of a file that PyTorch saved, read without PyTorch and without running code of the file.

Such a file is a pickle, which may name any function to call. Here three names are known, and
what they make is plain data; any other is refused. Read is the format from before PyTorch 1.6: four pickles,
then the storages one after another, each behind its count of values.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from edgeqe.errors import InputError

#: First pickle of such a file.
MAGIC = 0x1950A86A20F9469CFC6C
#: Types of storages.
TYPES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4"}


class _Tensors(dict[str, Any]):
    """A dictionary that may have attributes, as PyTorch's state has."""


class _Reader(pickle.Unpickler):
    """Unpickler that knows how tensors are stored, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Give the stand-in of a name that is known."""
        if (module, name) == ("collections", "OrderedDict"):
            return _Tensors
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _described
        if module == "torch" and name in TYPES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        """Type and key of a storage."""
        _, kind, key, *_ = pid
        return str(kind), str(key)


def _described(storage: tuple[str, str], offset: int, size: Any, stride: Any, *_: Any) -> Any:
    return storage, int(offset), tuple(size), tuple(stride)


def read_tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read the tensors of a state that PyTorch saved.

    Parameters
    ----------
    path : Path
        A ``.pth`` file of a state: tensors by name.

    Raises
    ------
    InputError
        If it is none, is damaged, or names a function to call.
    """
    try:
        with path.open("rb") as file:
            if _Reader(file).load() != MAGIC:
                raise ValueError("it does not begin as such a file")
            _Reader(file).load(), _Reader(file).load()  # version, and sizes of types
            described = _Reader(file).load()
            keys = _Reader(file).load()
            kinds = {storage[1]: storage[0] for storage, *_ in described.values()}
            storages = {key: _storage(file, TYPES[kinds[key]]) for key in keys}
            return {name: _tensor(storages, *parts) for name, parts in described.items()}
    except (OSError, EOFError, pickle.UnpicklingError, *_MALFORMED) as error:
        raise InputError(f"'{path}' is no state that PyTorch saved ({error}).") from error


#: What malformed contents raise.
_MALFORMED = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def _storage(file: IO[bytes], kind: str) -> npt.NDArray[Any]:
    """Values of a storage, whose count stands in front of it."""
    dtype = np.dtype(kind)
    count = int.from_bytes(file.read(8), "little")
    values = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    if len(values) != count:
        raise ValueError("it ends inside a tensor")
    return values


def _tensor(
    storages: dict[str, npt.NDArray[Any]],
    storage: tuple[str, str],
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
) -> npt.NDArray[Any]:
    """Tensor of its storage, strides in values."""
    values = storages[storage[1]]
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if min((offset, *size, *stride)) < 0 or (0 not in size and last >= len(values)):
        raise ValueError("a tensor is larger than its storage")
    steps = [step * values.itemsize for step in stride]
    found = np.lib.stride_tricks.as_strided(values[offset:], size, steps, writeable=False)
    return np.ascontiguousarray(found)
