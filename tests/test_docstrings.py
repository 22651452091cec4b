"""Docstrings of the public face: their examples run, and they say shapes, units and errors."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re

import pytest

import edgeqe
from edgeqe import Enhancer, metrics, shortcuts
from tests.source_tree import ROOT, modules

#: Modules that users import by name.
FACE = ("edgeqe", "edgeqe.demo", "edgeqe.enhancer", "edgeqe.errors", "edgeqe.info",
        "edgeqe.metrics", "edgeqe.sequence", "edgeqe.shortcuts", "edgeqe.video")  # fmt: skip
#: Callables that take a user's pictures.
TAKE_PICTURES = (
    Enhancer.enhance,
    Enhancer.enhance_planes,
    Enhancer.enhance_nv12,
    Enhancer.enhance_p010,
    Enhancer.enhance_file,
    shortcuts.enhance,
    metrics.mse,
    metrics.psnr,
    metrics.psnr_b,
    metrics.ssim,
)
WITH_EXAMPLES = [name for name, path in modules(ROOT).items() if ">>> " in path.read_text("utf-8")]


def defined(source: str) -> set[str]:
    """Names that a module defines or takes from others, without those with an underscore."""
    found = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in found if not name.startswith("_")}


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_run(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name), report=True)
    assert failed == 0
    assert tried > 0


def test_the_modules_with_examples_were_found() -> None:
    assert {"edgeqe.enhancer", "edgeqe.metrics", "edgeqe.shortcuts"} <= set(WITH_EXAMPLES)


@pytest.mark.parametrize("function", TAKE_PICTURES, ids=lambda function: function.__qualname__)
def test_a_call_with_pictures_is_described_in_full(function: object) -> None:
    text = inspect.getdoc(function) or ""
    sections = re.split(r"^(\w+)\n-+$", text, flags=re.M)
    parts = dict(zip(sections[1::2], sections[2::2], strict=True))
    assert {"Parameters", "Returns", "Raises", "Examples"} <= parts.keys()
    assert callable(function)
    named = re.findall(r"^([\w, ]+?)(?: : .*)?$", parts["Parameters"], re.M)
    described = {word for line in named for word in line.split(", ")}
    assert set(inspect.signature(function).parameters) - {"self"} <= described


def test_p010_says_shapes_units_and_errors() -> None:
    text = inspect.getdoc(Enhancer.enhance_p010) or ""
    for words in ("uint16, shape (H, W)", "(ceil(H / 2), ceil(W / 2), 2)", "0 to 1023",
                  "10-bit sample values", "InputTypeError", "MemoryLimitError"):  # fmt: skip
        assert words in text


def test_public_modules_say_what_is_public() -> None:
    found = modules(ROOT)
    packages = {name for name, path in found.items() if path.name == "__init__.py"}
    for name in {*FACE, *packages}:
        if name not in FACE and not defined(found[name].read_text("utf-8")):
            continue  # a package that hands nothing on
        module = importlib.import_module(name)
        assert len(module.__all__) == len(set(module.__all__)), name
        for word in module.__all__:
            assert getattr(module, word) is not None, f"{name}.{word}"


def test_every_public_name_of_the_face_is_explained() -> None:
    for name in dir(edgeqe):
        if name != "__version__":
            assert (inspect.getdoc(getattr(edgeqe, name)) or "").strip(), name
