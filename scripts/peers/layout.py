"""Markdown by hand: tables, wrapped prose, and figures in words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 100
#: Stands where there is no figure.
NONE = "–"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Table; every row has a cell a header."""
    lines = [" | ".join(headers), "|".join(["---"] * len(headers)), *map(" | ".join, rows)]
    return "\n".join(f"|{line}|" if line.startswith("---") else f"| {line} |" for line in lines)


def prose(*sentences: str) -> str:
    """Paragraph of sentences; empty ones are left out."""
    return _wrapped(" ".join(filter(None, sentences)))


def bullets(items: Iterable[str]) -> str:
    """List."""
    return "\n".join(_wrapped(f"- {item}", "  ") for item in items)


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def number(value: float | None, digits: str) -> str:
    """Figure in a format of Python's, or none."""
    return NONE if value is None else f"{value:{digits}}"


def numbers(values: Iterable[float | None], digits: str) -> str:
    """Figures of several qualities in one cell; none if there is none of any."""
    words = [number(value, digits) for value in values]
    return NONE if set(words) == {NONE} else " / ".join(words)


def percent(value: float | None) -> str:
    """Percentage with its sign, or none."""
    return NONE if value is None else f"{value:+.2f} %"


def three(value: float | None) -> str:
    """Three digits, or as many as lie before the point."""
    if value is None:
        return NONE
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"
