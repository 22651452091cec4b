"""Kept importable where POSIX ends: without its modules, and without what else only it has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.source_tree import ROOT, modules, within
from tests.test_house import imports

#: Modules of the standard library that Windows lacks; WebAssembly and Android lack some, too.
POSIX_ONLY = {
    *("crypt", "curses", "fcntl", "grp", "nis", "ossaudiodev", "posix", "pty", "pwd", "readline"),
    *("resource", "spwd", "syslog", "termios", "tty"),
}
#: Those without which the standard library of this system still runs.
BLOCKED = POSIX_ONLY - {"posix"}
#: What the modules lack that are there.
MISSING = {
    "os": "chown fork geteuid getloadavg getuid killpg O_NONBLOCK register_at_fork "
          "sched_getaffinity setsid sysconf",
    "select": "poll epoll",
    "signal": "SIGALRM SIGHUP SIGKILL SIGUSR1 setitimer alarm pthread_sigmask",
}  # fmt: skip
#: Packages that import what is heavy, or GStreamer's bindings, when they are imported.
ELSEWHERE = {
    *("edgeqe.zoo", "edgeqe.converters", "edgeqe.quantization", "edgeqe.gstreamer.python"),
    "edgeqe.__main__",
}
CODE = """
import contextlib, ctypes, importlib, io, sys
import os, select, signal
for name in {blocked!r}:
    sys.modules[name] = None
for module, names in {missing!r}.items():
    for name in names.split():
        if hasattr(sys.modules[module], name):
            delattr(sys.modules[module], name)
for name in {names!r}:
    importlib.import_module(name)
"""
USE = """
import numpy as np
from edgeqe import Enhancer
from PIL import Image
frame = np.full((40, 60), 90, np.uint8)
Image.fromarray(frame).save("in.jpg", quality=20)
with Enhancer("edgeqe-nano") as enhancer:
    enhancer.enhance_file("in.jpg", "out.png")
    assert enhancer.self_test().passed
from edgeqe.cli import main
sys.argv = ["edgeqe", "models"]
with contextlib.suppress(SystemExit):
    main()
"""


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a process that finds this checkout."""
    head = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n"
    return subprocess.run(
        [sys.executable, "-c", head + code], capture_output=True, text=True, check=False, cwd=folder
    )


def test_the_device_runs_without_what_only_posix_has(tmp_path: Path) -> None:
    names = sorted(name for name in modules(ROOT) if not within(name, ELSEWHERE))
    assert len(names) > 150
    code = CODE.format(blocked=sorted(BLOCKED), missing=MISSING, names=names)
    done = run(code + USE, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.png").is_file() and "edgeqe-nano" in done.stdout


def test_the_modules_are_really_blocked(tmp_path: Path) -> None:
    code = CODE.format(blocked=sorted(BLOCKED), missing=MISSING, names=["fcntl"])
    assert "ModuleNotFoundError: import of fcntl" in run(code, tmp_path).stderr


def posix_only(module: str, source: str) -> list[str]:
    """POSIX's own modules that a module imports when it is imported."""
    return [f"{found.importer}:{found.line}: {found.imported}" for found in imports(module, source)
            if found.eager and found.imported.split(".")[0] in POSIX_ONLY]  # fmt: skip


def test_nothing_imports_them_at_the_top() -> None:
    found = [line for name, path in modules(ROOT).items()
             for line in posix_only(name, path.read_text(encoding="utf-8"))]  # fmt: skip
    assert found == []


@pytest.mark.parametrize(
    ("source", "count"),
    [("import fcntl", 1), ("from resource import getrusage", 1), ("def f():\n    import pwd", 0)],
)
def test_the_rule_finds_them(source: str, count: int) -> None:
    assert len(posix_only("edgeqe.module", source)) == count
