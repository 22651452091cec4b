"""What is called a problem, and the fix that is named for it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from edgeqe.doctor.examination import find_problems
from edgeqe.doctor.findings import LITERT, ORT, Findings, RuntimeFindings, Trial
from edgeqe.doctor.problems import Problem
from edgeqe.hardware.machine import Gpu, Hardware

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
PACKAGES = {"numpy": "2.1.0", "click": "8.1.7", "onnxruntime": "1.20.0", "pillow": "11.0.0"}
HARDWARE = Hardware("x86_64", "Some CPU", 4, ("avx2",), "", ())
GOOD = Findings(PACKAGES, RuntimeFindings("1.20.0", (CPU,)), (Trial(ORT, CPU, True),), HARDWARE)
LITE = Trial(LITERT, "XNNPACK", True)

L4 = Gpu("NVIDIA L4", "580.65.06", "8.9", 24 * 2**30, "13.0")
ON_GPU = Findings(
    {**{k: v for k, v in PACKAGES.items() if k != "onnxruntime"}, "onnxruntime-gpu": "1.31.1"},
    RuntimeFindings("1.31.1", (TENSORRT, CUDA, CPU), cuda="13.0", cudnn="9"),
    tuple(Trial(ORT, name, True) for name in (TENSORRT, CUDA, CPU)),
    dataclasses.replace(HARDWARE, gpus=(L4,)),
    {"cuda": ("13.0",), "cudnn": ("9.10.2",), "tensorrt": ("10.9.0",)},
)
#: Reasons as ONNX Runtime 1.31 gives them.
NO_CUBLAS = "libcublasLt.so.13: cannot open shared object file: No such file or directory"
NO_TENSORRT = "libnvinfer.so.10: cannot open shared object file: No such file or directory"


def found(base: Findings = GOOD, **changes: Any) -> Findings:
    return dataclasses.replace(base, **changes)


def without(*names: str, **more: str) -> dict[str, str]:
    """Packages of a good installation without some, and with others."""
    kept = {name: version for name, version in PACKAGES.items() if name not in names}
    return kept | {name.replace("_", "-"): version for name, version in more.items()}


def failing(base: Findings, **reasons: str) -> tuple[Trial, ...]:
    """Trials where some providers fail."""
    return tuple(
        Trial(t.runtime, t.provider, False, reasons[t.provider]) if t.provider in reasons else t
        for t in base.trials
    )


def only(problems: tuple[Problem, ...]) -> Problem:
    (problem,) = problems
    return problem


@pytest.mark.parametrize("base", [GOOD, ON_GPU], ids=["cpu", "gpu"])
def test_a_good_installation_has_no_problem(base: Findings) -> None:
    assert find_problems(base) == ()


def test_no_runtime_is_fatal() -> None:
    nothing = found(packages=without("onnxruntime"), onnxruntime=RuntimeFindings(), trials=())
    problem = only(find_problems(nothing))
    assert problem == Problem(
        "no runtime: ONNX Runtime is absent", "pip install 'edgeqe[ort]'", fatal=True
    )


def test_litert_that_runs_is_a_runtime_too() -> None:
    lite = found(
        packages=without("onnxruntime", ai_edge_litert="2.3.0"),
        onnxruntime=RuntimeFindings(),
        trials=(LITE,),
    )
    problem = only(find_problems(lite))
    assert not problem.fatal
    assert problem.message.startswith("LiteRT alone: .tflite models run, .onnx models do not")


def test_a_broken_runtime_is_fatal_and_says_why() -> None:
    broken = found(onnxruntime=RuntimeFindings(error="ImportError: libfoo.so.1"), trials=())
    problem = only(find_problems(broken))
    assert problem.fatal
    assert "libfoo.so.1" in problem.message
    assert problem.fix == "pip uninstall -y onnxruntime && pip install 'edgeqe[ort]'"
    assert not only(find_problems(dataclasses.replace(broken, trials=(LITE,)))).fatal


def test_a_cpu_that_does_not_run_is_fatal() -> None:
    problem = only(find_problems(found(trials=failing(GOOD, **{CPU: "it crashed with SIGILL"}))))
    assert problem.fatal
    assert "SIGILL" in problem.message


@pytest.mark.parametrize(
    ("names", "count", "extra"),
    [
        (("onnxruntime", "onnxruntime-gpu"), "both", "ort-gpu"),
        (("onnxruntime", "onnxruntime-openvino"), "both", "ort"),
        (("onnxruntime", "onnxruntime-gpu", "ort-nightly"), "all", "ort-gpu"),
    ],
)
def test_distributions_of_one_module_overwrite_each_other(
    names: tuple[str, ...], count: str, extra: str
) -> None:
    packages = {**PACKAGES, **dict.fromkeys(names, "1.20.0")}
    on_gpu = dataclasses.replace(HARDWARE, gpus=(L4,))  # or the wheel of the GPU is one more note
    runtime = RuntimeFindings("1.20.0", (CUDA, CPU))
    problem = only(find_problems(found(packages=packages, hardware=on_gpu, onnxruntime=runtime)))
    assert not problem.fatal
    assert problem.message == (
        f"{' and '.join(names)} are {count} installed and overwrite each other"
    )
    assert problem.fix == (f"pip uninstall -y {' '.join(names)} && pip install 'edgeqe[{extra}]'")


@pytest.mark.parametrize(("numpy", "count"), [("2.0.0", 1), ("10.1", 1), ("1.26.4", 0)])
def test_tflite_runtime_fails_under_numpy_2(numpy: str, count: int) -> None:
    packages = {**PACKAGES, "numpy": numpy, "tflite-runtime": "2.14.0"}
    lite = Trial(LITERT, "XNNPACK", count == 0, "cannot be imported" if count else "")
    problems = find_problems(found(packages=packages, trials=(*GOOD.trials, lite)))
    assert [p.fix for p in problems] == [
        "pip uninstall -y tflite-runtime && pip install 'edgeqe[tflite]'"
    ] * count
    assert all(f"under numpy {numpy}" in problem.message for problem in problems)


def test_litert_without_xnnpack_is_slow_and_without_anything_broken() -> None:
    packages = {**PACKAGES, "ai-edge-litert": "2.3.0"}
    left = Trial(LITERT, "XNNPACK", False, "it leaves convolutions")
    slow = (*GOOD.trials, left, Trial(LITERT, "CPU", True))
    problem = only(find_problems(found(packages=packages, trials=slow)))
    assert "without XNNPACK" in problem.message
    assert problem.fix == "pip install --upgrade 'edgeqe[tflite]'"
    problem = only(find_problems(found(packages=packages, trials=(*GOOD.trials, left))))
    assert "runs no .tflite model" in problem.message
    assert problem.fix == "pip uninstall -y ai-edge-litert && pip install 'edgeqe[tflite]'"


def test_both_opencvs_overwrite_each_other() -> None:
    packages = {**PACKAGES, "opencv-python": "4.10", "opencv-python-headless": "4.10"}
    assert "edgeqe[camera]" in only(find_problems(found(packages=packages))).fix


def test_without_pillow_arrays_still_work() -> None:
    problem = only(find_problems(found(packages=without("pillow"))))
    assert (problem.fatal, problem.fix) == (False, "pip install 'edgeqe[files]'")


def test_the_fatal_come_first() -> None:
    both = found(
        packages=without("pillow", "onnxruntime"), onnxruntime=RuntimeFindings(), trials=()
    )
    assert [problem.fatal for problem in find_problems(both)] == [True, False]


def test_a_device_and_a_runtime_that_cannot_use_it() -> None:
    problem = only(find_problems(found(hardware=dataclasses.replace(HARDWARE, gpus=(L4,)))))
    assert problem.message == "NVIDIA L4 is here, and this ONNX Runtime holds no provider for it"
    assert problem.fix == "pip uninstall -y onnxruntime && pip install 'edgeqe[ort-gpu]'"


@pytest.mark.parametrize(
    ("tegra", "fix"),
    [
        ("NVIDIA Jetson, L4T 36.4.0 (JetPack 6)", "that NVIDIA builds for JetPack 6"),
        ("NVIDIA Jetson, L4T 38.2.0 (JetPack 7)", "pip install 'edgeqe[ort-gpu]'"),
    ],
)
def test_a_jetson_takes_its_own_wheel_until_jetpack_7(tegra: str, fix: str) -> None:
    jetson = dataclasses.replace(HARDWARE, tegra=tegra)  # whose NVML names no device
    problem = only(find_problems(found(hardware=jetson)))
    assert problem.message.startswith(f"{tegra} is here")
    assert problem.fix.endswith(fix)


def test_the_wheel_of_a_gpu_without_a_driver() -> None:
    trials = failing(ON_GPU, **{CUDA: NO_CUBLAS, TENSORRT: NO_CUBLAS})
    problem = only(find_problems(found(ON_GPU, hardware=HARDWARE, trials=trials)))
    assert "no driver of NVIDIA's is found" in problem.message
    assert "pip uninstall -y onnxruntime-gpu && pip install 'edgeqe[ort]'" in problem.fix


def test_a_driver_that_does_not_answer() -> None:
    error = "Driver/library version mismatch (NVML error 18)"
    refusing = dataclasses.replace(HARDWARE, nvml_error=error)
    trials = failing(ON_GPU, **{CUDA: "CUDA failure 803", TENSORRT: "CUDA failure 803"})
    problem = only(find_problems(found(ON_GPU, hardware=refusing, trials=trials)))
    assert error in problem.message
    assert problem.fix.startswith("restart the machine")


def test_a_driver_older_than_cuda_needs() -> None:
    old = dataclasses.replace(L4, driver="535.104.05", cuda="12.2")
    hardware = dataclasses.replace(HARDWARE, gpus=(old, old))
    trials = failing(ON_GPU, **{CUDA: "CUDA failure 35: insufficient", TENSORRT: "no"})
    problem = only(find_problems(found(ON_GPU, hardware=hardware, trials=trials)))
    assert problem.message == (
        "the driver 535.104.05 serves CUDA up to 12.2, and this onnxruntime-gpu was built for "
        "CUDA 13.0"
    )
    assert problem.fix == (
        "update NVIDIA's driver to 580.65.06 or newer, or install an onnxruntime-gpu that was "
        "built for CUDA 12"
    )


@pytest.mark.parametrize(
    ("compute", "fix"), [("7.0", "built for CUDA 12"), ("3.7", "built for CUDA 11")]
)
def test_a_device_older_than_cuda_serves(compute: str, fix: str) -> None:
    old = dataclasses.replace(L4, name="Old", compute=compute)
    hardware = dataclasses.replace(HARDWARE, gpus=(old,))
    trials = failing(ON_GPU, **{CUDA: "CUDA failure 209: no kernel image", TENSORRT: "no"})
    problem = only(find_problems(found(ON_GPU, hardware=hardware, trials=trials)))
    assert problem.message == (
        f"Old has compute capability {compute}, and CUDA 13 serves 7.5 and newer"
    )
    assert problem.fix.endswith(fix)


@pytest.mark.parametrize(
    ("libraries", "message"),
    [
        ({"cuda": ("11.8", "12.4")}, "was built for CUDA 13.0, and CUDA 11.8, 12.4 alone can be"),
        ({"cuda": ()}, "was built for CUDA 13.0, and no CUDA can be loaded"),
        ({"cudnn": ("8.9.7",)}, "was built for cuDNN 9, and cuDNN 8.9.7 alone can be loaded"),
        ({"cudnn": ()}, "was built for cuDNN 9, and no cuDNN can be loaded"),
    ],
)
def test_cuda_and_cudnn_of_another_version(
    libraries: dict[str, tuple[str, ...]], message: str
) -> None:
    trials = failing(ON_GPU, **{CUDA: NO_CUBLAS, TENSORRT: NO_CUBLAS})
    there = {**ON_GPU.libraries, **libraries}
    problem = only(find_problems(found(ON_GPU, trials=trials, libraries=there)))
    assert message in problem.message
    assert problem.fix == "pip install 'onnxruntime-gpu[cuda,cudnn]'"
    # A distribution without the extra for them says what to install instead.
    runtime = dataclasses.replace(ON_GPU.onnxruntime, cuda="12.2", cudnn="")
    older = found(ON_GPU, trials=trials, libraries={"cuda": ("11.8",)}, onnxruntime=runtime)
    assert only(find_problems(older)).fix == "install NVIDIA's CUDA 12.2 and the cuDNN for it"


def test_wheels_for_another_cuda_are_named() -> None:
    packages = {**ON_GPU.packages, "nvidia-cudnn-cu12": "9.1.0", "nvidia-cudnn-cu13": "9.10"}
    there = {**ON_GPU.libraries, "cuda": ("12.4",)}
    trials = failing(ON_GPU, **{CUDA: NO_CUBLAS, TENSORRT: NO_CUBLAS})
    problem = only(find_problems(found(ON_GPU, packages=packages, libraries=there, trials=trials)))
    assert problem.message.endswith("(nvidia-cudnn-cu12 9.1.0: for another CUDA)")


@pytest.mark.parametrize(
    ("reason", "fix"),
    [
        (NO_CUBLAS, "pip install 'onnxruntime-gpu[cuda,cudnn]'"),
        ("CUDA failure 2: out of memory", "run nvidia-smi"),
        (f"its node ran on {CPU}", "pip uninstall -y onnxruntime-gpu && pip install"),
    ],
)
def test_cuda_that_is_listed_and_does_not_run(reason: str, fix: str) -> None:
    trials = failing(ON_GPU, **{CUDA: reason, TENSORRT: reason})
    problem = only(find_problems(found(ON_GPU, trials=trials)))
    assert problem.message == f"{CUDA} is listed and does not run: {reason}"
    assert problem.fix.startswith(fix)


def test_tensorrt_alone_that_does_not_run() -> None:
    trials = failing(ON_GPU, **{TENSORRT: NO_TENSORRT})
    there = {**ON_GPU.libraries, "tensorrt": ("11.0.0",)}
    problem = only(find_problems(found(ON_GPU, trials=trials, libraries=there)))
    assert not problem.fatal
    assert "TensorRT that can be loaded: 11.0.0" in problem.message
    assert problem.fix.startswith("pip install 'tensorrt-cu13==10.*'")


def test_a_provider_of_another_maker_that_does_not_run_is_no_problem() -> None:
    azure = Trial(ORT, "AzureExecutionProvider", False, f"its node ran on {CPU}")
    assert find_problems(found(trials=(azure, *GOOD.trials))) == ()
