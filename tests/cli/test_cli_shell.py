"""The command line around the verbs: help, unknown words, errors and exit codes."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import edgeqe
from edgeqe import cli
from edgeqe.errors import CheckError, EdgeqeError, InputError, ModelError, ProviderError

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"onnxruntime", "PIL", "tensorflow", "keras", "onnx", "flatbuffers", "skimage", "scipy",
         "matplotlib", "rich", "cv2", "ai_edge_litert"}  # fmt: skip

VerbMaker = Callable[[Callable[[], object]], None]


@pytest.fixture
def models_does(monkeypatch: pytest.MonkeyPatch) -> VerbMaker:
    """Put a function in the place of ``edgeqe models``."""

    def replace(action: Callable[[], object]) -> None:
        module = types.ModuleType("edgeqe.cli.models")
        module.command = click.Command("models", callback=action)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "edgeqe.cli.models", module)

    return replace


def raising(error: BaseException) -> Callable[[], object]:
    def action() -> object:
        raise error

    return action


def test_help_lists_the_verbs_by_what_they_are_for() -> None:
    result = CliRunner().invoke(cli.main, ["-h"])
    assert result.exit_code == 0
    groups = {}
    for paragraph in result.output.split("\n\n"):
        head, *lines = paragraph.splitlines()
        groups[head.rstrip(":")] = [line.split()[0] for line in lines]
    assert {head: groups[head] for head in ("Use", "Measure", "Make models", "Look after")} == {
        "Use": ["enhance", "archive", "demo", "models", "inspect"],
        "Measure": ["bench", "plan", "drift", "blame", "verify"],
        "Make models": ["train", "convert", "quantize", "prune", "sign"],
        "Look after": ["doctor", "targets", "tune", "warmup", "cache"],
    }
    listed = re.findall(r"^  \w+ +(?=[A-Z])", result.output, re.M)
    assert len({len(verb) for verb in listed}) == 1  # one column for all groups
    assert result.output == CliRunner().invoke(cli.main, ["--help"]).output


def test_without_a_verb_the_help_is_on_standard_error() -> None:
    result = CliRunner().invoke(cli.main, [])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Make models:" in result.stderr


def test_version() -> None:
    result = CliRunner().invoke(cli.main, ["--version"])
    assert (result.exit_code, result.output) == (0, f"edgeqe {edgeqe.__version__}\n")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["enhanse"], "edgeqe: unknown verb 'enhanse': did you mean 'enhance'?\n"),
        (["xyzzy"], "edgeqe: unknown verb 'xyzzy': see 'edgeqe -h'.\n"),
        (["--fast"], "edgeqe: no such option '--fast': see 'edgeqe -h'.\n"),
        (["models", "--fast"], "edgeqe: no such option '--fast': see 'edgeqe models -h'.\n"),
        (["models", "two"],
         "edgeqe: got unexpected extra argument (two): see 'edgeqe models -h'.\n"),
    ],
)  # fmt: skip
def test_wrong_use_is_one_line(words: list[str], line: str) -> None:
    result = CliRunner().invoke(cli.main, words)
    assert result.exit_code == 2
    assert result.stdout == ""
    # Older releases of click write "no such option: --fast".
    assert result.stderr.replace("option: --fast", "option '--fast'") == line


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (EdgeqeError("a\nb."), 2),
        (InputError("a b."), 2),
        (ModelError("a  b."), 2),
        (CheckError("a b."), 1),
        (ProviderError("a b."), 3),
    ],
)
def test_our_errors_are_one_line(
    models_does: VerbMaker, error: EdgeqeError, exit_code: int
) -> None:
    models_does(raising(error))
    result = CliRunner().invoke(cli.main, ["models"])
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert result.stderr == "edgeqe: a b.\n"


@pytest.mark.parametrize(
    ("error", "exit_code", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a.png"), 2,
         "edgeqe: a.png: No space left on device.\n"),
        (OSError(errno.ENOSPC, "No space left on device"), 2,
         "edgeqe: No space left on device.\n"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141, ""),
        (KeyboardInterrupt(), 130, "edgeqe: interrupted.\n"),
        (ModuleNotFoundError("No module named 'PIL'", name="PIL"), 2,
         "edgeqe: PIL is not installed: run pip install 'edgeqe[files]'.\n"),
        (ModuleNotFoundError("...", name="keras.src"), 2,
         "edgeqe: keras is not installed: run pip install 'edgeqe[host]'.\n"),
        (ModuleNotFoundError("...", name="onnxruntime"), 3,
         "edgeqe: onnxruntime is not installed: run pip install 'edgeqe[ort]'.\n"),
    ],
)  # fmt: skip
def test_expected_errors_of_others_are_one_line(
    models_does: VerbMaker, error: BaseException, exit_code: int, line: str
) -> None:
    models_does(raising(error))
    result = CliRunner().invoke(cli.main, ["models"])
    assert (result.exit_code, result.stdout, result.stderr) == (exit_code, "", line)


def test_a_bug_keeps_its_traceback(models_does: VerbMaker) -> None:
    models_does(raising(ZeroDivisionError()))
    result = CliRunner().invoke(cli.main, ["models"])
    assert isinstance(result.exception, ZeroDivisionError)


def test_a_verb_chooses_its_exit_code(models_does: VerbMaker) -> None:
    models_does(raising(click.exceptions.Exit(1)))
    result = CliRunner().invoke(cli.main, ["models"])
    assert (result.exit_code, result.output) == (1, "")


def test_log_level(models_does: VerbMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    models_does(lambda: None)
    monkeypatch.setenv("EDGEQE_LOG_LEVEL", "loud")
    result = CliRunner().invoke(cli.main, ["models"])
    assert result.exit_code == 2
    assert result.stderr.startswith("edgeqe: EDGEQE_LOG_LEVEL is 'loud': use one of debug,")
    code = "import logging, edgeqe.cli as c; c._set_log_level(); " \
        "print(logging.getLogger('edgeqe').getEffectiveLevel())"  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "EDGEQE_LOG_LEVEL": "debug"},
    )  # fmt: skip
    assert done.stdout == "10\n"  # logging.DEBUG


@pytest.mark.parametrize("words", [["-h"], ["--version"]])
def test_help_and_version_import_no_verb_and_nothing_heavy(words: list[str]) -> None:
    code = (
        "import json, sys\nfrom edgeqe.cli import main\n"
        f"try:\n    main({words})\nexcept SystemExit as stop:\n    assert stop.code == 0\n"
        "json.dump(list(sys.modules), sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    )
    loaded = set(json.loads(done.stderr))
    assert "edgeqe.cli" in loaded
    assert {name.split(".")[0] for name in loaded} & HEAVY == set()
    assert {name for name in loaded if name.startswith("edgeqe.cli.")} == set()


def test_every_verb_explains_itself_without_anything_heavy() -> None:
    code = (
        "import json, sys\nfrom edgeqe.cli import main, VERBS\n"
        "codes = {}\n"
        "for verb in VERBS:\n"
        "    try:\n        main([verb, '-h'])\n"
        "    except SystemExit as stop:\n        codes[verb] = stop.code\n"
        "json.dump([codes, list(sys.modules)], sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    )
    codes, loaded = json.loads(done.stderr)
    assert codes == dict.fromkeys(cli.VERBS, 0)
    for verb in cli.VERBS:
        assert f"Usage: edgeqe {verb} " in done.stdout
    assert {name.split(".")[0] for name in loaded} & HEAVY == set()


def test_a_reader_that_goes_away_gives_no_traceback() -> None:
    # A pipe whose reading end is closed before the first byte is written.
    reading, writing = os.pipe()
    os.close(reading)
    code = "import click, sys, types\nfrom edgeqe.cli import main\n" \
        "module = types.ModuleType('edgeqe.cli.models')\n" \
        "module.command = click.Command('models', callback=lambda: print('x' * 10))\n" \
        "sys.modules['edgeqe.cli.models'] = module\nmain(['models'])"  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, stdout=writing, stderr=subprocess.PIPE, cwd=ROOT
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_an_interrupt_is_one_line() -> None:
    # The process sends the signal to itself, so nothing waits.
    code = "import click, os, signal, sys, types\nfrom edgeqe.cli import main\n" \
        "module = types.ModuleType('edgeqe.cli.models')\n" \
        "kill = lambda: os.kill(os.getpid(), signal.SIGINT)\n" \
        "module.command = click.Command('models', callback=kill)\n" \
        "sys.modules['edgeqe.cli.models'] = module\n" \
        "signal.signal(signal.SIGINT, signal.default_int_handler)\nmain(['models'])"  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (128 + signal.SIGINT, "edgeqe: interrupted.\n")


def test_python_m_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edgeqe", "--version"],
        check=True, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.stdout == f"edgeqe {edgeqe.__version__}\n"
