"""Rules that turn what was found into problems, each with its fix.

A rule takes the `Findings` and gives its problems. To add one, write it and put it into `RULES`.
Those here are of what is installed; `edgeqe.doctor.nvidia_problems` has those of NVIDIA's devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edgeqe.doctor.findings import CPU, LITERT, ORT, Findings
from edgeqe.hardware.packages import LITERTS, ONNXRUNTIMES

OPENCVS = ("opencv-python", "opencv-python-headless")


@dataclass(frozen=True)
class Problem:
    """A problem of the installation or the machine."""

    message: str
    fix: str
    """A command that fixes it, or what to do."""
    fatal: bool
    """No picture can be enhanced until it is fixed."""


def major(version: str) -> int:
    """Give the first number of a version, 0 where there is none."""
    head = version.partition(".")[0]
    return int(head) if head.isdigit() else 0


def reinstall(found: Findings) -> str:
    """Command that leaves one whole ONNX Runtime: the GPU's, where that is what was there."""
    installed = [name for name in ONNXRUNTIMES if name in found.packages]
    extra = "ort-gpu" if "onnxruntime-gpu" in installed else "ort"
    removal = f"pip uninstall -y {' '.join(installed)} && " if installed else ""
    return f"{removal}pip install 'edgeqe[{extra}]'"


def _runtime(found: Findings) -> Iterator[Problem]:
    """ONNX Runtime is broken or absent."""
    runtime, lite = found.onnxruntime, any(t.runs for t in found.trials if t.runtime == LITERT)
    if runtime.error:
        message = f"ONNX Runtime is installed but cannot be imported ({runtime.error})"
        yield Problem(message, reinstall(found), fatal=not lite)
    elif not runtime.version:
        what = "LiteRT alone: .tflite models run, .onnx models do not" if lite else "no runtime"
        yield Problem(
            f"{what}: ONNX Runtime is absent", "pip install 'edgeqe[ort]'", fatal=not lite
        )


def _onnxruntimes(found: Findings) -> Iterator[Problem]:
    """Several distributions hold the module onnxruntime."""
    several = [name for name in ONNXRUNTIMES if name in found.packages]
    if len(several) > 1:
        count = "both" if len(several) == 2 else "all"
        yield Problem(
            f"{' and '.join(several)} are {count} installed and overwrite each other",
            reinstall(found),
            fatal=False,
        )


def _cpu(found: Findings) -> Iterator[Problem]:
    """ONNX Runtime was imported, and its CPU provider does not run."""
    lite = any(trial.runs for trial in found.trials if trial.runtime == LITERT)
    for trial in found.trials:
        if trial.runtime == ORT and trial.provider == CPU and not trial.runs:
            yield Problem(
                f"ONNX Runtime cannot run a convolution on the CPU ({trial.reason})",
                reinstall(found),
                fatal=not lite,
            )


def _litert(found: Findings) -> Iterator[Problem]:
    """LiteRT does not run, or not on XNNPACK."""
    tries = [trial for trial in found.trials if trial.runtime == LITERT]
    reason = next((trial.reason for trial in tries if not trial.runs), "")
    if _old_litert(found):
        yield Problem(
            f"tflite-runtime {found.packages['tflite-runtime']} fails under numpy "
            f"{found.packages['numpy']}: it was built for numpy 1",
            "pip uninstall -y tflite-runtime && pip install 'edgeqe[tflite]'",
            fatal=False,
        )
        if "ai-edge-litert" not in found.packages:
            return  # what fails is this one, and the message above says why
    if reason and any(trial.runs for trial in tries):
        message = f"LiteRT runs .tflite models without XNNPACK, several times slower ({reason})"
        yield Problem(message, "pip install --upgrade 'edgeqe[tflite]'", fatal=False)
    elif reason:
        installed = " ".join(name for name in LITERTS if name in found.packages)
        yield Problem(
            f"LiteRT is installed but runs no .tflite model ({reason})",
            f"pip uninstall -y {installed} && pip install 'edgeqe[tflite]'",
            fatal=False,
        )


def _old_litert(found: Findings) -> bool:
    return "tflite-runtime" in found.packages and major(found.packages.get("numpy", "")) >= 2


def _opencvs(found: Findings) -> Iterator[Problem]:
    """Both distributions of OpenCV are there."""
    if all(name in found.packages for name in OPENCVS):
        yield Problem(
            f"{' and '.join(OPENCVS)} are both installed and overwrite each other",
            f"pip uninstall -y {' '.join(OPENCVS)} && pip install 'edgeqe[camera]'",
            fatal=False,
        )


def _pillow(found: Findings) -> Iterator[Problem]:
    """Pillow is absent."""
    if "pillow" not in found.packages:
        yield Problem(
            "pillow is absent: arrays can be enhanced, files cannot",
            "pip install 'edgeqe[files]'",
            fatal=False,
        )


RULES: tuple[Callable[[Findings], Iterator[Problem]], ...] = (
    _runtime, _onnxruntimes, _cpu, _litert, _opencvs, _pillow,
)  # fmt: skip
