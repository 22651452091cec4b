"""The doctor: what it reads, what it calls a problem, and its exit codes."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import types
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import edgeqe
from edgeqe import doctor
from edgeqe.cli import main
from edgeqe.doctor import Problem, Runtime, find_problems

ROOT = Path(__file__).resolve().parent.parent
GOOD = {"numpy": "2.1.0", "click": "8.1.7", "onnxruntime": "1.20.0", "pillow": "11.0.0"}
WORKING = Runtime("1.20.0", ("CPUExecutionProvider",))

X86 = """\
processor\t: 0
model name\t: Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz
flags\t\t: fpu sse4_2 avx avx2 avx512f avx_vnni

processor\t: 1
model name\t: Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz
flags\t\t: fpu sse4_2 avx avx2 avx512f avx_vnni
"""
ARM = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm aes crc32 atomics fphp asimdhp asimddp
CPU implementer\t: 0x41

Model\t\t: Raspberry Pi 5 Model B Rev 1.0
"""
MEMINFO = """\
MemTotal:        8052344 kB
MemFree:          512000 kB
MemAvailable:    6144000 kB
"""


def test_cpu_features() -> None:
    assert doctor.cpu_features(X86) == ("avx2", "avx512", "vnni")
    assert doctor.cpu_features(X86.replace("avx512f avx_vnni", "")) == ("avx2",)
    assert doctor.cpu_features(ARM) == ("neon", "dotprod")
    assert doctor.cpu_features("") == ()


def test_processor_name() -> None:
    assert doctor.processor_name(X86) == "Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz"
    assert doctor.processor_name(ARM) == "Raspberry Pi 5 Model B Rev 1.0"
    assert doctor.processor_name("processor : 0\n") == ""


def test_memory() -> None:
    assert doctor.memory_bytes(MEMINFO, "MemTotal") == 8_245_600_256  # 8052344 * 1024
    assert doctor.memory_bytes(MEMINFO, "MemAvailable") == 6_291_456_000
    assert doctor.memory_bytes("", "MemTotal") == 0


@pytest.mark.parametrize(
    ("limit", "total"),
    [
        ("1073741824\n", 1_073_741_824),  # a container with 1 GiB
        ("max\n", 8_245_600_256),  # a control group without a limit
        ("99999999999999\n", 8_245_600_256),  # a limit above the machine
    ],
)
def test_a_container_has_the_smaller_memory(
    limit: str, total: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("MEMINFO", MEMINFO), ("CPUINFO", ARM), ("CGROUP_LIMIT", limit)):
        path = tmp_path / name
        path.write_text(text)
        monkeypatch.setattr(doctor, name, path)
    found = doctor.examine()
    assert (found.memory_total, found.memory_available) == (total, 6_291_456_000)
    assert found.cpu_features == ("neon", "dotprod")


def test_a_machine_without_proc_is_unknown_not_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MEMINFO", "CPUINFO", "CGROUP_LIMIT"):
        monkeypatch.setattr(doctor, name, tmp_path / "absent")
    found = doctor.examine()
    assert (found.memory_total, found.memory_available, found.cpu_features) == (0, 0, ())
    assert "memory" in "\n".join(doctor.format_diagnosis(found))


def test_a_good_installation_has_no_problem() -> None:
    assert find_problems(GOOD, WORKING) == ()


def only(problems: tuple[Problem, ...]) -> Problem:
    (problem,) = problems
    return problem


def test_no_runtime_is_fatal() -> None:
    packages = {name: version for name, version in GOOD.items() if name != "onnxruntime"}
    problem = only(find_problems(packages, Runtime()))
    assert problem.fatal
    assert problem.cure == "pip install 'edgeqe[ort]'"


def test_a_broken_runtime_is_fatal_and_says_why() -> None:
    problem = only(find_problems(GOOD, Runtime(error="ImportError: libfoo.so.1")))
    assert problem.fatal
    assert "libfoo.so.1" in problem.message
    assert problem.cure.endswith("pip install 'edgeqe[ort]'")


def test_both_runtimes_overwrite_each_other() -> None:
    both = {**GOOD, "onnxruntime-gpu": "1.20.0"}
    problem = only(find_problems(both, WORKING))
    assert not problem.fatal
    assert problem.cure == (
        "pip uninstall -y onnxruntime onnxruntime-gpu && pip install 'edgeqe[ort-gpu]'"
    )
    assert find_problems({**GOOD, "onnxruntime": "", "onnxruntime-gpu": "1"}, WORKING)


@pytest.mark.parametrize(("numpy", "count"), [("2.0.0", 1), ("10.1", 1), ("1.26.4", 0)])
def test_tflite_runtime_fails_under_numpy_2(numpy: str, count: int) -> None:
    packages = {**GOOD, "numpy": numpy, "tflite-runtime": "2.14.0"}
    problems = find_problems(packages, WORKING)
    assert len(problems) == count
    assert all("edgeqe[tflite]" in problem.cure for problem in problems)


def test_both_opencvs_overwrite_each_other() -> None:
    packages = {**GOOD, "opencv-python": "4.10", "opencv-python-headless": "4.10"}
    assert "edgeqe[camera]" in only(find_problems(packages, WORKING)).cure


def test_without_pillow_arrays_still_work() -> None:
    packages = {name: version for name, version in GOOD.items() if name != "pillow"}
    problem = only(find_problems(packages, WORKING))
    assert (problem.fatal, problem.cure) == (False, "pip install 'edgeqe[files]'")


def test_the_runtime_is_really_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    real = pytest.importorskip("onnxruntime")
    assert doctor.import_runtime() == Runtime(
        metadata.version("onnxruntime"), tuple(real.get_available_providers())
    )
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # an import of it now fails
    assert doctor.import_runtime() == Runtime()
    empty = types.ModuleType("onnxruntime")  # as a half-overwritten install leaves it
    monkeypatch.setitem(sys.modules, "onnxruntime", empty)
    assert doctor.import_runtime().error.startswith("AttributeError: ")


def test_json_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEQE_CACHE_DIR", "somewhere")
    result = CliRunner().invoke(main, ["doctor", "--json"])
    report = json.loads(result.stdout)
    assert report["schema_version"] == 1
    assert report["python"] == platform.python_version()
    assert report["edgeqe"] == edgeqe.__version__
    assert report["packages"]["numpy"] == np.__version__
    assert report["environment"] == {"EDGEQE_CACHE_DIR": "somewhere"}
    assert result.exit_code == (0 if report["usable"] else 1)


def test_exit_code_and_cure_without_a_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "import_runtime", Runtime)
    monkeypatch.setattr(doctor, "installed_packages", lambda: {"numpy": "2.1.0", "pillow": "11"})
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 1
    assert result.stdout.endswith(
        "\nPROBLEM: no runtime: ONNX Runtime is absent\n"
        "  cure: pip install 'edgeqe[ort]'\n"
        "\nnot usable: mend the PROBLEM first\n"
    )
    assert json.loads(CliRunner().invoke(main, ["doctor", "--json"]).stdout)["usable"] is False


def test_exit_code_of_a_usable_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "import_runtime", lambda: WORKING)
    monkeypatch.setattr(doctor, "installed_packages", lambda: dict(GOOD))
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0
    assert "CPUExecutionProvider" in result.stdout
    assert result.stdout.endswith("\nusable\n")


def test_it_imports_none_of_the_heavy_packages() -> None:
    code = (
        "import sys\nfrom edgeqe.doctor import examine\nexamine()\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    )
    heavy = {"tensorflow", "keras", "onnx", "skimage", "matplotlib", "PIL", "cv2", "rich"}
    assert set(done.stdout.split()) & heavy == set()


def test_litert_alone_is_usable_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "import_runtime", Runtime)
    packages = {"numpy": "2.1.0", "pillow": "11", "ai-edge-litert": "2.3.0"}
    monkeypatch.setattr(doctor, "installed_packages", lambda: packages)
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0
    assert "note: LiteRT alone: .tflite models run, .onnx models do not" in result.stdout
    packages["tflite-runtime"] = "2.14.0"
    del packages["ai-edge-litert"]  # the old distribution fails under numpy 2
    assert CliRunner().invoke(main, ["doctor"]).exit_code == 1
