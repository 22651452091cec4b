"""Quantization-aware training: fine-tuning with fake quantization and recalibrated ranges.

The network is trained with all quantizers of INT8 in it, see `fake_quantize.py`, where the
quantized graph has them: kernels once for all uses and strengths, the strength's factors outside of
them; each quantized activation, after its ReLU, with a scale that follows the strength. Biases stay
float, and the picture's planes are 8-bit sample values already.

The ranges are calibrated on the training pictures and a share of drawn ones, for the averaged
weights, which are what is shipped: at the start, then `TIMES` times at even distances. The last
time they are frozen, and the last `FROZEN` of the steps trains with exactly the ranges that are
written.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edgeqe.codecs.strength import KEYS_PER_OCTAVE
from edgeqe.converters.graph.graph import KEYS, Graph
from edgeqe.converters.graph.integer import LARGEST_WEIGHT, MOVING, QuantizedGraph
from edgeqe.converters.graph.residual_share import residual_share
from edgeqe.converters.sources import from_keras
from edgeqe.errors import InputError
from edgeqe.files.folders import list_pictures
from edgeqe.quantization.calibration.calibration import calibrate
from edgeqe.quantization.calibration.drawn_samples import SHARE, with_drawn
from edgeqe.quantization.calibration.samples import Photograph, read_photographs
from edgeqe.quantization.int8.canonical_form import canonical
from edgeqe.quantization.int8.int8 import quantized_graph, values
from edgeqe.quantization.qat.fake_quantize import FakeQuantActivation, FakeQuantConvolution
from edgeqe.quantization.qat.saved_calibration import write_calibration
from edgeqe.views.colour import SCALE
from edgeqe.zoo.strengths import STRENGTH_INPUTS
from edgeqe.zoo.training.loop import Training, TrainingCallback
from edgeqe.zoo.training.pictures import split
from edgeqe.zoo.training.precision import Precision
from edgeqe.zoo.training.recipe import Recipe

#: Share of the training steps with frozen ranges.
FROZEN = 0.2
#: Calibrations after the one at the start, the last of them where the ranges freeze.
TIMES = 4
#: Pictures that are calibrated on, evenly chosen.
MOST_PICTURES = 32


def with_fake_quantization(model: Any, graph: Graph, largest: int = LARGEST_WEIGHT) -> Any:
    """Network with fake quantization, on the weights of the given one.

    Parameters
    ----------
    model : keras.Model
        One of edgeqe's own networks.
    graph : Graph
        Of its `Source`.
    largest : int
        Largest integer weight.

    Returns
    -------
    keras.Model
        Same inputs and output. `set_quant_params` sets the parameters of its activations.

    Raises
    ------
    InputError
        If it has other convolutions than those networks.
    """
    import keras

    rounded, kernels, used = _rounded(graph), dict[str, Any](), dict[str, int]()
    made = {id(tensor): tensor for tensor in model.inputs}
    strength = next(tensor for tensor in model.inputs if tensor.name in STRENGTH_INPUTS)
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if node.is_input:
                continue
            layer, tensor = node.operation, node.output_tensors[0]
            number = used[layer.name] = used.get(layer.name, 0) + 1
            value = f"{layer.name}.out" if number == 1 else f"{layer.name}.{number}.out"
            if isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose):
                if layer.name not in kernels:
                    kernels[layer.name] = FakeQuantConvolution(layer, largest)
                layer = kernels[layer.name]
            given = [made[id(source)] for source in node.input_tensors]
            result = layer(given if len(given) > 1 else given[0])
            value = graph.output if tensor is model.outputs[0] else value
            if value in rounded:
                result = FakeQuantActivation(value, graph.blocks)([result, strength])
            made[id(tensor)] = result
    return keras.Model(model.inputs, made[id(model.outputs[0])], name=model.name)


def set_quant_params(model: Any, quantized: QuantizedGraph) -> None:
    """Give the layers of `with_fake_quantization` the parameters of a quantized graph."""
    for layer in model.layers:
        if isinstance(layer, FakeQuantActivation):
            params = quantized.quant_params[layer.value]
            scale = quantized.graph.vectors[params.scale][:, 0].astype(np.float64)
            if (
                layer.value == quantized.graph.output
            ):  # in 8-bit levels, and scaled down as the file's
                share = residual_share(np.array(KEYS) / KEYS_PER_OCTAVE)
                scale = scale / (SCALE * np.tile(share, quantized.graph.blocks))
            layer.set_params(scale, params.zero_point)


class QuantizedTraining(Training):
    """A training with fake quantization, from the weights of a trained network.

    Parameters
    ----------
    recipe : Recipe
        With a `start`.
    data : Path
        Data folder; the recipe names its sub-folder.
    folder : Path
        As of `Training`; the ranges lie there too.

    Raises
    ------
    InputError
        If the recipe starts from random weights.
    """

    def __init__(self, recipe: Recipe, data: Path, folder: Path) -> None:
        if not recipe.start:
            raise InputError(
                f"recipe '{recipe.name}' starts from random weights, --quantized fine-tunes "
                "trained ones: name a model by start."
            )
        super().__init__(recipe, data, folder, Precision.FLOAT32)  # roundings to 8 bits need more
        self.network = self.model
        self.adopt(with_fake_quantization(self.network, from_keras(self.network).graph))
        last = (1.0 - FROZEN) * recipe.steps
        self.calibrations = {round(last * time / TIMES) for time in range(1, TIMES + 1)}
        self.photographs: list[Photograph] = []

    def run(
        self,
        progress: TrainingCallback | None = None,
        log: Callable[[str], None] = print,
        seconds: float = math.inf,
    ) -> None:
        """Train to the recipe's last step, until the user interrupts, or so many seconds."""
        if self.step == 0 or self.step in self.calibrations:  # the latter: interrupted there
            self.calibrate()
        super().run(progress, log, seconds)

    def after_step(self) -> None:
        """Calibrate where it is time to."""
        if self.step in self.calibrations:
            self.calibrate()

    def calibrate(self) -> None:
        """Find the ranges of the averaged network, train with them from now on, write them."""
        if not self.photographs:
            training, _ = split(list_pictures(self.pictures))
            names = {file.relative_to(self.pictures).as_posix() for file in training}
            read = [p for p in read_photographs(self.pictures) if p.name in names]
            self.photographs = with_drawn(read[:: math.ceil(len(read) / MOST_PICTURES)], SHARE)
        with self.averaged():
            source = from_keras(self.network)
            found = calibrate(
                canonical(source.graph),
                values(source.graph),
                self.photographs,
                planes=source.planes,
                codecs=source.codecs,
                percentile=self.recipe.percentile,
            )
            quantized = quantized_graph(source.graph, found.ranges, source.default_key)
        set_quant_params(self.model, quantized)
        now = zip(self.model.weights, self.model.get_weights(), strict=True)
        for index, (variable, numbers) in enumerate(now):
            if not variable.trainable:  # scales are no weights to be averaged
                self.average[index] = np.array(numbers)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_calibration(self.folder, found)


def _rounded(graph: Graph) -> frozenset[str]:
    """Values that INT8 quantizes, and those that operators which move values copy them to."""
    graph = canonical(graph)
    found = set(values(graph))
    for node in graph.nodes:
        if node.op in MOVING and node.inputs[0] in found:
            found.add(node.output)
    return frozenset(found)
