"""Compression by real encoders: planes as decoders give them, the stream's own step, the reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe.coding import Frame, Layout, coder
from edgeqe.typing import Double
from edgeqe.zoo.training import encoded
from edgeqe.zoo.training.degrade import FINENESS, CodedPicture
from edgeqe.zoo.training.encoded import (
    FINE_ENDS,
    RANGES,
    code_by,
    draw_fine_value,
    draw_value,
    nominal_step,
)
from tests.reference import photograph

pytest.importorskip("av")
pytest.importorskip("imageio_ffmpeg")

#: A strength of each codec and what its step is by the codec's own formula or table.
STRENGTHS = {
    "h264": (30, 2 ** (26 / 6)),
    "hevc": (30, 2 ** (26 / 6)),
    "vvc": (30, 2 ** (26 / 6)),
    "av1": (30, 19.0),  # base_q_idx 120, whose AC quantizer is 152 eighths
    "webp": (75, None),  # changed by the encoder from segment to segment
    "jpeg2000": (24 / 20, None),  # the step is the picture's own
}


def planes_by_hand(rgb: npt.NDArray[np.uint8], gray: bool, studio: bool) -> Double:
    """Six planes of the reference by the formulas of ITU-T T.871 and BT.601, 8-bit levels."""
    r, g, b = (rgb[..., channel].astype(np.float64) for channel in range(3))
    y = 0.299 * r + 0.587 * g + 0.114 * b
    cb, cr = 128 + (b - y) / 1.772, 128 + (r - y) / 1.402
    if studio:
        y, cb, cr = 16 + y * 219 / 255, 128 + (cb - 128) * 224 / 255, 128 + (cr - 128) * 224 / 255
    means = [
        np.full((len(y) // 2, y.shape[1] // 2), 128.0)
        if gray
        else part.reshape(len(y) // 2, 2, -1, 2).mean(axis=(1, 3))
        for part in (cb, cr)
    ]
    phases = [y[row::2, column::2] for row in (0, 1) for column in (0, 1)]
    return np.stack([*phases, *means], axis=-1)


def restored(coded: CodedPicture) -> Double:
    """Decoded planes plus residual, 8-bit levels."""
    parts = coded.samples.astype(np.float64) / FINENESS
    return parts[..., :6] + parts[..., 6:] + 128


@pytest.mark.parametrize("codec", list(RANGES))
def test_a_sample_and_its_target_make_the_reference(codec: str) -> None:
    rgb = photograph("astronaut", 0, 128, 64, 96)
    value, step = STRENGTHS[codec]
    kinds = set()
    for seed in range(8):
        coded = code_by(codec, rgb, np.random.default_rng(seed), value)
        apart = [
            np.abs(restored(coded) - planes_by_hand(rgb, coded.gray, studio)).max()
            for studio in (False, True)
        ]
        # decoded samples and residual are each rounded to 1/64 level, in float32
        assert min(apart) < 1.0 / FINENESS + 1e-3
        assert coded.codec == codec
        kinds.add(coded.gray)
        if step is not None:
            assert math.isclose(2.0**coded.log2_step, step, rel_tol=1e-6)
        error = coded.samples[..., 6:10].astype(np.float64) / FINENESS
        if codec == "jpeg2000":
            # a uniform quantizer's error is a twelfth of its squared step; less where much of the
            # picture is finer than the step
            assert -0.5 < coded.log2_step - math.log2(12 * np.mean(error**2)) / 2 < 1.5
        assert 0.5 < np.mean(error**2) < 400
    assert kinds == {False, True}


def test_what_is_decoded_is_the_stream_of_a_plain_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """HEVC with 8 and 10 bits, against planes that are encoded here."""
    monkeypatch.setattr(encoded, "GRAY_SHARE", 1.0)
    monkeypatch.setattr(encoded, "CLIP_SHARE", 0.0)
    monkeypatch.setattr(encoded, "SHOWN_SHARE", {})
    rgb = photograph("camera", 40, 60, 64, 96)[..., None].repeat(3, axis=-1)
    half = np.full((32, 48), 128, np.uint8)
    for depth, dtype in ((8, np.uint8), (10, np.uint16)):
        monkeypatch.setattr(encoded, "DEEP_SHARE", float(depth == 10))
        found = set()
        for seed in range(6):  # full or studio range
            coded = code_by("hevc", rgb, np.random.default_rng(seed), 32)
            luma = coded.samples[..., :4].astype(np.float64) / FINENESS + 128
            for studio in (False, True):
                y = planes_by_hand(rgb, True, studio)[..., :4]
                whole = y.reshape(32, 48, 2, 2).transpose(0, 2, 1, 3).reshape(64, 96)
                scale = 2 ** (depth - 8)
                given = [np.rint(whole * scale), half * float(scale), half * float(scale)]
                frame = Frame(Layout.YUV420, tuple(plane.astype(dtype) for plane in given), depth)
                hevc: Any = coder("hevc")
                decoded = hevc.decode(hevc.encode(frame, 32)).planes[0] / scale
                phases = [decoded[r::2, c::2] for r in (0, 1) for c in (0, 1)]
                if np.array_equal(luma, np.stack(phases, axis=-1)):
                    found.add(studio)
        assert found == {False, True}


def test_a_clip_ends_in_the_picture_and_predicts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoded, "GRAY_SHARE", 0.0)
    rgb = photograph("coffee", 100, 200, 64, 96)
    streams: list[tuple[Any, Any]] = []
    whole = encoded._coded

    def seen(encoder: Any, frames: Any, value: float) -> Any:
        result = whole(encoder, frames, value)
        streams.append((frames, result[0]))
        return result

    monkeypatch.setattr(encoded, "_coded", seen)
    errors = []
    for share in (0.0, 1.0):
        monkeypatch.setattr(encoded, "CLIP_SHARE", share)
        coded = code_by("h264", rgb, np.random.default_rng(4), 27)
        errors.append(np.mean((coded.samples[..., 6:10] / FINENESS) ** 2))
        assert math.isclose(2.0**coded.log2_step, 2 ** (23 / 6), rel_tol=1e-6)
    (alone, _), (clip, data) = streams
    assert len(alone) == 1 and len(clip) == encoded.CLIP_FRAMES
    np.testing.assert_array_equal(clip[-1].planes[0], alone[0].planes[0])
    for earlier in clip[:-1]:  # moved by a few pixels: like it, not it
        difference = np.abs(earlier.planes[0].astype(int) - clip[-1].planes[0]).mean()
        assert 0.5 < difference < 40
    assert data.count(b"\0\0\1\x65") == 1  # one IDR slice, x264's second byte of the unit's type
    assert errors[1] < 3 * errors[0]


def test_strengths_are_drawn_from_the_codec_s_range() -> None:
    rng = np.random.default_rng(1)
    for codec, (_, (low, high)) in RANGES.items():
        drawn = [draw_value(rng, codec) for _ in range(300)]
        if codec == "jpeg2000":
            drawn = [24 / rate for rate in drawn]
        assert low <= min(drawn) < low + 0.2 * (high - low)
        assert high - 0.3 * (high - low) < max(drawn) <= high
    for codec, (low, high) in FINE_ENDS.items():
        drawn = [draw_fine_value(rng, codec) for _ in range(300)]
        if codec == "jpeg2000":
            drawn = [24 / rate for rate in drawn]
        assert low <= min(drawn) < low + 0.2 * (high - low)
        assert high - 0.3 * (high - low) < max(drawn) <= high
    assert nominal_step("vvc", 34) == 32.0
    assert nominal_step("jpeg2000", 0.5) == 34.0
