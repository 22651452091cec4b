"""Whether a network convolves integers, whose sums are the same in any order."""

from __future__ import annotations

from edgeqe.model.file import ModelFile
from edgeqe.model.flatbuffer import TfliteOutline

#: ONNX's number of int8, and its convolutions of floats.
_INT8 = 3
_OF_FLOATS = ("Conv", "ConvTranspose")


def convolves_integers(file: ModelFile) -> bool:
    """Whether all convolutions of a file are of integers, none kept in float.

    Then a pixel's result depends on its surroundings alone, bit for bit: a runtime may sum floats
    in another order where a window has another shape.

    Parameters
    ----------
    file : ModelFile
    """
    outline = file.outline
    if isinstance(outline, TfliteOutline):
        given = [one.inputs[0] for one in outline.operations if "CONV" in one.op_type]
        return all(outline.types[name] == _INT8 for name in given)
    return not any(op in _OF_FLOATS for op in outline.op_types)
