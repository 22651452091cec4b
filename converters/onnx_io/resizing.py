"""Resize, Upsample and AveragePool of the importer, as convolutions with fixed weights.

A picture that is enlarged by a whole factor f has f * f phases. Nearest neighbour is f * f copies of
each channel and DepthToSpace. Interpolation is, in each phase, a small window with weights of its
own, over the picture with its edge repeated: f * f copies, one convolution for each channel, and
DepthToSpace. A picture that is made smaller by f is a window of f by f, f apart.
"""

from __future__ import annotations

import math

import numpy as np

from edgeqe.converters.onnx_io.editor import OnnxCall, OnnxEditor
from edgeqe.converters.onnx_io.windows import window_of
from edgeqe.converters.rewrites.windows import placed
from edgeqe.errors import InputError
from edgeqe.typing import Double

#: Taps of cubic interpolation reach this far.
_REACH = {"nearest": 0, "linear": 1, "cubic": 2}
#: Largest factor: f * f copies are joined.
LARGEST_FACTOR = 8


def resize(editor: OnnxEditor, call: OnnxCall) -> None:
    """Resize and Upsample by 1, by a whole factor, or by 1 over one."""
    factor = _factor(editor, call)
    if factor == 1:
        editor.same(call.outputs[0], call.inputs[0])
        return
    source = editor.value(call.inputs[0], call.where)
    mode = call.given.get("mode", b"nearest").decode()
    if mode not in _REACH or call.given.get("antialias", 0) or call.given.get("exclude_outside", 0):
        raise InputError(
            f"{call.where} interpolates in mode {mode}, perhaps with antialias: nearest, linear and "
            "cubic without it convert."
        )
    if factor > 1:
        _enlarge(editor, call, source, int(factor), mode)
    else:
        _reduce(editor, call, source, round(1 / factor), mode)


def _factor(editor: OnnxEditor, call: OnnxCall) -> float:
    """Factor of rows and columns: whole, or 1 over a whole number."""
    shape = editor.shape(call.inputs[0], call.where)
    scales: list[float] = []
    place = 1 if call.op == "Upsample" or len(call.inputs) == 2 else 2
    if "scales" in call.given:
        scales = [float(value) for value in call.given["scales"]]
    elif len(call.inputs) > place and call.inputs[place]:
        scales = [float(value) for value in editor.array(call.inputs[place], call.where).ravel()]
    if not scales and len(call.inputs) > 3 and call.inputs[3]:
        sides = editor.array(call.inputs[3], call.where).ravel()
        axes = call.given.get("axes", range(4))
        scales = [float(n) / shape[axis] for axis, n in zip(axes, sides, strict=True)]
    every = dict.fromkeys(range(4), 1.0)
    every.update(zip((a % 4 for a in call.given.get("axes", range(4))), scales, strict=False))
    batch, channels, rows, columns = every.values()
    whole = max(rows, 1 / rows) if rows > 0 else 0.5
    if batch != 1 or channels != 1 or rows != columns or abs(whole - round(whole)) > 1e-6:
        raise InputError(
            f"{call.where} resizes by {rows:g} and {columns:g}: only one whole factor, or 1 over "
            "one, for rows and columns converts."
        )
    if round(whole) > LARGEST_FACTOR:
        raise InputError(f"{call.where} resizes by {rows:g}: {LARGEST_FACTOR} is the most.")
    return float(round(rows)) if rows >= 1 else 1 / round(whole)


def _place(call: OnnxCall, index: int, factor: float) -> float:
    """Where an output lies in the input, in samples."""
    how = call.given.get("coordinate_transformation_mode", b"half_pixel").decode()
    if call.op == "Upsample" or "scales" in call.given or len(call.inputs) == 2:
        how = "asymmetric"  # up to opset 10
    if how in ("half_pixel", "pytorch_half_pixel"):
        return (index + 0.5) / factor - 0.5
    if how != "asymmetric":
        raise InputError(
            f"{call.where} places samples by {how}, which depends on the picture's size, so that "
            "tiles would not equal the whole: use align_corners=False."
        )
    return index / factor


def _taps(call: OnnxCall, index: int, factor: float, mode: str) -> dict[int, float]:
    """Weights of the inputs that an output far from the edges is made of."""
    place = _place(call, index, factor)
    if mode == "nearest":
        how = call.given.get("nearest_mode", b"round_prefer_floor").decode()
        if call.op == "Upsample" or len(call.inputs) == 2:
            how = "floor"
        round_by = {"floor": math.floor, "ceil": math.ceil,
                    "round_prefer_floor": lambda x: math.ceil(x - 0.5),
                    "round_prefer_ceil": lambda x: math.floor(x + 0.5)}[how]  # fmt: skip
        return {round_by(place): 1.0}
    first = math.floor(place)
    near = place - first
    if mode == "linear":
        return {first: 1 - near, first + 1: near}
    a = float(call.given.get("cubic_coeff_a", -0.75))

    def weight(distance: float) -> float:
        x = abs(distance)
        if x <= 1:
            return (a + 2) * x**3 - (a + 3) * x**2 + 1
        return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0

    return {first + i: weight(near - i) for i in (-1, 0, 1, 2)}


def _enlarge(editor: OnnxEditor, call: OnnxCall, source: str, factor: int, mode: str) -> None:
    far = 4 * factor  # whole samples from the edge, so that no place is below 0
    phases = [_taps(call, far + phase, factor, mode) for phase in range(factor)]
    reach = max(abs(at - 4) for taps in phases for at, weight in taps.items() if weight)
    channels, copies = editor.channels[source], editor.fresh(f"{call.label}.copies")
    editor.add("Concat", copies, [source] * factor**2, copies)
    if reach or mode != "nearest":
        lines = np.zeros((factor, 2 * reach + 1))
        for phase, taps in enumerate(phases):
            for at, weight in taps.items():
                if weight:
                    lines[phase, at - 4 + reach] = weight
        kernels = np.einsum("pr,qc->pqrc", lines, lines).reshape(factor**2, 1, *2 * [2 * reach + 1])
        kernel = np.repeat(kernels, channels, axis=0)
        copies = _convolved(editor, call, copies, kernel, border="edge", padding=reach)
    editor.add("DepthToSpace", call.label, [copies], call.outputs[0], kernel=factor)


def _reduce(editor: OnnxEditor, call: OnnxCall, source: str, factor: int, mode: str) -> None:
    taps = _taps(call, 4, 1 / factor, mode)
    inside = {at - 4 * factor: weight for at, weight in taps.items() if weight}
    if min(inside) < 0 or max(inside) >= factor:
        raise InputError(
            f"{call.where} reads beyond its own {factor} samples in mode {mode}: average over "
            "them, by AveragePool."
        )
    line = np.zeros(factor)
    for at, weight in inside.items():
        line[at] = weight
    kernel = np.broadcast_to(np.outer(line, line), (editor.channels[source], 1, factor, factor))
    _convolved(editor, call, source, kernel, stride=factor, output=call.outputs[0])


def _convolved(
    editor: OnnxEditor,
    call: OnnxCall,
    source: str,
    kernel: Double,
    *,
    output: str = "",
    stride: int = 1,
    padding: int = 0,
    border: str = "zero",
) -> str:
    """Append a convolution of each channel by itself; the value it makes."""
    output = output or editor.fresh(f"{call.label}.phases")
    weights = editor.store(editor.fresh(f"{call.label}.weights"), kernel)
    editor.add("Conv", output, [source, weights], output, kernel=kernel.shape[2], stride=stride,
              padding=padding, padding_end=padding, groups=len(kernel), border=border)  # fmt: skip
    return output


def average_pool(editor: OnnxEditor, call: OnnxCall) -> None:
    """AveragePool, as a convolution by 1 over the window's area."""
    source, before, behind, _ = editor.around(call, zero_only=True)
    window = window_of(call.given, tuple(call.given["kernel_shape"]), call.where, before, behind)
    inside = bool(call.given.get("count_include_pad", 0)) or not any(window.zeros)
    if call.given.get("ceil_mode", 0) or not inside:
        raise InputError(
            f"{call.where} leaves its padding out of the mean, or rounds the size up: use "
            "count_include_pad=True, or no padding, and ceil_mode=False."
        )
    count = editor.channels[source]
    plain = np.full((count, 1, *window.sides), 1 / math.prod(window.sides))
    kernel, fields = placed(plain, window)
    weights = editor.store(editor.fresh(f"{call.label}.weights"), kernel)
    editor.add("Conv", call.label, [source, weights], call.outputs[0], groups=count, **fields)
