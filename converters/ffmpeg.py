"""A model for FFmpeg's filter ``dnn_processing`` with its ONNX backend.

The filter gives a whole frame as one float32 tensor (1, C, H, W), 0 to 1, C being 1 for luma of
gray and YUV formats, whose chroma it copies, and 3 for rgb24; it takes the same back. So what views
do on the device becomes part of the graph, around the network at one strength: the picture is scaled,
padded by its edge to what the network needs, mirrored into a margin, and read into the network's planes by one
convolution; a transposed one brings the residual back, which is rounded and added. Flat chroma stays as it is,
as on the device.
"""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeqe.codecs.strength import Strength, resolve_strength
from edgeqe.converters.ffmpeg_nodes import (
    Nodes,
    keep_flat_chroma,
    mirrored_margin,
    read,
    residual_weights,
)
from edgeqe.converters.output import check_output
from edgeqe.errors import CheckError, InputError
from edgeqe.model.catalogue import find_model, forms_of, shipped_models
from edgeqe.model.fades import share_below_one
from edgeqe.model.file import ModelFile
from edgeqe.model.serving import check_serves
from edgeqe.reports.output_file import written_whole
from edgeqe.runtimes import open_session
from edgeqe.views.flat_chroma import NATIVE, may_change, rounded
from edgeqe.views.full_size import VIEWS
from edgeqe.views.margin import margin_of, read_mirrored
from edgeqe.views.subsampled import Depth
from edgeqe.views.window import Window
from edgeqe.zoo.host import host_packages

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
        difference = _difference(temporary, file, key, kind, strength.step)
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


def _wrapped(file: ModelFile, key: int, kind: str, strength: Strength) -> bytes:
    """Bytes of the network at a key, with the views around it."""
    import onnx
    from onnx import helper, numpy_helper

    network = onnx.load_model_from_string(file.at(key))
    graph, card = network.graph, file.card
    weights = residual_weights(card.planes, kind) * np.float32(share_below_one(strength.step))
    unit, channels = weights.shape[2], weights.shape[1]
    before, after = Nodes(), Nodes()
    before.constant(".peak", np.float32(255))
    before.constant(".alignment", np.array([card.alignment, card.alignment]))
    before.constant(".corner", np.zeros(6, np.int64))
    before.add("Mul", f"{INPUT} .peak", ".scaled")
    before.add("Round", ".scaled", ".levels")  # 255 * (level / 255) is not always the level
    before.add("Shape", INPUT, ".size", start=2, end=4)
    before.add("Neg", ".size", ".negative_size")
    before.add("Mod", ".negative_size .alignment", ".missing")
    before.add("Concat", ".corner .missing", ".pads", axis=0)
    before.add("Pad", ".levels .pads", ".whole", mode="edge")
    margin = margin_of(card.planes, card.tiling, card.halo, card.alignment)
    mirrored_margin(before, ".whole", margin, ".padded")
    read(before, card.planes, kind, graph.input[0].name)
    after.constant(".weights", weights)
    after.constant(".starts", np.array([margin, margin]))
    after.constant(".axes", np.array([2, 3]))
    after.constant(".zero", np.float32(0))
    stride = {"strides": [unit, unit], "kernel_shape": [unit, unit]}
    network_out = graph.output[0].name
    if card.planes == NATIVE and kind == "rgb":
        keep_flat_chroma(after, network_out, card.halo // unit, ".kept")
        network_out = ".kept"
    after.add("ConvTranspose", f"{network_out} .weights", ".residual", **stride)
    after.add("Add", ".starts .size", ".ends")
    after.add("Slice", ".residual .starts .ends .axes", ".cropped")
    after.add("Round", ".cropped", ".rounded")
    after.add("Add", ".levels .rounded", ".sum")
    after.add("Clip", ".sum .zero .peak", ".clipped")
    after.add("Div", ".clipped .peak", OUTPUT)
    constants = before.constants | after.constants
    shape = [1, channels, "height", "width"]
    told = {
        "model": card.name, "precision": card.precision, "weights_sha256": card.weights_sha256,
        "step": strength.step, "codec": strength.codec, "pixels": kind,
    }  # fmt: skip
    made = helper.make_model(
        helper.make_graph(
            [*before.nodes, *graph.node, *after.nodes],
            card.name,
            [helper.make_tensor_value_info(INPUT, onnx.TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, shape)],
            [
                *graph.initializer,
                *(numpy_helper.from_array(value, name) for name, value in constants.items()),
            ],
        ),
        opset_imports=network.opset_import,
        ir_version=network.ir_version,
        producer_name="edgeqe",
    )
    helper.set_model_props(made, {"edgeqe.ffmpeg": json.dumps(told)})
    encoded: bytes = made.SerializeToString()
    return encoded


def _difference(path: Path, file: ModelFile, key: int, kind: str, step: float) -> int:
    """Largest difference from the network behind its view, over a drawn picture of odd size, levels."""
    import onnxruntime

    side = 8 * max(file.card.alignment, 4) + 1
    rows, columns = np.mgrid[:side, : side + 2]
    waves = 128 + 90 * np.sin(columns / 5 + rows / 11) + 30 * ((rows // 8 + columns // 8) % 2)
    gray = np.clip(waves, 0, 255).astype(np.uint8)
    picture = gray if kind == "gray" else np.stack([gray, gray[::-1], gray[:, ::-1]], -1)
    if kind == "rgb":  # half of it gray, whose chroma may not change
        picture[:, side // 2 :] = gray[:, side // 2 :, None]
    wanted = np.empty_like(picture)
    seen_as, amount = VIEWS[(file.card.planes, kind)], share_below_one(step)
    view = seen_as([picture], [wanted], Depth(8), amount=amount)
    height, width = (-(-n // file.card.alignment) * file.card.alignment for n in gray.shape)
    margin = margin_of(file.card.planes, file.card.tiling, file.card.halo, file.card.alignment)
    sides, own = (height + 2 * margin, width + 2 * margin), [(0, side) for side in gray.shape]
    window, unit = Window(-margin, -margin, *sides, *own), view.pixels_per_sample
    given = np.empty((file.card.channels, *(side // unit for side in sides)), np.float32)
    read_mirrored(view, window, (height, width), given, file.card.channels)
    residual = open_session(file, key).run(given.copy())
    if view.colour and file.card.planes == NATIVE:
        residual[4:] *= may_change(rounded(given[4:6]), file.card.halo // unit)
    view.write(window, residual)

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
