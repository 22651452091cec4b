"""README and docs: the examples run as they are written, and what they point to is there."""

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from edgeqe.cli import main
from tests.test_house import PACKAGE_MAY_IMPORT

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md")), ROOT / "ARCHITECTURE.md",
         ROOT / "examples" / "README.md"]  # fmt: skip


def prepared_by(page: Path) -> list[str]:
    """Commands of a page that make the files its examples read, for this interpreter."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    made = [line for line in lines if re.match(r"mkdir|python -c|edgeqe convert", line)]
    starts = {"python ": f"{sys.executable} ", "edgeqe ": f"{sys.executable} -m edgeqe "}
    for word, full in starts.items():
        made = [full + line[len(word) :] if line.startswith(word) else line for line in made]
    return made


def examples_of(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)


@pytest.mark.parametrize(("page", "count"), [("README.md", 1), ("docs/python.md", 2)])
def test_the_python_examples(
    page: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = examples_of(ROOT / page)
    assert len(examples) == count
    script = tmp_path / "example.py"
    script.write_text("".join(examples), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for command in prepared_by(ROOT / page):
        subprocess.run(command, shell=True, check=True)  # as a reader types it
    names = runpy.run_path(str(script))
    assert names["report"].quality == 20
    with Image.open(tmp_path / "out.png") as written:
        assert written.size == (256, 256)


def test_the_commands_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in prepared_by(README):
        subprocess.run(command, shell=True, check=True)
    text = README.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if re.match(r"edgeqe (enhance|models)", line)]
    assert len(lines) == 3
    for line in lines:
        result = CliRunner().invoke(main, shlex.split(line, comments=True)[1:])
        assert result.exit_code == 0, (line, result.output)
    assert (tmp_path / "better.png").exists() and (tmp_path / "enhanced" / "a.png").exists()


def test_the_first_example_is_five_lines() -> None:
    lines = [line for line in examples_of(README)[0].splitlines() if line]
    assert len(lines) <= 5
    assert len(README.read_text(encoding="utf-8").splitlines()) < 150


def test_every_verb_is_listed() -> None:
    from edgeqe.cli import VERBS

    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert re.findall(r"^edgeqe (\w+)", text, re.M) == list(VERBS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.S)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.M)
            assert anchor in {re.sub(r"\W+", "-", h.lower()).strip("-") for h in headings}, target


def test_architecture_names_files_and_packages_that_are_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    found = {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py")}
    named = set(re.findall(r"`([\w/]+\.py)`", text)) - {"NAME.py"}
    assert len(named) > 80
    lost = [
        name for name in named
        if "NAME" not in name and not any(f"/{path}".endswith(f"/{name}") for path in found)
    ]  # fmt: skip
    assert lost == []
    table = re.findall(r"^\| `([a-z/]+)/` \|", text, re.M)
    packages = [name.removeprefix("edgeqe/").replace("/", ".") for name in table]
    assert sorted(packages) == sorted(PACKAGE_MAY_IMPORT)


def test_the_picture_is_small() -> None:
    assert (ROOT / "docs" / "before-after.png").stat().st_size < 300_000
