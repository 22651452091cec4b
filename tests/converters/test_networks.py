"""Every network of the zoo: Keras, ONNX Runtime and LiteRT give the same residual."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from edgeqe import zoo
from edgeqe.converters.export import export
from edgeqe.converters.sources import from_keras, keras_residual
from edgeqe.model.file import ModelFile
from edgeqe.runtimes import open_session
from edgeqe.verify.checks import verify
from edgeqe.views.colour import NEUTRAL
from edgeqe.zoo.weights import randomised

#: Even, odd and prime sizes, samples, before the padding that the card states.
SIZES = ((32, 40), (27, 45), (31, 37))
#: More than 20 convolutions in a row: rounding of float32 adds up over them.
DEEP = {"mvgl-a", "mvgl-c", "hgrdn", "asqe", "asqe-gray", "asqe-no-attention", "asqe-no-mff",
        "asqe-no-weight-sharing", "asqe-gray-no-attention", "asqe-gray-no-mff",
        "asqe-gray-no-weight-sharing"}  # fmt: skip
#: Halo of SYSTEMS.md's tables and sections, pixels, before rounding to the alignment; nano, tiny,
#: small and base by a pixel of the half-size planes a 3x3 convolution. edgeqe-multiscale by hand,
#: from an aligned tile's edge back, in samples of each level: tail and last fine block 3; up, 2 of
#: the middle; its two blocks 6; up, 3 of the coarse; its block 5; down 10, two blocks 14; down 28,
#: fine block and head 31, which is 62 pixels.
HALOS = {"liu": 10, "liu-qp": 10, "vrcnn": 6, "vrcnn-qp": 6, "dcad": 10, "dcad-qp": 10,
         "tuco": 14, "tuco-qp": 14, "rrnet": 15, "rrnet-reconstruction": 15, "mvgl-a": 67, "mvgl-b": 19, "mvgl-c": 67,
         "edgeqe-nano": 8, "edgeqe-tiny": 10, "edgeqe-small": 12, "edgeqe-base": 20,
         "edgeqe-base-video": 20, "edgeqe-multiscale": 62}  # fmt: skip
#: kMAC a pixel of the same tables.
KMACS = {"liu": 10.8, "vrcnn": 54.5, "dcad": 296, "tuco": 443.5, "rrnet": 125, "asqe": 434,
         "mvgl-a": 5397, "mvgl-b": 1415, "mvgl-c": 1350, "hgrdn": 5500}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


def files(name: str, folder: Path) -> tuple[Any, dict[str, ModelFile]]:
    """A randomised network, and its file in both formats."""
    model = randomised(name)
    made = {}
    for suffix in (".onnx", ".tflite"):
        path = folder / f"{name}{suffix}"
        export(from_keras(model), path)
        made[suffix] = ModelFile(path)
    return model, made


def padded(card: Any, size: tuple[int, int]) -> tuple[int, int]:
    """Size in samples, rounded up to what the card says."""
    step = (card.block or card.alignment) // card.pixels_per_sample
    return math.ceil(size[0] / step) * step, math.ceil(size[1] / step) * step


@pytest.mark.parametrize("name", list(zoo.NETWORKS))
def test_a_network_is_the_same_everywhere(name: str, folder: Path) -> None:
    model, made = files(name, folder)
    card = made[".onnx"].card
    rng = np.random.default_rng(4)
    channels = card.channels + len(card.inputs) - 1
    tolerance = 5e-5 if name in DEEP else 1e-5
    if name in HALOS:
        assert card.exact_halo == HALOS[name]
        assert card.halo == math.ceil(HALOS[name] / card.alignment) * card.alignment
    if name in KMACS:
        assert card.kmac_per_pixel == pytest.approx(KMACS[name], rel=0.01)
    sessions = [open_session(file, file.key(card.default_step)) for file in made.values()]
    for size in {padded(card, size) for size in SIZES}:
        planes = rng.integers(0, 256, (channels, *size)).astype(np.uint8)
        expected = keras_residual(model, planes, math.log2(card.default_step))
        for session in sessions:
            result = session.run(planes.astype(np.float32) - np.float32(NEUTRAL))
            assert np.abs(result - expected).max() <= tolerance * np.ptp(expected)


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
@pytest.mark.parametrize("name", ["dcad-qp", "edgeqe-multiscale"])
def test_one_file_serves_every_strength(name: str, suffix: str, folder: Path) -> None:
    model = randomised(name)
    path = folder / f"strengths-{name}{suffix}"
    export(from_keras(model), path)
    file = ModelFile(path)
    rng = np.random.default_rng(5)
    size = padded(file.card, (40, 40))
    planes = rng.integers(0, 256, (file.card.channels, *size)).astype(np.uint8)
    for qp in (22, 27, 32, 37):
        expected = keras_residual(model, planes, (qp - 4) / 6)
        session = open_session(file, file.key(2 ** ((qp - 4) / 6)))
        result = session.run(planes.astype(np.float32) - np.float32(NEUTRAL))
        assert np.abs(result - expected).max() <= 1e-5 * np.ptp(expected)


def test_a_strength_is_found_by_name_after_the_onnx_package_wrote_the_file_anew(
    folder: Path,
) -> None:
    path, saved = folder / "written.onnx", folder / "saved.onnx"
    export(from_keras(randomised("vrcnn-qp")), path)
    model = onnx.load(path)
    model.graph.initializer.sort(key=lambda tensor: tensor.name, reverse=True)
    onnx.save(model, saved)
    planes = np.random.default_rng(6).uniform(-128, 127, (1, 24, 24)).astype(np.float32)
    for step in (8.0, 45.0):
        results = [open_session(f, f.key(step)).run(planes) for f in map(ModelFile, (path, saved))]
        np.testing.assert_array_equal(results[0], results[1])


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
@pytest.mark.parametrize("name", ["liu-qp", "vrcnn", "dcad", "rrnet", "mvgl-c", "asqe-no-attention",
                                  "edgeqe-multiscale"])  # fmt: skip
def test_verify_proves_a_network(name: str, suffix: str, folder: Path) -> None:
    path = folder / f"verify-{name}{suffix}"
    export(from_keras(randomised(name)), path)
    failed = [check for check in verify(path) if not check.passed]
    assert failed == []
