"""Gates that pool over the picture, frozen to their means: then tiles equal the whole.

A gate is a value with one pixel that multiplies values with many, as the channel gate of
CBAM: ``x * sigmoid(MLP(pooled x))``. Its mean over coded blocks at several JPEG qualities
becomes a strength vector, linear in log2 of the step between them.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeqe.codecs.jpeg import encode
from edgeqe.codecs.strength import KEYS_PER_OCTAVE, step_from_quality, step_key
from edgeqe.converters.graph.analysis import reach
from edgeqe.converters.graph.graph import KEYS, Float, Graph
from edgeqe.converters.onnx_io.session import Running
from edgeqe.converters.rewrites.fold import fold
from edgeqe.converters.sources import Source
from edgeqe.errors import InputError
from edgeqe.files.folders import list_pictures
from edgeqe.views.colour import NEUTRAL
from edgeqe.zoo.training.pictures import load

Uint8 = npt.NDArray[np.uint8]

#: Qualities that gates are measured at, the field's range.
QUALITIES = (10, 20, 30, 40, 50, 60, 75, 85, 95)
#: Side of a block, pixels: the grid that ASQE-CNN's function is defined on.
BLOCK = 64
#: Blocks that are measured at each quality, at most.
MOST_BLOCKS = 64
#: Side of the part of a picture that is kept, pixels.
WINDOW = 512
#: Operators that join a gate with what it gates.
_JOINING = ("Mul", "Add")


@dataclass(frozen=True)
class Gate:
    """A frozen gate."""

    name: str
    """Its strength vector."""
    mean: float
    """Over channels and qualities."""
    spread: float
    """Standard deviation over the blocks of a quality, mean over channels and qualities: what
    freezing takes away."""


@dataclass(frozen=True)
class Frozen:
    """A network without gates."""

    graph: Graph
    gates: tuple[Gate, ...]
    blocks: int
    """Blocks that were measured at each quality."""


def freeze(graph: Graph, pictures: Sequence[Uint8], qualities: Sequence[int] = QUALITIES) -> Frozen:
    """Replace every gate by its mean at each strength.

    Parameters
    ----------
    graph : Graph
        In the convention of the model file, with one input of 1 plane (Y) or 3 (RGB).
    pictures : sequence of ndarray of uint8, shape (H, W) or (H, W, 3)
        Undamaged; those with a side below a block are left out.
    qualities : sequence of int
        JPEG qualities, 1 to 100; beyond the lowest and highest, gates stay as there.

    Returns
    -------
    Frozen
        Its graph pools nothing over the picture; the vectors are named ``<node>.gate``.

    Raises
    ------
    InputError
        If there are no gates or no pictures, if the network has other planes, or if it pools
        over the picture other than for gates.
    """
    gates = find_gates(graph)
    channels = graph.inputs.get("planes")
    if channels not in (1, 3) or len(graph.inputs) != 1:
        raise InputError(
            f"network '{graph.name}' takes {dict(graph.inputs)}: gates are frozen for networks of "
            "one gray or RGB picture."
        )
    alignment = reach(graph).alignment
    blocks = _blocks(pictures, channels, -(-BLOCK // alignment) * alignment)
    ordered = sorted(set(qualities), key=step_from_quality)
    means, spreads = [], []
    running = Running(graph, list(gates))
    for quality in ordered:
        if graph.vectors:
            running = Running(graph.at(step_key(step_from_quality(quality))), list(gates))
        found = [running.run({"planes": _coded(block, quality)}) for block in blocks]
        values = [np.stack(gate).reshape(len(blocks), -1) for gate in zip(*found, strict=True)]
        means.append([value.mean(axis=0, dtype=np.float64) for value in values])
        spreads.append([float(value.std(axis=0).mean()) for value in values])
    octaves = np.log2([step_from_quality(quality) for quality in ordered])
    at = np.array(KEYS) / KEYS_PER_OCTAVE
    tables = {
        name: np.stack(
            [np.interp(at, octaves, channel) for channel in np.transpose([m[i] for m in means])],
            axis=1,
        ).astype(np.float32)
        for i, name in enumerate(gates.values())
    }
    frozen = _with_vectors(graph, gates, tables)
    if frozen.pools_globally:
        raise InputError(
            f"network '{graph.name}' pools over the picture for more than gates: it cannot be tiled."
        )
    facts = tuple(
        Gate(name, float(np.mean([m[i] for m in means])), float(np.mean([s[i] for s in spreads])))
        for i, name in enumerate(gates.values())
    )
    return Frozen(frozen, facts, len(blocks))


def freeze_source(source: Source, folder: Path) -> Source:
    """Source whose gates are frozen on the pictures of a folder.

    Parameters
    ----------
    source : Source
    folder : Path
        Searched with its subfolders.

    Returns
    -------
    Source
        Tile-exact; its reference is the frozen network before it is folded.

    Raises
    ------
    InputError
        As `freeze`; or if the folder holds no pictures.
    ImageError
        If a picture cannot be read.
    """
    find_gates(source.graph)
    pictures = [_read(path) for path in _some(list_pictures(folder))]
    found = freeze(source.graph, pictures)
    frozen = found.graph.at(source.default_key)
    running = Running(frozen)

    def reference(planes: Uint8) -> Float:
        given = planes.astype(np.float32)[None] - np.float32(NEUTRAL)
        residual: Float = running.run({"planes": given})[0][0]
        return residual

    provenance = {
        **source.provenance,
        "frozen gates": {gate.name: [gate.mean, gate.spread] for gate in found.gates},
        "frozen on": {"blocks a quality": found.blocks, "JPEG qualities": list(QUALITIES)},
    }
    return replace(
        source,
        graph=fold(found.graph).at(source.default_key),
        reference=reference,
        tiling="exact",
        block=0,
        provenance=provenance,
    )


def find_gates(graph: Graph) -> dict[str, str]:
    """Gates of a network and the names of their strength vectors.

    Raises
    ------
    InputError
        If there are none.
    """
    scales = graph.scales()
    gates: dict[str, str] = {}
    for node in graph.nodes:
        pooled = [name for name in node.inputs if scales.get(name) == 0]
        if node.op in _JOINING and pooled and scales[node.output] != 0:
            gates.setdefault(pooled[0], f"{node.name}.gate")
    if not gates:
        raise InputError(
            f"network '{graph.name}' has no gates that pool over the picture: leave "
            "--freeze-gates out."
        )
    return gates


def _with_vectors(graph: Graph, gates: dict[str, str], tables: dict[str, Float]) -> Graph:
    """Graph that multiplies by strength vectors where it multiplied by gates."""
    nodes = []
    for node in graph.nodes:
        pooled = next((name for name in node.inputs if name in gates), None)
        if pooled is not None and node.op in _JOINING:
            other = node.inputs[1 - node.inputs.index(pooled)]
            node = replace(node, inputs=(other, gates[pooled]))
        nodes.append(node)
    rows = {name: table[:1].reshape(1, -1, 1, 1) for name, table in tables.items()}
    return graph.with_nodes(nodes, {**graph.constants, **rows}, {**graph.vectors, **tables})


def _blocks(pictures: Sequence[Uint8], channels: int, side: int) -> list[Uint8]:
    """Blocks of the pictures' own grids, at most `MOST_BLOCKS`, chosen with a fixed seed."""
    places = [
        (index, top, left)
        for index, picture in enumerate(pictures)
        for top in range(0, picture.shape[0] - side + 1, side)
        for left in range(0, picture.shape[1] - side + 1, side)
    ]
    if not places:
        raise InputError(
            f"none of {len(pictures)} pictures has {side} pixels both ways: give larger ones."
        )
    rng = np.random.default_rng(5)
    chosen = rng.permutation(len(places))[:MOST_BLOCKS]
    blocks = []
    for index, top, left in (places[i] for i in sorted(chosen)):
        block = Image.fromarray(pictures[index][top : top + side, left : left + side])
        blocks.append(np.asarray(block.convert("L" if channels == 1 else "RGB")))
    return blocks


def _coded(block: Uint8, quality: int) -> Float:
    """Network input (1, C, h, w) of a block as JPEG makes it."""
    with Image.open(io.BytesIO(encode(Image.fromarray(block), quality))) as file:
        decoded = np.asarray(file).reshape(*block.shape[:2], -1)
    return np.ascontiguousarray(decoded.transpose(2, 0, 1)[None], np.float32) - np.float32(NEUTRAL)


def _some(files: Sequence[Path]) -> list[Path]:
    """Files in a fixed order, at most `MOST_BLOCKS`, chosen with a fixed seed."""
    chosen = np.random.default_rng(5).permutation(len(files))[:MOST_BLOCKS]
    return [files[i] for i in sorted(chosen)]


def _read(path: Path) -> Uint8:
    """Middle of a picture, at most `WINDOW` pixels both ways, RGB."""
    pixels = load(path)
    top, left = (max(0, (side - WINDOW) // 2) for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + WINDOW, left : left + WINDOW])
