"""Networks of several codecs: the strength MLP by formula, a start from JPEG alone, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeqe import Enhancer, InputError, zoo
from edgeqe.codecs.strength import resolve_strength, step_key
from edgeqe.converters.export import export
from edgeqe.converters.sources import from_keras
from edgeqe.zoo.plain import plain
from edgeqe.zoo.strengths import StepFeatures, with_codec
from edgeqe.zoo.training.loop import Training
from edgeqe.zoo.training.recipe import Recipe
from edgeqe.zoo.training.start import start_from
from edgeqe.zoo.training.validate import KerasNetwork
from tests.codec_models import several_codecs
from tests.reference import photograph

CODECS = ("jpeg", "hevc", "webp")


@pytest.fixture(scope="module")
def model() -> Any:
    """edgeqe-nano for three codecs, each of which changes pictures by some 8-bit levels."""
    return several_codecs("edgeqe-nano", CODECS)


def test_the_codec_adds_a_vector_in_front_of_either_tanh() -> None:
    layer = StepFeatures(4, ("jpeg", "hevc"), name="step")
    layer.build((None, 3))
    rng = np.random.default_rng(2)
    for variable in layer.weights:
        variable.assign(rng.normal(0, 1, variable.shape))
    values = {variable.path.partition("step/")[2]: variable.numpy() for variable in layer.weights}
    log2_step = np.array([[2.0], [6.5]], np.float32)
    for index in (0, 1):
        hidden = np.tanh(
            (log2_step - 4) / 2 * values["hidden/kernel"]
            + values["hidden/bias"]
            + values["codec_hidden"][index]
        )
        out = hidden @ values["out/kernel"] + values["out/bias"] + values["codec_out"][index]
        found = np.asarray(layer(with_codec(log2_step, index, 2)))
        np.testing.assert_allclose(found[:, 1:], np.tanh(out), atol=1e-5)
        np.testing.assert_array_equal(found[:, :1], log2_step)


def test_only_scale_and_bias_knows_codecs() -> None:
    with pytest.raises(InputError, match="'qp-adaptive' knows no codec, and jpeg, hevc are"):
        zoo.build("edgeqe-nano", strength="qp-adaptive", codecs=("jpeg", "hevc"))


def starting(tmp_path: Path, start: str, **codecs: float) -> Any:
    recipe = Recipe("test", "edgeqe-nano", 10, start=start, codecs=codecs)
    return Training(recipe, tmp_path, tmp_path / "run").model


def test_a_start_from_jpeg_alone_enhances_every_codec_as_jpeg(tmp_path: Path) -> None:
    luma = photograph("camera", 100, 200, 32, 48)
    expected = KerasNetwork(zoo.load("edgeqe-nano")).enhance(luma, step=20.0, codec="jpeg")
    assert np.abs(expected.astype(int) - luma).max() > 2
    model = starting(tmp_path, "edgeqe-nano", jpeg=0.5, vvc=0.5)
    assert zoo.codecs_of(model) == ("jpeg", "vvc")
    for codec in ("jpeg", "vvc"):
        found = KerasNetwork(model).enhance(luma, step=20.0, codec=codec)
        np.testing.assert_allclose(found.astype(int), expected, atol=1)  # a half, rounded
    alone = starting(tmp_path, "edgeqe-nano", hevc=1.0)
    assert zoo.codecs_of(alone) == ("hevc",)
    found = KerasNetwork(alone).enhance(luma, step=20.0, codec="hevc")
    np.testing.assert_allclose(found.astype(int), expected, atol=1)


def test_a_start_of_several_codecs_keeps_each_codec_s_own(model: Any, tmp_path: Path) -> None:
    export(from_keras(model), tmp_path / "net.onnx")
    started = starting(tmp_path, str(tmp_path / "net.onnx"), webp=1.0, vvc=1.0, jpeg=1.0)
    assert zoo.codecs_of(started) == ("jpeg", "vvc", "webp")
    for name in ("codec_hidden", "codec_out"):
        rows = getattr(started.get_layer("step"), name).numpy()
        held = getattr(model.get_layer("step"), name).numpy()
        np.testing.assert_array_equal(rows[[0, 2]], held[[0, 2]])
        assert not rows[1].any()


def test_a_narrower_start_is_widened_and_computes_the_same(tmp_path: Path) -> None:
    rng, narrow = np.random.default_rng(8), plain("edgeqe-nano", width=16, depth=2, codecs=CODECS)
    for variable in narrow.weights:  # a tail that is not 0
        variable.assign(0.2 * rng.standard_normal(variable.shape))
    kept = {v.path.replace("/", "."): v.numpy() for v in narrow.weights}
    np.savez(tmp_path / "narrow.npz", **kept)
    wider = plain("edgeqe-nano", width=21, depth=2, codecs=CODECS)
    start_from(wider, str(tmp_path / "narrow.npz"), tmp_path)
    given = rng.standard_normal((2, 12, 16, 6)).astype(np.float32)
    strength = np.array([[5.0, 1, 0, 0], [4.0, 0, 0, 1]], np.float32)
    wanted, found = (np.asarray(net([given, strength])) for net in (narrow, wider))
    assert np.abs(wanted).max() > 0.1
    np.testing.assert_allclose(found, wanted, atol=1e-5)  # sums in another order
    # further channels compute something, so that what follows them can learn
    assert (np.abs(wider.get_layer("hidden_2").kernel.numpy()[..., 16:]).max((0, 1, 2)) > 0).all()
    narrower = plain("edgeqe-nano", width=12, depth=2, codecs=CODECS)
    with pytest.raises(InputError, match=r"'head.kernel' has the shape \(3, 3, 6, 16\)"):
        start_from(narrower, str(tmp_path / "narrow.npz"), tmp_path)
    more = plain("edgeqe-nano", width=16, depth=2, codecs=(*CODECS, "vvc"))
    with pytest.raises(
        InputError, match="of 3 codecs, 'edgeqe-nano' of 4, and averaged weights do"
    ):
        start_from(more, str(tmp_path / "narrow.npz"), tmp_path)
    deeper = plain("edgeqe-nano", width=16, depth=3, codecs=CODECS)
    with pytest.raises(InputError, match="only one of them has a weight 'hidden_3.kernel'"):
        start_from(deeper, str(tmp_path / "narrow.npz"), tmp_path)


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_a_file_enhances_each_codec_as_keras_does(model: Any, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"net{suffix}"
    card = export(from_keras(model), path).card
    assert card.codecs == CODECS
    if suffix == ".onnx":
        restored = zoo.load(path)
        assert zoo.codecs_of(restored) == CODECS
        for own, other in zip(model.weights, restored.weights, strict=True):
            np.testing.assert_array_equal(own.numpy(), other.numpy())
    luma, results = photograph("camera", 40, 60, 64, 48), []
    with Enhancer(path, threads=1) as enhancer:
        strengths: tuple[tuple[str, dict[str, Any]], ...] = (
            ("jpeg", {"quality": 30}),
            ("hevc", {"qp": 32}),
            ("webp", {"quality": 50}),
        )
        for codec, how in strengths:
            found = enhancer.enhance(luma, codec=codec, **how)
            strength = resolve_strength(codec=codec, **how)
            step = 2.0 ** (step_key(strength.step) / 12)  # as sessions are kept
            expected = KerasNetwork(model).enhance(luma, step=step, codec=codec)
            difference = np.abs(found.astype(int) - expected)
            # a half may be rounded the other way
            assert difference.max() <= 1 and np.mean(difference > 0) < 0.01
            results.append(found)
    assert (results[0] != results[1]).mean() > 0.1 and (results[1] != results[2]).mean() > 0.1
