"""The machine: its processor, its memory, and its NVIDIA devices.

Read from ``/proc``, ``/sys``, ``/etc`` and from NVIDIA's management library. What a system does
not tell is empty or 0: nothing here fails, nothing is changed.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeqe.hardware.arm_cores import arm_cores
from edgeqe.hardware.nvml import TEXT, Nvml, device_name, open_nvml

#: Flags of /proc/cpuinfo (x86, then ARM) that speed up the networks, by our name.
CPU_FLAGS = {
    "avx2": ("avx2",),
    "avx512": ("avx512f",),
    "vnni": ("avx512_vnni", "avx_vnni"),
    "neon": ("asimd", "neon"),
    "dotprod": ("asimddp",),
    "i8mm": ("i8mm",),
}
#: Control groups, version 2 then 1: how /proc/self/cgroup names the process's own, where they lie,
#: and the file of the limit. Version 1 states "none" as almost 2**63.
_GROUPS = (
    (r"^0::/(.*)$", "", "memory.max"),
    (r"^\d+:(?:\S+,)?memory(?:,\S+)?:/(.*)$", "memory", "memory.limit_in_bytes"),
)


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA device."""

    name: str
    driver: str
    """Version of the driver, such as ``550.54.15``."""
    compute: str
    """Compute capability, such as ``8.7``."""
    memory: int
    """Bytes of its own memory; 0 unknown, as on a Jetson, which shares the machine's."""
    cuda: str = ""
    """Newest CUDA that the driver serves, such as ``12.4``."""


@dataclass(frozen=True)
class Hardware:
    """What the networks can run on here."""

    machine: str
    """Such as ``x86_64`` or ``aarch64``."""
    processor: str
    """Model name, or the board's, or its cores'; empty where the system does not tell."""
    cpus: int
    """Processors that this process may use."""
    cpu_features: tuple[str, ...]
    """Names out of `CPU_FLAGS`."""
    tegra: str
    """Board and system of a Jetson, such as ``NVIDIA Jetson AGX Orin, L4T 36.4.0 (JetPack 6)``."""
    gpus: tuple[Gpu, ...]
    """The NVIDIA devices that NVML names."""
    nvml_error: str = ""
    """Why NVML refuses; empty where it answers or is absent."""


@dataclass(frozen=True)
class Memory:
    """Memory in bytes; 0 is unknown."""

    total: int
    """The machine's."""
    available: int
    """Free for new work on the machine."""
    limit: int
    """The control group's; 0 where it sets none."""

    @property
    def usable(self) -> int:
        """Bytes that this process may use: the machine's, or less by its control group."""
        return min(self.total, self.limit) if self.total and self.limit else self.total


def read_hardware(root: Path = Path("/")) -> Hardware:
    """Read what this machine is.

    Parameters
    ----------
    root : Path
        Where ``proc`` and ``etc`` lie.
    """
    gpus, error = read_gpus()
    return Hardware(
        machine=platform.machine(),
        processor=read_processor(root),
        cpus=usable_cpus(),
        cpu_features=cpu_features(read_text(root / "proc/cpuinfo")),
        tegra=tegra_name(read_board(root), read_text(root / "etc/nv_tegra_release")),
        gpus=gpus,
        nvml_error=error,
    )


def read_board(root: Path = Path("/")) -> str:
    """Model of the board as its device tree names it; empty where there is none, as on a PC."""
    return read_text(root / "proc/device-tree/model").rstrip("\0\n")


def read_processor(root: Path = Path("/")) -> str:
    """Name of the processor: its model's, else the board's, else its cores'; empty for none."""
    cpuinfo = read_text(root / "proc/cpuinfo")
    name = processor_name(cpuinfo)
    if re.match(r"ARMv\d", name):  # the architecture: every ARM board would look the same
        return read_board(root) or arm_cores(cpuinfo) or name
    return name or read_board(root) or arm_cores(cpuinfo)


def read_memory(root: Path = Path("/")) -> Memory:
    """Read the memory of this machine and the limit of this process's control group.

    Parameters
    ----------
    root : Path
        Where ``proc`` and ``sys`` lie.
    """
    meminfo = read_text(root / "proc/meminfo")
    total = memory_bytes(meminfo, "MemTotal")
    return Memory(total, memory_bytes(meminfo, "MemAvailable"), _limit(root, total))


def _limit(root: Path, total: int) -> int:
    """Smallest limit of the process's control group and those above it; 0 for none."""
    own, limits = read_text(root / "proc/self/cgroup"), []
    for pattern, place, file in _GROUPS:
        match = re.search(pattern, own, flags=re.MULTILINE)
        folder = root / "sys/fs/cgroup" / place
        # Inside a container the own group's path is the host's: what it names is not there.
        for part in ["", *(match[1].split("/") if match else [])]:
            folder /= part
            text = read_text(folder / file).strip()
            limits += [int(text)] if text.isdigit() else []
    return min((limit for limit in limits if limit < total or not total), default=0)


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


def tegra_name(board: str, release: str) -> str:
    """Board and system of a Jetson; empty on any other machine.

    Parameters
    ----------
    board : str
        The device tree's model; hidden in most containers.
    release : str
        Text of ``/etc/nv_tegra_release``.
    """
    match = re.search(r"^# R(\d+) \(release\), REVISION: ([\d.]+)", release, flags=re.MULTILINE)
    if not match and not re.search("jetson|tegra", board, flags=re.IGNORECASE):
        return ""
    names = [board or "NVIDIA Tegra"]
    if match:
        jetpack = {"32": "4", "34": "5", "35": "5", "36": "6", "38": "7"}.get(match[1], "")
        names.append(f"L4T {match[1]}.{match[2]}" + (f" (JetPack {jetpack})" if jetpack else ""))
    return ", ".join(names)


def usable_cpus() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_gpus() -> tuple[tuple[Gpu, ...], str]:
    """NVIDIA devices, and why NVML refuses to name them (empty where it does not)."""
    with open_nvml() as nvml:
        return tuple(_gpu(nvml, device) for device in nvml.devices), nvml.error


class _MemoryInfo(ctypes.Structure):
    """NVML's nvmlMemory_t: bytes."""

    _fields_ = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]


def _gpu(nvml: Nvml, device: Any) -> Gpu:
    """A device; what NVML does not tell of it stays empty or 0."""
    driver = ctypes.create_string_buffer(TEXT)
    nvml.ask("nvmlSystemGetDriverVersion", driver, TEXT)
    major, minor, cuda, memory = ctypes.c_int(), ctypes.c_int(), ctypes.c_int(), _MemoryInfo()
    numbers = (ctypes.byref(major), ctypes.byref(minor))
    nvml.ask("nvmlDeviceGetCudaComputeCapability", device, *numbers)
    nvml.ask("nvmlDeviceGetMemoryInfo", device, ctypes.byref(memory))
    nvml.ask("nvmlSystemGetCudaDriverVersion_v2", ctypes.byref(cuda))
    return Gpu(
        name=device_name(nvml, device),
        driver=driver.value.decode(errors="replace"),
        compute=f"{major.value}.{minor.value}" if major.value else "",
        memory=int(memory.total),
        cuda=cuda_version(cuda.value),
    )


def cuda_version(number: int) -> str:
    """CUDA's number of a version as text: ``12.4`` for 12040; empty for 0."""
    return f"{number // 1000}.{number % 1000 // 10}" if number else ""


def read_text(path: Path) -> str:
    """Text of a file; empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def read_number(path: Path, base: int = 10) -> int | None:
    """Whole number that a file holds; None where it cannot be read or holds something else."""
    try:
        return int(read_text(path), base)
    except ValueError:
        return None
