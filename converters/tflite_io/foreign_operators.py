"""TFLite's operators as ONNX nodes, one function each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeqe.errors import InputError

if TYPE_CHECKING:
    from edgeqe.converters.tflite_io.foreign import Translator

_Operator = Callable[["Translator", Any, Any], None]
#: TFLite's numbers of paddings.
_SAME = 0


def _unary(op: str, **attributes: Any) -> _Operator:
    def translate(to: Translator, operator: Any, options: Any) -> None:
        to.add(op, [to.read(operator.inputs[0])], to.name(operator.outputs[0]), **attributes)

    return translate


def _binary(op: str) -> _Operator:
    def translate(to: Translator, operator: Any, options: Any) -> None:
        inputs = [to.read(index) for index in operator.inputs]
        activation = getattr(options, "fusedActivationFunction", 0)
        target = to.name(operator.outputs[0])
        if activation:
            to.activated(to.add(op, inputs), activation, target)
        else:
            to.add(op, inputs, target)

    return translate


def _clip(low: float, high: float) -> _Operator:
    def translate(to: Translator, operator: Any, options: Any) -> None:
        ends = [to.store(np.array(end, np.float32)) for end in (low, high)]
        to.add("Clip", [to.read(operator.inputs[0]), *ends], to.name(operator.outputs[0]))

    return translate


def _window(options: Any) -> dict[str, Any]:
    return {
        "strides": [options.strideH, options.strideW],
        "auto_pad": "SAME_UPPER" if options.padding == _SAME else "VALID",
    }


def _conv(to: Translator, operator: Any, options: Any) -> None:
    source, kernel, *bias = operator.inputs
    weights = to.constant(kernel)
    if weights is None:
        raise InputError(f"the kernel of '{to.name(operator.outputs[0])}' must be a constant.")
    depthwise = hasattr(options, "depthMultiplier")
    groups = to.shape(source)[3] // (1 if depthwise else weights.shape[3])
    weights = weights.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
    gaps, window = [options.dilationHFactor, options.dilationWFactor], _window(options)
    if source in to.spread:
        source, gaps, before = to.spread[source]
        half = [gap * (side - 1) // 2 for gap, side in zip(gaps, weights.shape[2:], strict=True)]
        if before != half or window["strides"] != [1, 1]:
            raise InputError("a dilated convolution needs padding that keeps the size.")
        window["auto_pad"] = "SAME_UPPER"
    inputs = [to.channels_first(source), to.store(weights.astype(np.float32))]
    inputs += [to.read(index) for index in bias if index >= 0]
    made = to.add(
        "Conv", inputs, group=groups, kernel_shape=list(weights.shape[2:]), dilations=gaps, **window
    )
    to.channels_last(made, operator.outputs[0], options.fusedActivationFunction)


def _space_to_batch(to: Translator, operator: Any, options: Any) -> None:
    """In front of a convolution, which it dilates; BATCH_TO_SPACE_ND behind is nothing then."""
    source, block, ends = operator.inputs
    before = to.integers(ends)[::2]
    to.spread[operator.outputs[0]] = (source, to.integers(block), before)


def _transpose_conv(to: Translator, operator: Any, options: Any) -> None:
    _, kernel, source, *bias = operator.inputs
    weights = to.constant(kernel)
    if weights is None or options.strideH != options.strideW:
        raise InputError("a TRANSPOSE_CONV needs a constant kernel and one stride.")
    weights, stride = weights.transpose(3, 0, 1, 2).astype(np.float32), options.strideH
    total = [side - stride for side in weights.shape[2:]]
    if options.padding != _SAME and any(total):
        raise InputError("a TRANSPOSE_CONV without padding does not give stride times the size.")
    before = [max(cut, 0) // 2 for cut in total]
    behind = [max(cut, 0) - first for cut, first in zip(total, before, strict=True)]
    inputs = [to.channels_first(source), to.store(weights)]
    inputs += [to.read(index) for index in bias if index >= 0]
    made = to.add(
        "ConvTranspose", inputs, strides=[stride] * 2, pads=[*before, *behind],
        output_padding=[max(-cut, 0) for cut in total],
    )  # fmt: skip
    to.channels_last(made, operator.outputs[0], getattr(options, "fusedActivationFunction", 0))


def _pool(op: str) -> _Operator:
    def translate(to: Translator, operator: Any, options: Any) -> None:
        made = to.add(
            op, [to.channels_first(operator.inputs[0])],
            kernel_shape=[options.filterHeight, options.filterWidth], **_window(options),
        )  # fmt: skip
        to.channels_last(made, operator.outputs[0], options.fusedActivationFunction)

    return translate


def _blocks(op: str) -> _Operator:
    def translate(to: Translator, operator: Any, options: Any) -> None:
        source = to.channels_first(operator.inputs[0])
        made = to.add(op, [source], blocksize=options.blockSize)
        to.channels_last(made, operator.outputs[0])

    return translate


def _prelu(to: Translator, operator: Any, options: Any) -> None:
    slope = to.constant(operator.inputs[1])
    if slope is None or slope.size != slope.shape[-1]:
        raise InputError("a PRELU needs one slope a channel: share its rows and columns.")
    inputs = [to.channels_first(operator.inputs[0]), to.store(slope.reshape(-1, 1, 1))]
    to.channels_last(to.add("PRelu", inputs), operator.outputs[0])


def _leaky(to: Translator, operator: Any, options: Any) -> None:
    to.add("LeakyRelu", [to.read(operator.inputs[0])], to.name(operator.outputs[0]),
           alpha=options.alpha)  # fmt: skip


def _gelu(to: Translator, operator: Any, options: Any) -> None:
    how = "tanh" if options is not None and options.approximate else "none"
    source, target = to.read(operator.inputs[0]), to.name(operator.outputs[0])
    to.add("Gelu", [source], target, approximate=how)


def _concatenation(to: Translator, operator: Any, options: Any) -> None:
    inputs = [to.read(index) for index in operator.inputs]
    made = to.add("Concat", inputs, axis=options.axis)
    to.activated(made, options.fusedActivationFunction, to.name(operator.outputs[0]))


def _reduce(op: str) -> _Operator:
    def translate(to: Translator, operator: Any, options: Any) -> None:
        axes = [axis % 4 for axis in to.integers(operator.inputs[1])]
        to.add(op, [to.read(operator.inputs[0])], to.name(operator.outputs[0]), axes=axes,
               keepdims=int(options.keepDims))  # fmt: skip

    return translate


def _resize(mode: str) -> _Operator:
    def translate(to: Translator, operator: Any, options: Any) -> None:
        source, half = to.channels_first(operator.inputs[0]), options.halfPixelCenters
        lead = to.store(np.array([1, to.shape(operator.inputs[0])[3]], np.int64))
        sizes = to.add("Concat", [lead, to.read(operator.inputs[1])], axis=0)
        how = "half_pixel" if half else "align_corners" if options.alignCorners else "asymmetric"
        made = to.add(
            "Resize", [source, "", "", sizes], mode=mode, coordinate_transformation_mode=how,
            nearest_mode="round_prefer_ceil" if half else "floor",
        )  # fmt: skip
        to.channels_last(made, operator.outputs[0])

    return translate


def _pad(to: Translator, operator: Any, options: Any) -> None:
    ends = np.array(to.integers(operator.inputs[1])).reshape(-1, 2)
    value = to.constant(operator.inputs[2]) if len(operator.inputs) > 2 else np.zeros(1)
    mode = "constant" if not hasattr(options, "mode") else ("reflect", "symmetric")[options.mode]
    if ends.shape != (4, 2) or value is None or value.any():
        raise InputError("a PAD that converts puts zeros around the rows and columns of a picture.")
    order = ends[[0, 3, 1, 2]].T.ravel().astype(np.int64)
    inputs = [to.channels_first(operator.inputs[0]), to.store(order)]
    if mode == "symmetric":
        if ends.max() > 1:
            raise InputError("a MIRROR_PAD by SYMMETRIC converts by 1: use REFLECT.")
        mode = "edge"
    name = to.name(operator.outputs[0])
    to.first[name] = to.add("Pad", inputs, mode=mode)


def _strided_slice(to: Translator, operator: Any, options: Any) -> None:
    starts, ends, steps = (to.integers(index) for index in operator.inputs[1:4])
    if options.ellipsisMask or options.newAxisMask or options.shrinkAxisMask and len(starts) > 1:
        raise InputError("a STRIDED_SLICE with new or dropped axes does not convert.")
    first = [0 if options.beginMask >> axis & 1 else n for axis, n in enumerate(starts)]
    last = [2**62 if options.endMask >> axis & 1 else n for axis, n in enumerate(ends)]
    if options.shrinkAxisMask:  # one number of a shape
        index = to.store(np.array(starts[0], np.int64))
        to.add("Gather", [to.read(operator.inputs[0]), index], to.name(operator.outputs[0]), axis=0)
        return
    lists = (first, last, list(range(len(starts))), steps)
    inputs = [to.store(np.array(numbers, np.int64)) for numbers in lists]
    to.add("Slice", [to.read(operator.inputs[0]), *inputs], to.name(operator.outputs[0]))


def _slice(to: Translator, operator: Any, options: Any) -> None:
    begin, size = (to.integers(index) for index in operator.inputs[1:])
    ends = [2**62 if n < 0 else first + n for first, n in zip(begin, size, strict=True)]
    inputs = [to.store(np.array(numbers, np.int64)) for numbers in (begin, ends)]
    to.add("Slice", [to.read(operator.inputs[0]), *inputs], to.name(operator.outputs[0]))


def _split(to: Translator, operator: Any, options: Any) -> None:
    import onnx

    axis = to.integers(operator.inputs[0])[0]
    outputs = [to.name(index) for index in operator.outputs]
    source = to.read(operator.inputs[1])
    to.nodes.append(onnx.helper.make_node("Split", [source], outputs, axis=axis))


def _reshape(to: Translator, operator: Any, options: Any) -> None:
    inputs = [to.read(index) for index in operator.inputs[:2]]
    to.add("Reshape", inputs, to.name(operator.outputs[0]))


def _transpose(to: Translator, operator: Any, options: Any) -> None:
    order = to.integers(operator.inputs[1])
    to.add("Transpose", [to.read(operator.inputs[0])], to.name(operator.outputs[0]), perm=order)


def _pack(to: Translator, operator: Any, options: Any) -> None:
    axis = to.store(np.array([0], np.int64))
    parts = [to.add("Unsqueeze", [to.read(index), axis]) for index in operator.inputs]
    to.add("Concat", parts, to.name(operator.outputs[0]), axis=0)


def _dequantize(to: Translator, operator: Any, options: Any) -> None:
    """Of a constant in float16."""
    half = to.constant(operator.inputs[0])
    if half is None or half.dtype != np.float16:
        raise InputError(
            "the file holds quantized values: convert the network without quantization, and quantize "
            "it by 'edgeqe quantize'."
        )
    to.halves[to.name(operator.outputs[0])] = half.astype(np.float32)


def _cast(to: Translator, operator: Any, options: Any) -> None:
    kind = to.graph.tensors[operator.outputs[0]].type
    number = {0: 1, 2: 7, 4: 7}[kind]  # floats, integers of sizes
    to.add("Cast", [to.read(operator.inputs[0])], to.name(operator.outputs[0]), to=number)


def _square(to: Translator, operator: Any, options: Any) -> None:
    source = to.read(operator.inputs[0])
    to.add("Mul", [source, source], to.name(operator.outputs[0]))


def _squared_difference(to: Translator, operator: Any, options: Any) -> None:
    less = to.add("Sub", [to.read(index) for index in operator.inputs])
    to.add("Mul", [less, less], to.name(operator.outputs[0]))


def _rsqrt(to: Translator, operator: Any, options: Any) -> None:
    root = to.add("Sqrt", [to.read(operator.inputs[0])])
    to.add("Reciprocal", [root], to.name(operator.outputs[0]))


#: What translates each operator.
OPERATORS: dict[str, _Operator] = {
    "ABS": _unary("Abs"), "ADD": _binary("Add"), "AVERAGE_POOL_2D": _pool("AveragePool"),
    "BATCH_TO_SPACE_ND": _unary("Identity"), "CAST": _cast, "CONCATENATION": _concatenation, "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _conv, "DEPTH_TO_SPACE": _blocks("DepthToSpace"), "DEQUANTIZE": _dequantize,
    "DIV": _binary("Div"), "ELU": _unary("Elu"), "GELU": _gelu, "HARD_SWISH": _unary("HardSwish"),
    "LEAKY_RELU": _leaky, "LOGISTIC": _unary("Sigmoid"), "MAXIMUM": _binary("Max"),
    "MAX_POOL_2D": _pool("MaxPool"), "MEAN": _reduce("ReduceMean"), "MINIMUM": _binary("Min"),
    "MIRROR_PAD": _pad, "MUL": _binary("Mul"), "NEG": _unary("Neg"), "PACK": _pack, "PAD": _pad,
    "PADV2": _pad, "POW": _binary("Pow"), "PRELU": _prelu, "REDUCE_MAX": _reduce("ReduceMax"),
    "RELU": _unary("Relu"), "RELU6": _clip(0, 6), "RELU_0_TO_1": _clip(0, 1),
    "RELU_N1_TO_1": _clip(-1, 1), "RESHAPE": _reshape, "RESIZE_BILINEAR": _resize("linear"),
    "RESIZE_NEAREST_NEIGHBOR": _resize("nearest"), "RSQRT": _rsqrt, "SHAPE": _unary("Shape"),
    "SLICE": _slice, "SPACE_TO_BATCH_ND": _space_to_batch, "SPACE_TO_DEPTH": _blocks("SpaceToDepth"), "SPLIT": _split,
    "SQRT": _unary("Sqrt"), "SQUARE": _square, "SQUARED_DIFFERENCE": _squared_difference,
    "STRIDED_SLICE": _strided_slice, "SUB": _binary("Sub"), "TANH": _unary("Tanh"),
    "TRANSPOSE": _transpose, "TRANSPOSE_CONV": _transpose_conv,
}  # fmt: skip
