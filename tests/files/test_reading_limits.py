"""What a small file can cost: sizes, scans and memory are bounded before anything is decoded."""

import dataclasses
import io
import struct
import tracemalloc
import warnings
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeqe.codecs import pillow_stripes
from edgeqe.errors import ImageError
from edgeqe.files import gif
from edgeqe.files.enhance import read_picture
from edgeqe.files.pillow_limit import pillow_limit_off
from tests.files.jpegs import jpeg, photo, scans
from tests.files.test_bad_files import png


def written(kind: str, image: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def many_scans(width: int, height: int, count: int) -> bytes:
    """Progressive JPEG whose last scan stands there many times."""
    content = jpeg(np.full((height, width, 3), 90, np.uint8), progressive=True)
    start, stop = scans(content)[-1]
    header = content.rindex(b"\xff\xc4", 0, start)
    return content[:stop] + (count - 10) * content[header:stop] + b"\xff\xd9"


def test_scans_are_bounded_by_the_samples_that_they_pass_over() -> None:
    content = many_scans(1024, 1024, 300)
    # 64 scans of luma fit into the 2**26 samples that every file may have
    with pytest.raises(
        ImageError, match="has 300 scans of .* million samples, more than the limit"
    ):
        read_picture(content)
    assert read_picture(many_scans(1024, 1024, 60)).width == 1024
    assert read_picture(many_scans(64, 64, 300)).width == 64


def test_scans_of_large_pictures_are_bounded_by_the_limit_of_pixels() -> None:
    from edgeqe.codecs.jpeg_layout import read_layout

    layout = read_layout(jpeg(np.full((1600, 1600, 3), 90, np.uint8), progressive=True))
    assert layout is not None
    samples = layout.scan_samples()
    # libjpeg's own ten scans pass over luma 5.5 times and chroma 4.25 times at a quarter
    assert samples / 1600**2 == pytest.approx(5 + 1 + 2 * 2.125 / 2 - 0.125, abs=0.6)
    assert samples <= layout.most_scan_samples(1600**2)
    # its own 3.84 million samples, 1.5 a pixel, 16 times are fewer than every file may have
    assert layout.most_scan_samples(256 * 10**6) == 2**26
    large = dataclasses.replace(layout, width=16000, height=16000)
    assert large.scan_samples() <= large.most_scan_samples(256 * 10**6)
    assert large.most_scan_samples(256 * 10**6) == 16 * 256 * 10**6
    assert large.most_scan_samples(10**9) == 16 * 1.5 * 256 * 10**6


def sparse(width: int, height: int) -> bytes:
    """Gray PNG of one bit a pixel, all zero: some 8,000 pixels a byte."""
    rows = zlib.compress(bytes(height * (1 + width // 8)), 9)
    content = png(1, 0, width, height, b"")
    return content[:33] + struct.pack(">I", len(rows)) + b"IDAT" + rows + struct.pack(
        ">I", zlib.crc32(b"IDAT" + rows)
    ) + content[-12:]  # fmt: skip


def test_a_file_of_nearly_nothing_gets_an_eighth_of_the_limit() -> None:
    content = sparse(2048, 1024)
    assert 2048 * 1024 > 256 * len(content)
    with pytest.raises(ImageError, match="2048x1024 in .* bytes, .* nearly nothing .* 8 times"):
        read_picture(content, pixel_limit=8 * 2048 * 1024 - 8)
    assert read_picture(content, pixel_limit=8 * 2048 * 1024).width == 2048
    dense = jpeg(photo(128, 128), quality=95)
    assert read_picture(dense, pixel_limit=128 * 128).width == 128


def test_reading_takes_samples_once() -> None:
    content = written("PNG", Image.new("RGB", (3000, 2000)))
    tracemalloc.start()  # counts what Python and NumPy allocate, not Pillow's own 4 bytes a pixel
    try:
        found = read_picture(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    samples = found.pixels().nbytes
    assert peak < 1.1 * samples + 3 * 3 * pillow_stripes.STRIPE_PIXELS
    assert peak < 2.6 * samples  # in one piece it was 3 times


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "1", "P", "I;16", "transparent P"])
def test_stripes_are_the_picture(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    image, options = Image.fromarray(photo(50, 40)), {}
    if mode == "I;16":
        image = Image.fromarray(photo(50, 40)[..., 0].astype(np.uint16) * 257)
    elif mode.endswith("P"):
        image = image.quantize(16)
        options = {"transparency": 3} if mode.startswith("t") else {}
    else:
        image = image.convert(mode)
    content = written("PNG", image, **options)
    whole = read_picture(content)
    monkeypatch.setattr(pillow_stripes, "STRIPE_PIXELS", 40 * 7)
    again = read_picture(content)
    np.testing.assert_array_equal(again.pixels(), whole.pixels())
    if whole.alpha is not None:
        assert again.alpha is not None
        np.testing.assert_array_equal(again.alpha, whole.alpha)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_stripes_of_a_turned_tiff(monkeypatch: pytest.MonkeyPatch, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = written("TIFF", Image.fromarray(photo(50, 40)), exif=exif)
    monkeypatch.setattr(pillow_stripes, "STRIPE_PIXELS", 40 * 7)
    np.testing.assert_array_equal(read_picture(content).pixels(), photo(50, 40))


def large_frame(width: int, height: int) -> bytes:
    """GIF of a screen of 1x1 whose frame is larger, disposed to the background."""
    content = bytearray(written("GIF", Image.new("P", (4, 4))))
    at = content.index(b",\0\0\0\0")
    content[6:10] = struct.pack("<HH", 1, 1)
    content[at + 5 : at + 9] = struct.pack("<HH", width, height)
    control = b"\x21\xf9\x04\x08\0\0\0\0"
    return bytes(content[:at]) + control + bytes(content[at:])


@pytest.mark.parametrize(
    "kind", ["GIF", "TIFF", "WEBP", "PNG", "BMP", "PPM", "JPEG", "AVIF", "JPEG2000"]
)
def test_pillows_own_limit_does_not_speak_before_ours(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    content = written(kind, Image.fromarray(photo(50, 40)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # it would refuse from 20 on
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_picture(content, pixel_limit=2000).width == 40
        with pytest.raises(ImageError, match="40x50, more than the limit of 0.001999"):
            read_picture(content, pixel_limit=1999)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_a_gifs_frame_is_judged_before_it_is_allocated() -> None:
    content = large_frame(60000, 60000)
    assert gif.size_of(content) == (60000, 60000)
    with pytest.raises(ImageError, match="60000x60000, more than the limit"):
        read_picture(content)
    assert gif.size_of(written("GIF", Image.new("P", (7, 5)))) == (7, 5)
    for end in range(6, 60):
        width, height = gif.size_of(content[:end])
        assert 0 <= width <= 60000 and 0 <= height <= 60000


def test_pillows_limit_comes_back_when_the_last_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pillow_limit_off(3, 3):
        assert Image.MAX_IMAGE_PIXELS == 10  # nothing to keep silent
    with pytest.raises(KeyError), pillow_limit_off(4, 3):
        with pillow_limit_off(100, 100):
            assert Image.MAX_IMAGE_PIXELS is None
        assert Image.MAX_IMAGE_PIXELS is None
        raise KeyError
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("part", [0.3, 0.8])
def test_what_is_there_of_a_cut_png(part: float, interlaced: bool) -> None:
    rows = b"".join(b"\0" + photo(64, 48)[y].tobytes() for y in range(64))
    content = png(8, 2, 48, 64, rows)
    if interlaced:
        content = interlaced_png(photo(64, 48))
    cut = content[: round(part * len(content))]
    with pytest.raises(ImageError, match=r"of 48x64 pixels at most \d+ % is there.*--accept"):
        read_picture(cut)
    found = read_picture(cut, accept_truncated=True)
    assert found.present is not None
    assert found.present == pytest.approx(part, abs=0.15)
    if not interlaced:
        there = int(64 * found.present)
        np.testing.assert_array_equal(found.pixels()[:there], photo(64, 48)[:there])
        assert not found.pixels()[there + 1 :].any()
    for whole in (content, content[:-12], content[:-4]):  # no end, or no check of it
        assert read_picture(whole, accept_truncated=True).present is None
    with pytest.raises(ImageError, match="damaged or cut short"):
        read_picture(content[:45], accept_truncated=True)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_whose_data_ends_early_by_its_own_word_is_cut_short(
    depth: int, interlaced: bool
) -> None:
    """Pillow shows black there, without a word."""
    samples = photo(64, 48)[..., 0]
    rows = b"".join(b"\0" + row.astype(f">u{depth // 8}").tobytes() for row in samples)
    content = png(depth, 0, 48, 64, rows[: len(rows) // 2])
    if interlaced:
        content = marked_as_interlaced(content)
    with pytest.raises(ImageError, match=r"of 48x64 pixels at most \d+ % is there.*--accept"):
        read_picture(content)
    found = read_picture(content, accept_truncated=True)
    assert found.present == pytest.approx(0.5, abs=0.05)
    with pytest.raises(ImageError, match="damaged or cut short"):
        read_picture(png(depth, 0, 48, 64, b""), accept_truncated=True)


def interlaced_png(image: Any) -> bytes:
    """PNG of the seven passes of Adam7."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
              (1, 0, 2, 1))  # fmt: skip
    rows = b"".join(
        b"\0" + row.tobytes()
        for top, left, down, across in passes
        for row in np.ascontiguousarray(image[top::down, left::across])
    )
    height, width = image.shape[:2]
    content = png(8, 2, width, height, rows)
    return marked_as_interlaced(content)


def marked_as_interlaced(content: bytes) -> bytes:
    """PNG whose header says that its rows are those of seven passes."""
    header = content[12:28] + b"\x01"
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]
