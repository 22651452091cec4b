"""Examination of this installation: what is there, what is in the way, and the cure.

It reads package metadata and ``/proc``, and imports ONNX Runtime to ask for its
providers. It changes nothing.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from edgeqe import __version__

#: Distributions that an extra brings, or that do the same job, by extra.
OPTIONAL = {
    "ort": ("onnxruntime",),
    "ort-gpu": ("onnxruntime-gpu",),
    "tflite": ("ai-edge-litert", "tflite-runtime"),
    "files": ("pillow",),
    "camera": ("opencv-python-headless", "opencv-python"),
    "host": ("tensorflow-cpu", "tensorflow", "keras", "onnx", "flatbuffers"),
    "bench": ("scikit-image", "matplotlib", "rich"),
}
ENVIRONMENT = ("EDGEQE_TARGET", "EDGEQE_CACHE_DIR", "EDGEQE_LOG_LEVEL")
#: Flags of /proc/cpuinfo (x86, then ARM) that speed up the networks, by our name.
CPU_FLAGS = {
    "avx2": ("avx2",),
    "avx512": ("avx512f",),
    "vnni": ("avx512_vnni", "avx_vnni"),
    "neon": ("asimd", "neon"),
    "dotprod": ("asimddp",),
    "i8mm": ("i8mm",),
}
CPUINFO = Path("/proc/cpuinfo")
MEMINFO = Path("/proc/meminfo")
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True)
class Problem:
    """Something that is in the way."""

    message: str
    cure: str
    """A command that mends it, or what to do."""
    fatal: bool
    """No picture can be enhanced until it is mended."""


@dataclass(frozen=True)
class Runtime:
    """ONNX Runtime as it was imported."""

    version: str = ""
    """Empty where it is absent or cannot be imported."""
    providers: tuple[str, ...] = ()
    """The providers that this build lists, best first; a session may still lack a driver."""
    error: str = ""
    """Why it cannot be imported; empty where it can or is absent."""


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
    """Names out of `CPU_FLAGS`."""
    memory_total: int
    """Bytes that this process may use: the machine's, or less by its control group; 0 unknown."""
    memory_available: int
    """Bytes free for new work on the machine; 0 unknown."""
    packages: dict[str, str]
    """Version by distribution, numpy and click first."""
    onnxruntime: Runtime
    environment: dict[str, str]
    """Our environment variables that are set."""
    problems: tuple[Problem, ...]

    @property
    def usable(self) -> bool:
        """Whether pictures can be enhanced."""
        return not any(problem.fatal for problem in self.problems)

    def to_dict(self) -> dict[str, Any]:
        """Give the report for JSON, with its ``schema_version``."""
        return {"schema_version": 1, "usable": self.usable, **dataclasses.asdict(self)}


def installed_packages() -> dict[str, str]:
    """Versions of our core and optional packages that are installed, without importing them."""
    names = ["numpy", "click", *(name for group in OPTIONAL.values() for name in group)]
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def import_runtime() -> Runtime:
    """Import ONNX Runtime and ask for its providers."""
    try:
        import onnxruntime

        return Runtime(str(onnxruntime.__version__), tuple(onnxruntime.get_available_providers()))
    except ModuleNotFoundError as error:
        if error.name == "onnxruntime":
            return Runtime()
        return Runtime(error=_one_line(error))
    except Exception as error:  # a half-overwritten install fails in many ways
        return Runtime(error=_one_line(error))


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def cpu_features(cpuinfo: str) -> tuple[str, ...]:
    """Names out of `CPU_FLAGS` that the text of ``/proc/cpuinfo`` lists for its first processor."""
    match = re.search(r"^(?:flags|Features)\s*:(.*)$", cpuinfo, flags=re.MULTILINE)
    flags = set(match[1].split()) if match else set()
    return tuple(name for name, any_of in CPU_FLAGS.items() if flags.intersection(any_of))


def processor_name(cpuinfo: str) -> str:
    """Give the model name in the text of ``/proc/cpuinfo``, or an empty string."""
    match = re.search(r"^(?:model name|Model|Hardware)\s*:\s*(.*)$", cpuinfo, flags=re.MULTILINE)
    return match[1].strip() if match else ""


def memory_bytes(meminfo: str, field: str) -> int:
    """Give a field of the text of ``/proc/meminfo`` in bytes, 0 where it is absent."""
    match = re.search(rf"^{field}:\s*(\d+) kB$", meminfo, flags=re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def find_problems(packages: Mapping[str, str], runtime: Runtime) -> tuple[Problem, ...]:
    """List what is in the way, the worst first.

    Parameters
    ----------
    packages : mapping
        Version by distribution, as `installed_packages` gives it.
    runtime : Runtime
        As `import_runtime` gives it.
    """
    problems = []
    if runtime.error:
        extra = "ort-gpu" if "onnxruntime-gpu" in packages else "ort"
        problems.append(
            Problem(
                f"ONNX Runtime is installed but cannot be imported ({runtime.error})",
                f"pip uninstall -y onnxruntime onnxruntime-gpu && pip install 'edgeqe[{extra}]'",
                fatal=True,
            )
        )
    elif not runtime.version:
        old_numpy = _major(packages.get("numpy", "")) < 2
        lite = "ai-edge-litert" in packages or ("tflite-runtime" in packages and old_numpy)
        what = "LiteRT alone: .tflite models run, .onnx models do not" if lite else "no runtime"
        problems.append(
            Problem(f"{what}: ONNX Runtime is absent", "pip install 'edgeqe[ort]'", fatal=not lite)
        )
    if "onnxruntime" in packages and "onnxruntime-gpu" in packages:
        problems.append(
            Problem(
                "onnxruntime and onnxruntime-gpu are both installed and overwrite each other",
                "pip uninstall -y onnxruntime onnxruntime-gpu && pip install 'edgeqe[ort-gpu]'",
                fatal=False,
            )
        )
    if "opencv-python" in packages and "opencv-python-headless" in packages:
        problems.append(
            Problem(
                "opencv-python and opencv-python-headless are both installed and overwrite "
                "each other",
                "pip uninstall -y opencv-python opencv-python-headless && "
                "pip install 'edgeqe[camera]'",
                fatal=False,
            )
        )
    if "tflite-runtime" in packages and _major(packages.get("numpy", "")) >= 2:
        problems.append(
            Problem(
                f"tflite-runtime {packages['tflite-runtime']} fails under numpy "
                f"{packages['numpy']}: it was built for numpy 1",
                "pip uninstall -y tflite-runtime && pip install 'edgeqe[tflite]'",
                fatal=False,
            )
        )
    if "pillow" not in packages:
        problems.append(
            Problem(
                "pillow is absent: arrays can be enhanced, files cannot",
                "pip install 'edgeqe[files]'",
                fatal=False,
            )
        )
    return tuple(problems)


def _major(version: str) -> int:
    head = version.partition(".")[0]
    return int(head) if head.isdigit() else 0


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def examine() -> Diagnosis:
    """Examine this process's installation and machine."""
    cpuinfo, meminfo = _text(CPUINFO), _text(MEMINFO)
    packages, runtime = installed_packages(), import_runtime()
    total = memory_bytes(meminfo, "MemTotal")
    limit = _text(CGROUP_LIMIT).strip()
    return Diagnosis(
        edgeqe=__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()}",
        machine=platform.machine(),
        processor=processor_name(cpuinfo),
        cpus=_usable_cpus(),
        cpu_features=cpu_features(cpuinfo),
        memory_total=min(total, int(limit)) if limit.isdigit() and total else total,
        memory_available=memory_bytes(meminfo, "MemAvailable"),
        packages=packages,
        onnxruntime=runtime,
        environment={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
        problems=find_problems(packages, runtime),
    )


def format_diagnosis(diagnosis: Diagnosis) -> list[str]:
    """Lines of the report for a person."""
    rows = [
        ("edgeqe", diagnosis.edgeqe),
        ("python", diagnosis.python),
        ("system", f"{diagnosis.system}, {diagnosis.machine}"),
        ("processor", f"{diagnosis.processor or 'unknown'}, {diagnosis.cpus} usable"),
        ("features", ", ".join(diagnosis.cpu_features) or "none known"),
        ("memory", f"{_gib(diagnosis.memory_total)}, {_gib(diagnosis.memory_available)} free"),
        *((name, version) for name, version in diagnosis.packages.items()),
        ("providers", ", ".join(diagnosis.onnxruntime.providers) or "none"),
        *diagnosis.environment.items(),
    ]
    width = max(len(name) for name, _ in rows) + 2
    lines = [f"{name:{width}}{value}" for name, value in rows]
    for problem in diagnosis.problems:
        lines += ["", f"{'PROBLEM' if problem.fatal else 'note'}: {problem.message}"]
        lines += [f"  cure: {problem.cure}"]
    return [*lines, "", "usable" if diagnosis.usable else "not usable: mend the PROBLEM first"]


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size else "unknown"
