"""Validation: PSNR per quality before and after, on pictures never trained on."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeqe.codecs.strength import STATED_BY
from edgeqe.files.folders import list_pictures
from edgeqe.metrics import psnr
from edgeqe.protocols import (
    CodingProtocol,
    CompressedPicture,
    MeasuredNetwork,
    ReferencePicture,
    compress,
)
from edgeqe.typing import Rgb, Uint8
from edgeqe.views.colour import NEUTRAL, SCALE, depth_to_space, space_to_depth, to_network
from edgeqe.views.margin import MARGIN
from edgeqe.zoo import codecs_of
from edgeqe.zoo.strengths import with_codec
from edgeqe.zoo.training.encoded import VALIDATED
from edgeqe.zoo.training.pictures import load, split

#: The validation set: BSDS comes as JPEG, so it is downscaled off its own grid.
BSDS, BSDS_SCALE, BSDS_SIZE = "research/bsds_val100_holdout", 0.7, (336, 224)
HOLDOUT_SIZE = (512, 384)
#: Every which picture of a set is validated by other codecs than JPEG.
CODEC_EVERY = 2


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


class Compressor:
    """Compresses pictures as `edgeqe.protocols` does; what other codecs than JPEG made is kept."""

    def __init__(self) -> None:
        self._kept: dict[tuple[bytes, CodingProtocol, float, str], CompressedPicture] = {}

    def __call__(
        self, rgb: Rgb, protocol: CodingProtocol, value: float, codec: str
    ) -> CompressedPicture:
        """Compressed picture; see `edgeqe.protocols.compress`."""
        reference = ReferencePicture("", rgb)
        if codec == "jpeg":
            return compress(reference, protocol, value)
        key = hashlib.sha256(rgb.tobytes()).digest(), protocol, value, codec
        if key not in self._kept:
            self._kept[key] = compress(reference, protocol, value, codec)
        return self._kept[key]


def psnr_gains(
    model: Any,
    pictures: list[Rgb],
    value: float,
    codec: str = "jpeg",
    compressor: Compressor | None = None,
) -> dict[str, tuple[float, float]]:
    """Mean PSNR before and after, dB, as `edgeqe bench` has it.

    Protocols ``gray`` and ``planes`` of JPEG, ``gray`` of other codecs.

    Parameters
    ----------
    model : keras.Model
        Of six planes and the strength.
    pictures : list of ndarray of uint8, shape (H, W, 3)
        References; H and W even.
    value : float
        Strength: IJG quality, 1 to 100, or as the codec's coder takes it.
    codec : str
        One that the model serves.
    compressor : Compressor, optional
        Keeps what it codes for the next call.
    """
    network, found = KerasNetwork(model), {}
    compressed_by = compressor or Compressor()
    planes = (CodingProtocol.PLANES,) if codec == "jpeg" else ()
    for protocol in (CodingProtocol.GRAY, *planes):
        figures = mean_psnr(network, pictures, protocol, value, codec, compressed_by)
        found[protocol.value] = figures
    return found


def gains_of_sets(
    model: Any,
    sets: Mapping[str, list[Rgb]],
    codecs: Iterable[str],
    qualities: Sequence[int],
    compressor: Compressor,
) -> dict[str, tuple[float, float]]:
    """Mean PSNR before and after, dB, by set, protocol and strength.

    Parameters
    ----------
    model : keras.Model
        Of six planes and the strength.
    sets : mapping of str to list of ndarray
        References by name.
    codecs : iterable of str
        Those that are measured, each at its `VALIDATED` strengths, on every other picture.
    qualities : sequence of int
        Of JPEG, on all pictures.
    compressor : Compressor
        Keeps what the other codecs make for the next call.
    """
    gains: dict[str, tuple[float, float]] = {}
    for name, pictures in sets.items():
        for codec in codecs:
            if codec == "jpeg":
                for quality in qualities:
                    found = psnr_gains(model, pictures, quality)
                    gains |= {f"{name} {key} q{quality}": pair for key, pair in found.items()}
                continue
            some, unit = pictures[::CODEC_EVERY], STATED_BY[codec]
            for value in VALIDATED[codec]:
                found = psnr_gains(model, some, value, codec, compressor)
                gains |= {
                    f"{name} {key} {codec} {unit}{value:.3g}": pair for key, pair in found.items()
                }
    return gains


def mean_psnr(
    network: MeasuredNetwork,
    pictures: Sequence[Rgb],
    protocol: CodingProtocol,
    value: float,
    codec: str,
    compressor: Compressor,
) -> tuple[float, float]:
    """Mean PSNR of pictures before and after a network, dB; parameters as of `psnr_gains`."""
    figures = []
    for rgb in pictures:
        coded = compressor(rgb, protocol, value, codec)
        shown = coded.decoded, coded.enhanced(network)
        figures.append([psnr(coded.reference.pixels, picture.pixels) for picture in shown])
    before, after = np.mean(figures, axis=0)
    return float(before), float(after)


#: Around Y, Cb and Cr, samples.
_MARGINS = (MARGIN, MARGIN // 2, MARGIN // 2)


class KerasNetwork:
    """A Keras model of six planes as a `MeasuredNetwork`: the whole picture with its margin, rounded once.

    Parameters
    ----------
    model : keras.Model
    """

    takes_planes = True

    def __init__(self, model: Any) -> None:
        self._model, self._codecs = model, codecs_of(model)

    def enhance(self, image: Uint8, /, *, step: float, codec: str) -> Uint8:
        """Enhanced gray picture, (H, W), H and W even; its chroma is neutral."""
        height, width = image.shape
        neutral = np.full((height // 2, width // 2), NEUTRAL, np.uint8)
        return self.enhance_planes(image, neutral, neutral, step=step, codec=codec)[0]

    def enhance_planes(
        self, y: Uint8, u: Uint8, v: Uint8, /, *, step: float, codec: str
    ) -> tuple[Uint8, Uint8, Uint8]:
        """Enhanced planes of the same shapes, (H, W) and (H / 2, W / 2)."""
        around = [np.pad(p, m, mode="symmetric") for p, m in zip((y, u, v), _MARGINS, strict=True)]
        planes = np.concatenate(
            [space_to_depth(around[0]), *(p[..., None] for p in around[1:])], -1
        )
        strength = np.full((1, 1), math.log2(step), np.float32)
        strength = with_codec(strength, self._codecs.index(codec), len(self._codecs))
        given = [to_network(planes[None]), strength]
        residual = np.asarray(self._model.predict_on_batch(given))[0] * SCALE
        margin = _MARGINS[1]
        residual = residual[margin:-margin, margin:-margin]
        return (
            _rounded(y + depth_to_space(residual[..., :4])),
            _rounded(u + residual[..., 4]),
            _rounded(v + residual[..., 5]),
        )


def _rounded(values: npt.NDArray[np.floating[Any]]) -> Uint8:
    rounded: Uint8 = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded
