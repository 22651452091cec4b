"""The reference network: a fixed piece of work, timed between all others.

What it takes tells how fast the machine was at that moment, so results of different runs are
compared as ratios to it. It is float32 on the target's runtime and provider, windows side by
side on all threads as edgeqe's are, without any of edgeqe's own cutting and conversion: a change there must show.
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
#: Windows a thread: a run is about as long as that of a small network on 720p. A busy machine lets
#: work of a few milliseconds pass and slows longer work down, so a shorter one would not tell.
WINDOWS = 4


def reference_file(runtime: str) -> Path:
    """File of the reference network for a runtime, ``onnxruntime`` or ``litert``."""
    return Path(__file__).with_name(f"reference.{'tflite' if runtime == 'litert' else 'onnx'}")


def reference_stamp(runtime: str) -> str:
    """File, head of its SHA-256, and work of a thread: reports with other ones are not alike."""
    path = reference_file(runtime)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return f"{path.name} {digest}, {WINDOWS} windows of {SIDE}x{SIDE} a thread"


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
            rng.uniform(-128, 127, (1, SIDE, SIDE)).astype(np.float32)
            for _ in range(WINDOWS * threads)
        ]
        self._pool = ThreadPoolExecutor(threads)

    def run(self) -> None:
        """Run its windows, each on the next thread that is free."""
        for _ in self._pool.map(self._session.run, self._planes):
            pass

    def close(self) -> None:
        """End its threads."""
        self._pool.shutdown()
