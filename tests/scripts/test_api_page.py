"""docs/api.md is what the docstrings say, and the script says all of the face."""

from __future__ import annotations

import inspect
import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

import edgeqe

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "api.md"


@pytest.fixture(scope="module")
def page() -> Callable[[Path], str]:
    written: Callable[[Path], str] = runpy.run_path(str(ROOT / "scripts" / "api"))["page"]
    return written


def test_the_page_is_up_to_date(page: Callable[[Path], str]) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(ROOT), "run python scripts/api"


def test_the_page_holds_the_whole_face() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in set(dir(edgeqe)) - {"__version__"}:
        assert re.search(rf"^(##+ (edgeqe\.)?{name}|\| `{name}` \|.*)$", text, re.M), name
    calls = inspect.getmembers(edgeqe.Enhancer, inspect.isfunction)
    public = [(name, call) for name, call in calls if not name.startswith("_")]
    assert len(public) > 5
    for name, call in public:
        section = text.split(f"### Enhancer.{name}\n")[1].split("\n## ")[0].split("\n### ")[0]
        for argument in set(inspect.signature(call).parameters) - {"self"}:
            assert re.search(rf"\b{argument}: ", section), f"{name}: {argument}"


def test_a_made_up_package_by_hand(page: Callable[[Path], str], tmp_path: Path) -> None:
    package = tmp_path / "edgeqe"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from edgeqe.errors import AnError\n"
        "__all__ = ['AnError', '__version__', 'twice']\n"
        "_LOADED_FROM = {'twice': 'edgeqe.sums'}\n"
    )
    (package / "errors.py").write_text(
        "__all__ = ['AnError']\nclass AnError(ValueError):\n    '''A sum is wrong.'''\n"
    )
    (package / "metrics.py").write_text("__all__ = []\ndef unlisted(): '''No.'''\n")
    (package / "video").mkdir()
    (package / "video" / "frames.py").write_text(
        "__all__ = ['count']\ndef count():\n    '''Count.\n\n    Yields\n    ------\n    int\n    '''\n"
    )
    (package / "video" / "stream.py").write_text("__all__ = []\n")
    (package / "sums.py").write_text(
        "__all__ = ['twice']\n"
        "def twice(value: int, *, unit: str = 'dB') -> int:\n"
        "    '''Two of ``value``.\n\n"
        "    Parameters\n    ----------\n    value : int\n        In `unit`,\n        above 0.\n\n"
        "    Examples\n    --------\n    >>> twice(2)\n    4\n    '''\n"
    )
    text = page(tmp_path).partition("## Functions\n\n")[2]
    assert text == (
        '### edgeqe.twice\n\n```python\ntwice(value: int, *, unit: str = "dB") -> int\n```\n\n'
        "Two of `value`.\n\n*Parameters*\n\n- `value`: int  \n  In `unit`, above 0.\n\n"
        "```pycon\n>>> twice(2)\n4\n```\n\n"
        "## Exceptions\n\n| exception | is also | raised when |\n|---|---|---|\n"
        "| `AnError` | `ValueError` | A sum is wrong. |\n\n## edgeqe.metrics\n\n"
        "## edgeqe.video\n\n### video.count\n\n```python\ncount()\n```\n\nCount.\n\n"
        "*Yields*\n\n- `int`\n"
    )
