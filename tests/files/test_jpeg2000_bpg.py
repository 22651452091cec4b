"""JPEG 2000 and BPG in: samples as other decoders give them, and what comes back."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeqe.codecs import bpg
from edgeqe.errors import ImageError
from edgeqe.files.enhance import enhance_file, read_picture
from tests import coded_files
from tests.files.coded_pictures import (
    ALPHA,
    PHOTO,
    PROFILE,
    Samples,
    box,
    by_ffmpeg,
    exif,
    jpeg_2000,
)
from tests.files.test_files import ORIENTATION, Stand


def test_a_jp2_brings_its_profile_its_exif_and_its_alpha(tmp_path: Path) -> None:
    data = coded_files.pillow("JPEG2000", np.dstack((PHOTO, ALPHA)), irreversible=False)
    at = data.index(b"colr") - 4
    length = int.from_bytes(data[at : at + 4], "big")
    colour = box(b"colr", bytes((2, 0, 0)) + PROFILE)
    header = data.index(b"jp2h") - 4
    size = int.from_bytes(data[header : header + 4], "big") + len(colour) - length
    described = box(b"uuid", b"JpgTiffExif->JP2" + exif(6).removeprefix(b"Exif\0\0"))
    start = data.index(b"jp2c") - 4
    data = (
        data[:header] + size.to_bytes(4, "big") + data[header + 4 : at] + colour
        + data[at + length : start] + described + data[start:]
    )  # fmt: skip
    with pytest.raises(ImageError, match="coded without loss"):
        enhance_file(Stand(), data, tmp_path / "out.png")
    report = enhance_file(Stand(), data, tmp_path / "out.png", rate=1.0)
    assert (report.kind, report.codec, report.scale) == ("RGB + alpha", "jpeg2000", "rate")
    with Image.open(tmp_path / "out.png") as picture:
        # all bits of the reversible wavelet
        np.testing.assert_array_equal(np.asarray(picture), np.dstack((PHOTO, ALPHA)))
        assert picture.info["icc_profile"] == PROFILE
        assert picture.getexif()[ORIENTATION] == 6


@pytest.mark.parametrize("raw", [False, True])
def test_a_jpeg_2000_is_what_openjpeg_shows(raw: bool) -> None:
    data = coded_files.pillow(
        "JPEG2000", PHOTO, irreversible=True, quality_mode="rates", quality_layers=[20], no_jp2=raw
    )
    with Image.open(io.BytesIO(data)) as picture:
        np.testing.assert_array_equal(read_picture(data).pixels(), np.asarray(picture))


@pytest.mark.parametrize("pixels", ["gray16le", "rgb48le"])
def test_deep_jpeg_2000_comes_whole(tmp_path: Path, pixels: str) -> None:
    draw = np.random.default_rng(2)
    shape = (64, 96) if pixels == "gray16le" else (64, 96, 3)
    given = draw.integers(0, 65536, shape, dtype=np.uint16)
    data = jpeg_2000(given, pixels)
    report = enhance_file(Stand(), data, tmp_path / "out.png", rate=1.0)  # it says no loss
    assert report.kind == ("16-bit gray" if given.ndim == 2 else "16-bit RGB")
    np.testing.assert_array_equal(by_ffmpeg(tmp_path / "out.png"), given)  # reversible wavelet


def test_deep_gray_of_twelve_bits_is_white_at_white() -> None:
    ramp = np.linspace(0, 4095, 64 * 96).astype(np.uint16).reshape(64, 96)
    found = read_picture(jpeg_2000(ramp, "gray12le"))
    assert found.kind == "12-bit gray"
    assert (found.planes[0].min(), found.planes[0].max()) == (0, 65535)


@pytest.mark.parametrize("pixels", ["yuv420p", "gray"])
@pytest.mark.parametrize("size", [(64, 96), (61, 93)])
def test_a_bpg_gives_its_planes(pixels: str, size: tuple[int, int]) -> None:
    stream = coded_files.hevc_intra(30, pixels=pixels)
    data = bpg.write(stream, size[1], size[0], extensions=[(1, exif(6)), (2, PROFILE)])
    found = read_picture(data)
    planes = by_ffmpeg_planes(stream)
    half = (size[0] + 1) // 2, (size[1] + 1) // 2
    for plane, expected, shape in zip(found.planes, planes, (size, half, half), strict=False):
        np.testing.assert_array_equal(plane, expected[: shape[0], : shape[1]])
    assert len(found.planes) == len(planes) == (3 if pixels == "yuv420p" else 1)
    assert (found.metadata.icc_profile, found.metadata.exif) == (PROFILE, exif(6))
    assert read_picture(data, as_coded=False).kind == ("RGB" if len(planes) == 3 else "gray")


def by_ffmpeg_planes(stream: bytes) -> list[Samples]:
    av = pytest.importorskip("av", reason="PyAV is the reference")
    context = av.CodecContext.create("hevc", "r")
    frame = [*context.decode(av.Packet(stream)), *context.decode(None)][0]
    made = []
    for plane in frame.planes:
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        made.append(rows[:, : plane.width].copy())
    return made


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.parametrize("space", range(5))
def test_the_colours_of_a_bpg(space: int, limited: bool) -> None:
    """Gray stays gray in every colour space, and white is white in either range."""
    stream = coded_files.hevc_intra(4, pixels="gray")
    level = by_ffmpeg_planes(stream)[0].astype(float)
    data = bpg.write(stream, 96, 64, color_space=space, limited_range=limited)
    expected = (level - 16) * 255 / 219 if limited else level
    found = read_picture(data).pixels().astype(float)
    assert np.abs(found - np.clip(expected, 0, 255)).max() <= 0.5 + 1e-3


def test_several_pictures_of_a_bpg_are_refused() -> None:
    once = bpg.write(coded_files.hevc_intra(30, pixels="gray"), 96, 64)
    # the same slice again, and a payload that goes up to the end of the file
    start = once.index(b"\0\0\1")
    twice = once + once[start:]
    assert once[4] == 0 and once[8] & 128  # two bytes of length behind four of sizes
    twice = twice[:8] + b"\0" + twice[10:]
    with pytest.raises(ImageError, match="holds several pictures"):
        read_picture(twice)
