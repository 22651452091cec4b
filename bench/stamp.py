"""What a figure was measured with: versions, machine, decoder."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import numpy as np

import edgeqe
from edgeqe.bench.data import pillow_image


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Name of the processor as the system gives it."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    for key in ("model name", "Model", "Hardware"):
        if fields.get(key):
            return fields[key]
    return platform.processor() or platform.machine() or "unknown"


def decoder() -> str:
    """JPEG decoder in words, with what moves PSNR by itself."""
    image = pillow_image()
    from PIL import features

    turbo = features.version("libjpeg_turbo")
    library = f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version('jpg')}"
    return f"Pillow {image.__version__}, {library}, ISLOW DCT, fancy upsampling"


def machine_stamp() -> dict[str, Any]:
    """State what all figures of a report share."""
    return {
        "edgeqe": edgeqe.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_name(),
        "cpu_count": os.cpu_count(),
        "jpeg": decoder(),
    }
