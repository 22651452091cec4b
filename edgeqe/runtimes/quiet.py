"""Start-up messages of TensorFlow and LiteRT, kept off standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from edgeqe.errors import MissingPackageError


@contextmanager
def quiet_start() -> Iterator[None]:
    """Keep start-up messages of TensorFlow and LiteRT off standard error; no setting of theirs does.

    They are written by C++, so the file descriptor itself goes elsewhere.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        kept = os.dup(2)
    except OSError:  # closed: there is nothing to keep clean
        yield
        return
    if sys.stderr is not None:  # as of a program without a console
        sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


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
