"""Packages that decode picture files, and the pip command where one is missing."""

from __future__ import annotations

from typing import Any

from edgeqe.errors import MissingPackageError

#: Modules: their packages' names, and the extra of ours that brings them.
PACKAGES = {
    "PIL": ("Pillow", "files"),
    "pillow_heif": ("pillow-heif", "codecs"),
    "av": ("PyAV", "codecs"),
}


def load(module: str, name: str) -> Any:
    """Import a module of `PACKAGES`.

    Parameters
    ----------
    module : str
    name : str
        Of the file that needs it, for the message.

    Raises
    ------
    MissingPackageError
        If its package is not installed.
    """
    try:
        return __import__(module)
    except ImportError as error:
        package, extra = PACKAGES[module]
        raise MissingPackageError(
            f"{name} needs {package}: pip install 'edgeqe[{extra}]'"
        ) from error
