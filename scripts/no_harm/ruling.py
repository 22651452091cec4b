"""What counts as harm, and how it is said."""

from __future__ import annotations

from collections.abc import Sequence

from measuring import HarmRow

from edgeqe.reports.tables import table

#: Most that a picture of a kind may lose, dB.
MOST = {"photographs": 0.05, "drawn": 0.1}
#: Kinds whose mean must gain, however coded.
MUST_GAIN = ("drawn",)


def failures(rows: Sequence[HarmRow]) -> list[str]:
    """Rules that are broken, a sentence each; empty where nothing is harmed."""
    found = []
    for row in rows:
        where = f"{row.kind} {row.coding}, {row.point}"
        lost = sorted((gain, name) for name, gain in row.gains.items() if gain < -MOST[row.kind])
        if lost:
            gain, name = lost[0]
            found.append(
                f"{where}: {len(lost)} of {len(row.gains)} pictures lose more than "
                f"{MOST[row.kind]:g} dB, {name} {-gain:.3f}"
            )
        if row.kind in MUST_GAIN and row.mean <= 0.0:
            found.append(f"{where}: the mean loses {-row.mean:.3f} dB")
    return found


def rules(kinds: Sequence[str]) -> str:
    """What holds where nothing is harmed."""
    sentences = [
        f"no picture of {kind} loses more than {MOST[kind]:g} dB"
        + (", and their mean gains" if kind in MUST_GAIN else "")
        for kind in kinds
    ]
    return "; ".join(sentences)


def table_of(rows: Sequence[HarmRow]) -> list[str]:
    """Lines of a table, a row a kind, coding and strength."""
    head = ["", "", "strength", "n", "PSNR dB", "mean gain", "worst", ""]
    cells = [
        [
            row.kind,
            str(row.coding),
            f"{row.point.value:g}",
            str(len(row.gains)),
            f"{row.before:.2f}",
            f"{row.mean:+.3f}",
            f"{row.gains[row.worst]:+.3f}",
            row.worst,
        ]
        for row in rows
    ]
    return table([head, *cells], left=(0, 1, 7))
