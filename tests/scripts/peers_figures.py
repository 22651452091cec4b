"""Figures of a run of ``scripts/peers`` that never was, and its modules."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "peers"
OURS, OWN, TUNED = "edgeqe-tiny:int8", "FFmpeg deblock", "FFmpeg deblock, tuned"
CONVERTED, PLAIN = "DnCNN-3, converted", "DnCNN-3, plain ONNX Runtime"


def load_script(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """Modules of the script, whose folder is no package: they find each other by bare names."""
    found = {}
    for file in ("layout", "published", "page", "deblock", "jpegqs", "measuring", "__main__"):
        name = file.strip("_")
        spec = importlib.util.spec_from_file_location(name, SCRIPT / f"{file}.py")
        assert spec is not None and spec.loader is not None
        found[name] = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, found[name])
        spec.loader.exec_module(found[name])
    return found


def quality_row(protocol: str, model: str, quality: int, gain: float) -> dict[str, Any]:
    """JPEG has 20 dB and a hundredth of the quality number; SSIM is 0.7 and a tenth of that."""
    before = 20 + quality / 100
    return {
        "protocol": protocol,
        "model": model,
        "value": quality,
        "gain_db": gain,
        "worst_gain_db": gain - 1,
        "psnr_db_before": before,
        "psnr_db_after": before + gain,
        "ssim_before": 0.7 + quality / 1000,
        "ssim_after": 0.8 + quality / 1000,
        "psnr_b_db_before": before - 2,
        "psnr_b_db_after": before + gain - 0.5,
    }


def network(name: str, kmac: float | None, parameters: int | None) -> dict[str, Any]:
    return {
        "name": name,
        "dncnn": name.startswith("DnCNN"),
        "kmac_per_pixel": kmac,
        "parameters": parameters,
        "runs_on": f"runtime of {name}",
    }


def bd_row(protocol: str, measure: str, model: str, rate: float) -> dict[str, Any]:
    left_out = ["bikes", "caps"] if model == TUNED else []
    row = {"protocol": protocol, "measure": measure, "model": model, "left_out": left_out}
    return {**row, "bd_rate_percent": rate}


def lane(model: str, milliseconds: float) -> dict[str, Any]:
    return {
        "model": model,
        "p50_ms": milliseconds,
        "frames_per_second": 1e3 / milliseconds,
        "repeats": 20,
        "unsteady": model == OURS,
    }


def figures(qualities: tuple[int, ...] = (10, 20, 40, 70)) -> dict[str, Any]:
    """Figures of a run that never was, new at each call."""
    gains = {OURS: 1.25, CONVERTED: 1.5, TUNED: 0.125}
    rows = [quality_row("gray", name, q, gain) for q in qualities for name, gain in gains.items()]
    rows += [quality_row("planes", OURS, quality, 1.0) for quality in qualities]
    return {
        "stamp": {
            "edgeqe": "0.6.0",
            "python": "3.11.2",
            "numpy": "2.4.6",
            "system": "Linux x86_64",
            "cpu": "Some CPU",
            "cpu_count": 2,
            "cpu_features": ["avx2", "fma"],
            "jpeg": "some decoder",
        },
        "data": {"name": "live1", "pictures": 29},
        "threads": 2,
        "timed_quality": 20,
        "qualities": list(qualities),
        "networks": [
            network(OURS, 5.83, 23410),
            network(CONVERTED, 665.3, 665921),
            network(PLAIN, 665.3, 665921),
            network(TUNED, None, None),
        ],
        "quality": rows,
        "bd": [
            bd_row("gray", "psnr", OURS, -15.75),
            bd_row("gray", "psnr", TUNED, 0.5),
            bd_row("planes", "psnr", OURS, -17.25),
            bd_row("planes", "y_psnr", OURS, -14.5),
        ],
        "lanes": [
            lane(OURS, 50.0),
            lane(CONVERTED, 2500.0),
            lane(PLAIN, 2000.0),
            lane(TUNED, 1.25),
        ],
        "differs": 1,
        "deblock": {
            "own": "filter=strong",
            "tuned": {10: "filter=weak", 70: "off"},
            "tuned_on": "other photographs",
            "tried": 17,
        },
        "left_out": [],
        "notes": ["something else kept 1.0 of 2 processors busy during the run: close it"],
    }


def cells(text: str, section: str) -> dict[str, list[str]]:
    """Rows of a section's first table by their first cell."""
    part = text.partition(f"## {section}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("|")]
    return {row[0]: row[1:] for row in rows}


def in_one_line(text: str) -> str:
    """Text without its line breaks, for prose is wrapped."""
    return " ".join(text.split())
