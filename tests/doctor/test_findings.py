"""Runtimes tried in processes of their own: real ones here, and what failing ones leave."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from edgeqe.doctor import findings
from edgeqe.doctor.findings import LITERT, ORT, Answer, Findings, RuntimeFindings, Trial
from edgeqe.hardware.machine import Hardware
from edgeqe.hardware.packages import installed_packages

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
#: What ONNX Runtime 1.31 for GPUs writes where cuBLAS is absent; then it runs on the CPU.
LOG = (
    "\x1b[1;31m2026-11-21 17:44:13.18 [E:onnxruntime:Default, provider_bridge_ort.cc:2458 "
    "operator()] /onnxruntime_src/x.cc:2043 Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load "
    "library /site-packages/libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: "
    "cannot open shared object file: No such file or directory\n\x1b[m\n"
    "\x1b[0;93m2026-11-21 17:44:13.19 [W:onnxruntime:Default, onnxruntime_pybind_state.cc:1295] "
    "Failed to create CUDAExecutionProvider. Require cuDNN 9.* and CUDA 13.*.\x1b[m\n"
)
MISSING = "libcublasLt.so.13: cannot open shared object file: No such file or directory"
Process = subprocess.CompletedProcess[str]


def ended(status: int = 0, log: str = "", **answer: Any) -> Process:
    """A trial's process that ended, with an answer or without."""
    out = f"a library's line\n\n{json.dumps(answer)}\n" if answer else "a library's line\n"
    return subprocess.CompletedProcess([], status, out, log)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let every trial's process end so, or raise so."""

    def install(end: Process | Exception) -> None:
        def run(command: Sequence[str], limit: float) -> Process:
            if isinstance(end, Exception):
                raise end
            return end

        monkeypatch.setattr(findings, "run", run)

    return install


def test_the_cpu_really_runs_and_the_runtime_is_really_asked() -> None:
    ort = pytest.importorskip("onnxruntime")
    runtime = findings.import_runtime()
    assert runtime.version == metadata.version(ort.package_name)
    assert runtime.providers == tuple(ort.get_available_providers())
    assert findings.try_provider(CPU) == Trial(ORT, CPU, True)


def test_a_provider_that_is_not_there_runs_on_the_cpu_and_is_found_out() -> None:
    pytest.importorskip("onnxruntime")
    # No build for Linux holds it; ONNX Runtime takes the name, warns, and uses the CPU.
    trial = findings.try_provider("CoreMLExecutionProvider")
    assert trial == Trial(ORT, "CoreMLExecutionProvider", False, f"its node ran on {CPU}")


def test_litert_really_runs() -> None:
    pytest.importorskip("ai_edge_litert")
    assert findings.try_litert({"ai-edge-litert": "2"}) == (Trial(LITERT, "XNNPACK", True),)


def test_a_process_sees_the_path_of_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing of the folder it is started in."""
    (tmp_path / "json.py").write_text("raise SystemExit('a stray file was imported')")
    monkeypatch.chdir(tmp_path)
    broken = tmp_path / "site"
    broken.mkdir()
    (broken / "onnxruntime.py").write_text("raise OSError('half overwritten')")
    monkeypatch.setattr(sys, "path", [str(broken), *sys.path])
    assert findings.import_runtime() == RuntimeFindings(error="OSError: half overwritten")


def test_a_runtime_that_crashes_takes_nobody_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
    (tmp_path / "onnxruntime.py").write_text(kill)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert findings.import_runtime() == RuntimeFindings(error="it crashed with SIGKILL")
    assert findings.try_provider(CPU) == Trial(ORT, CPU, False, "it crashed with SIGKILL")


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (subprocess.TimeoutExpired([], 90), "no answer within 90 s"),
        (FileNotFoundError("python"), "no process could be started: python"),
        (ended(-4), "it crashed with SIGILL"),
        (ended(-99), "it crashed with signal 99"),
        (ended(3), "it ended with status 3 and no answer"),
        (ended(error="ValueError: bad"), "ValueError: bad"),
        (ended(error=f"{'x' * 300}"), f"{'x' * 117}..."),
    ],
)
def test_how_a_process_fails(
    end: Process | Exception, error: str, processes: Callable[..., None]
) -> None:
    processes(end)
    assert findings.ask("provider", CPU).error == error
    assert findings.try_provider(CPU) == Trial(ORT, CPU, False, error)
    assert findings.import_runtime() == RuntimeFindings(error=error)
    assert findings.loadable_libraries() == {}


def test_the_answer_is_the_last_line(processes: Callable[..., None]) -> None:
    processes(ended(log="\x1b[1;31mred\x1b[m", version="1"))
    assert findings.ask("onnxruntime") == Answer({"version": "1"}, log="red")


def test_an_absent_runtime_is_no_error(processes: Callable[..., None]) -> None:
    processes(subprocess.CompletedProcess([], 0, "\n{}\n", ""))
    assert findings.import_runtime() == RuntimeFindings()


def test_a_provider_that_silently_runs_on_the_cpu_does_not_run(
    processes: Callable[..., None],
) -> None:
    processes(ended(providers=[CPU], right=True))
    assert findings.try_provider(CUDA) == Trial(ORT, CUDA, False, f"its node ran on {CPU}")
    processes(ended(log=LOG, providers=[CPU], right=True))
    trial = findings.try_provider(CUDA)
    assert trial.reason == f"its node ran on {CPU}: {MISSING}"
    processes(ended(providers=[CUDA], right=True))
    assert findings.try_provider(CUDA) == Trial(ORT, CUDA, True)
    processes(ended(providers=[CPU, CUDA], right=True))  # a part of it is elsewhere
    assert not findings.try_provider(CUDA).runs
    processes(ended(providers=[], right=True))  # nothing was recorded: no proof
    assert findings.try_provider(CUDA).reason == "its node ran on nothing"
    processes(ended(providers=[CUDA], right=False))
    assert findings.try_provider(CUDA) == Trial(ORT, CUDA, False, "its result is wrong")


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (LOG, MISSING),
        (
            "[E] /x.cc:129 CUDA failure 35: CUDA driver version is insufficient ; GPU=0 ; file=x",
            "CUDA failure 35: CUDA driver version is insufficient",
        ),
        ("CUDNN failure 1001: CUDNN_STATUS_NOT_INITIALIZED ; GPU=0", "CUDNN failure 1001: CUDNN_"),
        ("Created TensorFlow Lite XNNPACK delegate for CPU.", ""),
    ],
)
def test_the_log_tells_why(log: str, reason: str) -> None:
    found = findings.logged_reason(log)
    assert found.startswith(reason) and bool(found) == bool(reason)
    assert ";" not in found


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (ended(version="2", provider="XNNPACK"), ["XNNPACK runs"]),
        (ended(version="2", provider="CPU"), ["XNNPACK fails", "CPU runs"]),
        (ended(error="ProviderError: no"), ["XNNPACK fails"]),
    ],
)
def test_litert_is_tried_where_it_is_installed(
    end: Process, expected: list[str], processes: Callable[..., None]
) -> None:
    processes(end)
    trials = findings.try_litert({"tflite-runtime": "2.14.0"})
    assert [f"{t.provider} {'runs' if t.runs else 'fails'}" for t in trials] == expected
    assert all(bool(trial.reason) != trial.runs for trial in trials)
    assert findings.try_litert({"numpy": "2"}) == ()


def test_packages_of_nvidia_are_found_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"numpy": "2.1.0", "onnxruntime-gpu": "1.31.1"}

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    class Other:
        version = "9.1"

        def __init__(self, name: str | None) -> None:
            self.metadata = {"Name": name}  # None: a folder that lost its metadata

    others = [Other("nvidia-cudnn-cu13"), Other(None), Other("requests"), Other("tensorrt")]
    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(metadata, "distributions", lambda: others)
    found = installed_packages()
    assert list(found.items()) == [
        *versions.items(), ("nvidia-cudnn-cu13", "9.1"), ("tensorrt", "9.1")
    ]  # fmt: skip


@pytest.mark.parametrize("tegra", ["", "NVIDIA Jetson"])
def test_libraries_are_looked_for_where_something_of_nvidia_is(
    tegra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hardware = Hardware("aarch64", "", 1, (), tegra, ())
    asked: list[tuple[str, ...]] = []

    def ask(*question: str) -> Answer:
        asked.append(question)
        answers: dict[str, dict[str, Any]] = {
            "onnxruntime": {"version": "1.2", "providers": [CUDA, CPU], "cuda": "", "cudnn": ""},
            "provider": {"providers": [CPU], "right": True},
            "libraries": {"cuda": ["12.6"]},
        }
        return Answer(answers[question[0]])

    monkeypatch.setattr(findings, "ask", ask)
    monkeypatch.setattr(findings, "read_hardware", lambda: hardware)
    monkeypatch.setattr(findings, "installed_packages", lambda: {"onnxruntime": "1.2"})
    found = findings.find()
    assert found == Findings(
        {"onnxruntime": "1.2"},
        RuntimeFindings("1.2", (CUDA, CPU)),
        (Trial(ORT, CUDA, False, f"its node ran on {CPU}"), Trial(ORT, CPU, True)),
        hardware,
        {"cuda": ("12.6",)} if tegra else {},
    )
    assert found.nvidia == bool(tegra)
    questions = [("onnxruntime",), ("provider", CPU), ("provider", CUDA)]
    assert sorted(asked) == sorted([*questions, *[("libraries",)] * bool(tegra)])
