"""The source tree: names of classes, length of files, links, the map of packages, one reader."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from tests.source_tree import LINKED, ROOT, modules, within

#: Lines of the longest file.
LONGEST_FILE = 350


def classes(module: str, source: str) -> Iterator[str]:
    """Names of the public classes at the top of a module."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def named_twice(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """Names of classes that several modules define, with these modules."""
    found: dict[str, list[str]] = {}
    for module, source in sources.items():
        for name in classes(module, source):
            found.setdefault(name, []).append(module)
    return {name: places for name, places in found.items() if len(places) > 1}


def test_no_two_classes_share_a_name() -> None:
    sources = {name: path.read_text(encoding="utf-8") for name, path in modules(ROOT).items()}
    assert named_twice(sources) == {}
    second = {**sources, "edgeqe.bench.second": "class Enhancer:\n    pass"}
    assert named_twice(second) == {"Enhancer": ["edgeqe.enhancer", "edgeqe.bench.second"]}


def test_no_file_is_longer_than_one_idea() -> None:
    files = {*modules(ROOT).values(), *(ROOT / "tests").rglob("*.py")}
    lines = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in files
    }
    assert "tests/test_tree.py" in lines
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


@pytest.mark.parametrize("name", LINKED)
def test_a_linked_room_is_one_tree(name: str) -> None:
    link = ROOT / "edgeqe" / name
    assert link.is_symlink()
    assert os.readlink(link) == f"../{name}"
    assert (ROOT / name / "__init__.py").is_file()


def test_every_package_is_in_the_map() -> None:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    setup = project["tool"]["setuptools"]
    packages = {name for name, path in modules(ROOT).items() if path.name == "__init__.py"}
    assert set(setup["packages"]) == packages
    assert setup["package-dir"] == {f"edgeqe.{name}": name for name in LINKED}
    banned = project["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    assert set(banned) == set(LINKED)


def test_the_linter_refuses_a_bare_import() -> None:
    source = "import bench\nfrom targets import profile\n"
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--output-format", "json",
         "--no-cache", "--stdin-filename", str(ROOT / "edgeqe" / "bare.py"), "-"],
        input=source, capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert [(item["code"], item["location"]["row"]) for item in json.loads(done.stdout)] == [
        ("TID251", 1),
        ("TID251", 2),
    ]


def opened_pictures(source: str) -> Iterator[int]:
    """Lines of `Image.open` of anything but an ``io.BytesIO``.

    A file of the user's is opened by `edgeqe.files` alone, because Pillow's own choice of a reader
    may start another program; bytes that we coded ourselves are no user's file.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).lower().endswith("image.open"):
            given = node.args[0] if node.args else None
            own = isinstance(given, ast.Call) and ast.unparse(given.func).endswith("BytesIO")
            if not own:
                yield node.lineno


def test_pictures_are_opened_in_files_alone() -> None:
    found = [
        f"{name}:{line}: read a picture by edgeqe.files"
        for name, path in modules(ROOT).items()
        if not within(name, {"edgeqe.files"})
        for line in opened_pictures(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("from PIL import Image\nwith Image.open(path) as picture:\n    pass", [2]),
        ("import PIL.Image\npicture = PIL.Image.open(fp='a.png')", [2]),
        ("image = pillow_image()\nimage.open(path)\npath.open()", [2]),
        ("from PIL import Image\nImage.open(io.BytesIO(encode(pixels)))", []),
    ],
)
def test_the_rule_finds_an_opened_picture(source: str, lines: list[int]) -> None:
    assert list(opened_pictures(source)) == lines
