"""`edgeqe convert` and the zoo's names as MODEL, by the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from edgeqe.cli import main
from edgeqe.converters.export import export
from edgeqe.converters.sources import from_zoo

# Keras' own writing of .keras files meets NumPy 2's protocol.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def one_line(result: Result, *parts: str) -> None:
    """Exit status 2 and one line on standard error that holds the parts."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("edgeqe: "), lines
    for part in parts:
        assert part in lines[0]


@pytest.fixture(scope="module")
def vrcnn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vrcnn") / "vrcnn.onnx"
    export(from_zoo("vrcnn"), path)
    return path


def write_onnx(path: Path, *nodes: Any, initializers: Any = (), channels: int = 1) -> Path:
    shape: list[str | int | None] = [1, channels, "h", "w"]
    made = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("in", "out")]
    graph = helper.make_graph(list(nodes), "g", made[:1], made[1:], list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_a_name_of_the_zoo_becomes_a_file_that_says_its_weights_are_random(
    suffix: str, tmp_path: Path
) -> None:
    out = tmp_path / f"liu{suffix}"
    result = run("convert", "liu", "-o", out, "--seed", 3, "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["bytes"] == out.stat().st_size
    assert report["card"]["provenance"] == {
        "weights": "random",
        "seed": 3,
        "commands": [f"edgeqe convert liu -o liu{suffix} --seed 3"],
    }
    assert "Random weights" in report["card"]["description"]
    again = run("convert", "liu", "-o", out)
    one_line(again, "exists", "--overwrite")


def test_our_own_file_converts_to_the_other_format(vrcnn: Path, tmp_path: Path) -> None:
    out = tmp_path / "again.tflite"
    assert run("convert", vrcnn, "-o", out).exit_code == 0
    from edgeqe.model.file import ModelFile

    first, second = ModelFile(vrcnn), ModelFile(out)
    assert second.card.name == first.card.name and second.card.halo == first.card.halo == 6
    np.testing.assert_array_equal(first.golden[0], second.golden[0])
    # both golden outputs are the same network's, stored in steps of 1/256 grey level
    assert np.abs(first.golden[1] - second.golden[1]).max() <= 1 / 256


def test_enhance_verify_and_inspect_take_a_name_of_the_zoo(tmp_path: Path) -> None:
    from PIL import Image

    picture = np.random.default_rng(1).integers(0, 256, (40, 56)).astype(np.uint8)
    source = tmp_path / "in.png"
    Image.fromarray(picture).save(source)
    out = tmp_path / "out.png"
    result = run("enhance", source, "-o", out, "-m", "vrcnn", "--qp", 30, "--codec", "vvc")
    assert result.exit_code == 0, result.stderr
    assert "random weights" in result.stderr
    assert np.asarray(Image.open(out)).shape == picture.shape
    result = run("inspect", "vrcnn", "--json")
    # VRCNN's published count and its 161 biases
    assert json.loads(result.stdout)["network"]["trainable"] == 54_512 + 161
    assert run("verify", "vrcnn").exit_code == 0


def test_models_all_lists_the_zoo_with_published_counts() -> None:
    result = run("models", "--all", "--json")
    assert result.exit_code == 0, result.stderr
    networks = json.loads(result.stdout)["networks"]
    assert networks["dcad"]["parameters"] == 296_641
    assert networks["dcad"]["halo"] == 10
    assert networks["asqe"]["tiling"] == "blocks"
    assert networks["edgeqe-tiny"]["weights"] == "shipped"
    assert networks["dcad"]["weights"] == "random"
    header, *lines = run("models", "--all").stdout.partition("\n\n")[0].splitlines()
    place = header.index("paper")  # of the longest name too, the columns stand below each other
    assert {line[place - 1] for line in lines} == {" "} and all(
        line[place] != " " for line in lines
    )


class Unknown(keras.layers.Layer):  # type: ignore[misc]
    """A layer that a reader has never heard of."""

    def call(self, x: Any) -> Any:
        return x


def test_a_keras_file_with_an_unknown_layer_is_refused(tmp_path: Path) -> None:
    inputs = keras.Input((None, None, 1), name="planes")
    path = tmp_path / "net.keras"
    keras.Model(inputs, Unknown(name="odd")(inputs), name="vrcnn").save(path)
    one_line(run("convert", path, "-o", tmp_path / "out.onnx"), "net.keras", "Unknown")


def test_a_keras_file_with_code_is_refused_and_the_code_does_not_run(tmp_path: Path) -> None:
    inputs = keras.Input((None, None, 1), name="planes")
    mark = tmp_path / "ran"
    name = str(mark)
    name = str(mark)
    layer = keras.layers.Lambda(lambda x: [open(name, "w"), x][1], output_shape=(None, None, 1))
    path = tmp_path / "net.keras"
    model = keras.Model(inputs, layer(inputs), name="vrcnn")
    model.save(path)
    mark.unlink(missing_ok=True)
    one_line(run("convert", path, "-o", tmp_path / "out.onnx"), "net.keras")
    assert not mark.exists()


def test_a_keras_file_of_a_network_of_the_zoo_converts(tmp_path: Path) -> None:
    from edgeqe.zoo.weights import randomised

    path = tmp_path / "net.keras"
    randomised("vrcnn-qp").save(path)
    result = run("convert", path, "-o", tmp_path / "out.onnx")
    assert result.exit_code == 0, result.stderr


def test_an_onnx_file_with_a_loop_is_refused(tmp_path: Path) -> None:
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["c2"]), helper.make_node("Identity", ["x"], ["y"])],
        "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []),
         helper.make_tensor_value_info("c", TensorProto.BOOL, []),
         helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("c2", TensorProto.BOOL, []),
         helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )  # fmt: skip
    values = [
        numpy_helper.from_array(np.array(3), "n"),
        numpy_helper.from_array(np.array(True), "c"),
    ]
    loop = helper.make_node("Loop", ["n", "c", "in"], ["out"], name="turns", body=body)
    path = write_onnx(tmp_path / "loop.onnx", loop, initializers=values)
    one_line(run("convert", path, "-o", tmp_path / "out.onnx"), "Loop", "turns")


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_weights_that_are_no_numbers_are_refused(suffix: str, tmp_path: Path) -> None:
    kernel = numpy_helper.from_array(np.full((1, 1, 3, 3), np.nan, np.float32), "kernel")
    convolution = helper.make_node("Conv", ["in", "kernel"], ["out"], pads=[1, 1, 1, 1])
    path = write_onnx(tmp_path / "nan.onnx", convolution, initializers=[kernel])
    out = tmp_path / f"n{suffix}"
    one_line(run("convert", path, "-o", out, "--gives", "residual"), "no finite numbers")
    assert not out.exists()


@pytest.mark.parametrize("where", ["../secret.bin", "/etc/passwd"])
def test_external_data_outside_the_folder_is_refused(where: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(36))
    kernel = numpy_helper.from_array(np.zeros((1, 1, 3, 3), np.float32), "k")
    kernel.ClearField("raw_data")
    kernel.data_location = TensorProto.EXTERNAL
    for key, value in (("location", where), ("offset", "0"), ("length", "36")):
        kernel.external_data.add(key=key, value=value)
    conv = helper.make_node("Conv", ["in", "k"], ["out"], pads=[1, 1, 1, 1])
    path = write_onnx(folder / "net.onnx", conv, initializers=[kernel])
    one_line(run("convert", path, "-o", tmp_path / "out.onnx"), where)


@pytest.mark.parametrize("name", ["junk.onnx", "junk.keras", "junk.tflite", "junk"])
def test_three_random_bytes_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x8f\x03\xee")
    one_line(run("convert", path, "-o", tmp_path / "out.onnx"), name)


@pytest.mark.parametrize("verb", ["convert", "verify", "inspect"])
def test_a_tflite_file_cut_in_half_is_refused(verb: str, vrcnn: Path, tmp_path: Path) -> None:
    whole, half = tmp_path / "whole.tflite", tmp_path / "half.tflite"
    assert run("convert", vrcnn, "-o", whole).exit_code == 0
    data = whole.read_bytes()
    half.write_bytes(data[: len(data) // 2])
    more = ("-o", tmp_path / "out.onnx") if verb == "convert" else ()
    one_line(run(verb, half, *more), "half.tflite")


@pytest.mark.parametrize(
    ("name", "way_out"),
    [
        ("theirs.h5", "load the model in Keras and save it as .keras"),
        ("theirs.pth", "torch.onnx.export"),
        ("saved_model.pb", "give its folder"),
        ("theirs.bin", "export the network as one of these"),
    ],
)
def test_a_file_of_another_format_names_the_way_out(
    name: str, way_out: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(b"123")
    one_line(run("convert", tmp_path / name, "-o", tmp_path / "n.onnx"), name, way_out)


def test_folders_that_hold_no_network_are_named(tmp_path: Path) -> None:
    one_line(
        run("convert", tmp_path, "-o", tmp_path / "n.onnx"), "is no training, it has no recipe"
    )
    (tmp_path / "saved_model.pb").touch()
    one_line(run("enhance", "a.jpg", "-o", "b.png", "-m", tmp_path), "no such file or folder")
    picture = tmp_path / "a.jpg"
    Image.new("L", (8, 8)).save(picture)
    asked = run("enhance", picture, "-o", tmp_path / "b.png", "-m", tmp_path)
    one_line(asked, "is a folder", "'edgeqe convert' makes a file")


def test_flags_that_do_not_fit_are_refused(vrcnn: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    one_line(run("convert", "vrcnn", "-o", out, "--planes", "y"), "--planes")
    one_line(run("convert", vrcnn, "-o", out, "--range", "0,1"), "card")
    one_line(run("convert", vrcnn, "-o", out, "--seed", 4), "--seed")
    one_line(run("convert", "vrcnn", "-o", out, "--freeze-gates"), "--data")
    one_line(run("convert", "nonesuch", "-o", out), "nonesuch", "edgeqe-tiny", "models --all")
    one_line(run("convert", "vrcnn", "-o", tmp_path / "out.bin"), ".onnx or .tflite")


def test_a_file_still_works_after_the_onnx_package_wrote_it_anew(
    vrcnn: Path, tmp_path: Path
) -> None:
    path = tmp_path / "saved.onnx"
    onnx.save(onnx.load(vrcnn), path)
    assert run("verify", path).exit_code == 0
