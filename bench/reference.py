"""The reference network: a fixed piece of work, timed between all others.

What it takes tells how fast the machine was at that moment, so results of different runs are
compared as ratios to it. It runs on the target's runtime and provider, windows side by side on
all threads as edgeqe's are, without any of edgeqe's own cutting and conversion: a change there
must show.

On a processor it is half float32 and half INT8, because a machine's states slow the two unlike.
Two x86 threads of a cloud machine: float32 took 1.7 times as long in one state and INT8 1.25
times, in another 1.1 and 1.35 times. Of 14 runs minutes apart, beside float32 alone edgeqe-small
in INT8 was off by 3.0 %, beside both by 1.8 % (standard deviation).
"""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeqe.model.file import ModelFile
from edgeqe.runtimes import open_session
from edgeqe.runtimes.selection import select
from edgeqe.targets.profile import Profile


@dataclass(frozen=True)
class Work:
    """What the network does in one precision.

    Some 20 ms: a busy machine lets work of a few milliseconds pass and slows longer work down, so
    less would not tell.
    """

    precision: str
    side: int
    """Of a window, pixels."""
    windows: int
    """A thread."""


#: In the order in which they run.
WORKS = (Work("float32", 160, 2), Work("int8", 64, 20))
_SEED = 11


def works_on(profile: Profile, runtime: str) -> tuple[Work, ...]:
    """What runs on a target: of an accelerator the part in float32."""
    way = select(reference_file(runtime, "float32"), profile).backend
    return WORKS[:1] if way.on_accelerator else WORKS


def reference_file(runtime: str, precision: str) -> Path:
    """File of the reference network for a runtime, ``onnxruntime`` or ``litert``."""
    suffix = "tflite" if runtime == "litert" else "onnx"
    return Path(__file__).with_name(f"reference.{precision}.{suffix}")


def reference_stamp(profile: Profile, runtime: str) -> str:
    """Files, heads of their SHA-256, and work of a thread: reports with other ones are not alike."""
    words = []
    for work in works_on(profile, runtime):
        path = reference_file(runtime, work.precision)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        size = f"{work.side}x{work.side}"
        words.append(f"{path.name} {digest}, {work.windows} windows of {size} a thread")
    return "; ".join(words)


class ReferenceNetwork:
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
        works = works_on(profile, runtime)
        self._pool = ThreadPoolExecutor(threads)
        self._parts = [self._part(work, profile, runtime, threads) for work in works]
        self._balances: list[float] = []

    def _part(self, work: Work, profile: Profile, runtime: str, threads: int) -> Callable[[], None]:
        path = reference_file(runtime, work.precision)
        file = ModelFile(path)
        way = select(path, profile).backend
        session = open_session(file, file.key(file.card.default_step), way)
        shape = (work.windows * threads, 1, work.side, work.side)
        planes = np.random.default_rng(_SEED).uniform(-128, 127, shape).astype(np.float32)

        def run() -> None:
            for _ in self._pool.map(session.run, planes):
                pass

        return run

    def run(self) -> None:
        """Run its windows, each on the next thread that is free, one precision after the other."""
        times = [time.perf_counter()]
        for part in self._parts:
            part()
            times.append(time.perf_counter())
        if len(self._parts) > 1:
            self._balances.append((times[1] - times[0]) / (times[2] - times[1]))

    def balance(self) -> float | None:
        """Time of the part in float32 over that in INT8, the median of all runs.

        It tells the machine's state. None before the first run, or of one part alone.
        """
        return statistics.median(self._balances) if self._balances else None

    def close(self) -> None:
        """End its threads."""
        self._pool.shutdown()
