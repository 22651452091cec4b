"""Packages that only the host has: imported quietly, and an error with the pip line without them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edgeqe.errors import MissingPackageError
from edgeqe.runtimes.quiet import quiet_start


@contextmanager
def host_packages(task: str, extras: str) -> Iterator[None]:
    """Import the host's packages in this context.

    Parameters
    ----------
    task : str
        What needs them, for the error: ``converting``.
    extras : str
        Extras of edgeqe that bring them, with commas.

    Raises
    ------
    MissingPackageError
        If one is missing, with the pip line.
    """
    try:
        with quiet_start():
            yield
    except MissingPackageError:  # it has its own pip line
        raise
    except ImportError as error:
        raise MissingPackageError(
            f"{task} needs the host's packages ({error}): run pip install 'edgeqe[{extras}]'."
        ) from error
