"""A page as a browser would read it: tags in balance, tables, headings and pictures by content."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "img", "wbr", "br", "hr", "link", "input"}


@dataclass
class Table:
    """One table."""

    caption: str = ""
    headings: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    """The row's heading and its cells."""
    marked: list[str] = field(default_factory=list)
    """Headings of the rows that stand out."""

    def column(self, heading: str) -> dict[str, str]:
        """Cells of a column by their rows' headings."""
        index = self.headings.index(heading)
        return {row[0]: row[index] for row in self.rows}


class Page(HTMLParser):
    """Reads the whole page when it is made; a tag out of balance is an AssertionError."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        """Every start tag with its attributes."""
        self.headings: list[tuple[str, str]] = []
        """Level and words."""
        self.tables: list[Table] = []
        self.words: list[str] = []
        """Text of the body, piece by piece."""
        self._open: list[str] = []
        self._text = ""
        self._row_marked = False
        self.feed(source)
        self.close()
        assert self._open == [], f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        assert len(found) == len(attrs), f"<{tag}> names an attribute twice"
        self.tags.append((tag, found))
        if tag in VOID:
            return
        self._open.append(tag)
        if tag == "table":
            self.tables.append(Table())
        elif tag == "tr":
            self._row_marked = "marked" in found.get("class", "").split()
            if "tbody" in self._open:
                self.tables[-1].rows.append([])
        if tag in ("th", "td", "caption", "h1", "h2", "h3", "p", "li", "dt", "dd", "figcaption"):
            self._text = ""

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1] == tag, f"</{tag}> closes {self._open[-3:]}"
        self._open.pop()
        if tag in ("h1", "h2", "h3"):
            self.headings.append((tag, self._text))
        elif tag == "caption":
            self.tables[-1].caption = self._text
        elif tag in ("th", "td"):
            if "thead" in self._open:
                self.tables[-1].headings.append(self._text)
            else:
                self.tables[-1].rows[-1].append(self._text)
                if tag == "th" and self._row_marked:
                    self.tables[-1].marked.append(self._text)

    def handle_data(self, data: str) -> None:
        self._text += data
        if "body" in self._open and data.strip():
            self.words.append(data)

    def of(self, tag: str) -> list[dict[str, str]]:
        """Attributes of every tag of a name."""
        return [attributes for name, attributes in self.tags if name == tag]

    def table(self, start: str) -> Table:
        """The only table whose caption starts so."""
        (found,) = (table for table in self.tables if table.caption.startswith(start))
        return found

    def sections(self) -> list[str]:
        """Headings of the sections."""
        return [words for level, words in self.headings if level == "h2"]
