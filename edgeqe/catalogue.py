"""Shipped models by name: a network, a precision and a format.

``edgeqe-small:int8.tflite`` is the file ``models/edgeqe-small.int8.tflite``; ``.onnx`` is left
out of names. A network's name alone lets the target choose.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from edgeqe.errors import ModelError

MODELS = Path(__file__).with_name("models")
CPUINFO = Path("/proc/cpuinfo")
#: Forms that a CPU tries in turn, and the module that runs each. Integers are the fastest on
#: ONNX Runtime with and without instructions for sums of their products, on LiteRT with them.
CPU_FORMS = (
    ("int8", "onnxruntime"),
    ("float32", "onnxruntime"),
    ("int8.tflite", "ai_edge_litert"),
    ("float32.tflite", "ai_edge_litert"),
    ("float32.tflite", "tflite_runtime"),
)
#: Names of such instructions, x86's and ARM's, as `doctor.cpu_features` gives them.
INTEGER_FEATURES = {"vnni", "dotprod"}


def shipped_files() -> dict[str, Path]:
    """Files of the shipped models by full name; of each network the float32 ones first."""
    found = {}
    for path in MODELS.iterdir():
        network, _, form = path.name.partition(".")
        if form.endswith((".onnx", ".tflite")):
            found[f"{network}:{form.removesuffix('.onnx')}"] = path
    order = {name: index for index, name in enumerate(shipped_models())}

    def place(name: str) -> tuple[int, bool, str]:
        network, _, form = name.partition(":")
        return order.get(network, len(order)), not form.startswith("float32"), form

    return dict(sorted(found.items(), key=lambda item: place(item[0])))


def shipped_models() -> list[str]:
    """Names of the shipped networks, smallest first."""
    files = MODELS.glob("*.float32.onnx")
    return [p.name.partition(".")[0] for p in sorted(files, key=lambda path: path.stat().st_size)]


def find_model(model: str | os.PathLike[str], form: str = "") -> Path:
    """File of a shipped model's name, or of a path.

    Parameters
    ----------
    model : str or path
        ``edgeqe-small``, ``edgeqe-small:float32``, ``edgeqe-small:int8.tflite``, or a file.
    form : str
        What a network's name alone means, such as ``float32``; if left out what runs fastest
        on this device.

    Raises
    ------
    ModelError
        If it is neither.
    """
    files, name = shipped_files(), str(model)
    if name in shipped_models():
        name = f"{name}:{form or _fastest(name, files)}"
    if name in files:
        return files[name]
    path = Path(model)
    if path.is_file():
        return path
    if path.is_dir():
        raise ModelError(f"'{model}' is a folder: give a model file, {_listed()}.")
    network = name.partition(":")[0]
    if network in shipped_models():
        forms = [full.partition(":")[2] for full in files if full.startswith(f"{network}:")]
        raise ModelError(f"no model '{model}': '{network}' has {', '.join(forms)}.")
    raise ModelError(
        f"no model '{model}': give a file or one of {_listed()}; "
        "'edgeqe models --all' lists the networks without weights too."
    )


def _fastest(network: str, files: dict[str, Path]) -> str:
    """Form of a network that runs fastest here; the first of all where none runs."""
    forms = [(form, module) for form, module in CPU_FORMS if f"{network}:{form}" in files]
    for form, module in forms:
        if form == "int8.tflite" and not adds_products_of_bytes():
            continue
        if importlib.util.find_spec(module) is not None:
            return form
    return forms[0][0] if forms else "float32"


def adds_products_of_bytes() -> bool:
    """Whether the processor says that it has an instruction for sums of 8-bit products."""
    from edgeqe.doctor import cpu_features

    try:
        text = CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return not INTEGER_FEATURES.isdisjoint(cpu_features(text))


def _listed() -> str:
    return ", ".join(shipped_models()) or "none"
