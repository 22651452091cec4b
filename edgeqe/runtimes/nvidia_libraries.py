"""NVIDIA's libraries that came as wheels: the system's loader does not look for those.

A library that is loaded by its path is found again by its name, so it is enough to load them
before ONNX Runtime loads the provider that needs them.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import io
from pathlib import Path
from typing import Any

#: TensorRT's libraries that ONNX Runtime's provider needs, in the order of what needs what.
TENSORRT = ("libnvinfer.so.*", "libnvinfer_plugin.so.*", "libnvonnxparser.so.*")


def preload(ort: Any) -> None:
    """Load what the wheels hold of CUDA, cuDNN and TensorRT; nothing where there are none.

    Parameters
    ----------
    ort : module
        The imported onnxruntime. One that was built for the CPU needs nothing.
    """
    if not getattr(ort, "cuda_version", ""):
        return
    if hasattr(ort, "preload_dlls"):
        # It prints what it does not find: that is none of the user's output.
        with contextlib.redirect_stdout(io.StringIO()):
            ort.preload_dlls()
    for path in tensorrt_libraries():
        # What cannot be loaded here, the provider names when it is asked for.
        with contextlib.suppress(OSError):
            ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)


def tensorrt_libraries() -> list[Path]:
    """TensorRT's libraries in its wheel, in the order to load them."""
    found = importlib.util.find_spec("tensorrt_libs")
    folders = [Path(folder) for folder in (found and found.submodule_search_locations) or ()]
    return [path for name in TENSORRT for folder in folders for path in sorted(folder.glob(name))]
