import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeqe.codecs import jpeg
from edgeqe.codecs.strength import step_from_quality
from edgeqe.errors import ImageError, InputError
from edgeqe.files.upsample import STRIPE_ROWS, i420_to_rgb, upsample_rows

# Odd and even, below and above the widths and heights at which libjpeg changes its ways,
# and beyond one stripe.
SIZES = [(1, 1), (1, 3), (1, 4), (2, 1), (33, 1), (3, 2), (17, 3), (3, 5), (4, 17), (16, 16),
         (31, 18), (STRIPE_ROWS, 9), (STRIPE_ROWS + 1, 40), (2 * STRIPE_ROWS + 3, 65)]  # fmt: skip


def noise(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def coded(
    height: int, width: int, *, mode: str = "RGB", quality: int = 40, **options: Any
) -> bytes:
    stream = io.BytesIO()
    picture = Image.fromarray(noise(height, width)).convert(mode)
    picture.save(stream, "JPEG", quality=quality, **options)
    return stream.getvalue()


def decoded(data: bytes, mode: str) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as picture:
        picture.draft(mode, picture.size)
        assert picture.mode == mode
        return np.asarray(picture)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_planes_and_upsampling_equal_the_decoder(
    height: int, width: int, progressive: bool
) -> None:
    data = coded(height, width, subsampling=2, progressive=progressive)
    y, cb, cr = jpeg.decode_420(data)
    half = ((height + 1) // 2, (width + 1) // 2)
    assert (y.shape, cb.shape, cr.shape) == ((height, width), half, half)
    # Bit for bit: the same integer arithmetic as libjpeg-turbo's.
    whole = decoded(data, "YCbCr")
    np.testing.assert_array_equal(y, whole[..., 0])
    np.testing.assert_array_equal(upsample_rows(cb, 0, height, width), whole[..., 1])
    np.testing.assert_array_equal(upsample_rows(cr, 0, height, width), whole[..., 2])
    np.testing.assert_array_equal(i420_to_rgb(y, cb, cr), decoded(data, "RGB"))


def test_triangle_filter_by_hand() -> None:
    chroma = np.array([[0, 16, 64], [160, 16, 64]], np.uint8)
    # First row: 3 * near + far is itself with the border repeated: 4 * (0, 16, 64).
    # Even columns: (3 * sum + left + 8) >> 4, odd: (3 * sum + right + 7) >> 4.
    row = upsample_rows(chroma, 0, 1, 6)
    assert row.tolist() == [[0, (64 + 7) >> 4, (192 + 8) >> 4, (192 + 256 + 7) >> 4,
                             (768 + 64 + 8) >> 4, (768 + 256 + 7) >> 4]]  # fmt: skip
    # Second row: sums 3 * (0, 16, 64) + (160, 16, 64) = 160, 64, 256.
    assert upsample_rows(chroma, 1, 2, 1).tolist() == [[(480 + 160 + 8) >> 4]]


def test_conversion_clips_and_keeps_gray() -> None:
    gray = np.full((2, 2), 77, np.uint8)
    neutral = np.full((1, 1), 128, np.uint8)
    assert (i420_to_rgb(gray, neutral, neutral) == 77).all()
    # Y 255, Cr 255: red 255 + 178 clips; green 255 - 0.71414 * 127 = 164.3; blue stays.
    red = i420_to_rgb(np.full((2, 2), 255, np.uint8), neutral, np.full((1, 1), 255, np.uint8))
    assert red[0, 0].tolist() == [255, 164, 255]


def test_planes_of_a_flat_colour_by_hand() -> None:
    picture = Image.fromarray(np.full((20, 30, 3), (200, 100, 50), np.uint8))
    y, cb, cr = jpeg.decode_420(jpeg.encode(picture, 100))
    # T.871: Y = 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2, Cb = 128 - 41.9 = 86.1,
    # Cr = 128 + 54.1 = 182.1. Steps of 1 keep a flat block within one level.
    for plane, value in ((y, 124.2), (cb, 86.1), (cr, 182.1)):
        assert np.abs(plane - value).max() <= 1.0


@pytest.mark.parametrize(
    ("mode", "options", "expected"),
    [
        ("RGB", {"subsampling": 2}, True),
        ("RGB", {"subsampling": 1}, False),
        ("RGB", {"subsampling": 0}, False),
        ("RGB", {"keep_rgb": True}, False),
        ("L", {}, False),
        ("CMYK", {}, False),
    ],
)
def test_is_420(mode: str, options: dict[str, Any], expected: bool) -> None:
    with Image.open(io.BytesIO(coded(16, 24, mode=mode, **options))) as picture:
        assert jpeg.is_420(picture) is expected


def test_components_named_rgb_without_markers_are_rgb() -> None:
    # Without a JFIF or Adobe marker libjpeg goes by the component names.
    data = bytearray(coded(16, 24, subsampling=2))
    length = int.from_bytes(data[4:6], "big")
    assert data[2:4] == b"\xff\xe0"
    del data[2 : 4 + length]
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    for component, name in enumerate(b"RGB"):
        data[frame + 10 + 3 * component] = name
        data[scan + 5 + 2 * component] = name
    with Image.open(io.BytesIO(data)) as picture:
        assert jpeg.sampling(picture) == jpeg.SAMPLING_420
        assert not jpeg.is_420(picture)


def test_a_long_single_row_is_refused() -> None:
    data = coded(1, 5, subsampling=2)
    with Image.open(io.BytesIO(data)) as picture:
        assert not jpeg.is_420(picture)
    with pytest.raises(InputError, match="5x1 JPEG"):
        jpeg.decode_420(data)


def test_gray_luma_equals_the_decoder() -> None:
    data = coded(19, 23, mode="L")
    np.testing.assert_array_equal(jpeg.decode_luma(data), decoded(data, "L"))


def test_tables_come_in_row_order() -> None:
    table = list(range(1, 65))
    data = coded(8, 8, qtables=[table, table], quality=50)  # quality 50 scales by 1
    with Image.open(io.BytesIO(data)) as picture:
        assert list(picture.quantization[0]) == table  # type: ignore[attr-defined]
    # The file itself holds it in zigzag order.
    start = data.index(b"\xff\xdb") + 5
    assert list(data[start : start + 6]) == [1, 2, 9, 17, 10, 3]


@pytest.mark.parametrize("quality", [1, 5, 10, 20, 30, 50, 75, 90, 95, 100])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"mode": "L"}, {"subsampling": 0}])
def test_strength_is_the_one_asked_for(quality: int, options: dict[str, Any]) -> None:
    found = jpeg.strength(coded(40, 24, quality=quality, **options))
    assert (found.codec, found.scale, found.number) == ("jpeg", "quality", quality)
    assert (found.width, found.height, found.bit_depth) == (24, 40, 8)
    assert found.step == pytest.approx(step_from_quality(quality), rel=1e-12)


def test_strength_of_tables_of_16_bits_and_of_other_numbers() -> None:
    def segment(marker: int, body: bytes) -> bytes:
        return b"\xff" + bytes([marker]) + (2 + len(body)).to_bytes(2, "big") + body

    # Entry k of the zigzag order is 2 ** k up to 2 ** 15: exponents 1 to 15 have the mean 8. Most
    # entries are 1, so the nearest IJG table is that of quality 100, whose step is 1 / 4.
    entries = [2**place for place in range(16)] + [1] * 48
    wide = b"\x12" + b"".join(entry.to_bytes(2, "big") for entry in entries)
    unused = b"\x00" + bytes([9]) * 64
    frame = b"\x0c" + bytes([0, 2, 0, 3]) + b"\x01" + b"\x01\x11\x02"
    data = b"\xff\xd8" + segment(0xE0, b"\xff\xdb") + segment(0xDB, unused + wide)
    found = jpeg.strength(data + b"\xff\xff\xff" + segment(0xC1, frame)[1:] + b"\xff\xd9")
    assert found.step == pytest.approx(256.0 ** (1 / 3) * 0.25 ** (2 / 3), rel=1e-12)
    assert (found.width, found.height, found.bit_depth) == (3, 2, 12)


@pytest.mark.parametrize("kept", [2, 4, 30, 150])
def test_strength_of_a_cut_file_is_refused(kept: int) -> None:
    with pytest.raises(ImageError, match="a JPEG"):
        jpeg.strength(coded(40, 24)[:kept])
