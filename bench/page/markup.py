"""Pieces of HTML: the only place where text becomes markup, so that all of it is escaped.

Names of files and pictures come from outside and may hold anything.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from edgeqe.bench.baseline_check.likeness import printable


@dataclass(frozen=True)
class Column:
    """One column of a table, in plain text."""

    heading: str
    cells: Sequence[str]
    """One a row; empty where there is no figure."""
    words: bool = False
    """Flush left; figures are flush right."""


def text(words: str) -> str:
    """Words as markup; what does not print, such as half a letter, is a question mark."""
    return escape(printable(words))


def anchor(words: str) -> str:
    """Name for links within the page."""
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def paragraph(words: str, kind: str = "") -> str:
    """Paragraph; `kind` is a class of the style sheet."""
    return f"<p{_class(kind)}>{text(words)}</p>"


def listing(lines: Iterable[str], kind: str = "") -> str:
    """Bulleted list; nothing of no lines."""
    items = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f"<ul{_class(kind)}>{items}</ul>" if items else ""


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Terms and what they are; those that are nothing are left out."""
    items = "".join(
        f"<div><dt>{text(term)}</dt><dd>{text(words)}</dd></div>" for term, words in pairs if words
    )
    return f"<dl>{items}</dl>" if items else ""


def table(
    caption: str,
    columns: Sequence[Column],
    marked: Sequence[bool] = (),
    groups: Sequence[object] = (),
) -> str:
    """Table in a box of its own that scrolls sideways when the screen is narrow.

    Parameters
    ----------
    caption : str
    columns : sequence of Column
        The first holds the rows' headings. One without any cell filled is left out, and a table
        without rows is nothing.
    marked : sequence of bool
        Rows that stand out.
    groups : sequence of object
        A row whose value differs from the row's above begins a new group.
    """
    rows = len(columns[0].cells)
    if not rows:
        return ""
    columns = [column for column in columns if any(column.cells)]
    heads = "".join(
        f'<th scope="col"{_words(column)}>{text(column.heading)}</th>' for column in columns
    )
    lines = []
    for index in range(rows):
        first, *others = (column.cells[index] for column in columns)
        # A model's name may break behind its colon.
        name = text(first).replace(":", ":<wbr>")
        cells = f'<th scope="row">{name}</th>' + "".join(
            f"<td{_words(column)}>{text(cell)}</td>"
            for column, cell in zip(columns[1:], others, strict=True)
        )
        kinds = ["marked"] if marked and marked[index] else []
        if index and groups and groups[index] != groups[index - 1]:
            kinds.append("begins")
        lines.append(f"<tr{_class(' '.join(kinds))}>{cells}</tr>")
    # A box that scrolls must be reachable by keyboard, and so needs a name.
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(caption)}">\n'
        f"<table><caption><span>{text(caption)}</span></caption>\n"
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{chr(10).join(lines)}\n</tbody></table></div>"
    )


def image(data: bytes, described: str, width: int, height: int, caption: str = "") -> str:
    """PNG file inside the page, with a caption below.

    Parameters
    ----------
    data : bytes
        The file.
    described : str
        What it shows, for those who do not see it.
    width, height : int
        As shown where there is room, CSS pixels.
    caption : str
    """
    below = f"<figcaption>{text(caption)}</figcaption>" if caption else ""
    return (
        f'<figure><img src="data:image/png;base64,{base64.b64encode(data).decode()}" '
        f'alt="{text(described)}" width="{width}" height="{height}">{below}</figure>'
    )


def box(kind: str, *parts: str) -> str:
    """Parts in one block; `kind` is a class of the style sheet."""
    return f"<div{_class(kind)}>\n" + "\n".join(parts) + "\n</div>"


def heading(level: int, words: str) -> str:
    """Heading inside a section."""
    return f"<h{level}>{text(words)}</h{level}>"


def section(words: str, *parts: str) -> str:
    """Section below its heading, which links lead to; nothing of empty parts."""
    filled = [part for part in parts if part]
    if not filled:
        return ""
    name = anchor(words)
    inside = "\n".join(filled)
    return (
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">{text(words)}</h2>\n'
        f"{inside}\n</section>"
    )


def links(headings: Iterable[str]) -> str:
    """Links to sections by their headings."""
    items = "".join(f'<a href="#{anchor(words)}">{text(words)}</a>' for words in headings)
    return f'<nav aria-label="Sections">{items}</nav>'


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _words(column: Column) -> str:
    return _class("words" if column.words else "")
