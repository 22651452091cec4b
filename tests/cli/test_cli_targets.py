"""`edgeqe targets`: the shipped profiles, and what of them is installed."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner, Result

from edgeqe.cli import main
from edgeqe.hardware.machine import Hardware
from edgeqe.runtimes import selection
from edgeqe.targets.options import CPU
from edgeqe.targets.profile import Backend

PROFILE = """
description = "A board."
threads = 2
most_on_cpu = 0.1

[[runtime]]
runtime = "onnxruntime"
provider = "cuda"
precisions = ["float16", "float32"]
fix = "plug it in"
options = { use_tf32 = false, arena_extend_strategy = "kSameAsRequested" }

[[runtime]]
runtime = "onnxruntime"
provider = "cpu"
precisions = ["int8"]
needs = ["vnni", "dotprod"]

[window]
largest = 512

[precision]
edgeqe-base = ["float32"]

[[peak]]
gigamacs = { float32 = 640, float16 = 1250.5 }
gigabytes = 34
source = "a data sheet"
needs = ["i8mm"]

[[peak]]
gigamacs = { int8 = 10 }
gigabytes = 12.8
source = "measured"
per_core = true
assumed = { int8 = 0.5 }
"""


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["targets", *map(str, words)])


@pytest.fixture(autouse=True)
def an_x86_without_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same machine for all tests: no CUDA, LiteRT only for the features that it needs."""

    def absent(backend: Backend, features: Collection[str]) -> str:
        if backend.needs and set(backend.needs).isdisjoint(features):
            return "needs another processor"
        return "" if backend.provider in (CPU, "XNNPACK") else "no NVIDIA device"

    machine = Hardware(
        machine="x86_64", processor="", cpus=4, cpu_features=("avx2", "vnni"), tegra="", gpus=()
    )
    monkeypatch.setattr(selection, "reason_absent", absent)
    monkeypatch.setattr(selection, "read_hardware", lambda: machine)
    monkeypatch.setattr("edgeqe.hardware.machine.read_hardware", lambda: machine)
    monkeypatch.delenv(selection.TARGET_VARIABLE, raising=False)


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "board.toml").write_text(PROFILE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return "board.toml"


def test_the_table() -> None:
    result = run()
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert [line.split()[:3] for line in lines[1:5]] == [
        ["arm-cpu", "-", "64-bit"],
        ["cuda", "-", "NVIDIA"],
        ["jetson", "-", "NVIDIA"],
        ["x86-cpu", "*", "XNNPACK"],
    ]
    assert lines[5:] == [
        "* what auto means here",
        "arm-cpu: needs another processor; this machine is no arm64; 'edgeqe targets arm-cpu' says "
        "more",
        "cuda: no NVIDIA device; 'edgeqe targets cuda' says more",
        "jetson: no NVIDIA device; 'edgeqe targets jetson' says more",
        "'edgeqe doctor' runs each provider: one that is installed may still not work.",
    ]


def test_the_mark_follows_the_environment(board: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(selection.TARGET_VARIABLE, "jetson")
    (marked,) = [line for line in run().stdout.splitlines() if "  *" in line]
    assert marked.startswith("jetson  *")
    assert json.loads(run("--json").stdout)["auto"] == "jetson"
    monkeypatch.setenv(selection.TARGET_VARIABLE, board)
    assert "auto means board.toml here" in run().stdout.splitlines()
    assert "  *" not in run().stdout
    assert json.loads(run("--json").stdout)["auto"] == board


def test_all_that_a_profile_says(board: str) -> None:
    result = run(board)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == dedent(
        """\
        board: A board.
        file        board.toml
        threads     2
        window      the least to 512 pixels a side
        on the CPU  10% of the MACs at most
        precision   edgeqe-base: float32
        backends, tried in this order:
        1  onnxruntime, CUDAExecutionProvider
           precisions  float16, float32
           installed   no: no NVIDIA device
           fix         plug it in
           option      use_tf32 = false
           option      arena_extend_strategy = "kSameAsRequested"
        2  onnxruntime, CPUExecutionProvider
           precisions  int8
           installed   yes
           needs       vnni or dotprod
        peaks, for estimates:
        1  float32 640, float16 1250.5 GMAC/s; 34 GB/s
           needs       i8mm
           source      a data sheet
        2  int8 10 GMAC/s a core; 12.8 GB/s
           used        by estimates that are made here
           assumed     int8 50%
           source      measured
        """
    )


def test_json_of_one_and_of_all(board: str) -> None:
    report = json.loads(run(board, "--json").stdout)
    target = report["target"]
    assert report["schema_version"] == 2
    assert (target["name"], target["source"], target["threads"]) == ("board", board, 2)
    assert target["window"] == {"smallest": 0, "largest": 512, "fixed": False}
    assert target["precision"] == {"edgeqe-base": ["float32"]}
    assert [backend["absent"] for backend in target["backends"]] == ["no NVIDIA device", ""]
    assert target["backends"][0]["options"]["use_tf32"] is False
    assert [peak["used_here"] for peak in target["peaks"]] == [False, True]
    assert target["peaks"][1]["assumed"] == {"int8": 0.5}
    report = json.loads(run("--json").stdout)
    assert (report["schema_version"], report["auto"]) == (2, "x86-cpu")
    assert list(report["targets"]) == ["arm-cpu", "cuda", "jetson", "x86-cpu"]
    assert all(backend["absent"] for backend in report["targets"]["cuda"]["backends"])


@pytest.mark.parametrize("name", ["auto", "cpu", "x86-cpu"])
def test_names_that_mean_this_processor(name: str) -> None:
    assert run(name).stdout == run("x86-cpu").stdout
    assert run(name).stdout.startswith("x86-cpu: ")


def test_a_profile_without_peaks(board: str) -> None:
    text = (
        PROFILE.partition("[[peak]]")[0].replace("threads = 2", "").replace("largest", "smallest")
    )
    Path(board).write_text(text, encoding="utf-8")
    lines = run(board).stdout.splitlines()
    assert lines[-1] == "no peaks: estimates are not possible"
    assert lines[2:4] == [
        "threads     one a processor",
        "window      512 to any pixels a side",
    ]
    assert json.loads(run(board, "--json").stdout)["target"]["peaks"] == []


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("jetsn",), "no target 'jetsn' (did you mean 'jetson'?)"),
        (("none.toml",), "no profile 'none.toml'"),
        (("wrong.toml",), "profile 'wrong.toml': tread is no key of a profile (did you mean 'thre"),
        (("a", "b"), "unexpected extra argument"),
    ],
)
def test_wrong_use(words: tuple[str, ...], part: str, board: str) -> None:
    Path("wrong.toml").write_text(f"tread = 1\n{PROFILE}", encoding="utf-8")
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("edgeqe: ") and part in line
