"""The element `edgeqe` of GStreamer: frames of a pipeline, enhanced in place.

GStreamer's loader of Python plugins finds it in the folder that `plugin_path` names.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["plugin_path"]


def plugin_path() -> Path:
    """Folder for ``GST_PLUGIN_PATH``.

    Examples
    --------
    >>> (plugin_path() / "python" / "gstedgeqe.py").is_file()
    True
    """
    return Path(__file__).parent
