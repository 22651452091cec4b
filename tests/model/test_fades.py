"""Fades of a card: the share of the residual at each step, in every format and wherever it is read."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeqe import Enhancer, FrameSequence, ModelError
from edgeqe.converters.graph.graph import KEYS
from edgeqe.engine.cascade import OpenSessions
from edgeqe.model.card import CARD_KEY
from edgeqe.model.catalogue import find_model, shipped_files
from edgeqe.model.file import ModelFile
from edgeqe.runtimes import open_session
from tests.fakes import noise
from tests.model.test_codec_blocks import CODECS, of_codecs
from tests.small_models import write

FADES = {"hevc": (2.0, 16.0), "av1": (4.0, 5.0)}
FADED = ("tail.scale", "tail.bias")


@pytest.fixture(scope="module", params=[".onnx", ".tflite"])
def files(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ModelFile, ModelFile]:
    """The same network without fades and with them."""
    folder = tmp_path_factory.mktemp("fades")
    plain, fading = (folder / f"{name}{request.param}" for name in ("plain", "fading"))
    write(of_codecs(), plain, codecs=CODECS)
    write(of_codecs(), fading, codecs=CODECS, fades=FADES, faded=FADED)
    return ModelFile(plain), ModelFile(fading)


def share(step: float, finest: float, whole: float) -> float:
    """Octaves above the finest step, of those between the two, 0 to 1."""
    return min(1.0, max(0.0, math.log2(step / finest) / math.log2(whole / finest)))


@pytest.mark.parametrize("step", [1.0, 2.0, 2.0 ** (17 / 12), 4.0, 8.0, 16.0, 100.0])
def test_the_residual_has_its_share_by_codec(
    step: float, files: tuple[ModelFile, ModelFile]
) -> None:
    planes = np.random.default_rng(3).uniform(-100, 100, (1, 24, 32)).astype(np.float32)
    for codec in CODECS:
        whole, faded = (open_session(f, f.key(step, codec)).run(planes) for f in files)
        part = share(step, *FADES[codec]) if codec in FADES else 1.0
        assert np.abs(whole).max() > 1.0
        # one rounding in float32 of the scale, the kernel that it is folded into, or the bias
        np.testing.assert_allclose(faded, part * whole, rtol=0, atol=1e-5 * np.abs(whole).max())
        if part in (0.0, 1.0):
            np.testing.assert_array_equal(faded, np.float32(part) * whole)


def test_where_the_whole_is_made_nothing_but_the_card_differs(
    files: tuple[ModelFile, ModelFile],
) -> None:
    plain, fading = files
    for key in (0, 40, len(KEYS) - 1, len(KEYS) + 48, 2 * len(KEYS) + 28):
        for name in plain.outline.initializers:
            place = [file.outline.initializers[name] for file in files]
            first, second = (
                file.at(key)[tensor.start : tensor.stop]
                for file, tensor in zip(files, place, strict=True)
            )
            assert first == second, name
    if plain.format == "onnx":  # inputs of an engine of all strengths
        for key, part in ((len(KEYS) + 12, 0.0), (len(KEYS) + 30, 0.5), (len(KEYS) + 48, 1.0)):
            whole, faded = plain.vectors_at(key), fading.vectors_at(key)
            for name, values in whole.items():
                factor = np.float32(part if name in FADED else 1.0)
                np.testing.assert_array_equal(faded[name], factor * values)


def test_a_picture_of_zero_share_stays_as_it_is(files: tuple[ModelFile, ModelFile]) -> None:
    deep = np.random.default_rng(5).integers(0, 65536, (32, 40)).astype(np.uint16)
    with Enhancer(files[1].path, threads=1) as enhancer:
        for picture in (noise(32, 40), deep):
            for codec in ("hevc", "heif"):
                same = enhancer.enhance(picture, step=1.9, codec=codec)
                np.testing.assert_array_equal(same, picture)
            assert (enhancer.enhance(picture, step=1.9, codec="jpeg") != picture).mean() > 0.3


def test_where_nothing_changes_no_network_runs(
    files: tuple[ModelFile, ModelFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: Any) -> None:
        raise RuntimeError("it runs")

    picture, (plain, fading) = noise(32, 40), files
    with (
        Enhancer(fading.path, threads=1) as alone,
        Enhancer([fading.path, plain.path], threads=1) as both,
        FrameSequence(alone) as frames,
    ):
        monkeypatch.setattr(OpenSessions, "run", run)
        for caller in (alone, frames):
            np.testing.assert_array_equal(caller.enhance(picture, step=2.0, codec="hevc"), picture)
            with pytest.raises(RuntimeError, match="it runs"):
                caller.enhance(picture, step=2.0, codec="jpeg")
        with pytest.raises(RuntimeError, match="it runs"):
            both.enhance(picture, step=2.0, codec="hevc")


def test_a_cascade_fades_each_model_by_its_own_card(files: tuple[ModelFile, ModelFile]) -> None:
    picture, (plain, fading) = noise(32, 40), files
    with (
        Enhancer(plain.path, threads=1) as alone,
        Enhancer([plain.path, fading.path], threads=1) as both,
    ):
        for step, same in ((2.0, True), (16.0, False)):
            one, two = (e.enhance(picture, step=step, codec="hevc") for e in (alone, both))
            assert bool((one == two).all()) is same


def test_a_stream_keeps_what_did_not_change_while_the_share_does(
    files: tuple[ModelFile, ModelFile],
) -> None:
    picture = noise(64, 64)
    with Enhancer(files[1].path, threads=1) as enhancer, FrameSequence(enhancer) as frames:
        first = frames.enhance(picture, step=6.0, codec="hevc")
        again = frames.enhance(picture, step=5.0, codec="hevc")
        report = frames.report
    np.testing.assert_array_equal(again, first)
    assert report.share == 0.5


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"faded": ()}, "fades without the vectors"),
    ({"fades": {}}, "fades without the vectors"),
    ({"fades": {"vvc": (2.0, 4.0)}}, "for codec 'vvc', which it does not serve"),
    ({"faded": ("tail.kernel",)}, "'tail.kernel' does not follow the strength"),
    ({"fades": {"hevc": (0.5, 4.0)}}, "from step 0.5 to 4 of codec 'hevc'"),
    ({"fades": {"hevc": (2.0, 500.0)}}, "from step 2 to 500 of codec 'hevc'"),
    ({"fades": {"hevc": (4.0, 4.01)}}, "not two strengths of its table"),
    ({"fades": {"jpeg": (4.0, 100.0)}}, "has not faded in at step"),
]


@pytest.mark.parametrize("index", range(len(WRONG)))
def test_fades_that_do_not_go_with_the_file_are_refused(index: int, tmp_path: Path) -> None:
    changes, message = WRONG[index]
    write(
        of_codecs(),
        tmp_path / "m.onnx",
        codecs=CODECS,
        **{"fades": FADES, "faded": FADED, **changes},
    )
    with pytest.raises(ModelError, match=message):
        ModelFile(tmp_path / "m.onnx")


def test_codecs_with_one_table_cannot_fade_by_codec(tmp_path: Path) -> None:
    graph = of_codecs()
    one = {name: table[: len(KEYS)] for name, table in graph.vectors.items()}
    changes: dict[str, Any] = {"fades": {"hevc": (2.0, 4.0)}, "faded": FADED}
    write(
        dataclasses.replace(graph, vectors=one),
        tmp_path / "m.onnx",
        codecs=("jpeg", "hevc"),
        **changes,
    )
    with pytest.raises(ModelError, match="its strengths are not by codec"):
        ModelFile(tmp_path / "m.onnx")


def unfaded(path: Path, folder: Path) -> Path:
    """A shipped file whose card has no fades: its text is made as long by spaces."""
    data = path.read_bytes()
    text = ModelFile(path).outline.metadata[CARD_KEY]
    values = {**json.loads(text), "fades": {}, "faded": []}
    other = json.dumps(values, separators=(",", ":")).ljust(len(text))
    assert data.count(text.encode()) == 1 and len(other) == len(text)
    made = folder / path.name
    made.write_bytes(data.replace(text.encode(), other.encode()))
    return made


FADING = sorted(p for p in shipped_files() if ModelFile(find_model(p)).card.fades)


@pytest.mark.parametrize("name", FADING)
def test_a_shipped_form_changes_nothing_but_the_finest_steps(name: str, tmp_path: Path) -> None:
    fading = ModelFile(find_model(name))
    plain = ModelFile(unfaded(fading.path, tmp_path))
    assert fading.card.weights_sha256 == plain.card.weights_sha256
    picture = np.random.default_rng(7).integers(0, 256, (48, 64)).astype(np.uint8)
    with Enhancer(fading.path, threads=1) as ours, Enhancer(plain.path, threads=1) as theirs:
        for codec in fading.card.codecs:
            finest, whole = fading.card.fades.get(codec, (0.0, 1.0))
            for step in (whole * 1.01, 40.0):
                np.testing.assert_array_equal(
                    ours.enhance(picture, step=step, codec=codec),
                    theirs.enhance(picture, step=step, codec=codec),
                )
            if finest:
                deep = picture.astype(np.uint16) * 257
                changed = theirs.enhance(deep, step=finest, codec=codec)
                assert (changed != deep).mean() > 0.1
                for given in (picture, deep):
                    same = ours.enhance(given, step=finest, codec=codec)
                    np.testing.assert_array_equal(same, given)
