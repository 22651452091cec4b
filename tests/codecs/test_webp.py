import math
import struct

import numpy as np
import pytest

from edgeqe.codecs import webp
from edgeqe.codecs.coded import Scale
from edgeqe.errors import ImageError
from tests import coded_files

#: One macroblock of noise over and over: libwebp makes one segment of it.
EVEN = np.tile(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8), (8, 12, 1))
PHOTO = coded_files.photo(128, 192)


def frame_of(data: bytes) -> bytes:
    """VP8 frame of a file."""
    start = data.index(b"VP8 ") + 8
    return data[start : start + struct.unpack("<I", data[start - 4 : start])[0]]


def test_the_table_is_that_of_the_standard() -> None:
    # RFC 6386, 14.1: 128 entries, here the first, the last one that follows its neighbour, and on
    assert len(webp.AC_STEPS) == 128
    assert webp.AC_STEPS[:3] == (4, 5, 6)
    assert (webp.AC_STEPS[54], webp.AC_STEPS[55], webp.AC_STEPS[83], webp.AC_STEPS[84]) == (
        58, 60, 116, 119,
    )  # fmt: skip
    assert webp.AC_STEPS[-3:] == (274, 279, 284)
    assert webp.step_from_index(0.5) == (4 + 5) / 2 / 2


@pytest.mark.parametrize(
    ("quality", "index"),
    # 127 * (1 - x ** (1/3)), cut, with x two thirds of the quality below 75 and 2 q - 1 from there
    [(0, 127), (10, 75), (25, 57), (40, 45), (50, 38), (60, 33), (75, 26), (80, 19), (90, 9),
     (100, 0)],
)  # fmt: skip
def test_the_index_is_the_encoder_s(quality: int, index: int) -> None:
    found = webp.strength(coded_files.pillow("WEBP", EVEN, quality=quality))
    assert webp.index_from_quality(quality) == index
    assert (found.codec, found.scale, found.number) == ("webp", Scale.INDEX, index)
    assert found.step == pytest.approx(webp.AC_STEPS[index] / 2, rel=1e-12)
    assert (found.width, found.height, found.bit_depth, found.lossless) == (192, 128, 8, False)


@pytest.mark.parametrize("quality", range(5, 100, 10))
@pytest.mark.parametrize("alpha", [False, True])
def test_segments_as_ffmpeg_reads_them(quality: int, alpha: bool) -> None:
    picture = np.dstack((PHOTO, PHOTO[..., 0])) if alpha else PHOTO
    data = coded_files.pillow("WEBP", picture, quality=quality, method=6)
    assert data[12:16] == (b"VP8X" if alpha else b"VP8 ")
    video = coded_files.ivf(frame_of(data), b"VP80", 192, 128)
    elements = dict(coded_files.trace(video, "ivf"))
    assert elements["segment_feature_mode"] == 1  # the quantizers themselves, not differences
    quantizers = [elements.get(f"segment_qp[{place}]", 0) for place in range(4)]
    tree = [elements.get(f"segment_probs[{place}]", 255) / 255 for place in range(3)]
    shares = [tree[0] * tree[1], tree[0] * (1 - tree[1]),
              (1 - tree[0]) * tree[2], (1 - tree[0]) * (1 - tree[2])]  # fmt: skip
    found = webp.strength(data)
    assert found.number == pytest.approx(np.dot(shares, quantizers), rel=1e-12)
    assert min(quantizers) < found.number < max(quantizers)


def test_segments_count_by_their_share() -> None:
    # A frame header by hand: bits of even odds are coded here as they are by an encoder.
    bits = [0, 0]  # colour space, clamping
    bits += [1, 1, 1]  # segments, with a map, with data
    bits += [1]  # as they are
    for index in (10, 20, 40, 80):
        bits += [1, *number(index, 7), 0]
    bits += [0, 0, 0, 0]  # no changes of the loop filter
    for probability in (51, 255, 0):  # 0.2 in segments 0 and 1, all of them 0; else 3
        bits += [1, *number(probability, 8)]
    bits += number(0, 10) + [0] + number(0, 2) + number(63, 7)
    first = encode(bits + [0] * 60)
    tag = (len(first) << 5 | 1 << 4).to_bytes(3, "little")
    frame = tag + b"\x9d\x01\x2a" + struct.pack("<HH", 16, 16) + first
    chunk = b"VP8 " + struct.pack("<I", len(frame)) + frame
    found = webp.strength(b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk)
    assert found.number == pytest.approx(0.2 * 10 + 0.8 * 80, rel=1e-12)
    low, high = webp.AC_STEPS[10] / 2, webp.AC_STEPS[80] / 2
    assert found.step == pytest.approx(math.exp(0.2 * math.log(low) + 0.8 * math.log(high)))


def number(value: int, count: int) -> list[int]:
    return [value >> place & 1 for place in reversed(range(count))]


def encode(bits: list[int]) -> bytes:
    """VP8's arithmetic coder at even odds (RFC 6386, 7.3), with numbers of any length."""
    low, width, shifts = 0, 255, 0
    for bit in bits:
        half = 1 + (width - 1 >> 1)
        low, width = (low + half, width - half) if bit else (low, half)
        while width < 128:
            low, width, shifts = low << 1, width << 1, shifts + 1
    total = shifts + 8
    return (low << -total % 8).to_bytes((total + 7) // 8, "big")


def test_lossless_files_say_so() -> None:
    found = webp.strength(coded_files.pillow("WEBP", PHOTO, lossless=True))
    assert (found.lossless, found.step, found.width, found.height) == (True, 0.0, 192, 128)


def test_files_of_several_pictures_are_refused_by_name() -> None:
    from PIL import Image

    more = [Image.fromarray(PHOTO[::-1])]
    data = coded_files.pillow("WEBP", PHOTO, save_all=True, append_images=more, quality=50)
    with pytest.raises(ImageError, match="several pictures: give each as a file of its own"):
        webp.strength(data)


@pytest.mark.parametrize("size", [11, 20, 29, 60])
def test_cut_files_are_refused(size: int) -> None:
    data = coded_files.pillow("WEBP", PHOTO, quality=50)
    with pytest.raises(ImageError, match="damaged or cut short"):
        webp.strength(data[:size])
    # the same with a header that knows of the cut: the chunks then say more than is left
    shorter = b"RIFF" + struct.pack("<I", max(size - 8, 0)) + data[8:size]
    with pytest.raises(ImageError, match="damaged or cut short"):
        webp.strength(shorter)
