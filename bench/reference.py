"""The reference network: a fixed piece of work, timed between all others.

What it takes tells how fast the machine was at that moment, so results of different runs are
compared as ratios to it. It is float32 on the target's runtime and provider, one window a
thread, without any of edgeqe's own cutting and conversion: a change there must show.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from edgeqe.model_file import ModelFile
from edgeqe.placing import place
from edgeqe.runtimes import open_session
from edgeqe.targets.profile import Profile

#: Side of its window, pixels: 0.96 thousand million multiply-accumulates.
SIDE = 160


def reference_file(runtime: str) -> Path:
    """File of the reference network for a runtime, ``onnxruntime`` or ``litert``."""
    return Path(__file__).with_name(f"reference.{'tflite' if runtime == 'litert' else 'onnx'}")


def reference_stamp(runtime: str) -> str:
    """Name of the file and the head of its SHA-256: reports with another one are not alike."""
    path = reference_file(runtime)
    return f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"


class Reference:
    """The reference network, ready to run.

    Parameters
    ----------
    profile : Profile
        The target's.
    runtime : str
        That the models run on.
    threads : int
        Windows that run side by side.

    Raises
    ------
    ProviderError
        If it does not run there.
    """

    def __init__(self, profile: Profile, runtime: str, threads: int) -> None:
        path = reference_file(runtime)
        way = place(path, profile).runtime
        file = ModelFile(path)
        self._session = open_session(file, file.key(file.card.default_step), way)
        rng = np.random.default_rng(11)
        self._planes = [
            rng.uniform(-128, 127, (1, SIDE, SIDE)).astype(np.float32) for _ in range(threads)
        ]
        self._pool = ThreadPoolExecutor(threads)

    def run(self) -> None:
        """Run one window on each thread."""
        for _ in self._pool.map(self._session.run, self._planes):
            pass

    def close(self) -> None:
        """End its threads."""
        self._pool.shutdown()
