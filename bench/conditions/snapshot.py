"""Conditions of a measurement: load, clock, heat and power, and what in them spoils it.

Everything is read, from files and from NVIDIA's management library; nothing fails and nothing is
changed. A rule takes what was read before and after the measurement and gives its sentences; to
add one, write it and put it into `RULES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeqe.bench.conditions.boards import PI_BITS, Board, read_boards
from edgeqe.bench.conditions.clocks import Clocks, Heat, read_clocks, read_heat
from edgeqe.bench.conditions.cpu_load import Load, others_at, others_between, read_load
from edgeqe.bench.conditions.gpu_clock import GpuClock, read_gpu_clocks

#: Share of the processors that others may keep busy, and the least number that counts.
BUSY_SHARE, BUSY_LEAST = 0.1, 0.3
#: Share by which a clock may fall.
FALL = 0.1
#: Degrees Celsius from which on most devices are about to hold their clock down.
HOT = 85.0
#: Governors that keep the clock low, or let the load choose it.
UNSTEADY_GOVERNORS = {"powersave", "ondemand", "conservative", "schedutil", "interactive"}


@dataclass(frozen=True)
class Conditions:
    """One snapshot; without arguments, of a machine that tells nothing."""

    load: Load = field(default_factory=Load)
    """Work on the processors, ours and that of others."""
    clocks: Clocks = field(default_factory=Clocks)
    """Clock of the processors."""
    heat: Heat = field(default_factory=Heat)
    """Temperature, and how often and by what the clock is held down."""
    board: Board = field(default_factory=Board)
    """Power of a Raspberry Pi or a Jetson."""
    gpus: tuple[GpuClock, ...] = ()
    """Clock and heat of the NVIDIA devices, in the driver's order."""

    @property
    def held_by(self) -> tuple[str, ...] | None:
        """What holds the processors' clock down at this moment; None where nothing tells."""
        told = [words for words in (self.board.held_by, self.heat.held_by) if words is not None]
        return tuple(word for words in told for word in words) if told else None

    @property
    def throttled(self) -> bool | None:
        """Whether a clock is held down at this moment, a device's too; None is unknown."""
        told = [self.held_by, *(gpu.held_by for gpu in self.gpus)]
        known = [bool(words) for words in told if words is not None]
        return any(known) if known else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values: None and an empty string are unknown."""
        notes = [f"hottest: {self.heat.zone}"] if self.heat.zone else []
        notes += [f"held down by: {', '.join(self.held_by)}"] if self.held_by else []
        lately = self.board.held_lately
        notes += [f"held down before by: {', '.join(lately)}"] if lately else []
        return {
            "load_average": self.load.average,
            "processors": self.load.processors or None,
            "frequency_mhz": self.clocks.frequency_mhz,
            "highest_mhz": self.clocks.highest_mhz,
            "governor": ", ".join(self.clocks.governors),
            "governors": list(self.clocks.governors),
            "clocks_locked": self.clocks.locked,
            "throttled": self.throttled,
            "throttle_count": self.heat.throttle_count,
            "temperature_celsius": self.heat.temperature_celsius,
            "power_mode": self.board.power_mode,
            "gpu": [gpu.to_dict() for gpu in self.gpus],
            "notes": notes,
        }


def read_conditions(root: Path = Path("/")) -> Conditions:
    """Read what the machine tells now.

    Parameters
    ----------
    root : Path
        Where ``etc``, ``proc``, ``sys`` and ``var`` lie.

    Notes
    -----
    A Raspberry Pi's newer kernels write a line into their log when the firmware's word is read for
    the first time: the file is to go one day.
    """
    return Conditions(
        load=read_load(root),
        clocks=read_clocks(root),
        heat=read_heat(root),
        board=read_boards(root),
        gpus=read_gpu_clocks(root),
    )


def warnings(before: Conditions, after: Conditions) -> list[str]:
    """What spoils a measurement between two snapshots, each a sentence with values and a fix.

    Parameters
    ----------
    before, after : Conditions
        At the start and at the end.

    Returns
    -------
    list of str
        Empty where all is well, and where the machine tells nothing.
    """
    return [sentence for rule in RULES for sentence in rule(before, after)]


def disturbs(others: float | None, processors: int) -> bool:
    """Whether so many processors, busy with other work, spoil a measurement."""
    return others is not None and others >= max(BUSY_LEAST, BUSY_SHARE * processors)


def _busy(before: Conditions, after: Conditions) -> Iterator[str]:
    """Other programs: by their time where it is known, else by the load before the start."""
    others, when = others_between(before.load, after.load), "during the run"
    if others is None:
        others, when = others_at(before.load), "before the start"
    processors = before.load.processors
    if disturbs(others, processors):
        yield f"something else kept {others:.1f} of {processors} processors busy {when}: close it"


def _governor(before: Conditions, after: Conditions) -> Iterator[str]:
    """A clock that is free to move. A Jetson's has its own rule and its own fix."""
    unsteady = UNSTEADY_GOVERNORS.intersection(before.clocks.governors)
    if unsteady and not before.clocks.locked and not before.board.tegra:
        yield (
            f"the clock is free to move under the governor {' and '.join(sorted(unsteady))}"
            f"{_of(before.clocks.frequency_mhz, before.clocks.highest_mhz)}: set the governor to "
            "performance: "
            "sudo cpupower frequency-set -g performance"
        )


def _of(mhz: float | None, highest: float | None) -> str:
    """Where a clock stood, with a comma before it; empty where that is unknown."""
    if mhz is None or highest is None:
        return ""
    return f", at {mhz:.0f} of {highest:.0f} MHz before the start"


def _throttled(before: Conditions, after: Conditions) -> Iterator[str]:
    """The system held the clock down."""
    first, last = before.heat.throttle_count, after.heat.throttle_count
    if first is not None and last is not None and last > first:
        yield (
            f"the clock was held down {last - first} time{'s' if last - first > 1 else ''} during "
            f"the run (count {first} before, {last} after): cool the machine better, and on a "
            "board look at its power supply too"
        )
    at_start, at_end = before.held_by or (), after.held_by or ()
    moments = {"before the start": at_start, "at the end": at_end}
    if at_start == at_end:
        moments = {"before and after the run": at_end}
    if not at_end:
        lately = [word for word in after.board.held_lately if word not in before.board.held_lately]
        moments["during the run"] = tuple(lately)
    for when, words in moments.items():
        if words:
            fix = "let the machine cool, and cool it better"
            if PI_BITS[0] in words:
                fix = "use a power supply that holds its voltage"
            yield f"the clock was held down {when} ({', '.join(words)}): {fix}"


def _slower(before: Conditions, after: Conditions) -> Iterator[str]:
    """The clock fell though its governor holds it.

    Where the load chooses the clock, it falls whenever there is none. A virtual machine has no
    governor, and its clock is what the host makes of it.
    """
    governors = before.clocks.governors
    moves = UNSTEADY_GOVERNORS.intersection(governors) and not before.clocks.locked
    if moves or not governors:
        return
    first, last = before.clocks.frequency_mhz, after.clocks.frequency_mhz
    if fell(first, last):
        yield (
            f"the clock fell from {first:.0f} to {last:.0f} MHz during the run: let the machine "
            "cool, and take it off its battery"
        )


def fell(first: float | None, last: float | None) -> bool:
    """Whether a clock is lower by more than `FALL`; not where one is unknown."""
    return first is not None and last is not None and last < (1.0 - FALL) * first


def _hot(before: Conditions, after: Conditions) -> Iterator[str]:
    """Heat that holds the clock down soon, if it did not yet."""
    moments = {"before the start": before.heat, "at the end": after.heat}
    for when, heat in moments.items():
        celsius = heat.temperature_celsius
        if celsius is not None and celsius >= HOT:
            yield (
                f"{heat.zone or 'the machine'} was at {celsius:.0f} °C {when}: let it cool below "
                f"{HOT:.0f} °C, and give it more air"
            )
            return


def _jetson(before: Conditions, after: Conditions) -> Iterator[str]:
    """A Jetson whose power mode has limits, or whose clocks are free to move."""
    board = before.board
    if board.power_mode and board.fastest_mode and not board.power_mode.startswith("MAXN"):
        yield (
            f"the power mode is {board.power_mode}, not {board.fastest_mode}: "
            f"sudo nvpmodel -m {board.fastest_id}"
        )
    clocks, free = before.clocks, []
    if board.tegra and clocks.locked is False:
        free.append(f"processors{_of(clocks.frequency_mhz, clocks.highest_mhz)}")
    free += [
        f"{gpu.name}{_of(gpu.sm_mhz, gpu.highest_sm_mhz)}"
        for gpu in before.gpus
        if board.tegra and gpu.locked is False
    ]
    if free:
        yield f"these clocks are free to move: {'; '.join(free)}: sudo jetson_clocks"


def _gpu(before: Conditions, after: Conditions) -> Iterator[str]:
    """An NVIDIA device that was held down, slower or hot."""
    for first, last in zip(before.gpus, after.gpus, strict=False):
        if last.held_by:
            yield (
                f"{last.name} was held down at the end ({', '.join(last.held_by)}): cool it, and "
                "see its limits with nvidia-smi -q -d POWER,PERFORMANCE"
            )
        # An idle device lowers its clock by itself.
        if not first.idle and not last.idle and fell(first.sm_mhz, last.sm_mhz):
            yield (
                f"{last.name} fell from {first.sm_mhz} to {last.sm_mhz} MHz during the run: "
                f"lock its clock: sudo nvidia-smi -lgc {last.sm_mhz}"
            )
        celsius = last.temperature_celsius
        if celsius is not None and celsius >= HOT:
            yield f"{last.name} was at {celsius} °C at the end: let it cool, and give it more air"


RULES: tuple[Callable[[Conditions, Conditions], Iterator[str]], ...] = (
    _busy, _governor, _throttled, _slower, _hot, _jetson, _gpu,
)  # fmt: skip
