"""numpy's docstrings as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Sections whose entries are names with a text, and those that are running text.
LISTS = ("Parameters", "Returns", "Yields", "Raises")
EXAMPLES = "Examples"


def paragraphs(doc: str) -> Iterator[str]:
    """A docstring's parts in Markdown: text, lists of names, examples."""
    head, *rest = re.split(r"^(\w+)\n-+$\n?", doc, flags=re.M)
    yield text(head)
    for title, body in zip(rest[::2], rest[1::2], strict=True):
        if title == EXAMPLES:
            yield f"```pycon\n{body.strip()}\n```"
        elif title in LISTS:
            yield f"*{title}*\n\n{entries(body)}"
        else:
            yield f"*{title}.* {text(body)}"


def entries(body: str) -> str:
    """Entries of a section: a line of names and type, its text indented below."""
    lines = []
    for block in re.split(r"^(?=\S)", body.strip("\n"), flags=re.M):
        if not block.strip():
            continue
        head, _, below = block.partition("\n")
        names, _, kind = head.partition(" : ")
        line = f"- `{names}`" + (f": {text(kind)}" if kind else "")
        words = " ".join(text(below).split())
        lines.append(f"{line}  \n  {words}" if words else line)
    return "\n".join(lines)


def text(words: str) -> str:
    """Running text: Markdown's code and formulas for those of reStructuredText."""
    words = re.sub(r"(?<!`)``([^`]+)``(?!`)", r"`\1`", f"{words.strip()}\n")
    words = re.sub(r":math:`([^`]+)`", r"$\1$", words)
    return re.sub(r"^\.\. math::\n\n((?: +.*\n|\n)+)", _formula, words, flags=re.M).strip()


def _formula(found: re.Match[str]) -> str:
    lines = [line.strip() for line in found[1].strip().splitlines() if line.strip()]
    return "```math\n\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}\n```\n\n"
