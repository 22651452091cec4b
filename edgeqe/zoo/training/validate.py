"""Validation: PSNR per quality before and after, on pictures never trained on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeqe.codecs import jpeg
from edgeqe.codecs.strength import step_from_quality
from edgeqe.typing import Float, Rgb
from edgeqe.views.colour import (
    RGB_TO_YCC,
    SCALE,
    depth_to_space,
    pool,
    rgb_to_ycc,
    space_to_depth,
    to_network,
)
from edgeqe.zoo.training.pictures import load, picture_files, split

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
        files = picture_files(data / BSDS)[::every]
        sets["bsds"] = [_fit(file, BSDS_SIZE, BSDS_SCALE) for file in files]
    _, held = split(picture_files(training))
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
    """Mean PSNR before and after, protocols ``gray`` and ``colour``.

    Gray: studio-range luma coded as grayscale. Colour: 4:2:0, RGB of planes whose
    chroma is upsampled by repetition, before rounding; a figure to watch a training
    by, which `edgeqe bench` measures in full.
    """
    log2_step = math.log2(step_from_quality(quality))
    gray_clean, gray_in, ycc_clean, ycc_in = [], [], [], []
    for rgb in pictures:
        ycc = rgb_to_ycc(rgb.astype(np.float32))
        studio = np.rint(16.0 + ycc[..., 0] * (219.0 / 255.0)).astype(np.uint8)
        gray_clean.append(studio)
        gray_in.append(jpeg.decode_luma(jpeg.encode(Image.fromarray(studio), quality)))
        ycc_clean.append(np.concatenate([space_to_depth(ycc[..., 0]), pool(ycc[..., 1:])], -1))
        y, cb, cr = jpeg.decode_420(jpeg.encode(Image.fromarray(rgb), quality))
        ycc_in.append(np.concatenate([space_to_depth(y), cb[..., None], cr[..., None]], -1))
    planes = np.full((len(pictures), *ycc_in[0].shape), 128, np.uint8)
    planes[..., :4] = [space_to_depth(y) for y in gray_in]
    residual = _predict(model, planes, log2_step)[..., :4]
    after = [
        np.clip(np.rint(y + depth_to_space(r)), 0, 255)
        for y, r in zip(gray_in, residual, strict=True)
    ]
    gray = (_mean_psnr(gray_clean, gray_in), _mean_psnr(gray_clean, after))
    residual = _predict(model, np.stack(ycc_in), log2_step)
    before = [_rgb_psnr(clean - shown) for clean, shown in zip(ycc_clean, ycc_in, strict=True)]
    better = [
        _rgb_psnr(clean - shown - r)
        for clean, shown, r in zip(ycc_clean, ycc_in, residual, strict=True)
    ]
    return {"gray": gray, "colour": (float(np.mean(before)), float(np.mean(better)))}


def _predict(model: Any, planes: npt.NDArray[np.generic], log2_step: float) -> Float:
    """Residual in grey levels, four pictures at a time."""
    parts = []
    for first in range(0, len(planes), 4):
        part = to_network(planes[first : first + 4])
        steps = np.full((len(part), 1), log2_step, np.float32)
        parts.append(np.asarray(model.predict_on_batch([part, steps])) * SCALE)
    return np.concatenate(parts)


def _mean_psnr(clean: list[Any], shown: list[Any]) -> float:
    return float(
        np.mean(
            [
                10 * np.log10(255**2 / np.square(a.astype(np.float64) - b).mean())
                for a, b in zip(clean, shown, strict=True)
            ]
        )
    )


def _rgb_psnr(error: npt.NDArray[np.generic]) -> float:
    """RGB PSNR of an error of six planes."""
    inverse = np.linalg.inv(RGB_TO_YCC.astype(np.float64))
    phases = np.stack(
        [np.concatenate([error[..., k : k + 1], error[..., 4:]], -1) for k in range(4)]
    )
    return float(10 * np.log10(255**2 / np.square(phases @ inverse.T).mean()))
