"""Made-up reports of a bench run, with what is compared of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgeqe.bench.report import SCHEMA_VERSION

SMALL, PEER = "edgeqe-small:int8", "DnCNN3"
MIB = 1 << 20


def report() -> dict[str, Any]:
    """Whole report as plain values, new at each call."""
    run = {
        "runtime": "onnxruntime",
        "runtime_version": "1.20.1",
        "provider": "CPUExecutionProvider",
        "threads": 2,
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "edgeqe-bench",
        "interrupted": False,
        "stamp": {
            "edgeqe": "0.5.0",
            "python": "3.11.2",
            "numpy": "2.1.0",
            "system": "Linux x86_64",
            "cpu": "Some CPU",
            "cpu_count": 2,
            "cpu_features": ["avx2", "avx512"],
            "jpeg": "some decoder",
            "reference": "ab" * 32,
            "conditions": {},
        },
        "setup": {
            "target": "x86-cpu",
            "codec": "jpeg",
            "coding": "all intra",
            "encoder": {"encoder": "libjpeg-turbo", "version": "3.1", "settings": "4:2:0"},
            "threads": 2,
            "memory_limit_bytes": 64 * MIB,
        },
        "models": [
            {"name": SMALL, "sha256": "cd" * 32, "window": [512, 512], "fallback": "", **run},
            {"name": PEER, "peer": True, "gives": "residual", **run},
        ],
        "data": {"name": "set", "clips": False, "pictures": 2, "scale": 1.0},
        "quality": [quality("gray", 10, 1.25, 1.0), quality("planes", 40, 0.75, 0.5)],
        "latency": {
            "reference_ms": 30.0,
            "reference_balance": 1.2,
            "lanes": [lane(SMALL, "rgb", 1.5), lane(PEER, "gray", 20.0)],
        },
        "memory": [
            {"name": SMALL, "size": "720p", "peak_bytes": 40 * MIB, "limit_bytes": 64 * MIB}
        ],
    }


def quality(protocol: str, value: int, first: float, second: float) -> dict[str, Any]:
    """Row of two pictures, by their gains in dB."""
    return {
        "protocol": protocol,
        "model": SMALL,
        "codec": "jpeg",
        "value": value,
        "gain_db": (first + second) / 2,
        "gains_db": {"bikes": first, "sky": second},
    }


def lane(model: str, what: str, ratio: float, width: float = 0.01) -> dict[str, Any]:
    """Lane by its ratio to the reference, and half of the interval's width as a share of it."""
    interval = [ratio * (1 - width), ratio * (1 + width)]
    return {
        "model": model,
        "what": what,
        "size": "720p",
        "to_reference": ratio,
        "to_reference_interval": interval,
    }


def saved(folder: Path, values: Any) -> Path:
    """File of a report."""
    path = folder / "base.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    return path
