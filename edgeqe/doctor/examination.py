"""Examination of this installation: what is installed, what runs, which problems there are, each with a fix.

It reads package metadata, ``/proc`` and NVIDIA's management library, and tries each provider
with one convolution in a process of its own. It changes nothing.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgeqe import __version__
from edgeqe.doctor import nvidia_problems, problems
from edgeqe.doctor.findings import ORT, Findings, RuntimeFindings, Trial, find
from edgeqe.doctor.problems import Problem
from edgeqe.hardware.machine import Gpu, read_memory

ENVIRONMENT = (
    "EDGEQE_TARGET",
    "EDGEQE_CACHE_DIR",
    "EDGEQE_LOG_LEVEL",
    "CUDA_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
)
COLUMNS = 100


@dataclass(frozen=True)
class Diagnosis:
    """What was found."""

    edgeqe: str
    python: str
    system: str
    machine: str
    processor: str
    """Model name; empty where the system does not tell."""
    cpus: int
    """Processors that this process may use."""
    cpu_features: tuple[str, ...]
    """Names out of `hardware.CPU_FLAGS`."""
    tegra: str
    """Board and system of a Jetson; empty on any other machine."""
    gpus: tuple[Gpu, ...]
    """NVIDIA's devices."""
    nvml_error: str
    """Why NVIDIA's driver does not name them; empty where it does or is absent."""
    memory_total: int
    """Bytes that this process may use: the machine's, or less by its control group; 0 unknown."""
    memory_available: int
    """Bytes free for new work on the machine; 0 unknown."""
    memory_limit: int
    """Bytes that the control group allows; 0 where it sets none."""
    packages: Mapping[str, str]
    """Version by distribution, numpy and click first."""
    onnxruntime: RuntimeFindings
    trials: tuple[Trial, ...]
    """Providers that the runtimes list, and whether they run."""
    libraries: Mapping[str, tuple[str, ...]]
    """Versions of CUDA, cuDNN and TensorRT that can be loaded; empty where nobody looked."""
    environment: Mapping[str, str]
    """Environment variables that change what runs, as far as they are set."""
    problems: tuple[Problem, ...]

    @property
    def usable(self) -> bool:
        """Whether pictures can be enhanced."""
        return not any(problem.fatal for problem in self.problems)

    def to_dict(self) -> dict[str, Any]:
        """Give the report for JSON, with its ``schema_version``."""
        return {"schema_version": 2, "usable": self.usable, **dataclasses.asdict(self)}


def find_problems(found: Findings) -> tuple[Problem, ...]:
    """List the problems, the fatal first."""
    rules = (*problems.RULES, *nvidia_problems.RULES)
    listed = [problem for rule in rules for problem in rule(found)]
    return tuple(sorted(listed, key=lambda problem: not problem.fatal))


def examine() -> Diagnosis:
    """Examine this process's installation and machine."""
    found, memory = find(), read_memory()
    hardware = found.hardware
    return Diagnosis(
        edgeqe=__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()}",
        machine=hardware.machine,
        processor=hardware.processor,
        cpus=hardware.cpus,
        cpu_features=hardware.cpu_features,
        tegra=hardware.tegra,
        gpus=hardware.gpus,
        nvml_error=hardware.nvml_error,
        memory_total=memory.usable,
        memory_available=memory.available,
        memory_limit=memory.limit,
        packages=found.packages,
        onnxruntime=found.onnxruntime,
        trials=found.trials,
        libraries=found.libraries,
        environment={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
        problems=find_problems(found),
    )


def format_diagnosis(diagnosis: Diagnosis) -> list[str]:
    """Lines of the report for a person."""
    rows = [
        ("edgeqe", diagnosis.edgeqe),
        ("python", diagnosis.python),
        ("system", f"{diagnosis.system}, {diagnosis.machine}"),
        ("processor", f"{diagnosis.processor or 'unknown'}, {diagnosis.cpus} usable"),
        ("features", ", ".join(diagnosis.cpu_features) or "none known"),
        ("memory", _memory(diagnosis)),
        *_nvidia(diagnosis),
        *diagnosis.packages.items(),
        *_trials(diagnosis.trials),
        *diagnosis.environment.items(),
    ]
    width = max(len(name) for name, _ in rows) + 2
    lines = [line for name, value in rows for line in _wrapped(f"{name:{width}}", value)]
    for problem in diagnosis.problems:
        lines += ["", *_wrapped(f"{'PROBLEM' if problem.fatal else 'note'}: ", problem.message)]
        lines += _wrapped("  fix: ", problem.fix)
    return [*lines, "", "usable" if diagnosis.usable else "not usable: fix the PROBLEM first"]


def _memory(diagnosis: Diagnosis) -> str:
    total, free = _gib(diagnosis.memory_total), _gib(diagnosis.memory_available)
    if diagnosis.memory_limit:
        return f"{total} by its control group, {free} free on the machine"
    return f"{total}, {free} free"


def _nvidia(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    rows = [("jetson", diagnosis.tegra)] if diagnosis.tegra else []
    for gpu in diagnosis.gpus:
        facts = [gpu.name]
        facts += [f"compute {gpu.compute}"] if gpu.compute else []
        facts += [_gib(gpu.memory)] if gpu.memory else []
        facts += [f"driver {gpu.driver}" + (f" for CUDA {gpu.cuda}" if gpu.cuda else "")]
        rows.append(("gpu", ", ".join(facts)))
    names = {"cuda": "CUDA", "cudnn": "cuDNN", "tensorrt": "TensorRT"}
    found = [f"{names[n]} {' and '.join(v) or 'none'}" for n, v in diagnosis.libraries.items()]
    return [*rows, ("libraries", ", ".join(found))] if found else rows


def _trials(trials: tuple[Trial, ...]) -> list[tuple[str, str]]:
    """Rows of the providers, the runtime's name on its first."""
    rows: list[tuple[str, str]] = []
    if not trials:
        return [("providers", "none")]
    for index, trial in enumerate(trials):
        first = index == 0 or trials[index - 1].runtime != trial.runtime
        listed = "listed, does not run" if trial.runtime == ORT else "does not run"
        verdict = "runs" if trial.runs else f"{listed}: {trial.reason}"
        rows.append((trial.runtime if first else "", f"{trial.provider} {verdict}"))
    return rows


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, COLUMNS, initial_indent=head, subsequent_indent=" " * len(head),
        break_long_words=False, break_on_hyphens=False,
    ) or [head.rstrip()]  # fmt: skip


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size else "unknown"
