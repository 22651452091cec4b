"""Model files that drift by a known deed, small pictures to see it on, facts for reports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from PIL import Image

from edgeqe.model.card import CARD_KEY, STRENGTHS_KEY, read_card
from edgeqe.model.catalogue import find_model
from edgeqe.model.file import ModelFile, outline_of, weights_sha256
from edgeqe.quantization.drift.reporting import Model
from tests.reference import photograph

#: The float network, whatever a device would choose.
TINY = "edgeqe-tiny:float32"
#: A model and a machine for reports.
MODEL = Model(
    given="m.onnx",
    name="net",
    path="/models/m.onnx",
    precision="int8",
    runtime="onnxruntime",
    runtime_version="1.2.3",
    provider="CPUExecutionProvider",
    threads=2,
    file_bytes=1000,
    sha256="0123456789abcdef" * 4,
)
STAMP = {
    "edgeqe": "0.1.0",
    "python": "3.11",
    "numpy": "2.4",
    "pillow": "13.0",
    "jpeg": "libjpeg-turbo 3",
    "system": "Linux, arm64",
    "processor": "",
    "cpu_features": [],
}


def tiny_with(path: Path, constant: str, factor: float) -> Path:
    """edgeqe-tiny with one constant multiplied, its card's hash made right again."""
    model = onnx.load(find_model(TINY))
    (tensor,) = (t for t in model.graph.initializer if t.name == constant)
    value = numpy_helper.to_array(tensor) * np.float32(factor)
    tensor.CopyFrom(numpy_helper.from_array(value, constant))
    (entry,) = (entry for entry in model.metadata_props if entry.key == CARD_KEY)
    data = model.SerializeToString()
    card = read_card({CARD_KEY: entry.value})
    digest = weights_sha256(data, outline_of(data), card)
    entry.value = entry.value.replace(card.weights_sha256, digest)
    path.write_bytes(model.SerializeToString())
    return path


def doubled(path: Path, source: str = TINY, vector: str = "hidden_1_strength.scale") -> Path:
    """A network one of whose scale vectors is doubled, at every strength."""
    file = ModelFile(find_model(source))
    assert file.strengths is not None
    basis = file.strengths.basis.copy()
    basis[:, dict(file._columns())[vector]] *= 2.0
    model = onnx.load(file.path)
    (entry,) = (entry for entry in model.metadata_props if entry.key == STRENGTHS_KEY)
    entry.value = replace(file.strengths, basis=basis).to_text()
    path.write_bytes(model.SerializeToString())
    return path


def save(folder: Path, **pictures: npt.NDArray[np.uint8]) -> Path:
    """A folder of PNG files."""
    folder.mkdir(exist_ok=True)
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def photographs(folder: Path) -> Path:
    """A folder with a colour and a gray photograph of 150x140 pixels: 2x2 tiles each."""
    colour, gray = (
        photograph("astronaut", 20, 160, 140, 150),
        photograph("camera", 60, 180, 140, 150),
    )
    return save(folder, astronaut=colour, camera=gray)
