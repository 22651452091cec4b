"""The command line in the process around it: closed streams, full disks, signals, odd names, no home."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from edgeqe import cli
from edgeqe.cli.networks import model_file
from edgeqe.model.catalogue import find_model

pytestmark = pytest.mark.skipif(os.name != "posix", reason="streams, limits and signals of POSIX")

MODEL = ("-m", "edgeqe-nano")
GUARD_SECONDS = 120


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A JPEG whose enhanced forms have some 10 KB."""
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "in.jpg"
    noise = np.random.default_rng(5).integers(0, 256, (60, 80, 3), np.uint8)
    Image.fromarray(noise).save(path, quality=60)
    return path


def edgeqe(*arguments: Any, python: tuple[str, ...] = (), **how: Any) -> Any:
    command = [sys.executable, *python, "-m", "edgeqe", *arguments]
    buffered = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": buffered, **how}
    return subprocess.run(command, timeout=GUARD_SECONDS, **given)


def shell(redirections: str, *arguments: str) -> Any:
    """Run it with streams as a shell makes them; what is not redirected is captured."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirections}', "sh", sys.executable, "-m", "edgeqe", *arguments],
        capture_output=True,
        timeout=GUARD_SECONDS,
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_with_closed_streams_the_work_is_done(source: Path, tmp_path: Path, closed: str) -> None:
    results = {}
    for name, redirections in (("open", ""), ("closed", closed)):
        path = tmp_path / f"{name}.png"
        result = shell(redirections, "enhance", *MODEL, str(source), "-o", str(path))
        assert (result.returncode, result.stderr) == (0, b"")
        results[name] = path.read_bytes()
    assert results["open"] == results["closed"]


@pytest.mark.parametrize("verb", [("models",), ("models", "--json"), ("--version",), ("-h",)])
def test_with_a_closed_output_there_is_no_traceback(verb: tuple[str, ...]) -> None:
    result = shell(">&-", *verb)
    assert (result.returncode, result.stderr) == (0, b"")


def test_a_picture_for_a_closed_output_is_an_error(source: Path) -> None:
    result = shell(">&-", "enhance", *MODEL, str(source), "-o", "-")
    assert result.returncode == 2
    assert result.stderr == b"edgeqe: standard output is closed: name a file instead of -.\n"
    result = shell("<&-", "enhance", *MODEL, "-", "-o", "-")
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr == b"edgeqe: standard input is closed: name a file instead of -.\n"


def limited(size: int) -> Any:
    """Of a process whose files get no longer: as on a full disk, the last write is a short one."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("python", [(), ("-u",)])
def test_a_picture_that_is_cut_short_on_standard_output_is_an_error(
    source: Path, tmp_path: Path, python: tuple[str, ...]
) -> None:
    with open(tmp_path / "out.png", "wb") as out:
        result = edgeqe("enhance", *MODEL, source, "-o", "-", python=python, stdout=out,
                        preexec_fn=limited(5000))  # fmt: skip
    assert result.returncode == 2
    assert result.stderr.startswith(b"edgeqe: <stdout> cannot be written (File too large)")
    assert result.stderr.count(b"\n") == 1


@pytest.mark.parametrize("python", [(), ("-u",)])
def test_a_report_that_is_cut_short_is_an_error(tmp_path: Path, python: tuple[str, ...]) -> None:
    with open(tmp_path / "models.json", "wb") as out:
        result = edgeqe("models", "--json", python=python, stdout=out, preexec_fn=limited(700))
    assert (result.returncode, result.stderr) == (2, b"edgeqe: File too large.\n")


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".png", ".webp"])
def test_a_file_that_is_cut_short_in_its_last_write_is_none(
    source: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    assert edgeqe("enhance", *MODEL, source, "-o", out / f"whole{suffix}").returncode == 0
    whole = (out / f"whole{suffix}").stat().st_size
    result = edgeqe("enhance", *MODEL, source, "-o", out / f"out{suffix}",
                    preexec_fn=limited(whole - 1))  # fmt: skip
    assert result.returncode == 2 and b"cannot be written (File too large)" in result.stderr
    assert [path.name for path in out.iterdir()] == [f"whole{suffix}"]


#: It says so when it reads standard input, which is when the output's part is there.
READS = """
import os, signal, sys
from edgeqe.cli import main
class Telling:
    def read(self, *_):
        print("reads", flush=True)
        return os.read(0, 1)
class Input:
    buffer = Telling()
sys.stdin = Input()
main()
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("ignored", [False, True])
def test_a_signal_ends_it_and_leaves_nothing(tmp_path: Path, name: str, ignored: bool) -> None:
    number = getattr(signal, name)
    command = [sys.executable, "-c", READS, "enhance", *MODEL, "-", "-o", str(tmp_path / "out.png")]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"reads\n"
        assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
        process.send_signal(number)
        _, said = process.communicate(timeout=GUARD_SECONDS)
    if ignored:  # as by nohup: the empty picture is what ends it
        assert (process.returncode, said.count(b"\n")) == (2, 1)
    else:
        assert (process.returncode, said) == (-number, b"")
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_not_utf_8_and_long_ones(source: Path, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    try:
        shutil.copy(os.fsencode(source), folder + b"/in-\xff.jpg")
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    model = folder + b"/model-\xfe.onnx"
    shutil.copy(os.fsencode(find_model("edgeqe-nano")), model)
    out = folder + b"/" + b"n" * 241 + b".png"
    result = edgeqe("enhance", "-m", model, folder + b"/in-\xff.jpg", "-o", out)
    assert (result.returncode, result.stderr) == (0, b"")
    assert os.path.exists(out)
    for verb in (("inspect",), ("inspect", "--json"), ("verify", "--json")):
        result = edgeqe(*verb, model)
        assert (result.returncode, b"Traceback" in result.stderr) == (0, False), result.stderr
    result = edgeqe("convert", "edgeqe-nano", "-o", folder + b"/\xfd" + b"m" * 240 + b".onnx")
    assert (result.returncode, b"Traceback" in result.stderr) == (0, False), result.stderr
    result = edgeqe(
        "enhance", "-m", folder + b"/none-\xfe.onnx", source, "-o", folder + b"/\xfc.png"
    )
    assert (result.returncode, result.stderr.count(b"\n")) == (2, 1)


@pytest.mark.parametrize("kind", ["a named pipe", "/dev/stdin"])
def test_a_pipe_is_read_once(source: Path, tmp_path: Path, kind: str) -> None:
    """What looks at the headers first would take them from it, or wait for ever."""
    piped, plain = tmp_path / "piped.png", tmp_path / "plain.png"
    how: dict[str, Any] = {}
    edgeqe("enhance", str(source), "-o", str(plain), *MODEL)
    if kind == "/dev/stdin":
        arguments, how = ["/dev/stdin"], {"input": source.read_bytes()}
    else:
        os.mkfifo(tmp_path / "pipe")
        arguments = [str(tmp_path / "pipe")]
        writer = subprocess.Popen(["cp", str(source), str(tmp_path / "pipe")])
    result = edgeqe("enhance", *arguments, "-o", str(piped), *MODEL, **how)
    if kind == "a named pipe":
        assert writer.wait(GUARD_SECONDS) == 0
    assert result.returncode == 0, result.stderr
    assert piped.read_bytes() == plain.read_bytes()


def test_without_a_home_the_cache_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("EDGEQE_CACHE_DIR", raising=False)
    for verb in ("list", "prune"):
        result = CliRunner().invoke(cli.main, ["cache", verb])
        assert result.exit_code == 2
        assert "set EDGEQE_CACHE_DIR" in result.stderr and result.stderr.count("\n") == 1


def test_a_converted_network_goes_with_its_command() -> None:
    """However it ends: the context is unwound by a signal's exception too."""
    pytest.importorskip("keras")
    with pytest.raises(SystemExit), click.Context(cli.main):
        path = Path(model_file("liu"))
        assert path.is_file()
        raise SystemExit
    assert not path.parent.exists()
