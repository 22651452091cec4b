"""One runtime or provider, tried in a process of its own: it may crash or hang.

ONNX Runtime lists a provider wherever the wheel holds it, and runs what the provider cannot
on the CPU without a word. So a network of one convolution runs here with that provider
alone, and the runtime's own profile tells where the node ran. `edgeqe.doctor.findings` starts
these processes and reads what they print.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import re
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from edgeqe.hardware.machine import cuda_version
from edgeqe.model.protobuf_encoding import bytes_field, int_field
from edgeqe.runtimes.nvidia_libraries import preload

#: The convolution: channels in and out, and the side of its picture and of its kernel.
CHANNELS, SIDE, KERNEL = 8, 16, 3
#: Libraries by what they are: file names, and the function that tells the version. A suffix is a
#: major version; CUDA 11 wrote 11.0.
LIBRARIES: dict[str, tuple[tuple[str, ...], str]] = {
    "cuda": (
        ("libcudart.so.11.0", "libcudart.so.12", "libcudart.so.13", "libcudart.so"),
        "cudaRuntimeGetVersion",
    ),
    "cudnn": (("libcudnn.so.8", "libcudnn.so.9", "libcudnn.so"), "cudnnGetVersion"),
    "tensorrt": (
        ("libnvinfer.so.8", "libnvinfer.so.10", "libnvinfer.so.11", "libnvinfer.so"),
        "getInferLibVersion",
    ),
}


def main(question: str, *details: str) -> None:
    """Answer a question on the last line of stdout, as JSON.

    Parameters
    ----------
    question : {"onnxruntime", "libraries", "provider", "litert"}
    *details : str
        What the question asks about: a provider's name, a model.
    """
    answers: dict[str, Callable[..., Any]] = {
        "onnxruntime": onnxruntime_facts,
        "libraries": libraries,
        "provider": try_provider,
        "litert": try_litert,
    }
    try:
        answer = answers[question](*details)
    except Exception as error:  # runtimes raise exceptions of no common base
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(f"\n{json.dumps(answer)}", flush=True)


def onnxruntime_facts() -> dict[str, Any]:
    """Version of ONNX Runtime, its providers, and the CUDA and cuDNN that it was built for."""
    try:
        import onnxruntime as ort
    except ModuleNotFoundError as error:
        if error.name == "onnxruntime":
            return {}
        raise
    return {
        "version": str(ort.__version__),
        "providers": list(ort.get_available_providers()),
        **built_for(str(getattr(ort, "cuda_version", "") or "")),
    }


def built_for(cuda: str) -> dict[str, str]:
    """CUDA and cuDNN that the GPU wheel was built for; empty where it does not tell.

    Parameters
    ----------
    cuda : str
        As the module itself says. Where it does not, the wheel's requirements do.
    """
    try:
        needed = metadata.requires("onnxruntime-gpu") or []
    except metadata.PackageNotFoundError:
        needed = []
    text = "\n".join(needed)
    cudnn = re.search(r"^nvidia-cudnn-cu(\d+)~=(\d+)", text, flags=re.MULTILINE)
    return {"cuda": cuda or (cudnn[1] if cudnn else ""), "cudnn": cudnn[2] if cudnn else ""}


def libraries() -> dict[str, list[str]]:
    """Versions of CUDA, cuDNN and TensorRT that can be loaded, system's and wheels'."""
    with contextlib.suppress(Exception):
        import onnxruntime as ort

        preload(ort)
    found = {}
    for what, (names, function) in LIBRARIES.items():
        versions = {loaded_version(what, name, function) for name in names}
        found[what] = sorted(versions - {""}, key=lambda text: [int(n) for n in text.split(".")])
    return found


def loaded_version(what: str, name: str, function: str) -> str:
    """Version of one library; empty where it cannot be loaded.

    Parameters
    ----------
    what : {"cuda", "cudnn", "tensorrt"}
    name, function : str
        File name, and the function that tells.
    """
    try:
        call = getattr(ctypes.CDLL(name), function)
    except (OSError, AttributeError):
        return ""
    if what == "cuda":
        number = ctypes.c_int()
        call(ctypes.byref(number))
        return cuda_version(number.value)
    call.restype = ctypes.c_size_t if what == "cudnn" else ctypes.c_int
    value = int(call())
    # 8907 is 8.9.7, and since the majors 9 of cuDNN and 10 of TensorRT 90100 is 9.1.0.
    unit = 10_000 if value >= 90_000 else 1_000
    return f"{value // unit}.{value % unit // 100}.{value % 100}"


def try_provider(name: str) -> dict[str, Any]:
    """Run one convolution with a provider of ONNX Runtime, and say where it ran.

    Returns
    -------
    dict
        ``providers``: those that ran the node; ``right``: whether the result is right.
    """
    import onnxruntime as ort

    if name != "CPUExecutionProvider":
        preload(ort)
    with tempfile.TemporaryDirectory(prefix="edgeqe-doctor-") as folder:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = ort.InferenceSession(
            one_convolution(), options, providers=[name], enable_fallback=False
        )
        (result,) = session.run(None, {"x": np.ones((1, CHANNELS, SIDE, SIDE), np.float32)})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    # All ones: every result counts the products. Powers of two and small sums are exact even in
    # the short floats of TensorFloat-32 and float16.
    right = bool((result == CHANNELS * KERNEL**2).all())
    return {"providers": sorted(node_providers(events)), "right": right}


def node_providers(events: list[dict[str, Any]]) -> set[str]:
    """Providers of the nodes that a profile of ONNX Runtime holds; copies are no nodes."""
    arguments = [event.get("args", {}) for event in events if event.get("cat") == "Node"]
    return {
        each["provider"]
        for each in arguments
        if each.get("provider") and not each.get("op_name", "").startswith("Memcpy")
    }


def try_litert(model: str) -> dict[str, Any]:
    """Run a TFLite file on LiteRT, and say who runs its convolutions.

    Parameters
    ----------
    model : str
        A shipped model's name, or a path.
    """
    from edgeqe.model.catalogue import find_model
    from edgeqe.model.file import ModelFile
    from edgeqe.runtimes.litert import LitertSession, version

    file = ModelFile(find_model(model))
    session = LitertSession(file.data, file.card.pixels_per_sample)
    planes = len(file.card.inputs) - 1 + file.card.channels
    session.run(np.zeros((planes, SIDE, SIDE), np.float32))
    return {"version": version(), "provider": session.provider}


def one_convolution() -> bytes:
    """ONNX file of one convolution with a kernel of ones, written without the onnx package.

    Field numbers are those of ``onnx.proto3``.
    """
    dims = (CHANNELS, CHANNELS, KERNEL, KERNEL)
    kernel = np.ones(dims, "<f4").tobytes()
    initializer = b"".join(int_field(1, dim) for dim in dims) + int_field(2, 1)
    initializer += bytes_field(8, b"w") + bytes_field(9, kernel)
    node = (
        bytes_field(1, b"x") + bytes_field(1, b"w") + bytes_field(2, b"y") + bytes_field(4, b"Conv")
    )
    graph = bytes_field(1, node) + bytes_field(2, b"one convolution") + bytes_field(5, initializer)
    graph += bytes_field(11, _value(b"x", SIDE)) + bytes_field(12, _value(b"y", SIDE - KERNEL + 1))
    return (
        int_field(1, 8)
        + bytes_field(7, graph)
        + bytes_field(8, bytes_field(1, b"") + int_field(2, 17))
    )


def _value(name: bytes, side: int) -> bytes:
    shape = b"".join(bytes_field(1, int_field(1, dim)) for dim in (1, CHANNELS, side, side))
    return bytes_field(1, name) + bytes_field(
        2, bytes_field(1, int_field(1, 1) + bytes_field(2, shape))
    )
