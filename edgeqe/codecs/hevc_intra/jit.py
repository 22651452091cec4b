"""How the decoder's inner functions are compiled, and when their compiled code is out of date."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from edgeqe.errors import InputError

Function = TypeVar("Function", bound=Callable[..., Any])


def _stamp() -> tuple[tuple[str, float, int], ...]:
    files = sorted(Path(__file__).parent.glob("*.py"))
    states = [(file.name, file.stat()) for file in files]
    return tuple((name, state.st_mtime, state.st_size) for name, state in states)


#: numba asks only for the state of the function's own file. Compiled code holds the
#: functions that it calls and the constants of other files too, so all of them count.
_STAMP = _stamp()


def compiled(function: Function) -> Function:
    """Compile a function with numba when it is first called, and keep the result on disk."""
    try:
        from numba import njit
    except ImportError as error:
        raise InputError(
            "numba is not installed, and the HEVC decoder needs it: pip install 'edgeqe[codecs]'"
        ) from error
    dispatcher: Any = njit(cache=True, error_model="numpy")(function)
    dispatcher._cache._cache_file._source_stamp = _STAMP
    return dispatcher  # type: ignore[no-any-return]
