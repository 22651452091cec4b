"""Channel attention with global pooling, frozen to its means, so that tiles equal the whole.

Its weights are a value with one pixel that multiplies a value with many, as CBAM's channel
attention does: ``x * sigmoid(MLP(pooled x))``. Their mean over compressed blocks at several JPEG
qualities becomes a strength vector, linear in log2 of the step between them.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from edgeqe.codecs.jpeg import encode
from edgeqe.codecs.strength import KEYS_PER_OCTAVE, step_from_quality, step_key
from edgeqe.converters.graph.analysis import receptive_field
from edgeqe.converters.graph.graph import KEYS, Graph
from edgeqe.converters.onnx_io.session import GraphSession
from edgeqe.errors import InputError
from edgeqe.typing import Float, Uint8
from edgeqe.views.colour import NEUTRAL
from edgeqe.zoo.training.pictures import load

#: JPEG qualities that attention weights are measured at, the field's range.
QUALITIES = (10, 20, 30, 40, 50, 60, 75, 85, 95)
#: Side of a block, pixels: the grid that ASQE-CNN's function is defined on.
BLOCK = 64
#: Blocks that are measured at each quality, at most.
MOST_BLOCKS = 64
#: Side of the part of a picture that is kept, pixels.
WINDOW = 512
#: Operators that apply attention weights.
_JOINING = ("Mul", "Add")


@dataclass(frozen=True)
class FrozenAttention:
    """Attention weights that became a strength vector."""

    name: str
    """Its strength vector."""
    mean: float
    """Mean over channels and qualities."""
    spread: float
    """Standard deviation over the blocks of a quality, mean over channels and qualities: what
    freezing takes away."""


@dataclass(frozen=True)
class FrozenGraph:
    """A graph whose channel attention is frozen, and how much that takes away."""

    graph: Graph
    attention: tuple[FrozenAttention, ...]
    blocks: int
    """Blocks that were measured at each quality."""


def freeze(
    graph: Graph, pictures: Sequence[Uint8], qualities: Sequence[int] = QUALITIES
) -> FrozenGraph:
    """Replace attention weights by their means at each strength.

    1. Weights that multiply, or are added to, a value with many pixels become strength vectors.
    2. Global pooling that reaches the output any other way is refused: it cannot be tiled.

    Parameters
    ----------
    graph : Graph
        In the convention of the model file, with one input of 1 plane (Y) or 3 (RGB).
    pictures : sequence of ndarray of uint8, shape (H, W) or (H, W, 3)
        Reference pictures; those with a side below a block are left out.
    qualities : sequence of int
        JPEG qualities, 1 to 100; beyond the lowest and highest, weights stay as there.

    Returns
    -------
    FrozenGraph
        Without global pooling; the vectors are named ``<node>.gate``.

    Raises
    ------
    InputError
        If there is no such attention or no picture, if the network has other planes, or if it
        pools over the picture for anything else.
    """
    found = find_attention(graph)
    channels = graph.inputs.get("planes")
    if channels not in (1, 3) or len(graph.inputs) != 1:
        raise InputError(
            f"network '{graph.name}' takes {dict(graph.inputs)}: attention is frozen for networks "
            "of one gray or RGB picture."
        )
    alignment = receptive_field(graph).alignment
    blocks = _blocks(pictures, channels, -(-BLOCK // alignment) * alignment)
    ordered = sorted(set(qualities), key=step_from_quality)
    means, spreads = [], []
    running = GraphSession(graph, list(found))
    for quality in ordered:
        if graph.vectors:
            running = GraphSession(graph.at(step_key(step_from_quality(quality))), list(found))
        runs = [running.run({"planes": _coded(block, quality)}) for block in blocks]
        values = [np.stack(parts).reshape(len(blocks), -1) for parts in zip(*runs, strict=True)]
        means.append([value.mean(axis=0, dtype=np.float64) for value in values])
        spreads.append([float(value.std(axis=0).mean()) for value in values])
    octaves = np.log2([step_from_quality(quality) for quality in ordered])
    at = np.array(KEYS) / KEYS_PER_OCTAVE
    tables = {
        name: np.stack(
            [np.interp(at, octaves, channel) for channel in np.transpose([m[i] for m in means])],
            axis=1,
        ).astype(np.float32)
        for i, name in enumerate(found.values())
    }
    frozen = _with_vectors(graph, found, tables)
    if frozen.pools_globally:
        raise InputError(
            f"network '{graph.name}' has global pooling beside channel attention: it cannot be tiled."
        )
    facts = tuple(
        FrozenAttention(
            name, float(np.mean([m[i] for m in means])), float(np.mean([s[i] for s in spreads]))
        )
        for i, name in enumerate(found.values())
    )
    return FrozenGraph(frozen, facts, len(blocks))


def find_attention(graph: Graph) -> dict[str, str]:
    """Attention weights with global pooling, and the names of the strength vectors for them.

    Raises
    ------
    InputError
        If there are none.
    """
    scales = graph.scales()
    found: dict[str, str] = {}
    for node in graph.nodes:
        pooled = [name for name in node.inputs if scales.get(name) == 0]
        if node.op in _JOINING and pooled and scales[node.output] != 0:
            found.setdefault(pooled[0], f"{node.name}.gate")
    if not found:
        raise InputError(
            f"network '{graph.name}' has no channel attention with global pooling: leave "
            "--freeze-gates out."
        )
    return found


def _with_vectors(graph: Graph, found: dict[str, str], tables: dict[str, Float]) -> Graph:
    """Graph that applies strength vectors where it applied attention weights."""
    nodes = []
    for node in graph.nodes:
        pooled = next((name for name in node.inputs if name in found), None)
        if pooled is not None and node.op in _JOINING:
            other = node.inputs[1 - node.inputs.index(pooled)]
            node = replace(node, inputs=(other, found[pooled]))
        nodes.append(node)
    rows = {name: table[:1].reshape(1, -1, 1, 1) for name, table in tables.items()}
    return graph.with_nodes(nodes, {**graph.constants, **rows}, {**graph.vectors, **tables})


def _blocks(pictures: Sequence[Uint8], channels: int, side: int) -> list[Uint8]:
    """Blocks on a grid of each picture, at most `MOST_BLOCKS`, chosen with a fixed seed."""
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
    """Network input (1, C, h, w) of a block, compressed by JPEG."""
    with Image.open(io.BytesIO(encode(Image.fromarray(block), quality))) as file:
        decoded = np.asarray(file).reshape(*block.shape[:2], -1)
    return np.ascontiguousarray(decoded.transpose(2, 0, 1)[None], np.float32) - np.float32(NEUTRAL)


def some_windows(files: Sequence[Path]) -> list[Uint8]:
    """Windows of at most `MOST_BLOCKS` picture files, chosen with a fixed seed, in their order.

    Raises
    ------
    ImageError
        If a picture cannot be read.
    """
    chosen = np.random.default_rng(5).permutation(len(files))[:MOST_BLOCKS]
    return [_read(files[i]) for i in sorted(chosen)]


def _read(path: Path) -> Uint8:
    """Middle of a picture, at most `WINDOW` pixels both ways, RGB."""
    pixels = load(path)
    top, left = (max(0, (side - WINDOW) // 2) for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + WINDOW, left : left + WINDOW])
