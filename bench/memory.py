"""Peak memory of one call by the operating system, beside the planner's figure.

A fresh process makes the enhancer and its session, touches input and output, gives
the heap's free pages back, resets the kernel's high-water mark (VmHWM), notes what is
resident (VmRSS), runs the call `CALLS` times and reads the mark. A process that has run
before, or that keeps what opening the model freed, would hide memory that its allocator kept.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import edgeqe
from edgeqe.bench.entries import MemoryEntry
from edgeqe.errors import InputError
from edgeqe.runtimes.heap import trim_heap
from edgeqe.runtimes.selection import TARGET_VARIABLE

#: Calls of a measurement: with a few windows a call, the threads need not all be at their peaks at
#: once. Of two threads' first calls some took 0.72 of the plan where others took 0.90.
CALLS = 3
#: Share by which peak and plan may differ before the planner counts as wrong.
OFF = 0.2

CLEAR_REFS, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


@dataclass(frozen=True)
class MemoryUse:
    """Memory of one call, caller's input and output not counted."""

    name: str
    size: str
    """Name of the picture's size."""
    shape: tuple[int, ...]
    """Of the uint8 array that was enhanced with ``out=``."""

    peak_bytes: int | None
    """By the operating system; None where it cannot tell."""

    planned_bytes: int
    """What the planner says of this picture."""
    limit_bytes: int
    codec_bytes: int | None
    """What decoder and encoder take beside pictures and enhancement, from a JPEG file to
    a PNG file; None where the operating system cannot tell."""

    @property
    def planner_off(self) -> float | None:
        """By what share the peak is above the plan; None where it is unknown."""
        return None if self.peak_bytes is None else self.peak_bytes / self.planned_bytes - 1

    def entry(self) -> MemoryEntry:
        """Figures for a report."""
        off = self.planner_off
        return MemoryEntry(
            name=self.name,
            size=self.size,
            shape=list(self.shape),
            peak_bytes=self.peak_bytes,
            planned_bytes=self.planned_bytes,
            limit_bytes=self.limit_bytes,
            codec_bytes=self.codec_bytes,
            planner_off=off,
            planner_wrong=off is not None and abs(off) > OFF,
        )


def reset_peak() -> bool:
    """Set VmHWM of this process back to what is resident; False where impossible."""
    try:
        CLEAR_REFS.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def resident_bytes(field: str) -> int | None:
    """Bytes of ``VmRSS`` or ``VmHWM`` of this process; None where there is no such field."""
    try:
        lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        key, _, value = line.partition(":")
        if key == field:
            return int(value.split()[0]) * 1024
    return None


def _baseline() -> int | None:
    """Bytes that are resident before a call, the mark reset to them; None where unknown."""
    trim_heap()
    return resident_bytes("VmRSS") if reset_peak() else None


def _peak_above(before: int | None) -> int | None:
    """Bytes of the high-water mark above what was resident; None where unknown."""
    after = resident_bytes("VmHWM")
    return None if before is None or after is None else after - before


def probe(
    model: str, memory_limit: int, threads: int, shape: tuple[int, ...]
) -> tuple[int | None, int]:
    """Measure a call in this process, which should be fresh.

    Returns
    -------
    peak : int or None
        Bytes above what was resident before the call.
    planned : int
        Bytes that the planner says of this picture.
    """
    from edgeqe import Enhancer

    with Enhancer(model, memory_limit=memory_limit, threads=threads) as enhancer:
        step = enhancer.info.card.default_step
        image = np.full(shape, 128, np.uint8)
        image.reshape(shape[0], -1)[:, ::2] = 96
        out = np.full_like(image, 1)
        before = _baseline()
        for _ in range(CALLS):
            enhancer.enhance(image, step=step, out=out)
        return _peak_above(before), enhancer.planned_bytes(*shape[:2])


def probe_file(
    model: str, memory_limit: int, threads: int, shape: tuple[int, ...]
) -> tuple[int | None, int]:
    """Measure a call from a JPEG file to a PNG file in this process, at the default strength.

    Returns
    -------
    peak : int or None
        Bytes above what was resident before the call.
    pictures : int
        Bytes of the decoded and the enhanced picture.
    """
    import tempfile

    from PIL import Image

    from edgeqe import Enhancer
    from edgeqe.codecs.jpeg import encode

    with (
        tempfile.TemporaryDirectory() as folder,
        Enhancer(model, memory_limit=memory_limit, threads=threads) as enhancer,
    ):
        noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        picture = Image.fromarray(noise).resize((shape[1], shape[0]))
        source = Path(folder) / "in.jpg"
        source.write_bytes(encode(picture, 40))
        del picture
        step = enhancer.info.card.default_step
        before = _baseline()
        for _ in range(CALLS):
            report = enhancer.enhance_file(
                source, Path(folder) / "out.png", step=step, overwrite=True
            )
        return _peak_above(before), report.picture_bytes


def measure(
    name: str,
    model: str,
    memory_limit: int,
    threads: int,
    size: str,
    shape: tuple[int, ...],
    target: str = "auto",
) -> MemoryUse:
    """Measure calls on an array and on a file, each in a fresh process.

    Parameters
    ----------
    name : str
        For the report.
    model : str
        Path of the model file.
    memory_limit : int
        Bytes.
    threads : int
        As of `Enhancer`.
    size : str
        Name of the picture's size, for the report.
    shape : tuple of int
        Of the uint8 array, (H, W) or (H, W, 3).
    target : str
        As of `Enhancer`.

    Raises
    ------
    InputError
        If a process fails.
    """

    def run(kind: str) -> tuple[int | None, int]:
        return _in_fresh_process(name, kind, model, memory_limit, threads, shape, target)

    peak, planned = run("array")
    file_peak, pictures = run("file")
    codecs = None
    if peak is not None and file_peak is not None:
        codecs = max(0, file_peak - pictures - peak)
    return MemoryUse(name, size, shape, peak, planned, memory_limit, codecs)


def _in_fresh_process(
    name: str,
    kind: str,
    model: str,
    memory_limit: int,
    threads: int,
    shape: tuple[int, ...],
    target: str,
) -> tuple[int | None, int]:
    root = str(Path(edgeqe.__file__).resolve().parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-m", "edgeqe.bench.memory", kind, model, str(memory_limit),
               str(threads), *map(str, shape)]  # fmt: skip
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), TARGET_VARIABLE: target},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise InputError(f"the memory of {name} could not be measured: {lines[-1]}")
    first, second = json.loads(done.stdout)
    return first, second


if __name__ == "__main__":
    given_kind, given_model, *numbers = sys.argv[1:]
    given_limit, given_threads, *given_shape = map(int, numbers)
    chosen_probe = probe_file if given_kind == "file" else probe
    json.dump(chosen_probe(given_model, given_limit, given_threads, tuple(given_shape)), sys.stdout)
