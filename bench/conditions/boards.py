"""What boards tell of their power: a Raspberry Pi's firmware, a Jetson's power mode."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgeqe.hardware.machine import read_board, read_number, read_text, tegra_name

#: Bits of the firmware's word: what holds the clock down now. 16 bits higher: what did lately.
PI_BITS = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
LATELY = 16


@dataclass(frozen=True)
class Board:
    """Power of a single-board computer at a moment; empty on other machines."""

    tegra: str = ""
    """Board and system of a Jetson."""
    power_mode: str = ""
    """Name of a Jetson's power mode, such as ``MAXN`` or ``15W``."""
    fastest_mode: str = ""
    """Name of the mode without limits; empty where the board has none."""
    fastest_id: int | None = None
    """Its number."""
    held_by: tuple[str, ...] | None = None
    """What holds a Raspberry Pi's clock down; None where no firmware tells."""
    held_lately: tuple[str, ...] = ()
    """What did within the last seconds; since the start of the system on older kernels."""


def read_boards(root: Path = Path("/")) -> Board:
    """Read the power of the board.

    No program is run: ``nvpmodel -q`` itself reads the two files that are read here.

    Parameters
    ----------
    root : Path
        Where ``etc``, ``proc``, ``sys`` and ``var`` lie.
    """
    tegra = tegra_name(read_board(root), read_text(root / "etc/nv_tegra_release"))
    word = _throttled_word(root)
    held, lately = (None, ()) if word is None else (_words(word), _words(word >> LATELY))
    if not tegra:
        return Board(held_by=held, held_lately=lately)
    modes = power_modes(read_text(root / "etc/nvpmodel.conf"))
    # Such as "pmode:0002 fmode:quiet": nvpmodel writes it when a mode is set.
    status = re.search(r"pmode:(\d+)", read_text(root / "var/lib/nvpmodel/status"))
    current = int(status[1]) if status else None
    # The name tells what has no limits, not the number; MAXN_SUPER is above MAXN.
    free = [(name, number) for number, name in modes.items() if name.startswith("MAXN")]
    best, best_id = max(free, default=("", None))
    return Board(
        tegra=tegra,
        power_mode="" if current is None else modes.get(current, f"mode {current}"),
        fastest_mode=best,
        fastest_id=best_id,
        held_by=held,
        held_lately=lately,
    )


def power_modes(conf: str) -> dict[int, str]:
    """Names of a Jetson's power modes by number, from the text of ``/etc/nvpmodel.conf``."""
    pattern = r"^<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+?)\s*>"
    return {int(number): name for number, name in re.findall(pattern, conf, flags=re.MULTILINE)}


def _throttled_word(root: Path) -> int | None:
    """Raspberry Pi's word of `PI_BITS`, hexadecimal; a Pi 5 names the folder by its address."""
    for path in root.glob("sys/devices/platform/soc*/soc*firmware/get_throttled"):
        return read_number(path, 16)
    return None


def _words(bits: int) -> tuple[str, ...]:
    return tuple(word for bit, word in PI_BITS.items() if bits >> bit & 1)
