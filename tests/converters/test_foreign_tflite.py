"""TFLite files of TensorFlow's converter, and SavedModels: files give what LiteRT gives on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edgeqe.converters import convert
from edgeqe.converters.tflite_io.saved_model import check_saved_model
from edgeqe.errors import InputError
from edgeqe.model.file import ModelFile
from edgeqe.runtimes import open_session
from edgeqe.typing import Float

tf = pytest.importorskip("tensorflow")
layers = keras.layers
pytestmark = pytest.mark.filterwarnings("ignore")
#: Greatest difference, 8-bit levels, in float32.
LEVELS = 2e-3
#: Height and width that a file is made for: TensorFlow computes the size of some layers at once.
SIZE = (24, 32)


@pytest.fixture(scope="module")
def network() -> Any:
    """Most operators that TensorFlow's converter makes of a picture network."""
    keras.utils.set_random_seed(4)
    x = keras.Input((*SIZE, 1))
    head = layers.Conv2D(8, 3, padding="same", activation="relu6")(x)
    y = layers.DepthwiseConv2D(3, padding="same")(head)
    y = layers.PReLU(shared_axes=[1, 2])(y)
    down = layers.AveragePooling2D(2)(y)
    down = layers.Conv2D(8, 3, padding="same", dilation_rate=2, activation="tanh")(down)
    up = layers.UpSampling2D(2, interpolation="bilinear")(down)
    again = layers.Conv2DTranspose(8, 4, strides=2, padding="same")(layers.MaxPooling2D(2)(y))
    y = layers.Concatenate()([up, again])
    y = layers.LeakyReLU(0.1)(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(y)))
    y = layers.Multiply()([y, layers.Activation("sigmoid")(head)])
    y = layers.Activation("gelu")(layers.Subtract()([y, head]))
    y = layers.Conv2D(1, (3, 1), padding="same")(y)
    return keras.Model(x, layers.Add()([x, layers.Rescaling(0.05)(y)]), name="theirs")


def lite(model: Any, folder: Path, *, half: bool = False) -> bytes:
    model.export(folder / "exported", verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "exported"))
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    content: bytes = converter.convert()
    return content


def theirs(content: bytes, levels: Float) -> Float:
    """Residual in 8-bit levels, by LiteRT on the original."""
    from ai_edge_litert.interpreter import Interpreter

    given = levels.transpose(1, 2, 0)[None] / np.float32(255)
    running = Interpreter(model_content=content)
    running.allocate_tensors()
    running.set_tensor(running.get_input_details()[0]["index"], given)
    running.invoke()
    result = running.get_tensor(running.get_output_details()[0]["index"]) - given
    return np.asarray(result[0].transpose(2, 0, 1) * 255, np.float32)


def same(path: Path, content: bytes, folder: Path) -> None:
    levels = np.random.default_rng(1).integers(0, 256, (1, *SIZE)).astype(np.float32)
    expected = theirs(content, levels)
    assert np.ptp(expected) > 1.0
    for suffix in ("onnx", "tflite"):
        made = convert(path, folder / f"ours.{suffix}", overwrite=True).exported
        assert (made.card.tiling, made.card.planes, made.card.alignment) == ("exact", "y", 2)
        file = ModelFile(made.path)
        result = open_session(file, file.key(file.card.default_step)).run(levels - np.float32(128))
        np.testing.assert_allclose(result, expected, rtol=0, atol=LEVELS)


@pytest.mark.parametrize("half", [False, True])
def test_a_file_of_tensorflows_converter(network: Any, half: bool, tmp_path: Path) -> None:
    content = lite(network, tmp_path, half=half)
    (tmp_path / "theirs.tflite").write_bytes(content)
    same(tmp_path / "theirs.tflite", content, tmp_path)


def test_a_saved_model(network: Any, tmp_path: Path) -> None:
    network.export(tmp_path / "saved", verbose=False)
    same(tmp_path / "saved", lite(network, tmp_path), tmp_path)


def saved(folder: Path, body: Any, **resources: Any) -> Path:
    """Folder of a SavedModel that computes something of a picture."""
    holder = tf.Module()
    holder.weight = tf.Variable(1.0)
    for name, resource in resources.items():
        setattr(holder, name, resource)
    holder.call = tf.function(lambda x: body(x) * holder.weight)
    call = holder.call.get_concrete_function(tf.TensorSpec((1, None, None, 1)))
    tf.saved_model.save(holder, str(folder), signatures=call)
    return folder


def effect(op: Any) -> Any:
    """A body that does something beside."""

    def body(x: Any) -> Any:
        with tf.control_dependencies([op()]):
            return x + 1.0

    return body


BEYOND: dict[str, tuple[Any, str]] = {
    "a file that is written": (lambda f: effect(lambda: tf.io.write_file(f"{f}/written", "x")), "WriteFile"),
    "a file that is read": (lambda f: lambda x: x + tf.strings.to_number(tf.io.read_file(f"{f}/a")), "ReadFile"),
    "a checkpoint that is written": (
        lambda f: effect(lambda: tf.raw_ops.SaveV2(
            prefix=f"{f}/written", tensor_names=["a"], shape_and_slices=[""], tensors=[tf.zeros(3)])), "SaveV2"),
    "a checkpoint that is read": (
        lambda f: lambda x: x + tf.raw_ops.RestoreV2(
            prefix=f"{f}/a", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32])[0], "RestoreV2"),
    "code": (lambda f: lambda x: tf.numpy_function(lambda y: y, [x], tf.float32), "PyFunc"),
    "a line that is printed": (lambda f: effect(lambda: tf.print("x")), "StringFormat|PrintV2"),
    "a loop": (lambda f: lambda x: tf.while_loop(lambda y: tf.reduce_sum(y) < 9, lambda y: y + 1, [x])[0],
               "While"),
    "a condition": (lambda f: lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: x, lambda: -x), "If"),
    "random numbers": (lambda f: lambda x: x + tf.random.normal((1,)), "RandomStandardNormal"),
}  # fmt: skip


@pytest.mark.parametrize("case", BEYOND)
def test_what_is_no_network_is_never_loaded(case: str, tmp_path: Path) -> None:
    body, operator = BEYOND[case]
    folder = saved(tmp_path / "saved", body(tmp_path))
    with pytest.raises(InputError, match=f"operator \\w*({operator}) .* is never loaded"):
        convert(folder, tmp_path / "n.onnx")
    assert not list(tmp_path.glob("written*")) and not (tmp_path / "n.onnx").exists()


def test_tables_that_are_filled_at_loading_are_refused(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("a", "utf-8")
    table = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(str(tmp_path / "words.txt"), tf.string, -2, tf.int64, -1), 0
    )
    folder = saved(tmp_path / "saved", lambda x: x + 1.0, table=table)
    with pytest.raises(InputError, match="Table.* is never loaded"):
        convert(folder, tmp_path / "n.onnx")


def test_saving_is_for_the_function_that_saves(tmp_path: Path) -> None:
    """A call of it from what runs at loading, or without the list of objects, is refused."""
    from tensorflow.core.protobuf import saved_model_pb2

    folder = saved(tmp_path / "saved", lambda x: x + 1.0)
    file = folder / "saved_model.pb"
    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString(file.read_bytes())
    check_saved_model(folder)
    (meta,) = proto.meta_graphs
    nodes = {node.name: node for node in meta.graph_def.node}
    save = nodes[meta.saver_def.save_tensor_name.partition(":")[0]]
    nodes[meta.saver_def.restore_op_name].attr["f"].CopyFrom(save.attr["f"])
    file.write_bytes(proto.SerializeToString())
    with pytest.raises(InputError, match="is never loaded"):  # the weights are restored by saving
        check_saved_model(folder)
    meta.saver_def.restore_op_name = ""
    file.write_bytes(proto.SerializeToString())
    with pytest.raises(InputError, match="is never loaded"):  # it is called by a node as any other
        check_saved_model(folder)
    meta.ClearField("object_graph_def")
    file.write_bytes(proto.SerializeToString())
    with pytest.raises(InputError, match="not saved by TensorFlow 2"):
        check_saved_model(folder)
    file.write_bytes(b"\xff" * 40)
    with pytest.raises(InputError, match="no whole SavedModel"):
        check_saved_model(folder)


def test_damaged_files_are_one_line(network: Any, tmp_path: Path) -> None:
    content, path = lite(network, tmp_path), tmp_path / "bad.tflite"
    rng = np.random.default_rng(2)
    mutants = [content[:99], content[:-400], b"\0\0\0\0TFL3" + content[8:40]]
    for _ in range(20):
        changed = bytearray(content)
        for place in rng.integers(0, len(content), 8):
            changed[place] = rng.integers(256)
        mutants.append(bytes(changed))
    refused = 0
    for mutant in mutants:
        path.write_bytes(mutant)
        try:
            convert(path, tmp_path / "n.onnx", overwrite=True, gives="picture")
        except Exception as error:
            assert isinstance(error, ValueError | RuntimeError), repr(error)
            assert "\n" not in str(error)
            refused += 1
    assert refused >= 3


def test_integers_are_refused_with_the_way_out(network: Any, tmp_path: Path) -> None:
    network.export(tmp_path / "exported", verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "exported"))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    (tmp_path / "dynamic.tflite").write_bytes(converter.convert())
    with pytest.raises(InputError, match="without quantization"):
        convert(tmp_path / "dynamic.tflite", tmp_path / "n.onnx")
