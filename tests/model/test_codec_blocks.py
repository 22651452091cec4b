"""Model files of several codecs: a block of strengths each, by the table's rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeqe import Enhancer, ModelError
from edgeqe.converters.graph.graph import KEYS, Graph
from edgeqe.converters.onnx_io.session import GraphSession
from edgeqe.model.file import ModelFile
from tests.fakes import noise
from tests.small_models import strong_graph, write

CODECS = ("jpeg", "hevc", "av1")


def of_codecs() -> Graph:
    """The small network with other vectors for each of three codecs."""
    graph = strong_graph()
    gains = (1.0, 0.5, 1.5)
    vectors = {
        name: np.concatenate([np.float32(gain) * table for gain in gains])
        for name, table in graph.vectors.items()
    }
    return replace(graph, vectors=vectors)


@pytest.fixture(scope="module", params=["net.onnx", "net.tflite"])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    path = tmp_path_factory.mktemp("codecs") / str(request.param)
    write(of_codecs(), path, codecs=CODECS)
    return ModelFile(path)


def test_keys_stay_in_the_codec_s_own_block(file: ModelFile) -> None:
    assert file.keys == 3 * len(KEYS)
    assert file.key(8.0) == file.key(8.0, "jpeg") == 36  # 12 keys an octave
    assert file.key(8.0, "hevc") == 36 + len(KEYS)
    assert file.key(8.0, "av1") == 36 + 2 * len(KEYS)
    assert file.key(1e-3, "hevc") == len(KEYS)
    assert file.key(1e4, "hevc") == 2 * len(KEYS) - 1
    assert file.key(1e4, "jpeg") == len(KEYS) - 1
    for still, codec in (("heif", "hevc"), ("bpg", "hevc"), ("avif", "av1")):
        assert file.key(8.0, still) == file.key(8.0, codec)


def test_a_picture_gets_its_codec_s_vectors(file: ModelFile) -> None:
    picture = noise(32, 48)
    planes = picture[None, None].astype(np.float32) - 128
    with Enhancer(file.path, threads=1) as enhancer:
        assert enhancer.codecs == (*CODECS, "heif", "bpg", "avif")
        for codec, row in (("jpeg", 36), ("hevc", 36 + len(KEYS)), ("av1", 36 + 2 * len(KEYS))):
            graph = replace(of_codecs(), vectors={})
            constants = {
                name: table[row].reshape(1, -1, 1, 1) for name, table in of_codecs().vectors.items()
            }
            graph = replace(graph, constants={**graph.constants, **constants})
            residual = GraphSession(graph).run({"planes": planes})[0][0, 0]
            expected = np.clip(np.rint(picture + residual), 0, 255)
            found = enhancer.enhance(picture, step=8.0, codec=codec)
            # the order of sums may turn a half the other way
            assert np.abs(found - expected).max() <= 1
            assert np.mean(found != expected) < 0.01
            assert np.mean(np.abs(residual) > 1) > 0.5


def test_a_table_of_other_blocks_than_codecs_is_refused(tmp_path: Path) -> None:
    write(of_codecs(), tmp_path / "net.onnx", codecs=("jpeg", "hevc"))
    with pytest.raises(ModelError, match="a strength table has 3 blocks for 2 codecs"):
        ModelFile(tmp_path / "net.onnx")
