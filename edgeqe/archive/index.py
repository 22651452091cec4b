"""Where the newest line about each file of a manifest lies: sixteen bytes a file."""

from __future__ import annotations

import hashlib
from array import array

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]


def path_key(path: str) -> int:
    """Number of 64 bits that stands for a path; of a million paths hardly two share one."""
    text = path.encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


class LineIndex:
    """Offsets of lines by the key of the path that they are about.

    Parameters
    ----------
    keys, offsets : array of 64-bit numbers
        Of all lines, in the order of the file.
    """

    def __init__(self, keys: array[int], offsets: array[int]) -> None:
        found: Keys = np.frombuffer(keys, np.uint64) if keys else np.zeros(0, np.uint64)
        places: Keys = np.frombuffer(offsets, np.uint64) if offsets else np.zeros(0, np.uint64)
        order = np.argsort(found, kind="stable")
        self._keys, self._offsets = found[order], places[order]

    def offsets(self, key: int) -> list[int]:
        """Offsets of the lines of a key, the newest first."""
        first = int(np.searchsorted(self._keys, np.uint64(key), "left"))
        last = int(np.searchsorted(self._keys, np.uint64(key), "right"))
        return [int(offset) for offset in self._offsets[first:last][::-1]]
