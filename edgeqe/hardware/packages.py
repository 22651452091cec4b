"""Packages that are installed here: edgeqe's own and optional ones, and NVIDIA's wheels."""

from __future__ import annotations

from importlib import metadata

#: Distributions that hold the module onnxruntime: two of them overwrite each other.
ONNXRUNTIMES = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-directml",
    "onnxruntime-migraphx",
    "onnxruntime-openvino",
    "onnxruntime-qnn",
    "onnxruntime-rocm",
    "onnxruntime-training",
    "ort-nightly",
    "ort-nightly-gpu",
)
LITERTS = ("ai-edge-litert", "tflite-runtime")
#: Distributions that an extra brings, or that do the same job, by extra.
OPTIONAL = {
    "ort": ONNXRUNTIMES,
    "tflite": LITERTS,
    "files": ("pillow",),
    "codecs": ("av", "pillow-heif", "imageio-ffmpeg", "numba"),
    "camera": ("opencv-python-headless", "opencv-python"),
    "host": ("tensorflow-cpu", "tensorflow", "keras", "onnx", "flatbuffers"),
    "bench": ("scikit-image", "matplotlib", "scipy", "jinja2"),
    "trust": ("cryptography",),
    "ray": ("ray",),
}
#: How the names of NVIDIA's libraries begin, and of plug-in providers.
NVIDIA_WHEELS = ("nvidia-", "tensorrt", "onnxruntime-ep-")


def installed_packages() -> dict[str, str]:
    """Versions of our core and optional packages that are installed, without importing them."""
    found = {}
    for name in ("numpy", "click", *(name for group in OPTIONAL.values() for name in group)):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    theirs = {each.metadata["Name"]: each.version for each in metadata.distributions()}
    theirs = {name: theirs[name] for name in theirs if (name or "").startswith(NVIDIA_WHEELS)}
    return found | dict(sorted(theirs.items()))
