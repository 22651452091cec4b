"""Training of the papers' networks: whole planes in, the enhanced picture out.

The last convolutions begin at zero, so that a network begins by handing its picture on; all
else is `loop.Training`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from edgeqe.codecs.strength import STATED_BY
from edgeqe.metrics import psnr
from edgeqe.model.card import LAYOUTS
from edgeqe.zoo import built_by, network
from edgeqe.zoo.training.encoded import VALIDATED
from edgeqe.zoo.training.feed import Job
from edgeqe.zoo.training.loop import FINAL_QUALITIES, Training
from edgeqe.zoo.training.picture_network import PictureNetwork
from edgeqe.zoo.training.picture_pool import PROTOCOLS
from edgeqe.zoo.training.recipe import Loss, Side
from edgeqe.zoo.training.unfiltered import code_unfiltered
from edgeqe.zoo.training.validate import mean_psnr
from edgeqe.zoo.weights import last_layers

#: Every which picture of a set is validated.
EVERY = 4


def picture_loss(loss: Loss) -> Callable[[Any, Any], Any]:
    """Loss of a reference with weights, (N, H, W, C + 1), and a picture, (N, H, W, C)."""

    def error(target_and_weight: Any, picture: Any) -> Any:
        target, weight = target_and_weight[..., :-1], target_and_weight[..., -1:]
        distance = ops.abs if loss is Loss.L1 else ops.square
        return ops.mean(weight * distance(target - picture), axis=-1)

    return error


class PictureTraining(Training):
    """Trains a network of the papers; parameters as of `Training`."""

    def built(self) -> Any:
        """Network of the recipe."""
        model = built_by(dataclasses.asdict(self.recipe))
        for layer in last_layers(model.outputs[0]):
            for variable in layer.weights:
                if variable.path.rsplit("/", 1)[-1] in ("kernel", "pointwise_kernel"):
                    variable.assign(ops.zeros_like(variable))
        return model

    def adopt(self, model: Any) -> None:
        """Set the network to train, from its weights on."""
        super().adopt(model)
        for variable in self.trained.trainable_variables if self.recipe.l2 else ():
            if variable.path.rsplit("/", 1)[-1].endswith("kernel"):
                variable.regularizer = keras.regularizers.L2(self.recipe.l2)

    @property
    def loss(self) -> Any:
        """What is minimised, beside the sum of squared kernels."""
        return picture_loss(Loss(self.recipe.loss))

    def job(self) -> Job:
        """Job of the workers of batches, from the current training step on."""
        recipe = self.recipe
        return dataclasses.replace(
            super().job(),
            layout=network(recipe.network).planes,
            values=tuple(recipe.values),
            loss=recipe.loss,
            alignment=recipe.alignment,
            loop_filters=recipe.loop_filters,
            side=recipe.side,
        )

    def inputs(self, planes: Any, strength: Any) -> Any:
        """Inputs of the network, in its order."""
        count = LAYOUTS[network(self.recipe.network).planes]
        known = {"planes": planes[..., :count], "log2_step": strength}
        known["residual"] = planes[..., count:]
        given = [known[tensor.name] for tensor in self.trained.inputs]
        return given if len(given) > 1 else given[0]

    def gains(
        self, sets: dict[str, list[npt.NDArray[np.uint8]]], qualities: tuple[int, ...]
    ) -> dict[str, tuple[float, float]]:
        """Mean PSNR before and after, dB, by set, protocol and strength."""
        recipe, found = self.recipe, dict[str, tuple[float, float]]()
        spec = network(recipe.network)
        protocol = PROTOCOLS[spec.planes]
        shown = PictureNetwork(self.model, spec.block)
        if not recipe.loop_filters:
            return self._unfiltered_gains(shown, sets)
        for codec in recipe.codecs:
            values = recipe.values or VALIDATED.get(codec, FINAL_QUALITIES)
            for name, pictures in sets.items():
                for value in values:
                    key = f"{name} {protocol} {codec} {STATED_BY[codec]}{value:.3g}"
                    some = pictures[::EVERY]
                    found[key] = mean_psnr(shown, some, protocol, value, codec, self.compressor)
        return found

    def _unfiltered_gains(
        self, shown: PictureNetwork, sets: dict[str, list[npt.NDArray[np.uint8]]]
    ) -> dict[str, tuple[float, float]]:
        """Gains of HEVC's luma before its loop filters."""
        recipe, found = self.recipe, dict[str, tuple[float, float]]()
        side = Side(recipe.side)
        for name, pictures in sets.items():
            for value in recipe.values or VALIDATED["hevc"]:
                figures = []
                for rgb in pictures[::EVERY]:
                    coded = code_unfiltered(rgb, value, side)
                    better = shown.enhance(
                        coded.decoded, step=coded.step, codec="hevc", prediction_residual=coded.side
                    )
                    figures.append(
                        [psnr(coded.reference, luma) for luma in (coded.decoded, better)]
                    )
                before, after = np.mean(figures, axis=0)
                found[f"{name} gray hevc-unfiltered qp{value:.3g}"] = float(before), float(after)
        return found
