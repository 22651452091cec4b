"""docs/targets.md: its example, every key and its error are what the reader takes and says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from edgeqe.targets.profile import WindowBounds
from edgeqe.targets.reading import read_profile

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib
from tests.targets.profile_files import PEAK, WAY, error, write

PAGE = Path(__file__).parents[2] / "docs" / "targets.md"


def test_the_example_in_the_documentation(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    profile, jetson = read_profile(write(tmp_path, text)), read_profile("jetson")
    # what the page says of it: lists are replaced, tables are joined
    assert [way.provider for way in profile.backends] == ["CUDAExecutionProvider"]
    assert profile.window == WindowBounds(jetson.window.smallest, 384, True)
    assert len(profile.peaks) == 1 and profile.peaks != jetson.peaks
    # it is full: it gives every key that the top of a file may have
    assert set(tomllib.loads(text)) == documented("At the top of the file") | {
        "runtime", "window", "precision", "peak",
    }  # fmt: skip


def documented(heading: str) -> set[str]:
    """Keys in the first column of the table under a line that starts so."""
    text = PAGE.read_text(encoding="utf-8").partition(f"\n{heading}")[2]
    return set(re.findall(r"^\| `(\w+)` \|", text.partition("\n\n")[2].partition("\n\n")[0], re.M))


@pytest.mark.parametrize(
    ("heading", "text"),
    [
        ("At the top of the file", f"zzz = 1\n{WAY}"),
        ("`[[runtime]]`", f"{WAY}zzz = 1"),
        ("`[window]`", f"{WAY}[window]\nzzz = 1"),
        ("`[[peak]]`", f"{WAY}{PEAK}zzz = 1"),
    ],
)
def test_the_documentation_has_every_key(heading: str, text: str, tmp_path: Path) -> None:
    _, _, known = error(write(tmp_path, text)).partition("zzz is no key of a profile: use ")
    tables = {"runtime", "window", "precision", "peak"} if heading.startswith("At") else set()
    assert set(known.rstrip(".").split(", ")) == documented(heading) | tables


def test_the_error_in_the_documentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, f"[window]\nlarges = 1\n{WAY}")
    assert f"\nedgeqe: {error('board.toml')}\n" in PAGE.read_text(encoding="utf-8")
