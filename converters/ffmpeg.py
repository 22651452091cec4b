"""A model for FFmpeg's filter ``dnn_processing`` with its ONNX backend.

The filter gives a whole frame as one float32 tensor (1, C, H, W), 0 to 1, C being 1 for luma of
gray and YUV formats, whose chroma it copies, and 3 for rgb24; it takes the same back. So what views
do on the device becomes part of the graph, around the network at one strength: the picture is scaled,
padded by its edge to what the network needs, and read into the network's planes by one
convolution; a transposed one brings the residual back, which is rounded and added.
"""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeqe.codecs.strength import Strength, resolve_strength
from edgeqe.converters.output import check_output
from edgeqe.errors import CheckError, InputError
from edgeqe.model.catalogue import find_model, forms_of, shipped_models
from edgeqe.model.file import ModelFile
from edgeqe.model.serving import check_serves
from edgeqe.reports.output_file import written_whole
from edgeqe.runtimes import open_session
from edgeqe.typing import Float
from edgeqe.views.colour import NEUTRAL, RGB_TO_YCC
from edgeqe.views.full_size import VIEWS
from edgeqe.views.subsampled import PHASES, YCC_TO_RGB, Depth
from edgeqe.views.window import Window
from edgeqe.zoo.host import host_packages

if TYPE_CHECKING:
    from onnx import NodeProto

#: Names of the graph's input and output, which the filter is told.
INPUT, OUTPUT = "frame", "enhanced"
#: Kind of picture and pixel format by what is enhanced.
_KINDS = {"y": ("gray", "yuv420p"), "rgb": ("rgb", "rgb24")}


@dataclass(frozen=True)
class FfmpegModel:
    """A file that was written and checked."""

    path: Path
    planes: str
    """``y`` or ``rgb``."""
    strength: Strength
    command: str
    """Runs it on IN, for a shell."""
    largest_difference: int
    """From the model on the device over a drawn picture, grey levels."""


def convert_for_ffmpeg(
    model: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    planes: str | None = None,
    quality: int | None = None,
    qp: float | None = None,
    step: float | None = None,
    codec: str | None = None,
    overwrite: bool = False,
) -> FfmpegModel:
    """Write a model at one strength as FFmpeg takes it, as ``edgeqe convert --for ffmpeg`` does.

    Parameters
    ----------
    model : str or path
        A shipped network's name, in INT8 where it has that, a shipped file's name, or an
        ``.onnx`` file with its card.
    output : str or path
        Ends in ``.onnx``.
    planes : {"y", "rgb"}, optional
        What is enhanced: luma, or R, G and B. If left out luma, of networks of RGB these.
    quality, qp, step, codec
        Strength, as of `Enhancer.enhance`; exactly one of the first three.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    InputError
        If the model has no such form, does not serve the codec, or an argument is wrong.
    ModelError
        If there is no such model.
    CheckError
        If the file's picture differs by more than a grey level; nothing is written.
    """
    destination = check_output(output, overwrite=overwrite)
    if destination.suffix != ".onnx":
        raise InputError(f"'{destination}' must end in .onnx: FFmpeg's backend runs no other.")
    strength = resolve_strength(quality=quality, qp=qp, step=step, codec=codec)
    file = ModelFile(_onnx_of(model))
    _check_form(file, model)
    check_serves([file.card], strength)
    planes = planes or ("rgb" if file.card.planes == "rgb" else "y")
    kind, pixels = _KINDS[planes]
    key = file.key(strength.step, strength.codec)
    with host_packages("converting", "host,ort"):
        data = _wrapped(file, key, kind, strength)
    with written_whole(destination) as temporary:
        temporary.write_bytes(data)
        difference = _difference(temporary, file, key, kind)
        if difference > 1:
            raise CheckError(
                f"the file differs from its model by {difference} grey levels: nothing was written."
            )
    options = f"dnn_backend=onnx:model={_escaped(str(destination))}:input={INPUT}:output={OUTPUT}"
    chain = shlex.quote(f"format={pixels},dnn_processing={options}")
    return FfmpegModel(
        destination, planes, strength, f"ffmpeg -i IN -vf {chain} OUT", difference
    )  # fmt: skip


def _onnx_of(model: str | os.PathLike[str]) -> Path:
    name = os.fspath(model)
    has_int8 = name in shipped_models() and "int8" in forms_of(name)
    return find_model(model, "int8" if has_int8 else "float32")


def _check_form(file: ModelFile, model: str | os.PathLike[str]) -> None:
    """Refuse what cannot be one graph over a whole frame."""
    if file.format != "onnx":
        raise InputError(f"'{model}' is a TFLite file: give the network's .onnx form.")
    if len(file.card.inputs) != 1:
        raise InputError(f"'{model}' needs the decoder's residual, which FFmpeg does not give.")
    if file.card.tiling == "blocks":
        raise InputError(
            f"'{model}' works on blocks of {file.card.block} pixels, not on whole frames: run it by "
            "edgeqe enhance."
        )


def _transforms(layout: str, kind: str) -> tuple[Float, Float]:
    """Weights of the convolution that reads planes, and of the one that writes the residual.

    Shapes (planes, channels, unit, unit), the planes of the network and the channels of the picture.
    """
    luma, colours = RGB_TO_YCC[0], RGB_TO_YCC.shape[1]
    if layout == "420-space-to-depth":
        channels = 1 if kind == "gray" else colours
        front = np.zeros((6, channels, 2, 2), np.float32)
        back = np.zeros_like(front)
        for plane, (row, column) in enumerate(PHASES):
            front[plane, :, row, column] = 1.0 if kind == "gray" else luma
            back[plane, :, row, column] = 1.0
        if kind == "rgb":
            front[4:] = RGB_TO_YCC[1:, :, None, None] / 4
            back[4:] = YCC_TO_RGB[:, 1:].T[:, :, None, None]
        return front, back
    if layout == "y":
        front = np.ones((1, 1)) if kind == "gray" else luma[None]
        back = np.ones_like(front)
    elif kind == "rgb":
        front = back = np.eye(colours)
    else:
        front, back = np.ones((colours, 1)), luma[:, None]
    return tuple(part[:, :, None, None].astype(np.float32) for part in (front, back))  # type: ignore[return-value]


def _wrapped(file: ModelFile, key: int, kind: str, strength: Strength) -> bytes:
    """Bytes of the network at a key, with the views around it."""
    import onnx
    from onnx import helper, numpy_helper

    network = onnx.load_model_from_string(file.at(key))
    graph, card = network.graph, file.card
    front, back = _transforms(card.planes, kind)
    unit, channels = front.shape[2], front.shape[1]
    constants: dict[str, Any] = {
        "ffmpeg.front": front,
        "ffmpeg.back": back,
        "ffmpeg.peak": np.float32(255),
        "ffmpeg.neutral": np.float32(NEUTRAL),
        "ffmpeg.zero": np.float32(0),
        "ffmpeg.alignment": np.array([card.alignment, card.alignment]),
        "ffmpeg.before": np.zeros(6, np.int64),
        "ffmpeg.starts": np.zeros(2, np.int64),
        "ffmpeg.axes": np.array([2, 3]),
    }

    def node(op: str, inputs: str, output: str, **attributes: Any) -> NodeProto:
        names = [f"ffmpeg.{n[1:]}" if n[0] == "." else n for n in inputs.split()]
        out = f"ffmpeg.{output[1:]}" if output[0] == "." else output
        return helper.make_node(op, names, [out], name=f"ffmpeg.{op}.{output}", **attributes)

    stride = {"strides": [unit, unit], "kernel_shape": [unit, unit]}
    before = [
        node("Mul", f"{INPUT} .peak", ".levels"),
        node("Shape", INPUT, ".size", start=2, end=4),
        node("Neg", ".size", ".negative"),
        node("Mod", ".negative .alignment", ".missing"),
        node("Concat", ".before .missing", ".pads", axis=0),
        node("Pad", ".levels .pads", ".padded", mode="edge"),
        node("Sub", ".padded .neutral", ".shifted"),
        node("Conv", ".shifted .front", graph.input[0].name, **stride),
    ]
    after = [
        node("ConvTranspose", f"{graph.output[0].name} .back", ".residual", **stride),
        node("Slice", ".residual .starts .size .axes", ".cropped"),
        node("Round", ".cropped", ".rounded"),
        node("Add", ".levels .rounded", ".sum"),
        node("Clip", ".sum .zero .peak", ".clipped"),
        node("Div", ".clipped .peak", OUTPUT),
    ]
    shape = [1, channels, "height", "width"]
    told = {
        "model": card.name, "precision": card.precision, "weights_sha256": card.weights_sha256,
        "step": strength.step, "codec": strength.codec, "pixels": kind,
    }  # fmt: skip
    made = helper.make_model(
        helper.make_graph(
            [*before, *graph.node, *after],
            card.name,
            [helper.make_tensor_value_info(INPUT, onnx.TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, shape)],
            [
                *graph.initializer,
                *(numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()),
            ],
        ),
        opset_imports=network.opset_import,
        ir_version=network.ir_version,
        producer_name="edgeqe",
    )
    helper.set_model_props(made, {"edgeqe.ffmpeg": json.dumps(told)})
    encoded: bytes = made.SerializeToString()
    return encoded


def _difference(path: Path, file: ModelFile, key: int, kind: str) -> int:
    """Largest difference from the network behind its view, over a drawn picture of odd size, levels."""
    import onnxruntime

    side = 8 * max(file.card.alignment, 4) + 1
    rows, columns = np.mgrid[:side, : side + 2]
    waves = 128 + 90 * np.sin(columns / 5 + rows / 11) + 30 * ((rows // 8 + columns // 8) % 2)
    gray = np.clip(waves, 0, 255).astype(np.uint8)
    picture = gray if kind == "gray" else np.stack([gray, gray[::-1], gray[:, ::-1]], -1)
    wanted = np.empty_like(picture)
    view = VIEWS[(file.card.planes, kind)]([picture], [wanted], Depth(8))
    height, width = (-(-n // file.card.alignment) * file.card.alignment for n in gray.shape)
    window = Window(0, 0, height, width, (0, gray.shape[0]), (0, gray.shape[1]))
    unit = view.pixels_per_sample
    given = np.empty((file.card.channels, height // unit, width // unit), np.float32)
    view.read(window, given)
    view.write(window, open_session(file, key).run(given))

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    frame = picture[None] if kind == "gray" else np.moveaxis(picture, -1, 0)
    (got,) = session.run([OUTPUT], {INPUT: (frame / np.float32(255))[None]})
    found = np.rint(255 * got[0]).astype(np.int64)
    return int(
        np.abs(found - (wanted[None] if kind == "gray" else np.moveaxis(wanted, -1, 0))).max()
    )


def _escaped(text: str) -> str:
    """A value inside an option of a filter inside a chain of filters, as FFmpeg reads it."""
    option = "".join(f"\\{c}" if c in "\\':" else c for c in text)
    return "".join(f"\\{c}" if c in "\\'[],;" else c for c in option)
