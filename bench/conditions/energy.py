"""Energy that work takes, from the meter that the device has: RAPL's counters, or a Jetson's rails.

The whole processor is metered, or the whole module, what other programs and idling take included: so
a figure is of a device that does this and nothing else.
"""

from __future__ import annotations

import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from edgeqe.hardware.machine import read_number, read_text

#: Seconds between two readings of a meter of power.
EVERY = 0.02
#: Seconds of work at least: RAPL counts in steps of a millisecond.
LEAST = 1.0
#: Rails that carry all of a Jetson's current, by board.
WHOLE_BOARD = ("VDD_IN", "POM_5V_IN", "VIN_SYS_5V0", "VIN")


class EnergyMeter(ABC):
    """A meter of the device.

    Attributes
    ----------
    name : str
        Of what is metered, for the report.
    """

    name: str

    @abstractmethod
    def joules_of(self, work: Callable[[], object]) -> float | None:
        """Joules that are taken while a piece of work runs; None if the meter fails meanwhile."""


def joules_a_run(
    meter: EnergyMeter,
    run: Callable[[], object],
    clock: Callable[[], float] = time.perf_counter,
) -> float | None:
    """Joules of one run, the mean over `LEAST` seconds of them; None if the meter fails.

    Parameters
    ----------
    meter : EnergyMeter
    run : callable
    clock : callable
        Seconds; rises.
    """
    count = 0

    def work() -> None:
        nonlocal count
        end = clock() + LEAST
        while clock() < end or not count:
            run()
            count += 1

    joules = meter.joules_of(work)
    return None if joules is None else joules / count


def find_meter(root: Path = Path("/")) -> tuple[EnergyMeter | None, str]:
    """Find the device's meter; without one, say why.

    Parameters
    ----------
    root : Path
        Where ``sys`` lies.

    Returns
    -------
    meter : EnergyMeter, optional
    reason : str
        Why there is none; empty if there is.
    """
    rails = _rails(root)
    if rails:
        return Rails(rails), ""
    zones = _zones(root)
    closed = [zone for zone in zones if read_number(zone / "energy_uj") is None]
    if zones and not closed:
        return Counters(zones), ""
    if closed:
        return None, f"{closed[0] / 'energy_uj'} cannot be read: run as root, or let it be read"
    return None, "this device has no meter of energy: neither RAPL nor an INA3221"


class Counters(EnergyMeter):
    """RAPL: the packages and their memory, counters of microjoules that wrap around."""

    def __init__(self, zones: list[Path]) -> None:
        self._zones = zones
        self.name = f"RAPL ({', '.join(read_text(zone / 'name').strip() for zone in zones)})"

    def joules_of(self, work: Callable[[], object]) -> float | None:
        """Read before and after."""
        before = [read_number(zone / "energy_uj") for zone in self._zones]
        work()
        total = 0
        for zone, start in zip(self._zones, before, strict=True):
            end = read_number(zone / "energy_uj")
            if start is None or end is None:
                return None
            if end < start:
                end += read_number(zone / "max_energy_range_uj") or 0
            total += end - start
        return total / 1e6


class Rails(EnergyMeter):
    """INA3221: millivolts times milliamperes of each rail, summed up over time.

    Parameters
    ----------
    rails : dict
        Files of voltage and current by the rail's label.
    clock : callable
        Seconds; rises.
    """

    def __init__(
        self,
        rails: dict[str, tuple[Path, Path]],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._rails, self._clock = rails, clock
        self.name = f"INA3221 ({', '.join(rails)})"

    def joules_of(self, work: Callable[[], object]) -> float | None:
        """Read every few milliseconds beside the work."""
        readings: list[tuple[float, float | None]] = [self.reading()]
        done = threading.Event()

        def read() -> None:
            while not done.wait(EVERY):
                readings.append(self.reading())

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        try:
            work()
        finally:
            done.set()
            thread.join()
        readings.append(self.reading())
        return joules_between(readings)

    def reading(self) -> tuple[float, float | None]:
        """Time, and watts of all rails; None where one cannot be read."""
        watts = 0.0
        for voltage, current in self._rails.values():
            millivolts, milliamperes = read_number(voltage), read_number(current)
            if millivolts is None or milliamperes is None:
                return self._clock(), None
            watts += millivolts * milliamperes / 1e6
        return self._clock(), watts


def joules_between(readings: list[tuple[float, float | None]]) -> float | None:
    """Joules from times and watts, by trapezia; None where a reading failed."""
    joules = 0.0
    for (start, before), (end, after) in zip(readings, readings[1:], strict=False):
        if before is None or after is None:
            return None
        joules += (end - start) * (before + after) / 2
    return joules


def _zones(root: Path) -> list[Path]:
    """RAPL's packages, and the memory that hangs on them."""
    found = []
    for zone in sorted((root / "sys/class/powercap").glob("intel-rapl:*")):
        name = read_text(zone / "name").strip()
        package = re.fullmatch(r"intel-rapl:\d+", zone.name) and name.startswith("package")
        memory = re.fullmatch(r"intel-rapl:\d+:\d+", zone.name) and name == "dram"
        if package or memory:
            found.append(zone)
    return found


def _rails(root: Path) -> dict[str, tuple[Path, Path]]:
    """Rails of the INA3221s: the one of the whole board where there is one, else all."""
    found = {}
    for folder in sorted((root / "sys/class/hwmon").glob("hwmon*")):
        if read_text(folder / "name").strip() != "ina3221":
            continue
        for file in sorted(folder.glob("in*_label")):
            number = file.name[2:-6]
            current = folder / f"curr{number}_input"
            label = read_text(file).strip()
            if label and label != "NC" and read_number(current) is not None:
                found[label] = (folder / f"in{number}_input", current)
    whole = next((label for label in WHOLE_BOARD if label in found), None)
    return {whole: found[whole]} if whole else found
