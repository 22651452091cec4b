"""What a figure was measured with: versions, machine, decoder."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import numpy as np

import edgeqe
from edgeqe.bench.data import pillow_image
from edgeqe.hardware.machine import cpu_features, read_processor, read_text, usable_cpus


def processor(root: Path = Path("/")) -> str:
    """Name of the processor or its board, at least its architecture; never empty."""
    return read_processor(root) or platform.processor() or platform.machine() or "unknown"


def decoder() -> str:
    """JPEG decoder in words, with what moves PSNR by itself."""
    image = pillow_image()
    from PIL import features

    turbo = features.version("libjpeg_turbo")
    library = f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version('jpg')}"
    return f"Pillow {image.__version__}, {library}, ISLOW DCT, fancy upsampling"


def machine_stamp(root: Path = Path("/")) -> dict[str, Any]:
    """State what all figures of a report share.

    Parameters
    ----------
    root : Path
        Where ``proc`` lies.

    Returns
    -------
    dict
        Versions (``edgeqe``, ``python``, ``numpy``), ``system``, ``cpu`` (its name, never empty),
        ``cpu_count`` (processors that this process may use), ``cpu_features`` (names out of
        `edgeqe.hardware.machine.CPU_FLAGS`) and ``jpeg`` (the decoder).

    Raises
    ------
    InputError
        If Pillow is absent.
    """
    return {
        "edgeqe": edgeqe.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": processor(root),
        "cpu_count": usable_cpus(),
        "cpu_features": list(cpu_features(read_text(root / "proc/cpuinfo"))),
        "jpeg": decoder(),
    }
