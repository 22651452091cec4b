"""Colour profiles come back, or are named where nothing can be made of them."""

import struct
import zlib
from pathlib import Path

import pytest
from PIL import ImageCms

from edgeqe.files.enhance import enhance_file, read_picture
from tests.files.jpegs import jpeg, with_segment
from tests.files.test_files import Stand
from tests.files.test_metadata_kept import TARGETS, png


def profile_segments(*parts: tuple[int, int, bytes]) -> bytes:
    """JPEG with parts of a profile: number, count, content."""
    content = jpeg()
    for number, count, part in reversed(parts):
        name = b"ICC_PROFILE\0" + bytes((number, count))
        content = with_segment(content, 0xE2, name + part)
    return content


def png_with_profile(content: bytes) -> bytes:
    """PNG with a chunk that Pillow does not write by itself."""
    body, plain = b"iCCP" + content, png()
    chunk = struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
    return plain[:33] + chunk + plain[33:]


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.filterwarnings("ignore")  # Pillow's, about damaged metadata, as in the command line
@pytest.mark.parametrize("suffix", TARGETS)
@pytest.mark.parametrize(
    "content",
    [
        profile_segments((1, 2, PROFILE[:300])),
        profile_segments((1, 1, PROFILE), (1, 1, PROFILE)),
        profile_segments((0, 0, PROFILE)),
        png_with_profile(b"name\0\0no zlib"),
    ],
)
def test_a_profile_that_cannot_be_put_together_is_named(
    tmp_path: Path, content: bytes, suffix: str
) -> None:
    report = enhance_file(Stand(), content, tmp_path / f"out{suffix}", step=9.0)
    assert report.not_kept == ("damaged colour profile",)


def test_a_profile_in_parts_comes_back(tmp_path: Path) -> None:
    content = profile_segments((2, 2, PROFILE[300:]), (1, 2, PROFILE[:300]))
    assert enhance_file(Stand(), content, tmp_path / "out.png").not_kept == ()
    assert read_picture(tmp_path / "out.png").metadata.icc_profile == PROFILE
