"""A shape as a network, and its files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeqe import zoo
from edgeqe.converters.export import export
from edgeqe.converters.sources import from_keras
from edgeqe.errors import InputError
from edgeqe.quantization.int8.quantizer import Quantizer
from edgeqe.zoo.plain import plain

#: What a candidate is called inside its files: the converters ask the zoo for its planes.
STANDS_FOR = "edgeqe-small"


def built(shape: str) -> Any:
    """Keras network of a shape, with random weights.

    Raises
    ------
    InputError
        If the shape is neither WIDTHxDEPTH nor one of the zoo's 4:2:0 networks.
    """
    found = re.fullmatch(r"(\d+)x(\d+)", shape)
    if found:
        return plain(STANDS_FOR, width=int(found[1]), depth=int(found[2]))
    if zoo.network(shape).planes != "420-space-to-depth":
        raise InputError(f"'{shape}' is not native to 4:2:0: name one of edgeqe's own networks.")
    return zoo.build(shape)


@dataclass(frozen=True)
class Candidate:
    """A shape that was written."""

    shape: str
    kmac: float
    """Thousand multiply-accumulates per picture pixel."""
    loss_db: float
    """What INT8 gives up on the calibration pictures, at the quality where it is most."""
    files: dict[str, Path]
    """Model files by what they are."""

    @classmethod
    def write(cls, shape: str, model: Any, data: Path, folder: Path) -> Candidate:
        """Write a trained candidate's files.

        Parameters
        ----------
        shape : str
        model : keras.Model
        data : Path
            Data folder, whose pictures in 'free' calibrate INT8.
        folder : Path
            Where the files go.
        """
        source = from_keras(model)
        quantizer = Quantizer(source, data / "free")
        integer = quantizer.make()
        drop = quantizer.meter().drop(integer)
        stem = f"{shape}"
        files = {
            "INT8 LiteRT": folder / f"{stem}.int8.tflite",
            "INT8 ONNX Runtime": folder / f"{stem}.int8.onnx",
            "float32 ONNX Runtime": folder / f"{stem}.float32.onnx",
        }
        whole = quantizer.as_source(integer, drop)
        for kind, path in files.items():
            exported = export(whole if kind.startswith("INT8") else source, path)
        return cls(shape, exported.card.kmac_per_pixel, max(drop.values()), files)
