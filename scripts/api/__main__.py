"""docs/api.md from the docstrings of the public interface.

Usage: ``python scripts/api`` writes the page; the sources are read, never imported. A test
holds the page equal, so run it when a public docstring or signature changes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from rendering import paragraphs
from sources import ClassText, Member, face, public

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "api.md"
HEAD = """\
# API

`import edgeqe` loads nothing heavy; numpy and a runtime are loaded by the first call. This page
is written by `python scripts/api` from the docstrings, whose examples the tests run."""


def page(root: Path) -> str:
    """Text of the whole page."""
    found = face(root)
    texts = {name: public(root, module)[name] for name, module in found.items()}
    errors = [text for name, text in texts.items() if found[name] == "edgeqe.errors"]
    calls = [text for text in texts.values() if isinstance(text, Member)]
    classes = [text for text in texts.values() if isinstance(text, ClassText)]
    parts = [HEAD, "## Functions"]
    for call in calls:
        parts += _function(call, "edgeqe.")
    for one in classes:
        if one not in errors:
            parts += _class(one)
    parts += ["## Exceptions", "\n".join(_errors(errors))]
    for room, module in (("metrics", "edgeqe.metrics"), ("video", "edgeqe.video.frames")):
        parts += [f"## edgeqe.{room}"]
        for call in public(root, module).values():
            assert isinstance(call, Member)
            parts += _function(call, f"{room}.")
    for one in public(root, "edgeqe.video.stream").values():
        assert isinstance(one, ClassText)
        parts += _class(one)
    return "\n\n".join(parts) + "\n"


def _function(call: Member, owner: str = "") -> Iterator[str]:
    yield f"### {owner}{call.name}"
    yield f"```python\n{call.name}{call.signature}\n```"
    yield from paragraphs(call.doc)


def _class(one: ClassText) -> Iterator[str]:
    yield f"## {one.name}"
    if one.signature:
        yield f"```python\n{one.name}{one.signature}\n```"
    yield from paragraphs(one.doc)
    if one.fields:
        yield "\n".join(_attribute(field) for field in one.fields)
    for item in one.properties:
        first, *rest = paragraphs(item.doc)
        yield f"### {one.name}.{item.name}"
        yield f"`{item.signature}`: {first}"
        yield from rest
    for call in one.methods:
        yield from _function(call, f"{one.name}.")


def _attribute(field: Member) -> str:
    words = " ".join(" ".join(paragraphs(field.doc)).split())
    return f"- `{field.name}`: `{field.signature}`" + (f"  \n  {words}" if words else "")


def _errors(errors: list[ClassText | Member]) -> Iterator[str]:
    yield "| exception | is also | raised when |"
    yield "|---|---|---|"
    for error in errors:
        assert isinstance(error, ClassText)
        bases = ", ".join(f"`{base}`" for base in error.bases)
        yield f"| `{error.name}` | {bases} | {next(paragraphs(error.doc)).splitlines()[0]} |"


if __name__ == "__main__":
    PAGE.write_text(page(ROOT), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}\n")
