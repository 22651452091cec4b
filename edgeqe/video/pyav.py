"""PyAV, loaded when the first clip is opened."""

from __future__ import annotations

import os
from typing import Any

from edgeqe.errors import MissingPackageError


def load() -> Any:
    """PyAV, with FFmpeg's own log switched off: what goes wrong is told as an error.

    Raises
    ------
    MissingPackageError
        If it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise MissingPackageError("clips need PyAV: pip install 'edgeqe[codecs]'") from error
    av.logging.set_level(av.logging.PANIC)
    os.environ.setdefault("SVT_LOG", "0")  # SVT-AV1 talks past FFmpeg's log
    return av
