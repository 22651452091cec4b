"""The networks of the papers: published counts by arithmetic, and what the papers say of them."""

from __future__ import annotations

import functools
import math
from collections import Counter
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest

from edgeqe import zoo
from edgeqe.model.card import LAYOUTS, TILINGS
from edgeqe.zoo.attention import ChannelSlice, cbam, multi_head


@functools.cache
def built(name: str) -> Any:
    """One network a name for the whole file: the large ones take a second."""
    return zoo.build(name)


def counts(model: Any) -> Counter[str]:
    """Numbers by the kind of weight."""
    found: Counter[str] = Counter()
    for variable in model.weights:
        found[variable.path.rsplit("/", 1)[-1]] += math.prod(variable.shape)
    return found


def conv(kernel: int, given: int, made: int, bias: int = 1) -> int:
    """Numbers of a convolution."""
    return kernel * kernel * given * made + bias * made


def norm(channels: int) -> int:
    """Numbers of a batch norm: gamma, beta, mean, variance."""
    return 4 * channels


def asqe(channels: int, gate: int = 1, unshared: int = 0, fusion: bool = True) -> int:
    """ASQE-CNN by its blocks; `gate` 0 leaves attention out, `unshared` 1 doubles kernels."""
    c33 = conv(3, 64, 64)

    def cbams(heads: int) -> int:
        width = 64 // heads
        mlp = conv(1, width, 32) + conv(1, 32, width)
        return gate * heads * (mlp + conv(7, 2, 1, bias=0))

    pair = (1 + unshared) * c33 + 2 * norm(64)  # one kernel for two uses, two norms
    asb_full, asrb = pair + cbams(1), 2 * (pair + cbams(4))
    from_picture, block, detail = (
        conv(3, channels, 64) + norm(64),
        c33 + norm(64),
        conv(3, 64, channels),
    )
    full = from_picture + 2 * asb_full + detail
    if not fusion:  # U-Net: two strided blocks down; an LFF with its transposed block each, up
        return full + 2 * block + 2 * (pair + block) + 3 * asrb
    return full + 2 * (from_picture + block + detail) + 4 * (pair + block) + 5 * asrb


def mvgl(blocks: int, width: int) -> int:
    """MVGL: head, two convolutions a block, one behind them, tail."""
    return conv(3, 3, width) + (2 * blocks + 1) * conv(3, width, width) + conv(3, width, 3)


def liu() -> int:
    """3x3 depthwise without bias, 1x1 with, a norm; then 32 -> 1."""
    first = 9 * 1 + conv(1, 1, 32) + norm(32)
    return first + 8 * (9 * 32 + conv(1, 32, 32) + norm(32)) + conv(3, 32, 1)


def dcad() -> int:
    return conv(3, 1, 64) + 8 * conv(3, 64, 64) + conv(3, 64, 1)


def tuco() -> int:
    return conv(3, 1, 64) + 12 * conv(3, 64, 64) + 13 * norm(64) + conv(3, 64, 1)


def hgrdn() -> int:
    """Dense blocks of eight 3x3 and a 1x1; 1x1 a group and for the hierarchy; CBAM, ratio 16."""
    dense = sum(conv(3, 64 * i, 64) for i in range(1, 9)) + conv(1, 9 * 64, 64)
    assert 16 * dense == 21_832_704
    fusions = 5 * conv(1, 4 * 64, 64)
    gate = conv(1, 64, 4) + conv(1, 4, 64) + conv(7, 2, 1, bias=0)
    return 16 * dense + fusions + gate + 2 * conv(4, 64, 64) + conv(3, 3, 64) + conv(3, 64, 3)


@pytest.mark.parametrize(
    ("name", "published", "by_hand"),
    [
        ("liu", 12_266, liu()),
        ("liu-qp", 12_555, liu() + 9 * 32 + 1),
        ("dcad", 296_641, dcad()),
        ("dcad-qp", 297_218, dcad() + 9 * 64 + 1),
        ("tuco", 447_681, tuco()),
        ("tuco-qp", 448_514, tuco() + 13 * 64 + 1),
        ("asqe", 888_861, asqe(3)),
        ("asqe-gray", 881_943, asqe(1)),
        ("asqe-no-attention", 833_481, asqe(3, gate=0)),
        ("asqe-no-weight-sharing", 1_479_709, asqe(3, unshared=1)),
        ("asqe-no-mff", 563_575, asqe(3, fusion=False)),
        ("mvgl-a", 5_402_883, mvgl(32, 96)),
        ("mvgl-b", 1_416_963, mvgl(8, 96)),
        ("mvgl-c", 1_353_603, mvgl(32, 48)),
        ("hgrdn", 22_050_345, hgrdn()),  # the paper: 22.05 million
    ],
)
def test_published_counts(name: str, published: int, by_hand: int) -> None:
    assert built(name).count_params() == published == by_hand


def test_vrcnn_counts_weights_without_biases() -> None:
    weights = 25 * 64 + (25 * 64 * 16 + 9 * 64 * 32) + (9 * 48 * 16 + 48 * 32) + 9 * 48
    maps = 64 + (16 + 32) + (16 + 32) + 1
    assert (weights, weights + maps) == (54_512, 54_673)
    assert counts(built("vrcnn")) == {"kernel": weights, "bias": maps}
    assert counts(built("vrcnn-qp")) == {"kernel": weights, "bias": maps, "theta": maps}


def test_rrnet_counts_and_its_slopes() -> None:
    residual = conv(3, 1, 32) + 7 * conv(3, 32, 32)
    down = conv(3, 1, 32) + conv(3, 32, 64) + conv(3, 64, 128)
    up = conv(2, 128, 64) + conv(3, 128, 64) + conv(2, 64, 32) + conv(3, 64, 32) + conv(3, 32, 32)
    slopes = 8 * 32 + (32 + 64 + 128) + (64 + 32 + 32)
    found = counts(built("rrnet"))
    assert found.pop("alpha") == slopes == 608
    assert found.total() == residual + down + up + conv(3, 64, 1) == 300_865
    alone = counts(built("rrnet-reconstruction"))  # one input, features of 32 maps
    assert alone.pop("alpha") == slopes - 8 * 32
    assert alone.total() == down + up + conv(3, 32, 1)


def test_gray_ablations_of_asqe_are_those_of_rgb() -> None:
    for name, expected in (
        ("asqe-gray-no-attention", asqe(1, gate=0)),
        ("asqe-gray-no-weight-sharing", asqe(1, unshared=1)),
        ("asqe-gray-no-mff", asqe(1, fusion=False)),
    ):
        assert built(name).count_params() == expected


def test_reduced_networks_keep_their_topology() -> None:
    narrow = zoo.build("asqe-gray", width=8, units=4)
    assert [layer.name for layer in narrow.layers] == [
        layer.name for layer in built("asqe-gray").layers
    ]
    small = zoo.build("mvgl-a", blocks=2, width=4)
    assert small.count_params() == mvgl(2, 4)
    half = counts(zoo.build("rrnet", width=16))
    assert half["alpha"] == 608 // 2
    cascade = zoo.build("hgrdn", width=8, dense=1, blocks=1, groups=1, stages=2)
    one = zoo.build("hgrdn", width=8, dense=1, blocks=1, groups=1)
    assert cascade.count_params() == 2 * one.count_params()


@pytest.mark.parametrize("name", list(zoo.NETWORKS))
def test_a_network_s_entry_fits_its_keras_model(name: str) -> None:
    entry, model = zoo.network(name), built(name)
    assert model.name == name
    assert entry.tiling in TILINGS and (entry.block > 0) == (entry.tiling == "blocks")
    shapes = {tensor.name: tensor.shape[-1] for tensor in model.inputs}
    assert shapes["planes"] == model.outputs[0].shape[-1] == LAYOUTS[entry.planes]
    kinds = {type(layer).__name__ for layer in model.layers}
    # a gate over the picture is what rules exact tiles out
    assert ("GlobalAveragePooling2D" in kinds) == (entry.tiling != "exact")
    first = zoo.describe(model)
    assert first.endswith(".") and len(first) <= 99


def noise(model: Any, seed: int, side: int = 64) -> list[npt.NDArray[np.float32]]:
    """Noise for every input of a network; step 16."""
    rng = np.random.default_rng(seed)
    return [
        np.full((1, 1), 4.0, np.float32)
        if len(tensor.shape) == 2
        else rng.uniform(-0.5, 0.5, (1, side, side, tensor.shape[-1])).astype(np.float32)
        for tensor in model.inputs
    ]


def run(model: Any, given: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Output of a network; Keras wants one input without a list."""
    return np.asarray(model(given if len(given) > 1 else given[0]))


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("liu", ["last"]),
        ("vrcnn-qp", ["stage_4"]),
        ("rrnet", ["last"]),
        ("asqe", ["full_details", "half_details", "quarter_details"]),
        ("mvgl-c", ["tail"]),
    ],
)
def test_a_network_gives_the_picture_and_what_its_last_layers_add(
    name: str, last: list[str]
) -> None:
    model = zoo.build(name)
    given = noise(model, 3)
    assert np.abs(run(model, given) - given[0]).max() > 0
    for layer in last:
        model.get_layer(layer).set_weights(
            [np.zeros(weight.shape) for weight in model.get_layer(layer).get_weights()]
        )
    # the sum of the picture and zeros is exact
    np.testing.assert_array_equal(run(model, given), given[0])


def test_asqe_uses_16_kernels_twice_and_its_ablation_none() -> None:
    for name, expected in (("asqe", 16), ("asqe-no-weight-sharing", 0)):
        model = built(name)
        kinds = [layer for layer in model.layers if type(layer).__name__ == "Conv2D"]
        calls = {
            layer.name: len(layer._inbound_nodes) for layer in kinds if layer.kernel_size == (3, 3)
        }
        assert sum(uses == 2 for uses in calls.values()) == expected
        assert set(calls.values()) <= {1, 2}


@pytest.mark.parametrize("name", ["liu", "dcad"])
def test_theta_0_is_the_original_filter(name: str) -> None:
    """Section 3.3 of the paper: "when theta are 0" the model is the original one."""
    plain, adaptive = zoo.build(name), zoo.build(f"{name}-qp")
    of_plain = {variable.path: variable for variable in plain.weights}
    for variable in adaptive.weights:
        if variable.path.endswith("theta"):
            variable.assign(np.zeros(variable.shape))
        else:
            variable.assign(of_plain[variable.path.replace("_strength", "")])
    given = noise(adaptive, 5, side=24)
    expected = run(plain, given[:1])
    # float32, the bias added behind a factor of 1 and not inside the convolution
    np.testing.assert_allclose(run(adaptive, given), expected, rtol=0, atol=1e-5)


def test_mvgl_subtracts_the_mean_colour_in_front() -> None:
    """A picture of the mean colour is 0 behind the subtraction, so a head without bias is, too."""
    model = built("mvgl-c")
    mean = (np.array([0.4488, 0.4371, 0.4040]) * 255 - 128) / 255
    given = np.broadcast_to(mean, (1, 8, 8, 3)).astype(np.float32)
    head = keras.Model(model.inputs[0], model.get_layer("head").output)
    assert np.abs(np.asarray(head(given))).max() < 1e-6  # float32 rounding of the mean
    assert np.abs(np.asarray(head(given + 0.1))).max() > 1e-2


def sigmoid(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-x)))


def gates_by_hand(x: npt.NDArray[np.float64], weights: dict[str, Any]) -> npt.NDArray[np.float64]:
    """CBAM of one picture (H, W, C), equations 2 and 3 of its paper."""

    def mlp(pooled: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        hidden = np.maximum(pooled @ weights["hidden"][0][0, 0] + weights["hidden"][1], 0)
        return np.asarray(hidden @ weights["out"][0][0, 0] + weights["out"][1])

    x = x * sigmoid(mlp(x.mean((0, 1))) + mlp(x.max((0, 1))))
    pooled = np.pad(np.stack([x.mean(-1), x.max(-1)], -1), ((3, 3), (3, 3), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(pooled, (7, 7), (0, 1))
    where = np.einsum("hwcij,ijco->hwo", windows, weights["where"][0])
    return x * sigmoid(where)


def test_attention_is_the_paper_s_formula_in_every_head() -> None:
    inputs = keras.Input((None, None, 6), name="planes")
    model = keras.Model(inputs, multi_head(inputs, 2, 5, "gate"))
    rng = np.random.default_rng(8)
    for variable in model.weights:
        variable.assign(rng.normal(0, 0.7, variable.shape))
    x = rng.normal(0, 1, (9, 11, 6))
    parts = [
        gates_by_hand(
            x[..., 3 * head : 3 * head + 3],
            {
                kind: model.get_layer(f"gate_{head + 1}_{layer}").get_weights()
                for kind, layer in (
                    ("hidden", "mlp_hidden"),
                    ("out", "mlp_out"),
                    ("where", "where"),
                )
            },
        )
        for head in range(2)
    ]
    result = np.asarray(model(x[None].astype(np.float32)))[0]
    # float32 sums of 98 products against float64
    np.testing.assert_allclose(result, np.concatenate(parts, -1), rtol=1e-4, atol=1e-5)


# Keras' own way of writing weights to a file, with numpy 2
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_attention_layers_are_read_back_in_safe_mode(tmp_path: Path) -> None:
    inputs = keras.Input((None, None, 4), name="planes")
    x = ChannelSlice(1, 4, name="slice")(inputs)
    model = keras.Model(inputs, cbam(x, 2, "gate"))
    path = tmp_path / "gate.keras"
    model.save(path)
    again = keras.saving.load_model(path, safe_mode=True)
    given = np.random.default_rng(1).normal(0, 1, (1, 5, 6, 4)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(again(given)), np.asarray(model(given)))
