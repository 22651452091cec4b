"""Compression of reference pictures by the encoders of `edgeqe.coding`, as planes of the networks.

JPEG has `degrade.code`. Every other codec codes a whole picture, all intra or as the last of a
short low-delay clip, its loop filters on, and what its decoder gives becomes the planes, deep
samples with their fractions. The step is what the device reads from the stream itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeqe.codecs.identify import strength_of
from edgeqe.codecs.strength import (
    step_from_qp,
    step_from_quantizer,
    step_from_rate,
    step_from_webp_quality,
)
from edgeqe.coding import Coder, Frame, Layout, coder
from edgeqe.files.upsample import i420_to_rgb
from edgeqe.typing import Float, Rgb
from edgeqe.zoo.training.degrade import (
    GRAY_SHARE,
    CodedPicture,
    coded_picture,
    full_range,
    planes_of,
    studio_range,
)

#: Strengths that are drawn, each from one of these ranges, evenly, in the codec's own unit: the
#: first is drawn two times in three. QP of the video codecs and quantizer of AV1; quality of
#: WebP; ratio of the uncoded picture's bytes to JPEG 2000's, evenly in its logarithm.
RANGES: Mapping[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "h264": ((20, 40), (17, 47)),
    "hevc": ((20, 40), (17, 47)),
    "vvc": ((20, 40), (17, 47)),
    "av1": ((16, 52), (8, 58)),
    "webp": ((10, 90), (5, 95)),
    "jpeg2000": ((13, 100), (8, 120)),
}
#: Fine ends, in the same units, JPEG's quality among them: what a recipe's `fine_share` is drawn
#: from, evenly. Without a share of its own a network learns to change pictures there that have
#: next to no errors, and they lose by it.
FINE_ENDS: Mapping[str, tuple[float, float]] = {
    "jpeg": (90, 97),
    "h264": (12, 20),
    "hevc": (12, 20),
    "vvc": (12, 20),
    "av1": (2, 12),
    "webp": (85, 100),
    "jpeg2000": (1.6, 8),
}
#: Codecs that networks are trained for, in the order that cards list them.
CODECS = ("jpeg", *RANGES)
#: Strengths that are validated, in the coder's unit, of pictures without chroma.
VALIDATED: Mapping[str, tuple[float, ...]] = {
    "h264": (22, 32, 42),
    "hevc": (22, 32, 42),
    "vvc": (22, 32, 42),
    "av1": (20, 36, 52),
    "webp": (20, 50, 80),
    "jpeg2000": (8 / 13, 8 / 30, 8 / 100),
}
#: Step that the strength table ends at; coarser ones are taken as it.
COARSEST_STEP = 152.0
#: Share of the clips among pictures of H.264 and HEVC, and their frames, the last of which counts.
CLIP_SHARE, CLIP_FRAMES = 0.25, 3
#: Share of HEVC that is coded with 10 bits, and of stills that are shown as RGB before they are
#: enhanced. WebP has no other range than studio's, and most viewers give its RGB.
DEEP_SHARE = 0.2
SHOWN_SHARE = {"webp": 0.6, "av1": 0.3, "hevc": 0.15}
#: Most that a frame of a clip moves, pixels, and zooms; and the rim that this needs, pixels.
PAN, ZOOM, MARGIN = 6.0, 0.02, 16


def draw_value(rng: np.random.Generator, codec: str) -> float:
    """Strength of a codec in the unit of its coder, at random."""
    return _draw_between(rng, codec, RANGES[codec][int(rng.random() >= 2 / 3)])


def draw_fine_value(rng: np.random.Generator, codec: str) -> float:
    """Strength of a codec's fine end in the unit of its coder, at random."""
    return _draw_between(rng, codec, FINE_ENDS[codec])


def _draw_between(rng: np.random.Generator, codec: str, ends: tuple[float, float]) -> float:
    low, high = ends
    if codec == "jpeg2000":  # a rate in bits of a colour pixel
        return 24.0 / math.exp(rng.uniform(math.log(low), math.log(high)))
    return float(rng.integers(int(low), int(high) + 1))


def nominal_step(codec: str, value: float) -> float:
    """Step that a strength of a codec stands for, 8-bit sample values."""
    of = {"av1": step_from_quantizer, "webp": step_from_webp_quality, "jpeg2000": step_from_rate}
    return of.get(codec, step_from_qp)(value)


def code_by(codec: str, rgb: Rgb, rng: np.random.Generator, value: float) -> CodedPicture:
    """Code an RGB picture by a codec and decode it.

    Parameters
    ----------
    codec : str
        One of `RANGES`.
    rgb : ndarray of uint8, shape (H, W, 3)
        Reference; H and W multiples of 16, at least 64.
    rng : numpy.random.Generator
        Draws gray or colour, range, depth, clip and front end.
    value : float
        Strength, as of `draw_value`.

    Raises
    ------
    InputError
        If the encoder is not there.
    """
    gray, studio = bool(rng.random() < GRAY_SHARE), bool(rng.random() < 0.5)
    deep, shown, clip = rng.random(3)
    encoder = _coder(codec)
    if codec == "jpeg2000":
        return _jpeg2000(encoder, rgb, gray, studio, value)
    studio |= codec == "webp"
    ycc = full_range(rgb)
    if studio:
        studio_range(ycc)
    depth = 10 if codec == "vvc" or (codec == "hevc" and deep < DEEP_SHARE) else 8
    frames = [_frame(ycc, gray, depth)]
    if codec in ("h264", "hevc") and clip < CLIP_SHARE:
        before = _moved(rgb, rng)
        for picture in before:
            moved = full_range(picture)
            frames.insert(-1, _frame(studio_range(moved) if studio else moved, gray, depth))
    data, decoded = _coded(encoder, frames, value)
    if decoded.bit_depth == 8 and shown < SHOWN_SHARE.get(codec, 0.0):
        ycc, planes = _as_shown(rgb, decoded, gray, studio)
    else:
        planes = _planes(decoded, gray)
    return coded_picture(planes, _clean(ycc, gray), _log2_step(data), gray, codec)


def _jpeg2000(encoder: Coder, rgb: Rgb, gray: bool, studio: bool, rate: float) -> CodedPicture:
    """JPEG 2000 codes RGB, or luma at a third of the rate, which is the same ratio."""
    ycc = full_range(rgb)
    if not gray:
        data = encoder.encode(Frame(Layout.RGB, (rgb,)), rate)
        found = full_range(encoder.decode(data).planes[0])
        planes, clean = (planes_of(part[..., 0], part[..., 1:]) for part in (found, ycc))
        return coded_picture(planes, clean, _log2_step(data), False, "jpeg2000")
    luma = (studio_range(ycc) if studio else ycc)[..., 0]
    frame = Frame(Layout.GRAY, (_rounded(luma),))
    data = encoder.encode(frame, rate / 3)
    planes = planes_of(encoder.decode(data).planes[0], None)
    return coded_picture(planes, planes_of(luma, None), _log2_step(data), True, "jpeg2000")


def _planes(decoded: Frame, gray: bool) -> Float:
    """Six planes of a decoded frame, 8-bit levels."""
    y, cb, cr = decoded.in_eight_bits()
    planes = planes_of(y, None)
    if not gray:
        planes[..., 4], planes[..., 5] = cb, cr
    return planes


def _clean(ycc: Float, gray: bool) -> Float:
    """Six planes of a reference's full-size Y, Cb, Cr."""
    return planes_of(ycc[..., 0], None if gray else ycc[..., 1:])


def _coded(encoder: Any, frames: Sequence[Frame], value: float) -> tuple[bytes, Frame]:
    """Stream of frames, and the last of them decoded."""
    if len(frames) == 1:
        data = encoder.encode(frames[0], value)
        return data, encoder.decode(data)
    packets = encoder.encode_clip(frames, value, intra=False)
    return b"".join(packets), encoder.decode_clip(packets)[-1]


def _log2_step(data: bytes) -> float:
    """Strength of a stream as the device reads it, inside the strength table."""
    read = strength_of(data)
    assert read is not None, "every encoder here has its reader"
    return math.log2(min(max(read.step, 1.0), COARSEST_STEP))


@lru_cache
def _coder(codec: str) -> Coder:
    return coder(codec)


def _frame(ycc: Float, gray: bool, depth: int) -> Frame:
    """4:2:0 planes of full-size Y, Cb, Cr; of a gray picture chroma is neutral."""
    planes = _clean(ycc, gray)
    parts = ycc[..., 0], planes[..., 4], planes[..., 5]
    return Frame(Layout.YUV420, tuple(_rounded(part, depth) for part in parts), depth)


def _rounded(values: Float, depth: int = 8) -> npt.NDArray[Any]:
    """Samples of a depth of 8-bit sample values."""
    scale = 2 ** (depth - 8)
    integers = np.clip(np.rint(values * np.float32(scale)), 0, 256 * scale - 1)
    return np.ascontiguousarray(integers.astype(np.uint8 if depth == 8 else np.uint16))


def _moved(rgb: Rgb, rng: np.random.Generator) -> list[Rgb]:
    """Frames that come before a picture in its clip: a pan and a zoom that end in it."""
    height, width = rgb.shape[:2]
    padded = np.pad(rgb, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="reflect")
    pan, zoom = rng.uniform(-PAN, PAN, 2), 1.0 + rng.uniform(-ZOOM, ZOOM)
    found = []
    for back in range(CLIP_FRAMES - 1, 0, -1):
        scale = zoom**back
        left = MARGIN + width / 2 * (1 - scale) + pan[0] * back / 2
        top = MARGIN + height / 2 * (1 - scale) + pan[1] * back / 2
        moved = Image.fromarray(padded).transform(
            (width, height),
            Image.Transform.AFFINE,
            (scale, 0.0, left, 0.0, scale, top),
            Image.Resampling.BICUBIC,
        )
        found.append(np.asarray(moved))
    return found


def _as_shown(rgb: Rgb, decoded: Frame, gray: bool, studio: bool) -> tuple[Float, Float]:
    """Full-range Y, Cb, Cr of a picture, and planes of the RGB that a viewer shows of it."""
    y, cb, cr = (plane.astype(np.float32) for plane in decoded.planes)
    if studio:
        y = (y - 16.0) * np.float32(255 / 219)
        cb, cr = ((part - 128.0) * np.float32(255 / 224) + 128.0 for part in (cb, cr))
    shown = i420_to_rgb(*(_rounded(part) for part in (y, cb, cr)))
    found = full_range(shown)
    return full_range(rgb), planes_of(found[..., 0], None if gray else found[..., 1:])
