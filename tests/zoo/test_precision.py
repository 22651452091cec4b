"""Training in bfloat16: what of a network computes in it, and how far it is from float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edgeqe.errors import InputError
from edgeqe.typing import Float
from edgeqe.zoo import asqe, hgrdn, multiscale
from edgeqe.zoo.plain import plain
from edgeqe.zoo.strengths import StrengthLayer
from edgeqe.zoo.training import precision
from edgeqe.zoo.training.precision import (
    CONVOLUTIONS,
    Precision,
    has_bfloat16,
    with_precision,
)
from edgeqe.zoo.weights import last_layers, randomised

#: One network of each system, with every kind of layer that the zoo has; big ones are cut.
CUT: dict[str, list[tuple[Any, str, int]]] = {
    "edgeqe-tiny": [],
    "edgeqe-multiscale": [(multiscale, "WIDTH", 8)],
    "liu-qp": [],
    "vrcnn": [],
    "dcad-qp": [],
    "tuco-qp": [],
    "asqe-no-mff": [(asqe, "WIDTH", 8), (asqe, "UNITS", 4), (asqe, "HEADS", 1)],
    "rrnet": [],
    "mvgl-b": [],
    "hgrdn": [(hgrdn, "WIDTH", 8), (hgrdn, "BLOCKS", 1), (hgrdn, "GROUPS", 2), (hgrdn, "DENSE", 3)],
}


def in_eight_bits(x: Any) -> Float:
    """Float32 numbers to the nearest of 8 significant bits, ties to even, by their bits."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return rounded.view(np.float32)


def inputs_of(model: Any) -> list[Float]:
    """Noise, and a strength in the middle."""
    rng = np.random.default_rng(2)
    return [
        np.full((1, 1), 4.0, np.float32)
        if len(tensor.shape) == 2
        else rng.uniform(-0.5, 0.5, (1, 32, 32, tensor.shape[-1])).astype(np.float32)
        for tensor in model.inputs
    ]


def run(model: Any, given: list[Float]) -> Float:
    return np.asarray(model(given if len(given) > 1 else given[0]), np.float32)


def with_roundings(model: Any, lower: set[str], given: list[Float]) -> Float:
    """Network in float32, with inputs, weights and results of some layers rounded to 8 bits."""
    weights = model.get_weights()
    for layer in model.layers:
        if layer.name in lower:
            layer.set_weights([in_eight_bits(weight) for weight in layer.get_weights()])
    made = {id(tensor): value for tensor, value in zip(model.inputs, given, strict=True)}
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if node.is_input:
                continue
            values = [made[id(tensor)] for tensor in node.input_tensors]
            name = node.operation.name
            values = [in_eight_bits(value) for value in values] if name in lower else values
            several = isinstance(node.arguments.args[0], list | tuple)
            result = np.asarray(node.operation(values if several else values[0]))
            made[id(node.output_tensors[0])] = in_eight_bits(result) if name in lower else result
    model.set_weights(weights)
    found: Float = made[id(model.outputs[0])]
    return found


def rms(x: Float) -> float:
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


@pytest.mark.parametrize("name", CUT)
def test_a_network_of_each_system_trains_in_bfloat16(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, constant, value in CUT[name]:
        monkeypatch.setattr(module, constant, value)
    model = randomised(name)
    lower = with_precision(model, Precision.BFLOAT16)
    assert with_precision(model, Precision.FLOAT32) is model
    computes = {layer.name: layer.compute_dtype for layer in lower.layers}
    names = {name for name, dtype in computes.items() if dtype == "bfloat16"}
    last = {layer.name for layer in last_layers(model.outputs[0])}
    # all convolutions but the last ones; nothing else than what takes pictures
    convolutions = {layer.name for layer in lower.layers if isinstance(layer, CONVOLUTIONS)}
    assert last and not names & last
    assert len(convolutions & names) >= len(convolutions - last) - 2 and len(names) > 4
    assert {variable.dtype for variable in lower.weights} == {"float32"}
    assert str(lower.outputs[0].dtype) == "float32"

    given = inputs_of(model)
    whole, found = run(model, given), run(lower, given)
    explained = rms(with_roundings(model, names, given) - whole)
    # an operator in bfloat16 rounds sums and bias apart, so once more than the model here
    assert 0.2 * explained < rms(found - whole) < 2.0 * explained
    np.testing.assert_array_equal(run(model, given), whole)

    optimizer = keras.optimizers.Adam(1e-3)
    # eagerly: tracing takes longer than the one step
    lower.compile(optimizer=optimizer, loss="mse", jit_compile=False, run_eagerly=True)
    before = lower.get_weights()
    loss = lower.train_on_batch(given if len(given) > 1 else given[0], np.zeros_like(whole))
    assert np.isfinite(loss) and loss == pytest.approx(np.square(found).mean(), rel=0.05)
    after = lower.get_weights()
    assert all(np.isfinite(weight).all() for weight in after)
    moved = [np.abs(a - b).max() > 0 for a, b in zip(after, before, strict=True)]
    assert np.mean(moved) > 0.5
    kinds = {str(variable.dtype) for variable in optimizer.variables}
    assert kinds <= {"float32", "int64", "int32"}  # the latter: how many steps it has made


@pytest.mark.parametrize("strength", ["scale-and-bias", "qp-adaptive"])
def test_strength_vectors_stay_float32_whatever_they_multiply(strength: str) -> None:
    keras.utils.set_random_seed(3)
    model = plain("edgeqe-tiny", width=8, depth=2, strength=strength)
    lower = with_precision(model, Precision.BFLOAT16)
    layers = [layer for layer in lower.layers if isinstance(layer, StrengthLayer)]
    every = keras.Model(lower.inputs, [layer.output for layer in layers])
    results = every(inputs_of(model))
    assert len(layers) == 4
    for layer, result in zip(layers, results, strict=True):
        last = layer.name == "tail_strength"
        assert ("bfloat16" in str(result.dtype)) is not last
        vectors = layer.vectors(np.full((1, layer.input[1].shape[-1]), 3.3, np.float32))
        assert all("float32" in str(vector.dtype) for vector in vectors)


def test_dilated_convolutions_and_what_is_no_picture_stay_float32() -> None:
    layers = keras.layers
    planes = keras.Input((None, None, 6), name="planes")
    x = layers.Conv2D(8, 3, padding="same", name="plain")(planes)
    x = layers.Conv2D(8, 3, padding="same", dilation_rate=2, name="dilated")(x)
    gate = layers.GlobalAveragePooling2D(name="pooled")(x)
    gate = layers.Activation("relu", name="gate")(layers.Dense(8, name="dense")(gate))
    gate = layers.Reshape((1, 1, 8), name="shaped")(gate)
    x = layers.Activation("relu", name="active")(layers.Multiply(name="gated")([x, gate]))
    model = keras.Model(planes, layers.Conv2D(6, 3, padding="same", name="tail")(x))
    lower = with_precision(model, Precision.BFLOAT16)
    computes = {layer.name: layer.compute_dtype for layer in lower.layers[1:]}
    assert {name for name, dtype in computes.items() if dtype == "bfloat16"} == {"plain", "active"}
    lower.compile(optimizer="sgd", loss="mse", jit_compile=False)
    given = np.zeros((1, 16, 16, 6), np.float32)
    assert np.isfinite(lower.train_on_batch(given, given))


def test_a_layer_that_cannot_be_made_again_is_refused() -> None:
    class Odd(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    planes = keras.Input((None, None, 6))
    x = keras.layers.Conv2D(6, 3, padding="same")(Odd()(planes))
    with pytest.raises(InputError, match="'odd' cannot be trained in bfloat16 .*float32"):
        with_precision(keras.Model(planes, x, name="odd"), Precision.BFLOAT16)


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("flags\t\t: fpu sse2 avx512f avx512_bf16 amx_tile\n", True),
        ("flags\t\t: fpu amx_bf16\n", True),
        ("Features\t: fp asimd sve bf16 i8mm\n", True),
        ("flags\t\t: fpu avx2 avx512f avx512_vnni\n", False),
        ("Features\t: fp asimd asimdhp\n", False),
        ("model name\t: Fast bf16 Processor\nflags\t\t: fpu\n", False),
        ("", False),
        (None, False),
    ],
)
def test_the_processor_says_whether_it_multiplies_bfloat16(
    text: str | None, has: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    assert has_bfloat16(tmp_path / "cpuinfo") is has


def test_auto_asks_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    for has, expected in ((True, Precision.BFLOAT16), (False, Precision.FLOAT32)):
        monkeypatch.setattr(precision, "has_bfloat16", lambda has=has: has)
        assert Precision.AUTO.resolved() is expected
        assert Precision.FLOAT32.resolved() is Precision.FLOAT32
        assert Precision.BFLOAT16.resolved() is Precision.BFLOAT16
