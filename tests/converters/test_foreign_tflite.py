"""TFLite files of TensorFlow's converter, and SavedModels: files give what LiteRT gives on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edgeqe.converters import convert
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


def test_what_a_saved_model_would_write_is_never_loaded(tmp_path: Path) -> None:
    class Writes(tf.Module):  # type: ignore[misc,name-defined]
        @tf.function(input_signature=[tf.TensorSpec((1, None, None, 1))])  # type: ignore[untyped-decorator]
        def __call__(self, x: Any) -> Any:
            tf.io.write_file(str(tmp_path / "written"), "by the network")
            return x + 1.0

    tf.saved_model.save(Writes(), str(tmp_path / "saved"))
    with pytest.raises(InputError, match="operator WriteFile .* is never loaded"):
        convert(tmp_path / "saved", tmp_path / "n.onnx")
    assert not (tmp_path / "written").exists() and not (tmp_path / "n.onnx").exists()


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
