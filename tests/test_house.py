"""Which package may import which, read from the source: see the table in ARCHITECTURE.md.

Every import counts, those inside functions and under TYPE_CHECKING too. Modules are
named by the tree that the links make (edgeqe.bench, not bench).
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.source_tree import LINKED, ROOT, modules, within

#: Packages of the device; modules of edgeqe/ itself are the package "edgeqe".
DEVICE = (
    "archive",
    "calls",
    "codecs",
    "coding",
    "doctor",
    "engine",
    "estimation",
    "files",
    "gstreamer",
    "hardware",
    "model",
    "planned",
    "protocols",
    "reports",
    "runtimes",
    "trust",
    "verify",
    "video",
    "views",
)
PACKAGES = (*LINKED, *DEVICE, "cli", "zoo")

#: What each package may import of ours; a package may always import itself, and every package
#: what is in `FOR_ALL`.
PACKAGE_MAY_IMPORT: dict[str, set[str]] = {
    "codecs": set(),
    "coding": {"codecs"},
    "estimation": {"codecs"},
    "views": set(),
    "reports": set(),
    "hardware": set(),
    "targets": set(),
    "files": {"codecs", "estimation", "reports", "views"},
    "gstreamer": {"edgeqe"},
    "model": {"codecs"},
    "runtimes": {"model", "hardware", "targets"},
    "trust": {"model", "reports"},
    "engine": {"codecs", "model", "views", "runtimes", "targets", "trust"},
    "calls": {"codecs", "engine", "model", "views"},
    "protocols": {"codecs", "coding", "files", "views"},
    "edgeqe": {
        "calls",
        "codecs",
        "engine",
        "files",
        "model",
        "reports",
        "runtimes",
        "trust",
        "views",
    },
    "doctor": {*DEVICE, "edgeqe", "targets"} - {"gstreamer", "verify"},
    "verify": {*DEVICE, "edgeqe", "targets"} - {"doctor", "gstreamer"},
    "video": {"codecs", "views", "reports", "edgeqe"},
    "archive": {"codecs", "files", "reports", "runtimes", "video", "views", "edgeqe"},
    "planned": {"files", "model", "reports", "edgeqe"},
    "zoo": set(),
    "converters": {"codecs", "files", "model", "reports", "runtimes", "views", "zoo"},
    "quantization": {*DEVICE, "edgeqe", "zoo", "converters"} - {"doctor", "gstreamer", "verify"},
    "bench": {*DEVICE, "edgeqe", "targets"} - {"doctor", "gstreamer", "verify"},
    "cli": {*PACKAGES, "edgeqe"},
}
FOR_ALL = {"edgeqe.choices", "edgeqe.errors", "edgeqe.typing", "edgeqe.__version__"}
#: Single modules of other packages. Training sees pictures through the device's own front
#: end, so that a network learns exactly what it will meet.
MODULE_MAY_IMPORT = {
    "edgeqe.zoo": {"edgeqe.metrics", "edgeqe.model", "edgeqe.runtimes.quiet"},
    "edgeqe.zoo.training": {
        "edgeqe.codecs",
        "edgeqe.coding",
        "edgeqe.files.folders",
        "edgeqe.files.upsample",
        "edgeqe.protocols",
        "edgeqe.reports.output_file",
        "edgeqe.views",
    },
    "edgeqe.zoo.training.teacher": {"edgeqe.runtimes"},
}
#: Third parties at all, and those of them that may be imported when the module is.
THIRD_PARTIES = {
    "codecs": {"numpy", "PIL", "numba"},
    "coding": {"numpy", "PIL", "av", "imageio_ffmpeg"},
    "estimation": {"numpy"},
    "views": {"numpy"},
    "reports": set(),
    "hardware": set(),
    "targets": {"tomli"},
    "files": {"numpy", "PIL", "av", "pillow_heif"},
    "gstreamer": {"numpy", "gi"},
    "model": {"numpy"},
    "runtimes": {"numpy", "onnxruntime", "ai_edge_litert", "tflite_runtime"},
    "trust": {"cryptography"},
    "engine": {"numpy"},
    "calls": {"numpy"},
    "protocols": {"numpy"},
    "edgeqe": {"numpy", "PIL"},
    "doctor": {"numpy", "onnxruntime"},
    "verify": {"numpy"},
    "video": {"numpy", "av"},
    "archive": {"numpy", "ray"},
    "planned": set(),
    "zoo": {"numpy", "PIL", "keras", "tensorflow", "jax", "torch", "matplotlib", "tomli"},
    "converters": {"numpy", "PIL", "keras", "tensorflow", "onnx", "onnxruntime", "flatbuffers"},
    "quantization": {
        "numpy",
        "PIL",
        "keras",
        "tensorflow",
        "onnxruntime",
        "ai_edge_litert",
        "pytest",
    },
    "bench": {"numpy", "scipy", "PIL", "matplotlib", "jinja2", "skimage", "onnxruntime"},
    "cli": {"click", "numpy"},
}
EAGER_THIRD_PARTIES = {
    **{
        package: {"numpy"}
        for package in (
            "archive",
            "codecs",
            "coding",
            "estimation",
            "files",
            "runtimes",
            "edgeqe",
            "doctor",
            "video",
            "bench",
        )
    },
    "cli": {"click"},
}


@dataclass(frozen=True)
class Import:
    """One imported module, or one name of a module."""

    importer: str
    imported: str
    line: int
    eager: bool
    """Run when the importing module is imported."""


def imports(module: str, source: str) -> Iterator[Import]:
    """Imports of a module's source; ``from a import b`` is an import of ``a.b``."""

    def visit(node: ast.AST, eager: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno, eager)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: relative import"
            for alias in node.names:
                yield Import(module, f"{node.module}.{alias.name}", node.lineno, eager)
        elif isinstance(node, ast.Call) and node.args:
            name = ast.unparse(node.func).split(".")[-1]
            target = node.args[0]
            if name in ("import_module", "__import__"):
                if isinstance(target, ast.Constant) and isinstance(target.value, str):
                    yield Import(module, target.value, node.lineno, eager)
                elif isinstance(target, ast.JoinedStr):  # f"edgeqe.cli.{verb}": its fixed head
                    head = target.values[0]
                    if isinstance(head, ast.Constant):
                        yield Import(module, str(head.value).rstrip("."), node.lineno, eager)
        lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for statement in node.body:
                yield from visit(statement, False)
            for statement in node.orelse:
                yield from visit(statement, eager)
            return
        for child in ast.iter_child_nodes(node):
            yield from visit(child, eager and not lazy)

    yield from visit(ast.parse(source), True)


def package(module: str) -> str:
    """The package that a module of ours lies in."""
    parts = module.split(".")
    if module == "edgeqe.__main__":
        return "cli"
    return parts[1] if len(parts) > 1 and parts[1] in PACKAGES else "edgeqe"


def wrong(found: Import) -> str:
    """Why an import breaks the rules; empty if it does not."""
    here = package(found.importer)
    top = found.imported.split(".")[0]
    where = f"{found.importer}:{found.line}: {here} must not import {found.imported}"
    if top in PACKAGES:
        return f"{where}: write edgeqe.{found.imported}"
    if top == "edgeqe":
        allowed = {
            name
            for above, names in MODULE_MAY_IMPORT.items()
            if within(found.importer, {above})
            for name in names
        }
        there = package(found.imported)
        if there == here or there in PACKAGE_MAY_IMPORT[here]:
            return ""
        return "" if within(found.imported, FOR_ALL | allowed) else where
    if top in sys.stdlib_module_names:
        return ""
    if here in THIRD_PARTIES and top not in THIRD_PARTIES[here]:
        return where
    if found.eager and here in EAGER_THIRD_PARTIES and top not in EAGER_THIRD_PARTIES[here]:
        return f"{where} outside a function"
    return ""


def test_every_room_imports_only_what_it_may() -> None:
    broken = []
    found = modules(ROOT)
    for name, path in found.items():
        for item in imports(name, path.read_text(encoding="utf-8")):
            broken.append(wrong(item))
    assert {package(name) for name in found} == {
        *PACKAGES,
        "edgeqe",
    }  # every package was really read
    assert [line for line in broken if line] == []


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("edgeqe.views.colour", "import keras"),
        ("edgeqe.views.colour", "from edgeqe.zoo import build"),
        ("edgeqe.views.colour", "def f():\n    from edgeqe import zoo"),
        ("edgeqe.views.colour", "import importlib\nimportlib.import_module('edgeqe.bench.data')"),
        ("edgeqe.views.colour", "import importlib\nimportlib.import_module(f'edgeqe.cli.{verb}')"),
        ("edgeqe.views.colour", "from PIL import Image"),
        ("edgeqe.views.colour", "from edgeqe.model.file import ModelFile"),
        ("edgeqe.codecs.jpeg", "from edgeqe.views import colour"),
        ("edgeqe.codecs.jpeg", "from PIL import Image"),
        ("edgeqe.model.file", "def f():\n    from PIL import Image"),
        ("edgeqe.model.file", "import onnxruntime"),
        ("edgeqe.files.reading", "from edgeqe.engine import engine"),
        ("edgeqe.files.reading", "from PIL import Image"),
        ("edgeqe.engine.engine", "from edgeqe.files import reading"),
        ("edgeqe.enhancer", "def f():\n    from edgeqe.gstreamer import planes"),
        ("edgeqe.engine.tiling", "from edgeqe.doctor import findings"),
        ("edgeqe.engine.engine", "from edgeqe import Enhancer"),
        ("edgeqe.runtimes.ort", "from edgeqe.engine import memory"),
        ("edgeqe.runtimes.ort", "if True:\n    import onnxruntime"),
        ("edgeqe.reports.tables", "import numpy"),
        ("edgeqe.views.colour", "import targets"),
        ("edgeqe.enhancer", "from edgeqe.doctor import examination"),
        ("edgeqe.targets.profile", "from edgeqe import Enhancer"),
        ("edgeqe.targets.profile", "import onnxruntime"),
        ("edgeqe.zoo.plain", "from edgeqe.views.colour import pool"),
        ("edgeqe.zoo.training.pool", "from edgeqe.enhancer import Enhancer"),
        ("edgeqe.zoo.training.pool", "from edgeqe import converters"),
        ("edgeqe.converters.graph.graph", "from edgeqe.bench import data"),
        ("edgeqe.bench.data", "class A:\n    def f(self):\n        import edgeqe.zoo.plain"),
        ("edgeqe.bench.data", "def f():\n    import keras"),
        ("edgeqe.quantization.drift.gate", "from edgeqe.doctor import findings"),
        ("edgeqe.quantization.drift.gate", "import matplotlib"),
        ("edgeqe.cli.bench", "import numpy as np"),
        ("edgeqe.archive.ray_data", "import ray"),
        ("edgeqe.archive.run", "from edgeqe.engine import memory"),
    ],
)
def test_the_rules_find_a_forbidden_import(importer: str, source: str) -> None:
    assert any(wrong(item) for item in imports(importer, source))


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("edgeqe.files.enhance", "def f():\n    from PIL import Image"),
        (
            "edgeqe.files.enhance",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import PIL",
        ),
        ("edgeqe.archive.ray_data", "def f():\n    import ray.data"),
        ("edgeqe.engine.opening", "from edgeqe.targets import profile\nimport numpy as np"),
        ("edgeqe.enhancer", "from edgeqe.engine import opening"),
        ("edgeqe.targets.profile", "from edgeqe.errors import InputError"),
        ("edgeqe.zoo.training.degrade", "from edgeqe.codecs import jpeg\nfrom PIL import Image"),
        ("edgeqe.quantization.pruning", "from edgeqe.converters.graph import graph"),
        ("edgeqe.cli.train", "import click\ndef f():\n    from edgeqe.zoo import training"),
        ("edgeqe.__main__", "from edgeqe.cli import main"),
    ],
)
def test_the_rules_allow_what_the_table_allows(importer: str, source: str) -> None:
    found = list(imports(importer, source))
    assert found
    assert [wrong(item) for item in found if wrong(item)] == []


def loaded_by(statement: str) -> set[str]:
    """Names of the top-level modules that a statement loads in a fresh process."""
    code = f"{statement}\nimport sys\nprint('\\n'.join({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_importing_edgeqe_loads_nothing_heavy() -> None:
    loaded = loaded_by("import edgeqe")
    assert "edgeqe" in loaded
    third_parties = {"numpy", "scipy", "onnxruntime", "PIL", "click", "tensorflow", "keras", "onnx",
                     "skimage", "matplotlib", "rich", "cv2", "ai_edge_litert", "flatbuffers", "numba", "jinja2"}  # fmt: skip
    assert loaded & third_parties == set()
