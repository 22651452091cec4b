"""Clock and heat of the processors, as the kernel's files tell them."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edgeqe.hardware.machine import read_number, read_text

#: Degrees Celsius that a sensor can mean; what is outside is a code for "off" or "broken".
SENSIBLE = (-40.0, 150.0)
#: A zone of older Jetsons that always says 100 degrees.
NO_SENSOR = "PMIC-Die"
#: Cooling devices that hold a clock down; the others are fans, or idle a processor on purpose.
_HOLDS_DOWN = re.compile(r"throttle-alert|cpufreq|devfreq|^Processor$")


@dataclass(frozen=True)
class Clocks:
    """The processors' clock at a moment; None and empty are unknown, as on a virtual machine."""

    frequency_mhz: float | None = None
    """Mean over the processors."""
    highest_mhz: float | None = None
    """Highest that one of them can do."""
    governors: tuple[str, ...] = ()
    """What chooses the clock, each once: ``performance``, ``powersave``, ..."""
    locked: bool | None = None
    """Whether lowest and highest allowed clock are the same on every processor."""


@dataclass(frozen=True)
class Heat:
    """Temperature, and what it did to the clock; None and empty are unknown."""

    temperature_celsius: float | None = None
    """Of the hottest zone."""
    zone: str = ""
    """The hottest zone, such as ``x86_pkg_temp``."""
    throttle_count: int | None = None
    """How often the clock was held down since the system started, for heat or for current."""
    held_by: tuple[str, ...] | None = None
    """Cooling devices that hold a clock down at this moment; None where there is no such device."""


def read_clocks(root: Path = Path("/")) -> Clocks:
    """Read the processors' clock.

    Parameters
    ----------
    root : Path
        Where ``proc`` and ``sys`` lie.
    """
    folders = [folder / "cpufreq" for folder in _processors(root)]
    now = _numbers(folder / "scaling_cur_freq" for folder in folders)
    mhz = [kilohertz / 1e3 for kilohertz in now] or [
        float(text)
        for text in re.findall(
            r"^cpu MHz\s*:\s*([\d.]+)", read_text(root / "proc/cpuinfo"), flags=re.MULTILINE
        )
    ]
    highest = _numbers(folder / "cpuinfo_max_freq" for folder in folders)
    governors = {read_text(folder / "scaling_governor").strip() for folder in folders}
    return Clocks(
        frequency_mhz=round(statistics.fmean(mhz), 1) if mhz else None,
        highest_mhz=max(highest) / 1e3 if highest else None,
        governors=tuple(sorted(governors - {""})),
        locked=_locked(folders),
    )


def _locked(folders: Iterable[Path]) -> bool | None:
    """Whether every processor may run at one clock alone."""
    bounds = [
        (read_number(folder / "scaling_min_freq"), read_number(folder / "scaling_max_freq"))
        for folder in folders
    ]
    known = [low == high for low, high in bounds if low is not None and high is not None]
    return all(known) if known else None


def read_heat(root: Path = Path("/")) -> Heat:
    """Read temperatures and what they did.

    Parameters
    ----------
    root : Path
        Where ``sys`` lies.
    """
    zones: list[tuple[float | None, str]] = []
    for folder in root.glob("sys/class/thermal/thermal_zone*"):
        number, kind = read_number(folder / "temp"), read_text(folder / "type").strip()
        if number is not None and SENSIBLE[0] < number / 1e3 < SENSIBLE[1] and kind != NO_SENSOR:
            zones.append((number / 1e3, kind))
    celsius, zone = max(zones, default=(None, ""))
    return Heat(celsius, zone, _throttle_count(root), _held_by(root))


def _throttle_count(root: Path) -> int | None:
    """Times that x86 held a processor or a package down, and a Jetson all for its current."""
    folders = _processors(root)
    packages: dict[str, int] = {}  # each processor counts its package's: once is enough
    for folder in folders:
        count = read_number(folder / "thermal_throttle/package_throttle_count")
        if count is not None:
            package = read_text(folder / "topology/physical_package_id")
            packages[package] = max(count, packages.get(package, 0))
    counts = [
        *packages.values(),
        *_numbers(folder / "thermal_throttle/core_throttle_count" for folder in folders),
        *_numbers(root.glob("sys/class/hwmon/hwmon*/oc*_event_cnt")),
    ]
    return sum(counts) if counts else None


def _held_by(root: Path) -> tuple[str, ...] | None:
    """Kinds of the cooling devices that are at work, ``cpufreq`` for ``cpufreq-cpu0`` to 7."""
    states: dict[str, int] = {}
    for folder in root.glob("sys/class/thermal/cooling_device*"):
        kind, state = read_text(folder / "type").strip(), read_number(folder / "cur_state")
        if state is not None and _HOLDS_DOWN.search(kind):
            name = re.sub(r"-(cpu)?\d+$", "", kind)
            states[name] = max(state, states.get(name, 0))
    return tuple(sorted(name for name, state in states.items() if state > 0)) if states else None


def _processors(root: Path) -> list[Path]:
    return sorted(root.glob("sys/devices/system/cpu/cpu[0-9]*"))


def _numbers(paths: Iterable[Path]) -> list[int]:
    """Numbers of those files that hold one."""
    return [number for number in map(read_number, paths) if number is not None]
