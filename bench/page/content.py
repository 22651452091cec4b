"""What the page's templates lay out: tables and pictures, in plain text and bytes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column of a table, in plain text."""

    heading: str
    cells: Sequence[str]
    """One a row; empty where there is no figure."""
    words: bool = False
    """Flush left; figures are flush right."""


@dataclass(frozen=True)
class PageTable:
    """A table in plain text; without rows it is not shown."""

    caption: str
    all_columns: Sequence[Column]
    """The first holds the rows' headings."""
    marked: Sequence[bool] = ()
    """Rows that stand out."""
    groups: Sequence[object] = ()
    """A row whose value differs from the row's above begins a new group."""

    @property
    def columns(self) -> list[Column]:
        """Columns with any cell filled."""
        return [column for column in self.all_columns if any(column.cells)]

    @property
    def rows(self) -> range:
        """Indices of the rows."""
        return range(len(self.all_columns[0].cells))

    def classes(self, row: int) -> str:
        """Classes of the style sheet for a row, separated by blanks."""
        begins = row > 0 and bool(self.groups) and self.groups[row] != self.groups[row - 1]
        marked = bool(self.marked) and self.marked[row]
        return " ".join(["marked"] * marked + ["begins"] * begins)


@dataclass(frozen=True)
class PageImage:
    """PNG file that the page holds in itself."""

    data: bytes
    """The file."""
    described: str
    """What it shows, for those who do not see it."""
    width: int
    """As shown where there is room, CSS pixels; so is the height."""
    height: int
    caption: str = ""
    """Below the image."""

    @property
    def base64(self) -> str:
        """The file's bytes as a ``data:`` address has them."""
        return base64.b64encode(self.data).decode()
