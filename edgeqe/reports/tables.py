"""Text for reports on a console: tables, and what may be printed."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def table(rows: Sequence[Sequence[str]], left: Collection[int] = ()) -> list[str]:
    """Lines of columns as wide as their longest cell, headers included; those of `left` keep left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def printable(text: str) -> str:
    """Text of a file for one line of a terminal: what does not print is a question mark."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def counted(count: int, thing: str) -> str:
    """``1 thread``, ``2 threads``."""
    return f"{count} {thing}{'' if count == 1 else 's'}"
