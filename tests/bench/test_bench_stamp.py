"""The stamp of a report: versions, machine, decoder."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path

import pytest

import edgeqe
from edgeqe.bench import stamp

X86 = "processor\t: 0\nmodel name\t: A: B\nflags\t\t: fpu avx2 avx512f\n"


def test_the_stamp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(stamp, "usable_cpus", lambda: 3)
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(X86, encoding="utf-8")
    made = stamp.machine_stamp(tmp_path)
    jpeg = made.pop("jpeg")
    assert jpeg.startswith(f"Pillow {metadata.version('pillow')}, libjpeg")
    assert jpeg.endswith("ISLOW DCT, fancy upsampling")
    assert made == {
        "edgeqe": edgeqe.__version__,
        "python": platform.python_version(),
        "numpy": metadata.version("numpy"),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": "A: B",
        "cpu_count": 3,
        "cpu_features": ["avx2", "avx512"],
    }


@pytest.mark.skipif(sys.platform != "linux", reason="sets the processors of a process")
def test_processors_that_the_process_may_not_use_do_not_count() -> None:
    usable = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(usable)})
        assert stamp.machine_stamp()["cpu_count"] == 1
    finally:
        os.sched_setaffinity(0, usable)


def test_the_processor_is_never_empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert stamp.processor(tmp_path) == platform.machine()
    monkeypatch.setattr(platform, "machine", lambda: "")
    assert stamp.processor(tmp_path) == "unknown"
