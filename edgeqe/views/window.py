"""A window of a picture: what is read, and which part of it is written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """One window, all in picture pixels."""

    top: int
    left: int
    height: int
    width: int
    rows: tuple[int, int]
    """First and last + 1 row of its own result."""
    columns: tuple[int, int]
    """First and last + 1 column of its own result."""
