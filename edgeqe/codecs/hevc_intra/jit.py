"""How the decoder's inner functions are compiled, and when their compiled code is out of date."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from edgeqe.errors import MissingPackageError

Function = TypeVar("Function", bound=Callable[..., Any])


def _stamp() -> str:
    """Digest of all files of the package."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


#: numba looks only at the date of the function's own file. Compiled code holds the functions that
#: it calls and the constants of other files too, so the contents of all of them count.
_STAMP = _stamp()


def compiled(function: Function) -> Function:
    """Compile a function with numba when it is first called.

    The result is kept beside the source, or in the user's cache; where neither can be written,
    every process compiles anew.
    """
    try:
        import numba
    except ImportError as error:
        raise MissingPackageError(
            "numba is not installed, and the HEVC decoder needs it: pip install 'edgeqe[codecs]'"
        ) from error
    njit: Any = numba.njit
    try:
        dispatcher = njit(cache=True, error_model="numpy")(function)
    except RuntimeError:  # no place for the cache
        return njit(error_model="numpy")(function)  # type: ignore[no-any-return]
    if hasattr(dispatcher, "_cache"):  # not with NUMBA_DISABLE_JIT
        dispatcher._cache._cache_file._source_stamp = _STAMP
    return dispatcher  # type: ignore[no-any-return]
