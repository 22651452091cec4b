"""Clock and heat of NVIDIA's devices, from NVML and, on a Jetson, from the kernel's files."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeqe.hardware.machine import read_number, read_text
from edgeqe.hardware.nvml import SUCCESS, Nvml, device_name, open_nvml

#: NVML's numbers of the clock of the multiprocessors and of the sensor on the chip.
SM, CHIP = 1, 0
IDLE = 0x1
#: Bits that mean a clock below the asked one. Hardware slowdown, 0x8, is left out: it comes with
#: one of these, and alone at every change of the clock.
SLOWED = {
    0x4: "power cap",
    0x20: "thermal slowdown by the driver",
    0x40: "thermal slowdown by the hardware",
    0x80: "power brake",
}
#: NVML's function of those bits, by its new and its old name.
REASONS = ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons")
#: Names of a Jetson's device among those whose clock the kernel scales: 17000000.ga10b, gpu-gpc-0.
_JETSON = re.compile(r"\.gpu$|\.g[a-z]\d+b$|^gpu-gpc")


@dataclass(frozen=True)
class GpuClock:
    """One NVIDIA device at a moment; None is unknown."""

    name: str
    sm_mhz: int | None = None
    """Clock of its multiprocessors."""
    highest_sm_mhz: int | None = None
    temperature_celsius: int | None = None
    held_by: tuple[str, ...] | None = None
    """What holds the clock down, in words of `SLOWED`."""
    idle: bool | None = None
    """Whether it had nothing to do, so that the clock says nothing."""
    locked: bool | None = None
    """Whether one clock alone is allowed; known on a Jetson."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name,
            "sm_mhz": self.sm_mhz,
            "highest_sm_mhz": self.highest_sm_mhz,
            "temperature_celsius": self.temperature_celsius,
            "throttle_reasons": None if self.held_by is None else list(self.held_by),
            "idle": self.idle,
            "locked": self.locked,
        }


def read_gpu_clocks(root: Path = Path("/")) -> tuple[GpuClock, ...]:
    """Read the clocks of the devices: of a Jetson's, which NVML does not know, from its files.

    Parameters
    ----------
    root : Path
        Where ``sys`` lies.
    """
    with open_nvml() as nvml:
        found = tuple(_read(nvml, device) for device in nvml.devices)
    if any(gpu.sm_mhz for gpu in found):
        return found
    return _jetson(root, found[0].name if found else "") or found


def _read(nvml: Nvml, device: Any) -> GpuClock:
    """A device; an old driver does not answer all questions."""

    def number(function: str, *arguments: Any) -> int | None:
        value = ctypes.c_ulonglong()  # the widest: a shorter answer lies in its low bytes
        known = nvml.ask(function, device, *arguments, ctypes.byref(value)) == SUCCESS
        return int(value.value) if known else None

    bits = number(REASONS[0])
    bits = number(REASONS[1]) if bits is None else bits
    return GpuClock(
        name=device_name(nvml, device),
        sm_mhz=number("nvmlDeviceGetClockInfo", SM),
        highest_sm_mhz=number("nvmlDeviceGetMaxClockInfo", SM),
        temperature_celsius=number("nvmlDeviceGetTemperature", CHIP),
        held_by=None if bits is None else tuple(word for bit, word in SLOWED.items() if bits & bit),
        idle=None if bits is None else bool(bits & IDLE),
    )


def _jetson(root: Path, name: str) -> tuple[GpuClock, ...]:
    """A Jetson's device: the kernel counts in Hz."""
    for folder in sorted(root.glob("sys/class/devfreq/*")):
        if not _JETSON.search(folder.name):
            continue
        files = ("cur_freq", "min_freq", "max_freq")
        now, low, high = (read_number(folder / file) for file in files)
        steps = [int(step) for step in read_text(folder / "available_frequencies").split()]
        return (
            GpuClock(
                name=name or folder.name,
                sm_mhz=None if now is None else round(now / 1e6),
                highest_sm_mhz=round(max(steps) / 1e6) if steps else None,
                locked=None if low is None or high is None else low == high,
            ),
        )
    return ()
