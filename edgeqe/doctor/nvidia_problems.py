"""Rules of NVIDIA's devices: driver, CUDA, cuDNN, TensorRT, and the wheel that uses them.

None is fatal: the CPU enhances all the same. The figures of drivers and devices are those of
NVIDIA's release notes of CUDA 11, 12 and 13.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from edgeqe.doctor.findings import ORT, Findings, Trial
from edgeqe.doctor.problems import Problem, major, reinstall

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
#: Oldest driver for Linux that serves a major version of CUDA.
DRIVERS = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}
#: Oldest compute capability that a major version of CUDA serves.
COMPUTE = {11: (3, 5), 12: (5, 0), 13: (7, 5)}


def _problem(message: str, fix: str) -> Problem:
    return Problem(message, fix, fatal=False)


def _driver(found: Findings) -> Iterator[Problem]:
    """NVIDIA's driver does not answer."""
    if found.hardware.nvml_error:
        yield _problem(
            f"NVIDIA's driver does not answer: {found.hardware.nvml_error}",
            "restart the machine, so that the driver's module and libraries are of one version; "
            "if that does not help, install the driver again",
        )


def _no_device(found: Findings) -> Iterator[Problem]:
    """The wheel of the GPU on a machine that shows none."""
    if "onnxruntime-gpu" in found.packages and not found.nvidia:
        yield _problem(
            "onnxruntime-gpu is installed, and no driver of NVIDIA's is found: the CPU does all",
            "install NVIDIA's driver, or start the container with the device (docker run --gpus "
            "all); on a machine without one: pip uninstall -y onnxruntime-gpu && "
            "pip install 'edgeqe[ort]'",
        )


def _plain_wheel(found: Findings) -> Iterator[Problem]:
    """A device, and a runtime that cannot use it."""
    runtime = found.onnxruntime
    if not found.nvidia or not runtime.version or {CUDA, TENSORRT}.intersection(runtime.providers):
        return
    hardware = found.hardware
    device = hardware.gpus[0].name if hardware.gpus else hardware.tegra or "an NVIDIA device"
    jetpack = _jetpack(found)
    yield _problem(
        f"{device} is here, and this ONNX Runtime holds no provider for it",
        f"pip uninstall -y onnxruntime, then {_jetson_wheel(jetpack)}"
        if jetpack
        else "pip uninstall -y onnxruntime && pip install 'edgeqe[ort-gpu]'",
    )


def _jetpack(found: Findings) -> str:
    """JetPack of a Jetson that the package registry's wheels do not serve: they are for CUDA 13."""
    match = re.search(r"JetPack [456]\b", found.hardware.tegra)
    return match[0] if match else ""


def _jetson_wheel(jetpack: str) -> str:
    return f"install the onnxruntime-gpu that NVIDIA builds for {jetpack}"


def _library_wheels(found: Findings) -> str:
    """How CUDA and cuDNN come as wheels; older distributions have no extra for them."""
    runtime = found.onnxruntime
    if runtime.cudnn:
        return "pip install 'onnxruntime-gpu[cuda,cudnn]'"
    return f"install NVIDIA's CUDA {runtime.cuda} and the cuDNN for it".replace("  ", " ")


def _old_driver(found: Findings) -> Iterator[Problem]:
    """The driver, or the device, is too old for the CUDA that the runtime was built for."""
    cuda = found.onnxruntime.cuda
    needed = major(cuda)
    for gpu in found.hardware.gpus:
        if gpu.cuda and needed and major(gpu.cuda) < needed:
            oldest = f" {DRIVERS[needed]}" if needed in DRIVERS else ""
            yield _problem(
                f"the driver {gpu.driver} serves CUDA up to {gpu.cuda}, and this onnxruntime-gpu "
                f"was built for CUDA {cuda}",
                f"update NVIDIA's driver to{oldest or ' one for CUDA ' + cuda} or newer, or "
                f"install an onnxruntime-gpu that was built for CUDA {major(gpu.cuda)}",
            )
            break  # all devices share the driver
    for gpu in found.hardware.gpus:
        own = tuple(int(part) for part in gpu.compute.split(".") if part)
        if own and needed in COMPUTE and own < COMPUTE[needed]:
            served = [version for version, least in COMPUTE.items() if own >= least]
            older = f"CUDA {max(served)}" if served else "an older CUDA"
            yield _problem(
                f"{gpu.name} has compute capability {gpu.compute}, and CUDA {needed} serves "
                f"{'.'.join(map(str, COMPUTE[needed]))} and newer",
                f"install an onnxruntime-gpu that was built for {older}",
            )


def _libraries(found: Findings) -> Iterator[Problem]:
    """CUDA or cuDNN are absent, or of another major version than the runtime was built for."""
    if not found.nvidia or not found.libraries:
        return
    runtime, jetpack = found.onnxruntime, _jetpack(found)
    for name, wanted in (("CUDA", runtime.cuda), ("cuDNN", runtime.cudnn)):
        there = found.libraries.get(name.lower(), ())
        if not wanted or major(wanted) in map(major, there):
            continue
        have = f"{name} {', '.join(there)} alone" if there else f"no {name}"
        wheels = _other_wheels(found)
        yield _problem(
            f"onnxruntime-gpu was built for {name} {wanted}, and {have} can be loaded{wheels}",
            f"pip uninstall -y onnxruntime-gpu, then {_jetson_wheel(jetpack)}"
            if jetpack
            else _library_wheels(found),
        )


def _other_wheels(found: Findings) -> str:
    """Name NVIDIA's wheels that are for another CUDA, in brackets; empty where there are none."""
    wanted, other = major(found.onnxruntime.cuda), []
    for name, version in found.packages.items():
        match = re.search(r"^(?:nvidia|tensorrt)-.*cu(\d+)$", name)
        if match and wanted and int(match[1]) != wanted:
            other.append(f"{name} {version}")
    return f" ({', '.join(other)}: for another CUDA)" if other else ""


def _not_running(found: Findings) -> Iterator[Problem]:
    """A provider of NVIDIA's is listed, its device is here, and it does not run."""
    explained = bool([*_driver(found), *_old_driver(found), *_libraries(found)])
    for trial in found.trials:
        if trial.runtime != ORT or trial.runs or not found.nvidia:
            continue
        if trial.provider == CUDA and not explained:
            message = f"{CUDA} is listed and does not run: {trial.reason}"
            yield _problem(message, _fix(found, trial.reason))
        elif trial.provider == TENSORRT and any(
            other.provider == CUDA and other.runs for other in found.trials
        ):
            yield _tensorrt(found, trial)


def _fix(found: Findings, reason: str) -> str:
    """Fix of a CUDA provider that fails though versions fit."""
    if ".so" in reason:
        return _library_wheels(found)
    if " failure " in reason:
        return (
            "run nvidia-smi: another process may hold the device's memory; look whether "
            "CUDA_VISIBLE_DEVICES hides the device"
        )
    return reinstall(found)


def _tensorrt(found: Findings, trial: Trial) -> Problem:
    """TensorRT alone fails: its libraries are not those that the runtime was built for."""
    there = ", ".join(found.libraries.get("tensorrt", ())) or "none"
    missing = re.search(r"libnvinfer\w*\.so\.(\d+)", trial.reason)
    wheel = f"tensorrt-cu{major(found.onnxruntime.cuda)}" if found.onnxruntime.cuda else "tensorrt"
    fix = f"pip install '{wheel}{f'=={missing[1]}.*' if missing else ''}'"
    if found.hardware.tegra:
        fix = f"install JetPack's TensorRT{f' {missing[1]}' if missing else ''} (tensorrt-libs)"
    return _problem(
        f"{TENSORRT} is listed and does not run: {trial.reason}; TensorRT that can be loaded: "
        f"{there}. {CUDA} runs",
        f"{fix}; without it CUDA serves the device, slower",
    )


RULES: tuple[Callable[[Findings], Iterator[Problem]], ...] = (
    _driver, _no_device, _plain_wheel, _old_driver, _libraries, _not_running,
)  # fmt: skip
