"""What is installed here, and what really runs: each runtime tried in a process of its own.

Nothing here imports a runtime, so one that crashes, hangs or is half overwritten becomes a
finding. Nothing is changed and nothing is fetched.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from edgeqe.hardware.machine import Hardware, read_hardware
from edgeqe.hardware.packages import LITERTS, NVIDIA_WHEELS, installed_packages

ORT, LITERT = "ONNX Runtime", "LiteRT"
CPU = "CPUExecutionProvider"
#: Model that LiteRT is tried with.
TFLITE_MODEL = "edgeqe-tiny:float32.tflite"
#: Seconds that a trial may take. TensorRT takes tens of them to start on a small Jetson.
LIMIT = 90.0
#: Longest reason, characters: with what stands before it a line stays within 100 columns or so.
SHORT = 120
#: What a runtime's log says of a failure, the most telling first.
_REASONS = (
    r"with error: (.+)",
    r"(CU\w+ failure \d+: [^;\n]+)",
    r"(Failed to create \w+)",
)
_COLOURS = re.compile(r"\x1b\[[\d;]*m")


@dataclass(frozen=True)
class RuntimeFindings:
    """ONNX Runtime as it was imported."""

    version: str = ""
    """Empty where it is absent or cannot be imported."""
    providers: tuple[str, ...] = ()
    """The providers that this build lists, best first; `Trial` tells which of them run."""
    error: str = ""
    """Why it cannot be imported; empty where it can or is absent."""
    cuda: str = ""
    """CUDA that it was built for, such as ``12.8``; empty for none, or where it does not tell."""
    cudnn: str = ""
    """Major version of cuDNN that it was built for; empty likewise."""


@dataclass(frozen=True)
class Trial:
    """A provider that was tried with a convolution."""

    runtime: str
    """``ONNX Runtime`` or ``LiteRT``."""
    provider: str
    """LiteRT's are ``XNNPACK`` and, for its own slower kernels, ``CPU``."""
    runs: bool
    reason: str = ""
    """Why it does not run; empty where it does."""


@dataclass(frozen=True)
class Findings:
    """What is installed, what runs, and on which machine."""

    packages: Mapping[str, str]
    """Version by distribution, numpy and click first."""
    onnxruntime: RuntimeFindings
    trials: tuple[Trial, ...]
    hardware: Hardware
    libraries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Versions of ``cuda``, ``cudnn`` and ``tensorrt`` that can be loaded, oldest first; empty
    where nothing of NVIDIA's is here, because nobody looked."""

    @property
    def nvidia(self) -> bool:
        """Whether the machine has a device of NVIDIA's, answering or not."""
        return bool(self.hardware.gpus or self.hardware.tegra or self.hardware.nvml_error)


@dataclass(frozen=True)
class Answer:
    """What a trial's process said."""

    values: Mapping[str, Any]
    """Empty where it failed."""
    error: str = ""
    """How it failed; empty where it did not."""
    log: str = ""
    """What its libraries wrote."""


def find() -> Findings:
    """Look at this installation and this machine, and try what is listed."""
    packages, hardware = installed_packages(), read_hardware()
    ours = any(name.startswith(("onnxruntime-gpu", *NVIDIA_WHEELS)) for name in packages)
    nvidia = bool(ours or hardware.gpus or hardware.tegra or hardware.nvml_error)
    # Threads, because each only waits for its process.
    with ThreadPoolExecutor(max_workers=2) as pool:
        lite = pool.submit(try_litert, packages)
        libraries = pool.submit(loadable_libraries) if nvidia else None
        runtime = import_runtime()
        trials = [*pool.map(try_provider, runtime.providers), *lite.result()]
        found = libraries.result() if libraries else {}
    return Findings(packages, runtime, tuple(trials), hardware, found)


def import_runtime() -> RuntimeFindings:
    """Import ONNX Runtime and ask for its providers."""
    answer = ask("onnxruntime")
    if answer.error:
        return RuntimeFindings(error=answer.error)
    values = dict(answer.values)
    return RuntimeFindings(providers=tuple(values.pop("providers", ())), **values)


def try_provider(name: str) -> Trial:
    """Try a provider of ONNX Runtime."""
    answer = ask("provider", name)
    reason = logged_reason(answer.log)
    if answer.error:
        return Trial(ORT, name, False, shortened(reason or answer.error))
    ran = set(answer.values["providers"])
    if ran != {name}:
        where = f"its node ran on {', '.join(sorted(ran - {name})) or 'nothing'}"
        return Trial(ORT, name, False, shortened(f"{where}: {reason}" if reason else where))
    if not answer.values["right"]:
        return Trial(ORT, name, False, "its result is wrong")
    return Trial(ORT, name, True)


def try_litert(packages: Mapping[str, str]) -> tuple[Trial, ...]:
    """Try LiteRT, where it is installed."""
    if not any(name in packages for name in LITERTS):
        return ()
    answer = ask("litert", TFLITE_MODEL)
    if answer.error:
        return (Trial(LITERT, "XNNPACK", False, shortened(answer.error)),)
    provider = str(answer.values["provider"])
    if provider == "XNNPACK":
        return (Trial(LITERT, provider, True),)
    left = "it leaves convolutions to LiteRT's own kernels"
    return Trial(LITERT, "XNNPACK", False, left), Trial(LITERT, provider, True)


def loadable_libraries() -> dict[str, tuple[str, ...]]:
    """Versions of CUDA, cuDNN and TensorRT that can be loaded; nothing where looking fails."""
    values = ask("libraries").values
    return {name: tuple(versions) for name, versions in values.items()}


def ask(question: str, *details: str, limit: float = LIMIT) -> Answer:
    """Ask `edgeqe.doctor.provider_trial` in a process of its own.

    Parameters
    ----------
    question, *details : str
        As its `main` takes them.
    limit : float
        Seconds.
    """
    # The parent's own path: the process sees what the parent sees, and no stray file besides.
    code = (
        f"import sys; sys.path[:] = {sys.path!r}\n"
        f"from edgeqe.doctor.provider_trial import main; main(*{(question, *details)!r})"
    )
    try:
        done = run([sys.executable, "-c", code], limit)
    except subprocess.TimeoutExpired:
        return Answer({}, f"no answer within {limit:g} s")
    except OSError as error:
        return Answer({}, f"no process could be started: {error}")
    log = _COLOURS.sub("", done.stderr)
    if done.returncode < 0:
        return Answer({}, f"it crashed with {_signal(-done.returncode)}", log)
    lines = done.stdout.strip().splitlines()
    try:
        values = json.loads(lines[-1])
        failure = shortened(values.pop("error", ""))
    except (IndexError, ValueError, AttributeError):
        return Answer({}, f"it ended with status {done.returncode} and no answer", log)
    return Answer(values, failure, log)


def run(command: Sequence[str], limit: float) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, and keep what it writes."""
    return subprocess.run(
        command, capture_output=True, check=False, timeout=limit,
        encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL,
    )  # fmt: skip


def logged_reason(log: str) -> str:
    """Why a provider failed, out of what its libraries wrote; empty where they tell nothing."""
    for pattern in _REASONS:
        match = re.search(pattern, log)
        if match:
            return match[1].strip()
    return ""


def shortened(text: str) -> str:
    """Give a reason in one line of at most `SHORT` characters."""
    line = " ".join(text.split())
    return line if len(line) <= SHORT else f"{line[: SHORT - 3]}..."


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
