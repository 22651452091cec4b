"""A report of a bench run that never was, with everything that a report may hold."""

from __future__ import annotations

from typing import Any

QUALITIES = (10, 20, 40, 80)
PICTURES = ("bikes", "buildings", "caps", "lighthouse")
PROTOCOLS = ("gray", "planes")

#: JPEG's bits per pixel and PSNR in dB by protocol and quality.
JPEG = {
    "gray": {10: (0.354, 27.77), 20: (0.571, 30.07), 40: (0.902, 32.36), 80: (1.731, 36.40)},
    "planes": {10: (0.502, 25.69), 20: (0.797, 28.06), 40: (1.236, 30.28), 80: (2.385, 34.02)},
}
#: Name, kMAC a pixel, parameters, file in bytes, ms at 720p, gain at quality 10, MiB measured
#: and planned.
OURS = (
    ("edgeqe-tiny:int8", 5.83, 23410, 53248, 14.3, 0.861, 21, 24),
    ("edgeqe-tiny:float32", 5.83, 23410, 101376, 29.6, 0.874, 26, 28),
    ("edgeqe-small:int8", 14.66, 58842, 110592, 41.2, 1.141, 31, 45),
    ("edgeqe-small:int8.tflite", 14.66, 58842, 118784, 55.1, 1.14, 30, 31),
    ("edgeqe-small:float32", 14.66, 58842, 245760, 88.4, 1.163, 38, 40),
    ("edgeqe-base:int8", 42.1, 169034, 301056, 127.9, 1.309, 43, 44),
)
PEER = "DnCNN3"


def made_up_report(**changes: Any) -> dict[str, Any]:
    """A fresh copy of the report, in the layout of schema version 4.

    Parameters
    ----------
    **changes
        Whole values of the outermost keys, such as ``pareto=None``.
    """
    names = [name for name, *_ in OURS]
    lanes = [_lane(name, what, ms) for name, *_, ms, _, _, _ in OURS for what in ("rgb", "network")]
    lanes.append({**_lane(PEER, "rgb", 2154.0), "unsteady": True, "p99_ms": None})
    report = {
        "schema_version": 4,
        "kind": "edgeqe-bench",
        "interrupted": False,
        "stamp": {
            "edgeqe": "0.5.0",
            "python": "3.11.2",
            "numpy": "2.4.6",
            "system": "Linux x86_64",
            "cpu": "AMD EPYC 7B13",
            "cpu_count": 2,
            "cpu_features": ["avx2", "fma"],
            "jpeg": "Pillow 13.0.0, libjpeg-turbo 3.1.1, ISLOW DCT, fancy upsampling",
            "reference": "5f" * 32,
            "conditions": {"before": _conditions(0.4, 41.0), "after": _conditions(1.9, 63.5)},
        },
        "setup": {
            "target": "x86-cpu",
            "full": False,
            "codec": "jpeg",
            "coding": "all intra",
            "encoder": {"encoder": "libjpeg-turbo", "version": "3.1.1", "settings": "4:2:0"},
            "unit": "quality",
            "values": list(QUALITIES),
            "protocols": list(PROTOCOLS),
            "sizes": ["720p"],
            "threads": 2,
            "memory_limit_bytes": 64 << 20,
        },
        "models": [*map(_model, OURS), _peer()],
        "data": {"name": "live1", "clips": False, "pictures": len(PICTURES), "scale": 1.0},
        "quality": [
            _quality(protocol, quality, name, gain)
            for protocol in PROTOCOLS
            for quality in QUALITIES
            for name, gain in [*((row[0], row[5]) for row in OURS), (PEER, 0.712)]
        ],
        "bd": [
            {
                "protocol": protocol,
                "model": name,
                "measure": measure,
                "codec": "jpeg",
                "values": list(QUALITIES),
                "bd_rate_percent": -12.25 - 2 * index,
                "bd_psnr_db": 0.751 + 0.1 * index,
                "pictures": len(PICTURES),
                "worst_picture": "caps",
                "worst_bd_rate_percent": -9.75 - 2 * index,
            }
            for protocol, measure in (("gray", "psnr"), ("planes", "psnr"), ("planes", "y_psnr"))
            for index, name in enumerate(names)
        ],
        "latency": {"reference_ms": 31.2, "reference_balance": 1.2, "quality": 20, "lanes": lanes},
        "memory": [_memory(*row) for row in OURS],
        "pareto": {
            "protocol": "planes",
            "quality": 10,
            "size": "720p",
            "what": "rgb",
            "points": [
                *(
                    {
                        "model": row[0],
                        "p50_ms": row[4],
                        "p90_ms": row[4] * 1.06,
                        "gain_db": row[5],
                        "frontier": row[0] != "edgeqe-small:int8.tflite",
                    }
                    for row in OURS
                ),
                {"model": PEER, "p50_ms": 2154.0, "p90_ms": 2431.0, "gain_db": 0.712,
                 "frontier": False},
            ],
        },
        "advice": {
            "asked": {"fps": 20.0, "latency_ms": None, "memory_limit_bytes": None},
            "model": "edgeqe-small:int8",
            "line": "Best that holds 20 frames a second at 720p: edgeqe-small:int8 "
            "(+1.141 dB, 24.3 frames a second).",
        },
        "notes": ["edgeqe-base:float16 was left out: this processor computes float16 in float32."],
    }  # fmt: skip
    return {**report, **changes}


def _conditions(load: float, temperature: float) -> dict[str, Any]:
    return {
        "load_average": load,
        "frequency_mhz": 2450.0,
        "highest_mhz": 3400.0,
        "governor": "performance",
        "throttled": False,
        "throttle_count": 0,
        "temperature_celsius": temperature,
        "power_mode": "",
        "notes": ["The clock is a virtual machine's."] if load > 1 else [],
    }


def _model(row: tuple[Any, ...]) -> dict[str, Any]:
    name, kmac, parameters, size, _, _, _, planned = row
    network, precision = name.removesuffix(".tflite").split(":")
    tflite = name.endswith(".tflite")
    return {
        "name": name,
        "model": network,
        "file": f"{network}.{precision}.{'tflite' if tflite else 'onnx'}",
        "sha256": "0123456789abcdef" * 4,
        "file_bytes": size,
        "precision": precision,
        "parameters": parameters,
        "kmac_per_pixel": kmac,
        "window": [512, 512],
        "halo": 16,
        "memory_limit_bytes": 64 << 20,
        "planned_bytes": planned << 20,
        "runtime": "litert" if tflite else "onnxruntime",
        "runtime_version": "2.1.0" if tflite else "1.31.1",
        "target": "x86-cpu",
        "provider": "XNNPACK" if tflite else "CPUExecutionProvider",
        "placement": {} if tflite else {"CPUExecutionProvider": 1.0},
        "fallback": "",
        "threads": 2,
    }


def _peer() -> dict[str, Any]:
    return {
        "name": PEER,
        "peer": True,
        "file": f"{PEER}.onnx",
        "gives": "residual",
        "runtime": "onnxruntime",
        "runtime_version": "1.31.1",
        "provider": "CPUExecutionProvider",
        "threads": 2,
    }


def _quality(protocol: str, quality: int, model: str, at_ten: float) -> dict[str, Any]:
    bits, psnr = JPEG[protocol][quality]
    # Gains fall as JPEG gets better; the pictures' lie evenly around the mean.
    gain = at_ten * (10 / quality) ** 0.35
    gains = {name: gain + 0.2 * (index - 1.5) for index, name in enumerate(PICTURES)}
    row = {
        "protocol": protocol,
        "model": model,
        "codec": "jpeg",
        "unit": "quality",
        "value": quality,
        "pictures": len(PICTURES),
        "step": 400.0 / quality,
        "bits_per_pixel": bits,
        "bits_per_channel": bits if protocol == "gray" else bits / 3,
        "gain_db": gain,
        "worst_gain_db": gains["bikes"],
        "worst_picture": "bikes",
        "psnr_db_before": psnr,
        "psnr_db_after": psnr + gain,
        "ssim_before": 0.7594 + quality / 500,
        "ssim_after": 0.7981 + quality / 500,
        "psnr_b_db_before": psnr - 1.1,
        "psnr_b_db_after": psnr + gain - 0.1,
        "gains_db": gains,
    }
    if protocol != "gray":
        row |= {"y_psnr_db_before": psnr + 1.9, "y_psnr_db_after": psnr + 1.9 + gain}
    return row


def _lane(model: str, what: str, ms: float) -> dict[str, Any]:
    ms = ms if what == "rgb" else ms * 0.85
    return {
        "model": model,
        "what": what,
        "size": "720p",
        "height": 720,
        "width": 1280,
        "repeats": 120,
        "mean_ms": ms * 1.01,
        "p50_ms": ms,
        "p90_ms": ms * 1.06,
        "p99_ms": ms * 1.31,
        "lowest_ms": ms * 0.97,
        "highest_ms": ms * 1.4,
        "p50_interval_ms": [ms * 0.99, ms * 1.01],
        "megapixels_per_second": 921.6 / ms,
        "frames_per_second": 1000 / ms,
        "to_reference": ms / 31.2,
        "to_reference_interval": [0.99 * ms / 31.2, 1.01 * ms / 31.2],
        "unsteady": False,
    }


def _memory(name: str, *row: Any) -> dict[str, Any]:
    *_, peak, planned = row
    return {
        "name": name,
        "size": "720p",
        "shape": [720, 1280, 3],
        "peak_bytes": peak << 20,
        "planned_bytes": planned << 20,
        "limit_bytes": 64 << 20,
        "codec_bytes": 12 << 20,
        "planner_off": peak / planned - 1,
        "planner_wrong": abs(peak / planned - 1) > 0.2,
    }
