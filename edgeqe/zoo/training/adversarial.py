"""Training for texture: pixel loss, feature loss, and the loss against a discriminator.

The discriminator is relativistic and average: it judges whether a reference looks more real than
the mean of the batch's enhanced pictures, and the other way round (equations 3 to 6 of the paper).
Generator and discriminator take turns, one step each on one batch. Both losses are computed by
Keras layers, so that every backend differentiates them.

References
----------
Y. Kim et al., "Towards the perceptual quality enhancement of low bit-rate compressed images",
section 2.2.2, equations 2 to 8. The discriminator's shape is not stated there; it is that of ESRGAN
without batch norm and with a mean in the place of its first dense layer.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from edgeqe.zoo.training.features import feature_network
from edgeqe.zoo.training.picture_training import PictureTraining

#: Maps of the discriminator at full resolution, and slope of its leaky ReLU.
WIDTH, SLOPE = 16, 0.2
#: Halvings of the resolution, each with twice the maps.
LEVELS = 4


def discriminator(width: int = WIDTH) -> Any:
    """Keras network from RGB, (N, H, W, 3), to a score, (N, 1): pairs of 3x3 convolutions."""
    planes = x = keras.Input((None, None, 3), name="planes")
    for level in range(LEVELS):
        for stride in (1, 2):
            filters = width * 2**level
            layer = keras.layers.Conv2D(
                filters, 3, stride, padding="same", name=f"judge_{level}_{stride}"
            )
            x = keras.layers.LeakyReLU(negative_slope=SLOPE)(layer(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(planes, keras.layers.Dense(1, name="score")(x), name="discriminator")


def relativistic_loss(more: Any, less: Any) -> Any:
    """Mean loss of scores (N, 1) that should be above the mean of the others, and the reverse."""
    above, below = more - ops.mean(less), less - ops.mean(more)
    return ops.mean(ops.softplus(-above)) + ops.mean(ops.softplus(below))


class _Relativistic(keras.layers.Layer):  # type: ignore[misc]  # keras has no type stubs
    """`relativistic_loss` of two tensors of scores, once for each picture, (N, 1)."""

    def call(self, scores: Any) -> Any:
        more, less = scores
        return relativistic_loss(more, less) + ops.zeros_like(more)


class _Distance(keras.layers.Layer):  # type: ignore[misc]
    """Mean absolute difference of two tensors, (N, 1)."""

    def call(self, pair: Any) -> Any:
        one, two = (ops.cast(tensor, "float32") for tensor in pair)
        return ops.mean(ops.abs(one - two), axis=(1, 2, 3))[:, None]


def _mean(_: Any, loss: Any) -> Any:
    """Mean of an output that is the loss itself."""
    return ops.mean(loss)


class AdversarialTraining(PictureTraining):
    """Trains a network of RGB with three losses; parameters as of `Training`.

    Raises
    ------
    MissingPackageError
        If the features' weights are not installed.
    """

    def adopt(self, model: Any) -> None:
        """Set the network to train, and the two networks of the losses."""
        super().adopt(model)
        recipe = self.recipe
        self.judge = discriminator()
        features = feature_network()
        planes = keras.Input((None, None, 3), name="planes")
        real = keras.Input((None, None, 3), name="real")
        made = self.trained(planes)
        pixels = _Distance()([made, real])
        seen = _Distance()([features(made), features(real)])
        judged = _Relativistic()([self.judge(made), self.judge(real)])
        parts = [
            keras.layers.Rescaling(weight)(part)
            for weight, part in (
                (recipe.pixel_weight, pixels),
                (recipe.feature_weight, seen),
                (recipe.adversarial_weight, judged),
            )
        ]
        compiled = keras.backend.backend() == "jax"
        options: dict[str, Any] = {"loss": _mean, "jit_compile": compiled}
        self.judge.trainable = False
        self.generation = keras.Model([planes, real], keras.layers.Add()(parts))
        self.generation.compile(optimizer=self.optimizer, **options)
        self.judge.trainable = True
        pair = [keras.Input((None, None, 3), name=name) for name in ("reference", "enhanced")]
        scores = [self.judge(tensor) for tensor in pair]
        self.judgement = keras.Model(pair, _Relativistic()(scores))
        self.judge_optimizer = keras.optimizers.Adam(recipe.learning_rate)
        self.judgement.compile(optimizer=self.judge_optimizer, **options)
        self.judge_optimizer.build(self.judge.trainable_variables)

    def descend(self, planes: Any, strength: Any, targets: Any) -> float:
        """Step of the generator, then of the discriminator; the generator's loss."""
        rate = self.recipe.rate(self.step)
        self.judge_optimizer.learning_rate = rate
        real = targets[..., :-1]
        self.judge.trainable = False
        loss = float(self.generation.train_on_batch([planes, real], strength))
        self.judge.trainable = True
        enhanced = ops.convert_to_numpy(self.trained(planes, training=False))
        self.judgement.train_on_batch([real, enhanced], strength)
        return loss

    def further_variables(self) -> list[Any]:
        """Variables of the discriminator and its optimizer."""
        return [*self.judge.variables, *self.judge_optimizer.variables]
