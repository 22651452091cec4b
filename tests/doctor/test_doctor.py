"""The doctor: its report for people and for programs, and its exit codes."""

from __future__ import annotations

import dataclasses
import json
import platform
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import edgeqe
from edgeqe.cli import main
from edgeqe.doctor import examination
from edgeqe.doctor.findings import LITERT, ORT, Findings, RuntimeFindings, Trial
from edgeqe.hardware.machine import Gpu, Hardware, Memory

ROOT = Path(__file__).resolve().parents[2]
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
HARDWARE = Hardware("x86_64", "Some CPU", 4, ("avx2", "vnni"), "", ())
GOOD = Findings(
    {"numpy": "2.1.0", "click": "8.1.7", "onnxruntime": "1.20.0", "pillow": "11.0.0"},
    RuntimeFindings("1.20.0", (CPU,)),
    (Trial(ORT, CPU, True),),
    HARDWARE,
)
NOTHING = Findings({"numpy": "2.1.0", "pillow": "11"}, RuntimeFindings(), (), HARDWARE)
ON_GPU = Findings(
    {"numpy": "2.1.0", "click": "8.1.7", "onnxruntime-gpu": "1.31.1", "pillow": "11.0.0"},
    RuntimeFindings("1.31.1", (CUDA, CPU), cuda="13.0", cudnn="9"),
    (
        Trial(ORT, CUDA, False, f"its node ran on {CPU}: libcublasLt.so.13: cannot open it"),
        Trial(ORT, CPU, True),
        Trial(LITERT, "XNNPACK", True),
    ),
    dataclasses.replace(HARDWARE, gpus=(Gpu("NVIDIA L4", "580.65.06", "8.9", 24 * 2**30, "13.0"),)),
    {"cuda": ("13.0",), "cudnn": (), "tensorrt": ("8.6.1", "10.9.0")},
)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine of 8 GiB, of which a container has 2, that nothing of this one shows through."""
    monkeypatch.setattr(examination, "read_memory", lambda: Memory(8 * 2**30, 6 * 2**30, 2 * 2**30))
    monkeypatch.setattr(platform, "python_version", lambda: "3.12.1")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "release", lambda: "6.1")
    for name in examination.ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_the_report_of_a_device_that_does_not_run(here: pytest.MonkeyPatch) -> None:
    here.setattr(examination, "find", lambda: ON_GPU)
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0
    assert result.stdout == textwrap.dedent(f"""\
        edgeqe           {edgeqe.__version__}
        python           3.12.1
        system           Linux 6.1, x86_64
        processor        Some CPU, 4 usable
        features         avx2, vnni
        memory           2.0 GiB by its control group, 6.0 GiB free on the machine
        gpu              NVIDIA L4, compute 8.9, 24.0 GiB, driver 580.65.06 for CUDA 13.0
        libraries        CUDA 13.0, cuDNN none, TensorRT 8.6.1 and 10.9.0
        numpy            2.1.0
        click            8.1.7
        onnxruntime-gpu  1.31.1
        pillow           11.0.0
        ONNX Runtime     CUDAExecutionProvider listed, does not run: its node ran on CPUExecutionProvider:
                         libcublasLt.so.13: cannot open it
                         CPUExecutionProvider runs
        LiteRT           XNNPACK runs

        note: onnxruntime-gpu was built for cuDNN 9, and no cuDNN can be loaded
          fix: pip install 'onnxruntime-gpu[cuda,cudnn]'

        usable
        """)
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_the_report_of_a_jetson(here: pytest.MonkeyPatch) -> None:
    jetson = dataclasses.replace(HARDWARE, tegra="NVIDIA Jetson, L4T 36.4.0 (JetPack 6)")
    here.setattr(examination, "find", lambda: dataclasses.replace(GOOD, hardware=jetson))
    lines = CliRunner().invoke(main, ["doctor"]).stdout.splitlines()
    assert "jetson        NVIDIA Jetson, L4T 36.4.0 (JetPack 6)" in lines
    assert lines[-4:-2] == [
        "  fix: pip uninstall -y onnxruntime, then install the onnxruntime-gpu that NVIDIA builds for JetPack",
        "       6",
    ]


def test_json_holds_every_finding_and_every_problem(here: pytest.MonkeyPatch) -> None:
    here.setattr(examination, "find", lambda: ON_GPU)
    here.setenv("EDGEQE_CACHE_DIR", "somewhere")
    report = json.loads(CliRunner().invoke(main, ["doctor", "--json"]).stdout)
    assert report == {
        "schema_version": 2,
        "usable": True,
        "edgeqe": edgeqe.__version__,
        "python": "3.12.1",
        "system": "Linux 6.1",
        "machine": "x86_64",
        "processor": "Some CPU",
        "cpus": 4,
        "cpu_features": ["avx2", "vnni"],
        "tegra": "",
        "gpus": [
            {
                "name": "NVIDIA L4",
                "driver": "580.65.06",
                "compute": "8.9",
                "memory": 25769803776,
                "cuda": "13.0",
            }
        ],
        "nvml_error": "",
        "memory_total": 2147483648,
        "memory_available": 6442450944,
        "memory_limit": 2147483648,
        "packages": dict(ON_GPU.packages),
        "onnxruntime": {
            "version": "1.31.1",
            "providers": [CUDA, CPU],
            "error": "",
            "cuda": "13.0",
            "cudnn": "9",
        },
        "trials": [dataclasses.asdict(trial) for trial in ON_GPU.trials],
        "libraries": {"cuda": ["13.0"], "cudnn": [], "tensorrt": ["8.6.1", "10.9.0"]},
        "environment": {"EDGEQE_CACHE_DIR": "somewhere"},
        "problems": [
            {
                "message": "onnxruntime-gpu was built for cuDNN 9, and no cuDNN can be loaded",
                "fix": "pip install 'onnxruntime-gpu[cuda,cudnn]'",
                "fatal": False,
            }
        ],
    }


def test_exit_code_and_cure_without_a_runtime(here: pytest.MonkeyPatch) -> None:
    here.setattr(examination, "find", lambda: NOTHING)
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 1
    assert result.stdout.endswith(
        "\nproviders  none\n"
        "\n"
        "PROBLEM: no runtime: ONNX Runtime is absent\n"
        "  fix: pip install 'edgeqe[ort]'\n"
        "\nnot usable: fix the PROBLEM first\n"
    )
    assert json.loads(CliRunner().invoke(main, ["doctor", "--json"]).stdout)["usable"] is False


def test_litert_alone_is_usable_and_said(here: pytest.MonkeyPatch) -> None:
    lite = dataclasses.replace(NOTHING, trials=(Trial(LITERT, "XNNPACK", True),))
    here.setattr(examination, "find", lambda: lite)
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0
    assert "note: LiteRT alone: .tflite models run, .onnx models do not" in result.stdout


def test_a_machine_that_tells_nothing_is_unknown(here: pytest.MonkeyPatch) -> None:
    bare = dataclasses.replace(GOOD, hardware=Hardware("x86_64", "", 1, (), "", ()))
    here.setattr(examination, "find", lambda: bare)
    here.setattr(examination, "read_memory", lambda: Memory(0, 0, 0))
    result = CliRunner().invoke(main, ["doctor"])
    assert "processor     unknown, 1 usable\n" in result.stdout
    assert "features      none known\n" in result.stdout
    assert "memory        unknown, unknown free\n" in result.stdout


def test_this_machine_as_it_is() -> None:
    pytest.importorskip("onnxruntime")
    result = CliRunner().invoke(main, ["doctor", "--json"])
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert report["python"] == platform.python_version()
    assert report["packages"]["numpy"] == np.__version__
    assert {"runtime": ORT, "provider": CPU, "runs": True, "reason": ""} in report["trials"]
    tried = [trial["provider"] for trial in report["trials"] if trial["runtime"] == ORT]
    assert tried == report["onnxruntime"]["providers"]


def test_it_imports_no_runtime_and_none_of_the_heavy_packages() -> None:
    code = (
        "import sys\nfrom edgeqe.doctor.examination import examine\nexamine()\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    )
    heavy = {"tensorflow", "keras", "onnx", "skimage", "matplotlib", "PIL", "cv2", "rich",
             "onnxruntime", "ai_edge_litert"}  # fmt: skip
    assert set(done.stdout.split()) & heavy == set()
