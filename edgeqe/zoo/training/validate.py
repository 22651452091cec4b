"""Validation: PSNR per quality before and after, on pictures never trained on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeqe.files.folders import list_pictures
from edgeqe.metrics import psnr
from edgeqe.protocols import CodingProtocol, ReferencePicture, compress
from edgeqe.typing import Float, Rgb, Uint8
from edgeqe.views.colour import NEUTRAL, SCALE, depth_to_space, space_to_depth, to_network
from edgeqe.zoo import codecs_of
from edgeqe.zoo.strengths import with_codec
from edgeqe.zoo.training.degrade import FINENESS, CodedPicture
from edgeqe.zoo.training.encoded import code_plainly
from edgeqe.zoo.training.pictures import load, split

#: The validation set: BSDS comes as JPEG, so it is downscaled off its own grid.
BSDS, BSDS_SCALE, BSDS_SIZE = "research/bsds_val100_holdout", 0.7, (336, 224)
HOLDOUT_SIZE = (512, 384)


def validation_sets(data: Path, training: Path, every: int = 1) -> dict[str, list[Rgb]]:
    """Pictures of one size a set: BSDS val100 (where present) and the held-out photographs.

    Parameters
    ----------
    data : Path
        Data folder.
    training : Path
        Folder of the training pictures, which holds the held-out ones too.
    every : int
        Take every so-many-th picture of BSDS.
    """
    sets: dict[str, list[Rgb]] = {}
    if (data / BSDS).is_dir():
        files = list_pictures(data / BSDS)[::every]
        sets["bsds"] = [_fit(file, BSDS_SIZE, BSDS_SCALE) for file in files]
    _, held = split(list_pictures(training))
    if held:
        sets["held-out"] = [_fit(file, HOLDOUT_SIZE, 0.7) for file in held]
    return sets


def _fit(file: Path, size: tuple[int, int], scale: float) -> Rgb:
    """Downscale, lay on its side if upright, and crop the centre to a size."""
    picture = Image.fromarray(load(file))
    if picture.height > picture.width:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
    scale = max(scale, size[0] / picture.width, size[1] / picture.height)
    width = max(size[0], round(picture.width * scale))
    height = max(size[1], round(picture.height * scale))
    picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    return np.asarray(picture.crop((left, top, left + size[0], top + size[1])))


def psnr_gains(model: Any, pictures: list[Rgb], quality: int) -> dict[str, tuple[float, float]]:
    """Mean PSNR before and after, dB, protocols ``gray`` and ``planes``, as `edgeqe bench` has them.

    Parameters
    ----------
    model : keras.Model
        Of six planes and the strength.
    pictures : list of ndarray of uint8, shape (H, W, 3)
        References; H and W even.
    quality : int
        IJG quality, 1 to 100.
    """
    network, found = KerasNetwork(model, "jpeg"), {}
    for protocol in (CodingProtocol.GRAY, CodingProtocol.PLANES):
        figures = []
        for rgb in pictures:
            coded = compress(ReferencePicture("", rgb), protocol, quality)
            shown = coded.decoded, coded.enhanced(network)
            figures.append([psnr(coded.reference.pixels, picture.pixels) for picture in shown])
        before, after = np.mean(figures, axis=0)
        found[protocol.value] = float(before), float(after)
    return found


class KerasNetwork:
    """A Keras model of six planes as a `MeasuredNetwork`: the whole picture, rounded once.

    Parameters
    ----------
    model : keras.Model
    codec : str
        One that the model serves, whose pictures it is given.
    """

    takes_planes = True

    def __init__(self, model: Any, codec: str) -> None:
        codecs = codecs_of(model)
        self._model, self._place = model, (codecs.index(codec), len(codecs))

    def enhance(self, image: Uint8, /, *, step: float) -> Uint8:
        """Enhanced gray picture, (H, W), H and W even; its chroma is neutral."""
        height, width = image.shape
        neutral = np.full((height // 2, width // 2), NEUTRAL, np.uint8)
        return self.enhance_planes(image, neutral, neutral, step=step)[0]

    def enhance_planes(
        self, y: Uint8, u: Uint8, v: Uint8, /, *, step: float
    ) -> tuple[Uint8, Uint8, Uint8]:
        """Enhanced planes of the same shapes, (H, W) and (H / 2, W / 2)."""
        planes = np.concatenate([space_to_depth(y), u[..., None], v[..., None]], axis=-1)
        residual = self.residual(planes, math.log2(step))
        return (
            _rounded(y + depth_to_space(residual[..., :4])),
            _rounded(u + residual[..., 4]),
            _rounded(v + residual[..., 5]),
        )

    def residual(self, planes: npt.NDArray[Any], log2_step: float) -> Float:
        """Residual of six planes (H / 2, W / 2, 6) at a strength, both 8-bit levels."""
        strength = with_codec(np.full((1, 1), log2_step, np.float32), *self._place)
        given = [to_network(planes[None]), strength]
        found: Float = np.asarray(self._model.predict_on_batch(given))[0] * SCALE
        return found


class CodecValidation:
    """Luma's PSNR before and after by codecs other than JPEG; pictures are coded once."""

    def __init__(self) -> None:
        self._coded: dict[tuple[str, int, str, float], CodedPicture] = {}

    def gains(
        self, model: Any, name: str, pictures: list[Rgb], codec: str, value: float
    ) -> tuple[float, float]:
        """Mean PSNR of studio-range luma before and after, dB, in 8 bits.

        Pictures are coded in 4:2:0 and all intra, for JPEG 2000 as luma alone.

        Parameters
        ----------
        model : keras.Model
        name : str
            Of the set.
        pictures : list of ndarray of uint8, shape (H, W, 3)
            References; H and W multiples of 16.
        codec : str
        value : float
            Strength in the unit of the codec's coder.
        """
        network, figures = KerasNetwork(model, codec), []
        for index, rgb in enumerate(pictures):
            key = name, index, codec, value
            if key not in self._coded:
                self._coded[key] = code_plainly(codec, rgb, value, gray=codec == "jpeg2000")
            coded = self._coded[key]
            parts = coded.samples.astype(np.float32) / np.float32(FINENESS)
            decoded = parts[..., :6] + np.float32(NEUTRAL)
            luma = depth_to_space(decoded[..., :4])
            reference = _rounded(luma + depth_to_space(parts[..., 6:10]))
            added = depth_to_space(network.residual(decoded, coded.log2_step)[..., :4])
            figures.append([psnr(reference, _rounded(y)) for y in (luma, luma + added)])
        before, after = np.mean(figures, axis=0)
        return float(before), float(after)


def _rounded(values: npt.NDArray[np.floating[Any]]) -> Uint8:
    rounded: Uint8 = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded
