"""How busy the processors are, and how much of that is not ours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgeqe.hardware.machine import read_text, usable_cpus

#: Ticks a second of /proc's times: the kernel's USER_HZ, 100 on x86 and ARM.
TICKS = 100.0
#: Seconds between two readings from which on their times say more than the load average.
LEAST_SECONDS = 1.0


@dataclass(frozen=True)
class Load:
    """Work on the machine's processors at a moment; None is unknown."""

    processors: int = 0
    """The machine's that are on; 0 unknown."""
    average: float | None = None
    """Programs that ran or waited to, on average over the last minute, ours among them."""
    running: int | None = None
    """Threads that run or wait to at this moment, the one that reads left out."""
    uptime: float | None = None
    """Seconds since the system started."""
    busy: float | None = None
    """Seconds of work since then, of all processors together."""
    own: float | None = None
    """Seconds of work of this process, with those of its children that have ended."""


def read_load(root: Path = Path("/")) -> Load:
    """Read the work on the processors.

    Parameters
    ----------
    root : Path
        Where ``proc`` lies.
    """
    stat = read_text(root / "proc/stat")
    average = re.match(r"([\d.]+) \S+ \S+ (\d+)/", read_text(root / "proc/loadavg"))
    uptime = re.match(r"[\d.]+", read_text(root / "proc/uptime"))
    return Load(
        processors=len(re.findall(r"^cpu\d+ ", stat, flags=re.MULTILINE)) or usable_cpus(),
        average=float(average[1]) if average else None,
        running=max(0, int(average[2]) - 1) if average else None,
        uptime=float(uptime[0]) if uptime else None,
        busy=_busy(stat),
        own=_own(read_text(root / "proc/self/stat")),
    )


def _busy(stat: str) -> float | None:
    """Seconds of work in the text of ``/proc/stat``."""
    match = re.match(r"cpu +(\d+) (\d+) (\d+) \d+ \d+ (\d+) (\d+)", stat)
    # user, nice, system, then idle and waiting, which are no work, then interrupts
    return sum(map(int, match.groups())) / TICKS if match else None


def _own(stat: str) -> float | None:
    """Seconds of work in the text of ``/proc/self/stat``."""
    # The name, in brackets, may hold blanks and brackets; user, system and the children's follow.
    match = re.search(r".*\)(?: \S+){11} (\d+) (\d+) (\d+) (\d+)", stat)
    return sum(map(int, match.groups())) / TICKS if match else None


def others_between(before: Load, after: Load) -> float | None:
    """Processors that other programs kept busy between two readings, on average.

    Returns
    -------
    float or None
        0 or more; None where the times are unknown or less than `LEAST_SECONDS` apart.
    """
    times = [before.uptime, before.busy, before.own, after.uptime, after.busy, after.own]
    known = [time for time in times if time is not None]
    if len(known) < len(times) or known[3] - known[0] < LEAST_SECONDS:
        return None
    seconds, busy, own = (known[3 + place] - known[place] for place in range(3))
    return max(0.0, busy - own) / seconds


def others_at(load: Load) -> float | None:
    """Processors that other programs keep busy at a moment; None where that is unknown.

    The load average alone would blame the run of a minute ago, and the threads of a moment a
    program that starts: the smaller of both counts.
    """
    if load.average is None or load.running is None:
        return None
    return min(load.average, load.running, load.processors)
