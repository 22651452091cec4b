"""Every error of edgeqe, each with what to do next in its message.

Beside the tree, each kind is also what Python itself raises for such a mistake, so both
``except edgeqe.InputError`` and ``except FileNotFoundError`` catch a missing picture.

::

    EdgeqeError
    ├── InputError              wrong use or bad input, a ValueError       (exit 2)
    │   ├── InputTypeError      an argument of a wrong type, a TypeError
    │   ├── ClosedError         use after `close`, a RuntimeError
    │   ├── MissingFileError    a file is not there, a FileNotFoundError
    │   ├── MissingPackageError a package is not installed, an ImportError
    │   ├── ModelError          a model file that cannot be used
    │   │   ├── MissingModelError    and a MissingFileError
    │   │   └── SignatureError       a model file that the trusted key did not sign
    │   ├── ImageError          a picture file that cannot be read or written
    │   │   └── MissingImageError    and a MissingFileError
    │   └── MemoryLimitError    a memory limit that nothing fits in
    ├── ProviderError           the asked runtime or provider is absent    (exit 3)
    │   └── MissingRuntimeError      and a MissingPackageError
    └── CheckError              a check ran and failed                     (exit 1)
"""

from __future__ import annotations

__all__ = [
    "CheckError",
    "ClosedError",
    "EdgeqeError",
    "ImageError",
    "InputError",
    "InputTypeError",
    "MemoryLimitError",
    "MissingFileError",
    "MissingImageError",
    "MissingModelError",
    "MissingPackageError",
    "MissingRuntimeError",
    "ModelError",
    "ProviderError",
    "SignatureError",
]


class EdgeqeError(Exception):
    """Base of all errors that edgeqe raises on purpose."""

    exit_code = 2


class InputError(EdgeqeError, ValueError):
    """Wrong use or bad input: the caller can correct it."""


class InputTypeError(InputError, TypeError):
    """An argument has a type that is not taken, such as an array of float."""


class ClosedError(InputError, RuntimeError):
    """An `Enhancer` is used after `close`."""


class MissingFileError(InputError, FileNotFoundError):
    """A file or folder is not there."""


class MissingPackageError(InputError, ImportError):
    """A package of an optional part is not installed; the message has the pip line."""


class ModelError(InputError):
    """A model file is missing, damaged, or not one of ours."""


class MissingModelError(ModelError, MissingFileError):
    """There is no such model: neither a shipped name nor a file."""


class SignatureError(ModelError):
    """A model file is not signed by the trusted key, was changed since, or is too old."""


class ImageError(InputError):
    """A picture file cannot be read or written."""


class MissingImageError(ImageError, MissingFileError):
    """A picture file, or the folder that it shall be written to, is not there."""


class MemoryLimitError(InputError):
    """The memory limit is too small; the message names the smallest that works.

    Parameters
    ----------
    message : str
    required_bytes : int
        The smallest limit that works.
    """

    def __init__(self, message: str, required_bytes: int) -> None:
        super().__init__(message, required_bytes)
        self.required_bytes = required_bytes

    def __str__(self) -> str:
        return str(self.args[0])


class ProviderError(EdgeqeError):
    """The asked runtime or provider is not there."""

    exit_code = 3


class MissingRuntimeError(ProviderError, MissingPackageError):
    """The runtime of a model's format is not installed; the message has the pip line."""


class CheckError(EdgeqeError):
    """A check ran to its end and failed."""

    exit_code = 1
