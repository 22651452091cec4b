"""What `import edgeqe` shows to its users."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import edgeqe
from edgeqe import cli
from edgeqe.errors import InputError, ModelError
from tests.reference import photograph

ROOT = Path(__file__).parent.parent
CALLS = {"Enhancer", "FrameSequence", "available_models", "enhance"}
RESULTS = {"FileReport", "Info", "ReuseReport", "SelfTest"}


def test_dir_lists_the_face_and_nothing_else() -> None:
    exceptions = {
        name for name, value in vars(edgeqe.errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }  # fmt: skip
    assert set(dir(edgeqe)) == CALLS | RESULTS | exceptions | {"__version__"}
    assert dir(edgeqe) == sorted(edgeqe.__all__)


def test_every_name_of_the_face_is_there_and_explained() -> None:
    for name in set(dir(edgeqe)) - {"__version__"}:
        assert getattr(edgeqe, name).__doc__, name
    with pytest.raises(AttributeError, match="'enhanse'"):
        edgeqe.enhanse  # noqa: B018


def test_the_face_is_the_same_in_a_fresh_process() -> None:
    # Here other tests have imported submodules, which become attributes of the package.
    code = "import edgeqe; print(*dir(edgeqe))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == dir(edgeqe)


def test_one_call_is_what_an_enhancer_gives() -> None:
    picture = photograph("coffee", 100, 200, 40, 56)
    with edgeqe.Enhancer("edgeqe-nano") as enhancer:
        expected = enhancer.enhance(picture, quality=15)
    better = edgeqe.enhance(picture, quality=15, model="edgeqe-nano")
    np.testing.assert_array_equal(better, expected)
    assert not np.array_equal(better, picture)
    by_step = edgeqe.enhance(picture, step=40.0, codec="jpeg", model="edgeqe-nano")
    assert not np.array_equal(by_step, better)


def test_one_call_refuses_what_an_enhancer_refuses() -> None:
    picture = np.zeros((16, 16), np.uint8)
    with pytest.raises(InputError, match="exactly one of quality="):
        edgeqe.enhance(picture, model="edgeqe-nano")
    with pytest.raises(ModelError, match="edgeqe-nano"):
        edgeqe.enhance(picture, quality=20, model="edgeqe-nanno")


def test_available_models_are_what_the_command_line_lists() -> None:
    from click.testing import CliRunner

    names = edgeqe.available_models()
    assert "edgeqe-small" in names  # the default
    listed = CliRunner().invoke(cli.main, ["models"]).output.splitlines()[1:-1]
    assert [*dict.fromkeys(line.partition(":")[0] for line in listed)] == names
