"""Plain arithmetic: by hand, and as an `Enhancer` would enhance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeqe import Enhancer
from edgeqe.codecs.strength import step_from_quality
from edgeqe.errors import ModelError
from edgeqe.model.catalogue import find_model
from edgeqe.model.file import ModelFile
from edgeqe.quantization.drift import reference_inference
from edgeqe.quantization.drift.reference_inference import ReferenceInference, reference_session
from edgeqe.typing import Float
from tests import small_models
from tests.drift_models import TINY
from tests.reference import conv3x3, gray_planes, photograph, plain_network, weights_of


def test_a_shipped_network_by_hand() -> None:
    file = ModelFile(find_model(TINY))
    key = file.key(step_from_quality(25))
    planes = gray_planes(photograph("camera", 50, 200, 24, 32))
    expected = plain_network(planes, weights_of(file.at(key)))
    found = reference_session(file, key).run(planes.astype(np.float32))
    # float32 sums of some 200 products of at most 1e3 grey levels, six layers deep.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_either_format_by_hand(suffix: str, tmp_path: Path) -> None:
    graph = small_models.strong_graph()
    small_models.write(graph, tmp_path / f"small{suffix}")
    session = reference_session(ModelFile(tmp_path / f"small{suffix}"), 61)
    for shape in ((1, 20, 30), (1, 9, 30)):
        planes = np.random.default_rng(2).uniform(-128, 127, shape).astype(np.float32)
        x = planes.astype(np.float64)
        for name in ("head", "first", "second", "tail"):
            kernel = "body" if name in ("first", "second") else name
            x = conv3x3(x, graph.constants[f"{kernel}.kernel"].astype(np.float64))
            scale, bias = (graph.vectors[f"{name}.{kind}"][61] for kind in ("scale", "bias"))
            x = x * scale[:, None, None] + bias[:, None, None]
            x = x if name == "tail" else np.maximum(x, 0.0)
        found = session.run(planes)
        # The strength table is stored to 1e-5 of its largest value, arithmetic is float32.
        np.testing.assert_allclose(found, x, rtol=0, atol=1e-3 * float(np.abs(x).max()))
        assert found.flags.c_contiguous


def nearly_equal(path: Path, picture: Any, quality: int) -> None:
    """As the enhancer: one level in at most 1 of 10,000 samples."""
    with Enhancer(path, threads=1) as enhancer:
        expected = enhancer.enhance(picture, quality=quality)
    found = ReferenceInference(ModelFile(path)).enhance(
        picture, step=step_from_quality(quality), codec="jpeg"
    )
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() <= 1e-4
    assert (found != picture).mean() > 0.2  # the network did something


def test_below_a_step_of_one_the_change_fades_out_as_in_an_enhancer() -> None:
    path, picture = find_model(TINY), photograph("camera", 60, 180, 101, 117)
    reference = ReferenceInference(ModelFile(path))
    with Enhancer(path, threads=1) as enhancer:
        for step in (0.5, 0.75):
            found = reference.enhance(picture, step=step, codec="jpeg")
            difference = found.astype(int) - enhancer.enhance(picture, step=step)
            assert np.abs(difference).max() <= 1 and (difference != 0).mean() <= 1e-3
            assert (found != picture).any() == (step > 0.5)


@pytest.mark.parametrize("quality", [10, 90])
def test_pictures_are_enhanced_as_by_an_enhancer(quality: int) -> None:
    path = find_model(TINY)
    nearly_equal(path, photograph("camera", 60, 180, 101, 117), quality)
    nearly_equal(path, photograph("astronaut", 20, 160, 101, 117), quality)


def test_a_picture_of_many_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference_inference, "MEMORY", 20 << 20)
    windows: list[tuple[int, ...]] = []
    plain = reference_inference._PlainOnnx.run

    def counted(session: reference_inference._PlainOnnx, planes: Float) -> Float:
        windows.append(planes.shape)
        return plain(session, planes)

    monkeypatch.setattr(reference_inference._PlainOnnx, "run", counted)
    nearly_equal(find_model(TINY), photograph("camera", 0, 0, 300, 400), 30)
    assert len(windows) > 1


@pytest.mark.parametrize("tiling", ["exact", "blocks", "whole"])
def test_every_tiling(tiling: str, tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    small_models.write(
        small_models.strong_graph(), path, tiling=tiling, block=64 if tiling == "blocks" else 0
    )
    nearly_equal(path, photograph("camera", 60, 180, 101, 117), 50)


@pytest.mark.parametrize(
    "runtime", [reference_inference._PlainOnnx, reference_inference._PlainLitert]
)
def test_a_refused_model_is_one_of_our_errors(runtime: Any) -> None:
    with pytest.raises(ModelError, match="refuses the model"):
        runtime(b"no model")
