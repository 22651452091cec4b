"""Every error of edgeqe, each with what to do next in its message.

::

    EdgeqeError
    ├── InputError         wrong use or bad input                  (exit 2)
    │   ├── ModelError     a model file that cannot be used
    │   ├── ImageError     a picture file that cannot be read or written
    │   └── MemoryLimitError   a memory limit that nothing fits in
    ├── ProviderError      the asked runtime or provider is absent (exit 3)
    └── CheckError         a check ran and failed                  (exit 1)
"""

from __future__ import annotations


class EdgeqeError(Exception):
    """Base of all errors that edgeqe raises on purpose."""

    exit_code = 2


class InputError(EdgeqeError, ValueError):
    """Wrong use or bad input: the caller can mend it."""


class ModelError(InputError):
    """A model file is missing, damaged, or not one of ours."""


class ImageError(InputError):
    """A picture file cannot be read or written."""


class MemoryLimitError(InputError):
    """The memory limit is too small; the message names the smallest that works."""


class ProviderError(EdgeqeError):
    """The asked runtime or provider is not there."""

    exit_code = 3


class CheckError(EdgeqeError):
    """A check ran to its end and failed."""

    exit_code = 1
