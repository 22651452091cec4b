"""Keras networks of usual layers, none of the zoo's: files give what Keras gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edgeqe.converters import convert
from edgeqe.errors import InputError
from edgeqe.model.file import ModelFile
from edgeqe.runtimes import open_session

layers = keras.layers
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")
#: Greatest difference, 8-bit levels, of a residual of some 50: as float32 sums in another order.
LEVELS = 2e-3


def block(*kinds: Any) -> Callable[[Any], Any]:
    """Layers between the two convolutions of a network."""

    def apply(x: Any) -> Any:
        for kind in kinds:
            x = kind(x)
        return x

    return apply


def conv(count: int = 8, side: Any = 3, **options: Any) -> Any:
    return layers.Conv2D(count, side, padding="same", **options)


def operations(x: Any) -> Any:
    """Sums, differences, products and quotients of tensors and numbers, on either side."""
    y = conv()(x) * 0.5 + x - conv()(x) / 4.0
    y = 0.25 - keras.ops.relu(y * np.linspace(0.5, 2, 8, dtype=np.float32))
    y = keras.ops.maximum(y, -0.3) - 0.125
    joined = keras.ops.concatenate([keras.ops.silu(y), 2.0 * x], axis=-1)
    return conv()(keras.ops.minimum(joined, 3.0) + joined)


def models_within(x: Any) -> Any:
    """A sequential model that is called twice, and a functional one that holds another."""
    twice = keras.Sequential([conv(activation="relu"), conv()])
    inner = keras.Input((None, None, 8))
    held = keras.Model(
        inner, layers.Add()([inner, keras.Sequential([conv(), layers.ReLU()])(inner)])
    )
    return held(twice(x) + twice(held(x)))


BLOCKS: dict[str, Callable[[], Callable[[Any], Any]]] = {
    "batch norm and relu6": lambda: block(layers.BatchNormalization(), layers.ReLU(max_value=6.0)),
    "depthwise": lambda: block(layers.DepthwiseConv2D(3, padding="same", activation="silu"), conv(side=1)),
    "down and up": lambda: block(layers.AveragePooling2D(2), conv(activation="gelu"), layers.UpSampling2D()),
    "bilinear": lambda: block(conv(strides=2), layers.UpSampling2D(interpolation="bilinear"), layers.Dropout(0.5)),
    "transposed": lambda: block(conv(strides=2), layers.Conv2DTranspose(8, 4, strides=2, padding="same")),
    "dilated and oblong": lambda: block(conv(dilation_rate=2, activation="elu"), conv(side=(1, 5)), conv(side=(3, 1))),
    "layer norm": lambda: block(layers.LayerNormalization(), layers.Activation("hard_silu")),
    "activations": lambda: block(
        layers.Activation("softplus"), layers.Activation("mish"), layers.Activation("tanh"),
        layers.Activation("hard_sigmoid"), layers.ELU(0.5)),
    "operations": lambda: operations,
    "models within": lambda: models_within,
}  # fmt: skip


def network(block: Callable[[Any], Any], channels: int = 1, seed: int = 3) -> Any:
    keras.utils.set_random_seed(seed)
    x = keras.Input((None, None, channels))
    middle = conv(activation="relu")(x)
    skip = layers.Add()([middle, block(middle)])
    y = layers.Add()([x, layers.Rescaling(0.05)(conv(channels)(skip))])
    model = keras.Model(x, y, name="mine")
    rng = np.random.default_rng(seed)
    for variable in model.variables:  # statistics and biases that are not 0 and 1
        if len(variable.shape) == 1 and "seed" not in variable.path:
            variable.assign(np.abs(rng.normal(1, 0.3, variable.shape)))
    return model


@pytest.mark.parametrize("name", BLOCKS)
def test_a_keras_network_converts(name: str, tmp_path: Path) -> None:
    channels = 3 if name == "depthwise" else 1
    model = network(BLOCKS[name](), channels)
    model.save(tmp_path / "mine.keras")
    levels = np.random.default_rng(1).integers(0, 256, (channels, 24, 32)).astype(np.float32)
    unit = levels.transpose(1, 2, 0)[None] / np.float32(255)
    expected = (np.asarray(model.predict_on_batch(unit)) - unit)[0].transpose(2, 0, 1) * 255
    assert np.ptp(expected) > 1.0
    for suffix in ("onnx", "tflite"):
        made = convert(tmp_path / "mine.keras", tmp_path / f"ours.{suffix}").exported
        assert made.card.tiling == "exact" and made.card.planes == ("rgb" if channels == 3 else "y")
        file = ModelFile(made.path)
        result = open_session(file, file.key(file.card.default_step)).run(levels - np.float32(128))
        np.testing.assert_allclose(result, expected, rtol=0, atol=LEVELS)


def test_a_sequential_network_that_gives_the_noise(tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((None, None, 1)), conv(activation="relu"), conv(1)])
    model.save(tmp_path / "dncnn.keras")
    made = convert(tmp_path / "dncnn.keras", tmp_path / "n.onnx", gives="noise", codecs=["hevc"])
    assert "the noise" in made.exported.card.description and made.exported.card.codecs == ("hevc",)


@pytest.mark.parametrize("sides", [(40, 24), (24, None)])
def test_a_network_of_one_size_converts_for_all(
    sides: tuple[int, int | None], tmp_path: Path
) -> None:
    """Keras runs it at its own size alone; the file gives the same there, and in tiles elsewhere."""
    keras.utils.set_random_seed(4)
    x = keras.Input((*sides, 1))
    model = keras.Model(x, layers.Add()([x, conv(1)(conv(activation="relu")(x))]), name="sized")
    model.save(tmp_path / "sized.keras")
    rows, columns = sides[0], sides[1] or 32
    levels = np.random.default_rng(1).integers(0, 256, (1, rows, columns)).astype(np.float32)
    unit = levels.transpose(1, 2, 0)[None] / np.float32(255)
    expected = (np.asarray(model.predict_on_batch(unit)) - unit)[0].transpose(2, 0, 1) * 255
    made = convert(tmp_path / "sized.keras", tmp_path / "ours.onnx", gives="picture").exported
    assert made.card.licence == "NOASSERTION"  # a .keras file does not say it
    file = ModelFile(made.path)
    session = open_session(file, file.key(file.card.default_step))
    np.testing.assert_allclose(session.run(levels - np.float32(128)), expected, rtol=0, atol=LEVELS)
    assert session.run(np.zeros((1, 16, 56), np.float32)).shape == (1, 16, 56)


@pytest.mark.parametrize("behind", [True, False])
@pytest.mark.parametrize(("scale", "offset"), [(1 / 255, 0.0), (2 / 255, -1.0)])
def test_a_network_that_scales_bytes_itself(
    scale: float, offset: float, behind: bool, tmp_path: Path
) -> None:
    keras.utils.set_random_seed(5)
    x = keras.Input((None, None, 1))
    unit = layers.Rescaling(scale, offset=offset)(x)
    y = layers.Add()([unit, layers.Rescaling(0.05)(conv(1)(conv(activation="relu")(unit)))])
    if behind:
        y = layers.Rescaling(1 / scale, offset=-offset / scale)(y)
    model = keras.Model(x, y, name="bytes")
    model.save(tmp_path / "bytes.keras")
    levels = np.random.default_rng(1).integers(0, 256, (1, 24, 32)).astype(np.float32)
    picture = np.asarray(model.predict_on_batch(levels.transpose(1, 2, 0)[None]))
    expected = picture[0].transpose(2, 0, 1)
    expected = (expected if behind else (expected - offset) / scale) - levels
    assert np.ptp(expected) > 1.0
    file = ModelFile(convert(tmp_path / "bytes.keras", tmp_path / "ours.onnx").exported.path)
    result = open_session(file, file.key(file.card.default_step)).run(levels - np.float32(128))
    np.testing.assert_allclose(result, expected, rtol=0, atol=LEVELS)


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda x: keras.ops.exp(x), r"no operator in the graph: save the model by model\.export"),
        (lambda x: x / (x + 2.0), "divides by a tensor"),
        (lambda x: 1.0 / (x + 2.0), "divides by a tensor or by 0"),
        (lambda x: x / 0.0, "divides by a tensor or by 0"),
    ],
)
def test_operations_without_operators_have_a_way_out(
    function: Callable[[Any], Any], why: str, tmp_path: Path
) -> None:
    network(function).save(tmp_path / "ops.keras")
    with pytest.raises(InputError, match=why):
        convert(tmp_path / "ops.keras", tmp_path / "n.onnx")


def test_layers_that_run_code_or_pad_less_are_named(tmp_path: Path) -> None:
    model = network(block(layers.Conv2D(8, 3), layers.ZeroPadding2D(1)))
    model.save(tmp_path / "valid.keras")
    with pytest.raises(InputError, match="padding 'valid'; use 'same'"):
        convert(tmp_path / "valid.keras", tmp_path / "n.onnx")
    model = network(block(layers.Lambda(lambda x: x)))
    model.save(tmp_path / "code.keras")
    with pytest.raises(InputError, match="no code of it is run"):
        convert(tmp_path / "code.keras", tmp_path / "n.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["code.keras", "valid.keras"]
