"""Whole-path latencies of model files, in one interleaved run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgeqe import Enhancer
from edgeqe.codecs.strength import step_from_quality

HEIGHT, WIDTH, QUALITY, THREADS, ROUNDS = 720, 1280, 40, 2, 15


def race(files: Sequence[Path]) -> dict[Path, float]:
    """Median milliseconds to enhance the planes of one frame, files taking turns."""
    rng = np.random.default_rng(1)
    sizes = ((HEIGHT, WIDTH), (HEIGHT // 2, WIDTH // 2), (HEIGHT // 2, WIDTH // 2))
    y, u, v = (rng.integers(16, 235, size, np.uint8) for size in sizes)
    out = (np.empty_like(y), np.empty_like(u), np.empty_like(v))
    lanes = {file: Enhancer(file, memory_limit="64MiB", threads=THREADS) for file in files}
    times: dict[Path, list[float]] = {file: [] for file in files}
    step = step_from_quality(QUALITY)
    for _ in range(ROUNDS + 1):
        for file, enhancer in lanes.items():
            start = time.perf_counter()
            enhancer.enhance_planes(y, u, v, step=step, out=out)
            times[file].append(1e3 * (time.perf_counter() - start))
    for enhancer in lanes.values():
        enhancer.close()
    return {file: float(np.median(seconds[1:])) for file, seconds in times.items()}
