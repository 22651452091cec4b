"""`edgeqe verify`, `inspect` and `models`."""

import json
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner
from onnx import numpy_helper

from edgeqe.cli import main
from edgeqe.model.card import CARD_KEY, GOLDEN_KEY
from edgeqe.model.catalogue import find_model
from edgeqe.model.protobuf import outline
from edgeqe.verify.checks import verify

CHECKS = ["card", "self-test", "tiles", "halo", "strengths", "sharing"]


@pytest.mark.parametrize(
    "model", ["edgeqe-tiny", "edgeqe-small", "edgeqe-base", "edgeqe-base-video"]
)
def test_the_shipped_models_pass(model: str) -> None:
    result = CliRunner().invoke(main, ["verify", model, "--json"])
    assert result.exit_code == 0, result.output
    checks = json.loads(result.stdout)["checks"]
    fades = [] if model == "edgeqe-base" else ["fades"]
    assert [check["name"] for check in checks] == [*CHECKS[:-1], *fades, CHECKS[-1]]
    assert all(check["passed"] for check in checks)


def edited(path: Path, **card: object) -> Path:
    """edgeqe-tiny with another card."""
    model = onnx.load(find_model("edgeqe-tiny:float32"))
    for prop in model.metadata_props:
        if prop.key == CARD_KEY:
            prop.value = json.dumps({**json.loads(prop.value), **card})
    onnx.save(model, path)
    return path


def test_a_halo_that_is_too_small_or_too_large_is_found(tmp_path: Path) -> None:
    for halo, exact in ((8, 8), (12, 12), (12, 10), (8, 10)):
        path = edited(tmp_path / "other.onnx", halo=halo, exact_halo=exact)
        checks = {check.name: check.passed for check in verify(path)}
        assert not checks["halo"] and checks["self-test"]


def test_tiles_with_too_small_a_halo_differ_from_the_whole(tmp_path: Path) -> None:
    path = edited(tmp_path / "far.onnx", halo=4, exact_halo=4)
    checks = {check.name: check.passed for check in verify(path)}
    assert not checks["tiles"]


def test_another_golden_tile_fails_the_self_test(tmp_path: Path) -> None:
    model = onnx.load(find_model("edgeqe-tiny:float32"))
    for prop in model.metadata_props:
        if prop.key == GOLDEN_KEY:
            values = json.loads(prop.value)
            values["planes"]["data"] = "A" * len(values["planes"]["data"])  # all zero
            prop.value = json.dumps(values)
    path = tmp_path / "golden.onnx"
    onnx.save(model, path)
    result = CliRunner().invoke(main, ["verify", str(path)])
    assert result.exit_code == 1
    assert "FAIL  self-test" in result.output


def test_a_weight_stored_twice_is_found(tmp_path: Path) -> None:
    import dataclasses

    from edgeqe.model.card import read_card
    from edgeqe.model.file import weights_sha256

    model = onnx.load(find_model("edgeqe-tiny:float32"))
    kernels = {i.name: i for i in model.graph.initializer}
    copy = numpy_helper.to_array(kernels["hidden_1.kernel"])
    kernels["hidden_2.kernel"].CopyFrom(numpy_helper.from_array(copy, "hidden_2.kernel"))
    data = model.SerializeToString()
    found = outline(data)
    card = read_card(found.metadata)
    digest = weights_sha256(data, found, card)
    path = tmp_path / "twice.onnx"
    for prop in model.metadata_props:
        if prop.key == CARD_KEY:
            prop.value = dataclasses.replace(card, weights_sha256=digest).to_json()
    onnx.save(model, path)
    sharing = next(check for check in verify(path) if check.name == "sharing")
    assert not sharing.passed and "hidden_1.kernel = hidden_2.kernel" in sharing.detail


def test_inspect_and_models_print_what_the_card_says() -> None:
    result = CliRunner().invoke(main, ["inspect", "edgeqe-tiny:float32"])
    assert result.exit_code == 0
    # by hand: (6*32*9 + 3*32*32*9 + 32*6*9) / 4 = 7,776 MAC a pixel; 5 half-size convolutions
    assert "7.776" in result.output and "hidden_3_strength.bias" in result.output
    result = CliRunner().invoke(main, ["models", "--json"])
    models = json.loads(result.stdout)["models"]
    assert models["edgeqe-tiny:int8.tflite"]["kmac_per_pixel"] == 7.776
    assert models["edgeqe-small:float32"]["halo"] == 12
