"""What views do on the device, as nodes of an ONNX graph around a network, for FFmpeg."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgeqe.typing import Float
from edgeqe.views.colour import NEUTRAL, RGB_TO_YCC
from edgeqe.views.flat_chroma import FLAT, NATIVE
from edgeqe.views.subsampled import PHASES, YCC_TO_RGB

if TYPE_CHECKING:
    from onnx import NodeProto

#: Of the names of what stands around the network.
PREFIX = "ffmpeg."


class Nodes:
    """Nodes and constants in front of a network and behind it; names that begin with a dot are theirs."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, Any] = {}

    def add(self, op: str, inputs: str, outputs: str, **attributes: Any) -> None:
        """Add a node; names stand between spaces."""
        from onnx import helper

        given, made = ([_full(n) for n in names.split()] for names in (inputs, outputs))
        self.nodes.append(helper.make_node(op, given, made, f"{PREFIX}{op}{made[0]}", **attributes))

    def constant(self, name: str, value: Any) -> None:
        """Add a constant."""
        self.constants[_full(name)] = np.asarray(value)

    def weighted(self, source: str, weights: Float, start: str, output: str) -> None:
        """Sum of R, G and B by weights, added one after another as the views do.

        INT8 rounds what is read: another order would round other samples up.
        """
        self.add("Split", source, " ".join(f"{output}.{c}" for c in "rgb"), axis=1)
        before = start
        for colour, weight in zip("rgb", weights, strict=True):
            self.constant(f"{output}.weight.{colour}", np.float32(weight))
            self.add("Mul", f"{output}.{colour} {output}.weight.{colour}", f"{output}.by.{colour}")
            after = output if colour == "b" else f"{output}.to.{colour}"
            if before:
                self.add("Add", f"{before} {output}.by.{colour}", after)
            before = after if before else f"{output}.by.{colour}"


def _full(name: str) -> str:
    return f"{PREFIX}{name[1:]}" if name.startswith(".") else name


def mirrored_margin(nodes: Nodes, source: str, margin: int, target: str) -> None:
    """Mirror a picture (1, C, H, W) into a margin of so many pixels on each side, as `views.margin.mirror` does."""
    if not margin:
        nodes.add("Identity", source, target)
        return
    nodes.constant(".before", np.arange(-margin, 0))
    nodes.constant(".behind", np.arange(margin))
    nodes.constant(".last", np.array([-1]))
    for axis, given, made in ((2, source, ".high"), (3, ".high", target)):
        side = f"{target}.{axis}"
        nodes.add("Shape", given, f"{side}.length", start=axis, end=axis + 1)
        nodes.add("Add", f"{side}.length {side}.length", f"{side}.twice")
        nodes.add("Add", f"{side}.length .behind", f"{side}.beyond")
        nodes.add("Add", f"{side}.twice .last", f"{side}.end")
        for name, outside in (("front", ".before"), ("back", f"{side}.beyond")):
            part = f"{side}.{name}"
            nodes.add("Mod", f"{outside} {side}.twice", f"{part}.place")
            nodes.add("Sub", f"{side}.end {part}.place", f"{part}.turned")
            nodes.add("Min", f"{part}.place {part}.turned", f"{part}.from")
            nodes.add("Gather", f"{given} {part}.from", part, axis=axis)
        nodes.add("Concat", f"{side}.front {given} {side}.back", made, axis=axis)


def read(nodes: Nodes, layout: str, kind: str, target: str) -> None:
    """Read ``.padded``, 0 to 255, into the network's planes, as the view of layout and kind does."""
    if layout == "y" and kind == "rgb":
        nodes.constant(".negative_neutral", np.float32(-NEUTRAL))
        nodes.weighted(".padded", RGB_TO_YCC[0], ".negative_neutral", ".luma")
        nodes.add("Identity", ".luma", target)
        return
    nodes.constant(".neutral", np.float32(NEUTRAL))
    if layout == NATIVE:
        halves = {"strides": [2, 2], "kernel_shape": [2, 2]}
        phases = np.zeros((6 if kind == "gray" else 4, 1, 2, 2), np.float32)
        for plane, (row, column) in enumerate(PHASES):
            phases[plane, 0, row, column] = 1.0
        nodes.constant(".phases", phases)
        if kind == "gray":  # the last two stay 0: neutral chroma
            nodes.add("Sub", ".padded .neutral", ".luma")
            nodes.add("Conv", ".luma .phases", target, **halves)
            return
        nodes.weighted(".padded", RGB_TO_YCC[0], "", ".sum_of_luma")
        nodes.add("Sub", ".sum_of_luma .neutral", ".luma")
        nodes.add("Conv", ".luma .phases", ".four_phases", **halves)
        nodes.constant(".ones", np.ones((3, 1, 2, 2), np.float32))
        nodes.add("Conv", ".padded .ones", ".pooled", group=3, **halves)
        for name, weights in zip((".cb", ".cr"), RGB_TO_YCC[1:], strict=True):
            nodes.weighted(".pooled", weights * np.float32(0.25), "", name)
        nodes.add("Concat", ".cb .cr", ".chroma", axis=1)
        nodes.add("Concat", ".four_phases .chroma", target, axis=1)
    elif layout == "rgb" and kind == "gray":
        nodes.add("Sub", ".padded .neutral", ".luma")
        nodes.add("Concat", ".luma .luma .luma", target, axis=1)
    else:
        nodes.add("Sub", ".padded .neutral", target)


def keep_flat_chroma(nodes: Nodes, residual: str, reach: int, target: str) -> None:
    """Multiply a residual's last two channels by whether ``.chroma`` may change, as `may_change` says."""
    for name, value in ((".lowest", -128.0), (".highest", 127.0), (".flat", FLAT if reach else 0)):
        nodes.constant(name, np.float32(value))
    nodes.constant(".luma_and_chroma", np.array([4, 2]))
    nodes.add("Round", ".chroma", ".chroma_rounded")
    nodes.add("Clip", ".chroma_rounded .lowest .highest", ".up")
    nodes.add("Neg", ".up", ".down")
    if reach:
        rows = {"kernel_shape": [2 * reach + 1, 1], "pads": [reach, 0, reach, 0]}
        columns = {"kernel_shape": [1, 2 * reach + 1], "pads": [0, reach, 0, reach]}
        for name in (".up", ".down"):
            nodes.add("MaxPool", name, f"{name}.rows", **rows)
            nodes.add("MaxPool", f"{name}.rows", f"{name}.most", **columns)
        nodes.add("Add", ".up.most .down.most", ".spans")
    else:
        nodes.add("Max", ".up .down", ".spans")
    nodes.add("Split", ".spans", ".span.cb .span.cr", axis=1)
    nodes.add("Max", ".span.cb .span.cr", ".span")
    nodes.add("Greater", ".span .flat", ".varies")
    nodes.add("Cast", ".varies", ".may_change", to=1)  # float32
    nodes.add("Split", f"{residual} .luma_and_chroma", ".of_luma .of_chroma", axis=1)
    nodes.add("Mul", ".of_chroma .may_change", ".of_chroma_kept")
    nodes.add("Concat", ".of_luma .of_chroma_kept", target, axis=1)


def residual_weights(layout: str, kind: str) -> Float:
    """Weights from the network's residual to the picture's: (planes, channels, unit, unit)."""
    if layout == NATIVE:
        weights = np.zeros((6, 1 if kind == "gray" else 3, 2, 2), np.float32)
        for plane, (row, column) in enumerate(PHASES):
            weights[plane, :, row, column] = 1.0
        if kind == "rgb":
            weights[4:] = YCC_TO_RGB[:, 1:].T[:, :, None, None]
        return weights
    if layout == "y":
        flat = np.ones((1, 1 if kind == "gray" else 3), np.float32)
    else:
        flat = np.eye(3, dtype=np.float32) if kind == "rgb" else RGB_TO_YCC[0][:, None]
    return flat[:, :, None, None]
