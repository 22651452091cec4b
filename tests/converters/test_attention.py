"""Channel attention frozen to its means: against numpy, and then tiles equal the whole."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeqe.codecs.strength import step_from_quality, step_key
from edgeqe.converters.export import export
from edgeqe.converters.graph.graph import KEYS, Graph, Node
from edgeqe.converters.onnx_io.session import GraphSession
from edgeqe.converters.rewrites.attention import BLOCK, QUALITIES, find_attention, freeze
from edgeqe.converters.sources import Source, freeze_source
from edgeqe.errors import ImageError, InputError
from edgeqe.model.file import ModelFile
from edgeqe.runtimes import open_session
from edgeqe.typing import Float
from edgeqe.verify.checks import verify


def random(*shape: int, seed: int = 1) -> Float:
    return np.random.default_rng(seed).normal(0, 0.3, shape).astype(np.float32)


def gated(channels: int) -> Graph:
    """A convolution gated by the sigmoid of its mean, and by its maximum, over the picture."""
    nodes = (
        Node("Conv", "c", ("planes", "k"), "c", 3, 1, 1, 1),
        Node("GlobalAveragePool", "mean", ("c",), "mean"),
        Node("Mul", "small", ("mean", "tenth"), "small"),
        Node("Sigmoid", "gate", ("small",), "gate"),
        Node("Mul", "gated", ("gate", "c"), "gated"),
        Node("GlobalMaxPool", "max", ("c",), "max"),
        Node("Mul", "again", ("gated", "max"), "again"),
        Node("Conv", "d", ("again", "kd"), "d", 3, 1, 1, 1),
    )
    constants = {"k": random(4, channels, 3, 3), "tenth": np.full((1, 4, 1, 1), 0.1, np.float32),
                 "kd": random(channels, 4, 3, 3, seed=2) * 0.01}  # fmt: skip
    return Graph("gated", {"planes": channels}, "d", nodes, constants)


def pictures(shape: tuple[int, ...], count: int = 2) -> list[npt.NDArray[np.uint8]]:
    """Shading, grain, and a contrast that differs between pictures."""
    rng = np.random.default_rng(8)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    base = 110 + 60 * np.sin(rows / 31) * np.cos(columns / 23)
    base = base[..., None] if len(shape) == 3 else base
    made = [base + (i + 1) * 15 * rng.normal(0, 1, shape) for i in range(count)]
    return [np.clip(picture, 0, 255).astype(np.uint8) for picture in made]


def blocks_of(picture: npt.NDArray[np.uint8], quality: int, mode: str) -> list[Float]:
    """Every 64x64 block as Pillow codes it, (C, 64, 64) less 128."""
    made = []
    for top in range(0, picture.shape[0] - 63, 64):
        for left in range(0, picture.shape[1] - 63, 64):
            block = Image.fromarray(picture[top : top + 64, left : left + 64]).convert(mode)
            stream = io.BytesIO()
            block.save(stream, "JPEG", quality=quality, subsampling=2)
            decoded = np.asarray(Image.open(stream), np.float32) - 128
            made.append(decoded[None] if decoded.ndim == 2 else decoded.transpose(2, 0, 1))
    return made


def features(graph: Graph, block: Float) -> Float:
    """The first convolution by hand."""
    padded = np.pad(block, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    result: Float = np.einsum("ocij,chwij->ohw", graph.constants["k"], windows)
    return result


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_vectors_are_the_means_over_coded_blocks(channels: int, mode: str) -> None:
    graph, given = gated(channels), pictures((150, 200, 3))
    found = freeze(graph, given, (10, 80, 30))
    assert found.blocks == 12  # 2 pictures of 2 x 3 blocks
    assert set(found.graph.vectors) == {"gated.gate", "again.gate"}
    assert [node.op for node in found.graph.nodes] == ["Conv", "Mul", "Mul", "Conv"]
    spread = []
    for quality in (10, 30, 80):
        blocks = [block for picture in given for block in blocks_of(picture, quality, mode)]
        maps = np.stack([features(graph, block) for block in blocks])
        gates = 1 / (1 + np.exp(-0.1 * maps.mean(axis=(2, 3))))
        key = 12 * np.log2(step_from_quality(quality))
        low, part = int(key), key - int(key)
        for name, expected in (("gated.gate", gates), ("again.gate", maps.max(axis=(2, 3)))):
            # a key beside the quality's is off by less than the way to the next quality
            rows = found.graph.vectors[name][low : low + 2]
            between = rows[0] * (1 - part) + rows[1] * part
            np.testing.assert_allclose(between, expected.mean(axis=0), rtol=0.01)
        spread.append(gates.std(axis=0).mean())
    gate, _ = found.attention
    assert gate.name == "gated.gate" and 0 < gate.mean < 1
    assert gate.spread == pytest.approx(np.mean(spread), rel=1e-3)


def test_between_qualities_linear_in_the_octave_and_beyond_them_constant() -> None:
    found = freeze(gated(1), pictures((64, 64)), (20, 60))
    table = found.graph.vectors["again.gate"].astype(np.float64)
    steps = [12 * np.log2(step_from_quality(quality)) for quality in (60, 20)]
    first, last = int(np.ceil(steps[0])), int(np.floor(steps[1]))
    assert (table[:first] == table[0]).all() and (table[last + 1 :] == table[-1]).all()
    slope = (table[-1] - table[0]) / (steps[1] - steps[0])
    np.testing.assert_allclose(np.diff(table[first : last + 1], axis=0),
                               np.broadcast_to(slope, (last - first, 4)), rtol=1e-3)  # fmt: skip
    assert np.abs(slope).max() > 0


def test_a_network_with_strengths_is_measured_at_each() -> None:
    graph = gated(1)
    table = np.linspace(0.5, 2, len(KEYS), dtype=np.float32)[:, None] * np.ones((1, 4), "f")
    graph = Graph(graph.name, graph.inputs, graph.output, graph.nodes, graph.constants,
                  {"tenth": table})  # fmt: skip
    found = freeze(graph, pictures((64, 64), 1), (10, 90))
    assert set(found.graph.vectors) == {"gated.gate", "again.gate"}  # the gate's own is gone
    for quality in (10, 90):
        (block,) = blocks_of(pictures((64, 64), 1)[0], quality, "L")
        mean = features(graph, block).mean(axis=(1, 2))
        key = step_key(step_from_quality(quality))
        expected = 1 / (1 + np.exp(-table[key] * mean))
        row = found.graph.vectors["gated.gate"][0 if quality == 90 else -1]
        np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-6)


def test_what_cannot_be_frozen_is_refused() -> None:
    graph = gated(1)
    plain = Graph("plain", {"planes": 1}, "c", graph.nodes[:1], graph.constants)
    with pytest.raises(InputError, match="has no channel attention with global pooling"):
        freeze(plain, pictures((64, 64)))
    with pytest.raises(InputError, match="none of 2 pictures has 64 pixels both ways"):
        freeze(graph, pictures((63, 200)))
    with pytest.raises(InputError, match="one gray or RGB picture"):
        freeze(gated(6), pictures((64, 64)))


def source_of(graph: Graph) -> Source:
    return Source(graph, lambda planes: planes.astype(np.float32), "A test.", "y", ("jpeg",),
                  tiling="blocks", block=64, provenance={"weights": "random"})  # fmt: skip


def test_a_frozen_network_tiles_exactly(tmp_path: Path) -> None:
    (tmp_path / "data/deeper").mkdir(parents=True)
    for index, picture in enumerate(pictures((700, 130, 3), 2)):
        Image.fromarray(picture).save(tmp_path / f"data/deeper/{index}.png")
    frozen = freeze_source(source_of(gated(1)), tmp_path / "data")
    assert (frozen.tiling, frozen.block) == ("exact", 0)
    assert frozen.provenance["weights"] == "random"
    assert set(frozen.provenance["frozen gates"]) == {"gated.gate", "again.gate"}
    assert frozen.provenance["frozen on"] == {"blocks a quality": 32,  # of 2 windows of 512 x 130
                                              "JPEG qualities": list(QUALITIES)}  # fmt: skip
    path = tmp_path / "frozen.onnx"
    card = export(frozen, path).card
    assert (card.tiling, card.halo) == ("exact", 2)
    assert [check for check in verify(path) if not check.passed] == []
    file = ModelFile(path)
    x = np.random.default_rng(2).uniform(-128, 127, (1, 80, 96)).astype(np.float32)
    found = freeze(gated(1), [p[94:606] for p in pictures((700, 130, 3), 2)])
    for quality in (15, 70):  # the file at a strength is the frozen graph at that strength
        key = file.key(step_from_quality(quality))
        expected = GraphSession(found.graph.at(key)).run({"planes": x[None]})[0][0]
        result = open_session(file, key).run(x)
        assert np.abs(result - expected).max() <= 1e-5 * np.ptp(expected)


def test_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pictures in"):
        freeze_source(source_of(gated(1)), tmp_path)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"broken\.png is no picture"):
        freeze_source(source_of(gated(1)), tmp_path)


def test_the_attention_of_asqe_is_found() -> None:
    from edgeqe.converters.sources import from_zoo

    gates = find_attention(from_zoo("asqe-no-mff").graph)
    assert len(gates) > 8 and BLOCK == 64
