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

    def clipped(self, height: int, width: int) -> Window:
        """The window without what lies outside a picture of a height and width."""
        top, left = max(0, self.top), max(0, self.left)
        bottom, right = min(self.top + self.height, height), min(self.left + self.width, width)
        return Window(top, left, bottom - top, right - left, self.rows, self.columns)
