"""Start-up messages of TensorFlow and LiteRT, kept off standard error."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from edgeqe.errors import MissingPackageError

_turn = threading.Lock()
_kept: list[int] = []
"""Standard error of the process while it goes elsewhere, once for each that asked for it."""


@contextmanager
def quiet_start() -> Iterator[None]:
    """Keep start-up messages of TensorFlow and LiteRT off standard error, of later imports too."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silent_stderr():
        yield


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Keep what C++ writes off standard error: messages that no setting of their library stops.

    The file descriptor itself goes elsewhere, until the last of all threads that asked for it is through.
    """
    redirected = False
    try:
        with _turn:
            redirected = _redirect()
        yield
    finally:
        if redirected:
            with _turn:
                kept = _kept.pop()
                if not _kept:
                    os.dup2(kept, 2)
                    os.close(kept)


def _redirect() -> bool:
    """Send standard error to nowhere, if nobody did; False where it is closed."""
    if _kept:
        _kept.append(_kept[0])
        return True
    try:
        kept = os.dup(2)
    except OSError:  # closed: there is nothing to keep clean
        return False
    if sys.stderr is not None:  # as of a program without a console
        sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    _kept.append(kept)
    return True


@contextmanager
def needs_packages(doing: str, extras: str) -> Iterator[None]:
    """Run what needs the host's packages.

    Parameters
    ----------
    doing : str
        What needs them, for the message.
    extras : str
        The extras of edgeqe that bring them.

    Raises
    ------
    MissingPackageError
        If one is missing, with the pip line.
    """
    try:
        yield
    except MissingPackageError:  # it has its own pip line
        raise
    except ImportError as error:
        raise MissingPackageError(
            f"{doing} needs the host's packages ({error}): run pip install 'edgeqe[{extras}]'."
        ) from error
