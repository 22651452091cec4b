"""Whether a network convolves integers, whose sums are the same in any order."""

from __future__ import annotations

from edgeqe.model.file import ModelFile
from edgeqe.model.flatbuffer import TfliteOutline
from edgeqe.model.protobuf import OnnxOutline

#: ONNX's number of int8.
_INT8 = 3
_CONVOLUTIONS = ("Conv", "ConvTranspose")


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
    return _between_quantizers(outline)


def _between_quantizers(outline: OnnxOutline) -> bool:
    """Whether each convolution reads dequantized integers, and is only read to be quantized."""
    makers = {name: one.op_type for one in outline.operations for name in one.outputs}
    readers: dict[str, set[str]] = {}
    for one in outline.operations:
        for name in one.inputs:
            readers.setdefault(name, set()).add(one.op_type)
    return all(
        {makers.get(name) for name in one.inputs[:2]} == {"DequantizeLinear"}
        and readers.get(one.outputs[0]) == {"QuantizeLinear"}
        for one in outline.operations
        if one.op_type in _CONVOLUTIONS
    )
