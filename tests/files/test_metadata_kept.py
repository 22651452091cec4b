"""What stands beside the samples comes back, in each format that can hold it, or is named."""

import hashlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from edgeqe.errors import ImageError
from edgeqe.files.enhance import enhance_file, read_picture, write_picture
from edgeqe.files.icc import SRGB_CHROMATICITIES
from edgeqe.files.picture import Metadata, Picture
from tests.files.jpegs import jpeg, photo, with_segment
from tests.files.test_files import MAKE, Stand

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    b'syntax-ns#"><rdf:Description xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" '
    b'GPano:ProjectionType="equirectangular"/></rdf:RDF></x:xmpmeta>'
)
XMP_NAME = b"http://ns.adobe.com/xap/1.0/\0"
TARGETS = (".png", ".tif", ".webp", ".jpg")


def source(kind: str) -> bytes:
    """A file of a format with the XMP packet in it."""
    if kind == "JPEG":
        return with_segment(jpeg(), 0xE1, XMP_NAME + XMP)
    stream = io.BytesIO()
    options: dict[str, Any] = {"xmp": XMP}
    if kind.startswith("PNG"):
        options = {"pnginfo": PngImagePlugin.PngInfo()}
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP, zip=kind == "PNG packed")
    if kind == "TIFF":
        options = {"tiffinfo": {700: XMP}}
    Image.fromarray(photo()).save(stream, kind.split()[0], **options)
    return stream.getvalue()


def xmp_of(path: Path) -> bytes:
    with Image.open(path) as picture:
        picture.load()
        found = picture.info.get("xmp", b"")
        assert isinstance(found, bytes)
        return found


@pytest.mark.parametrize("suffix", TARGETS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "PNG packed", "TIFF", "WEBP", "AVIF"])
def test_xmp_comes_back(tmp_path: Path, kind: str, suffix: str) -> None:
    target = tmp_path / f"out{suffix}"
    report = enhance_file(Stand(), source(kind), target, step=9.0)
    assert report.not_kept == ()
    assert xmp_of(target) == XMP
    assert read_picture(target).metadata.xmp == XMP


def test_xmp_of_heic_and_jp2_comes_back() -> None:
    import pillow_heif

    stream = io.BytesIO()
    turned = XMP.replace(b"<rdf:Desc", b'<rdf:Description tiff:Orientation="6"/><rdf:Desc', 1)
    pillow_heif.from_pillow(Image.fromarray(photo())).save(stream, xmp=turned)
    found = read_picture(stream.getvalue()).metadata.xmp
    assert found == turned.replace(b'"6"', b'"1"')  # the pixels come upright
    stream = io.BytesIO()
    Image.fromarray(photo()).save(stream, "JPEG2000")
    uuid = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
    box = struct.pack(">I", 24 + len(XMP)) + b"uuid" + uuid + XMP
    assert read_picture(stream.getvalue() + box).metadata.xmp == XMP


def extended(packet: bytes) -> tuple[bytes, bytes]:
    """Contents of two segments that extend an XMP packet."""
    name = hashlib.md5(packet, usedforsecurity=False).hexdigest().upper().encode()
    half = len(packet) // 2
    first, second = (
        b"http://ns.adobe.com/xmp/extension/\0" + name + struct.pack(">II", len(packet), at) + part
        for at, part in ((0, packet[:half]), (half, packet[half:]))
    )
    return first, second


def test_extended_xmp_and_photoshops_data_stay_in_jpeg(tmp_path: Path) -> None:
    parts = extended(bytes(range(65, 91)) * 40)
    resource = b"8BIM\x04\x04\0\0\0\0\0\x05\x1c\x02\x05\0\0\0"  # IPTC: an empty title
    photoshop = b"Photoshop 3.0\0" + resource
    content = with_segment(jpeg(comment=b"a note"), 0xED, photoshop)
    for part in reversed(parts):
        content = with_segment(content, 0xE1, part)
    content = with_segment(content, 0xE1, XMP_NAME + XMP)
    lost = {
        ".jpg": (),
        ".png": ("extended XMP", "IPTC and Photoshop's data"),
        ".tif": ("comment", "extended XMP"),
        ".webp": ("comment", "extended XMP", "IPTC and Photoshop's data"),
    }
    for suffix, names in lost.items():
        target = tmp_path / f"out{suffix}"
        assert enhance_file(Stand(), content, target).not_kept == names
        found = read_picture(target).metadata
        assert found.xmp == XMP
        if suffix == ".jpg":
            assert (found.extended_xmp, found.comment) == (parts, b"a note")
        if suffix in (".jpg", ".tif"):
            assert found.photoshop == (photoshop,)
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.info["Comment"] == "a note"
    with Image.open(tmp_path / "out.tif") as picture:
        assert picture.tag_v2[34377] == resource  # type: ignore[attr-defined]


def test_xmp_that_is_too_large_for_jpeg_is_named(tmp_path: Path) -> None:
    large = XMP + b" " * 65536
    picture = Picture((photo(),), metadata=Metadata(xmp=large))
    write_picture(picture, tmp_path / "in.png")
    report = enhance_file(Stand(), tmp_path / "in.png", tmp_path / "out.jpg", quality=50)
    assert report.not_kept == ("XMP of more than 64 KiB",)
    enhance_file(Stand(), tmp_path / "in.png", tmp_path / "out.tif", quality=50)
    assert read_picture(tmp_path / "out.tif").metadata.xmp == large


def png(image: Any = None, **chunks: bytes) -> bytes:
    """PNG with chunks by name."""
    stream, info = io.BytesIO(), PngImagePlugin.PngInfo()
    for kind, content in chunks.items():
        info.add(kind.encode(), content)
    Image.fromarray(photo() if image is None else image).save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


#: Adobe RGB (1998): gamma 563/256, white D65, primaries; and sRGB's, as PNG states them.
GAMMA = struct.pack(">I", round(100000 * 256 / 563))
ADOBE = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
SRGB = struct.pack(">8I", *(round(100000 * value) for value in SRGB_CHROMATICITIES))


def test_gamma_and_chromaticities_stay_chunks_in_png(tmp_path: Path) -> None:
    texts = {"tEXt": b"Title\0a title", "zTXt": b"Long\0\0" + zlib.compress(b"long text")}
    chunks = {"gAMA": GAMMA, "cHRM": ADOBE, "sRGB": b"\1", **texts}
    assert enhance_file(Stand(), png(**chunks), tmp_path / "out.png", quality=50).not_kept == ()
    content = (tmp_path / "out.png").read_bytes()
    for kind, body in chunks.items():
        name = kind.encode()
        checked = struct.pack(">I", zlib.crc32(name + body))
        assert content.count(struct.pack(">I", len(body)) + name + body + checked) == 1
    report = enhance_file(Stand(), png(**chunks), tmp_path / "out.tif", quality=50)
    assert report.not_kept == ("texts of PNG",)


@pytest.mark.parametrize("suffix", [".tif", ".webp", ".jpg"])
def test_gamma_and_chromaticities_become_a_profile(tmp_path: Path, suffix: str) -> None:
    """Its colours are those of Adobe RGB by the published matrix and power."""
    target = tmp_path / f"out{suffix}"
    report = enhance_file(Stand(), png(gAMA=GAMMA, cHRM=ADOBE), target, quality=50)
    assert report.not_kept == ()
    with Image.open(target) as picture:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
    samples = np.array([[(255, 255, 255), (255, 0, 0), (60, 180, 90), (20, 30, 200)]], np.uint8)
    lab = ImageCms.buildTransform(profile, ImageCms.createProfile("LAB"), "RGB", "LAB")
    shown = ImageCms.applyTransform(Image.fromarray(samples), lab)
    assert shown is not None
    found = np.asarray(shown).astype(np.int32)
    # Adobe RGB (1998), 4.3.5.3: to XYZ under D65; then Bradford to D50 (Lindbloom), and CIE Lab
    to_xyz = np.array([(0.57667, 0.18556, 0.18823), (0.29734, 0.62736, 0.07529),
                       (0.02703, 0.07069, 0.99134)])  # fmt: skip
    to_d50 = np.array([(1.0478112, 0.0228866, -0.0501270), (0.0295424, 0.9904844, -0.0170491),
                       (-0.0092345, 0.0150436, 0.7521316)])  # fmt: skip
    light = (samples[0] / 255.0) ** (563 / 256) @ to_xyz.T @ to_d50.T / (0.9642, 1.0, 0.8249)
    f = np.where(light > (6 / 29) ** 3, np.cbrt(light), light / (3 * (6 / 29) ** 2) + 4 / 29)
    expected = np.column_stack(
        ((116 * f[:, 1] - 16) * 2.55, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2]))
    )
    signed = np.where(np.arange(3) > 0, (found[0] + 128) % 256 - 128, found[0])
    assert np.abs(signed - expected).max() < 1.6  # both round, and Pillow's Lab has 8 bits


def test_a_gray_picture_gets_a_gray_profile(tmp_path: Path) -> None:
    linear = struct.pack(">I", 100000)
    content = png(photo()[..., 0].copy(), gAMA=linear, cHRM=ADOBE)
    enhance_file(Stand(), content, tmp_path / "out.jpg", quality=50)
    with Image.open(tmp_path / "out.jpg") as picture:
        assert picture.mode == "L"
        profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
    assert profile.profile.xcolor_space.strip() == "GRAY"


@pytest.mark.parametrize(
    "chunks",
    [
        {"gAMA": struct.pack(">I", 45455)},
        {"gAMA": struct.pack(">I", 45455), "cHRM": SRGB},
        {"cHRM": SRGB},
        {"sRGB": b"\0", "gAMA": GAMMA, "cHRM": ADOBE},
        {"cICP": bytes((1, 13, 0, 1)), "gAMA": GAMMA},
    ],
)
def test_srgb_by_other_words_needs_no_profile(tmp_path: Path, chunks: dict[str, bytes]) -> None:
    report = enhance_file(Stand(), png(**chunks), tmp_path / "out.jpg", quality=50)
    assert report.not_kept == ()
    with Image.open(tmp_path / "out.jpg") as picture:
        assert "icc_profile" not in picture.info


@pytest.mark.parametrize(
    "chunks",
    [
        {"gAMA": bytes(4)},
        {"gAMA": struct.pack(">I", 1)},
        {"cHRM": bytes(32)},
        {"gAMA": GAMMA, "cHRM": struct.pack(">8I", *4 * (31270, 32900))},
        {"gAMA": GAMMA, "cHRM": b"\xff" * 32},
    ],
)
def test_damaged_colours_are_named(tmp_path: Path, chunks: dict[str, bytes]) -> None:
    report = enhance_file(Stand(), png(**chunks), tmp_path / "out.tif", quality=50)
    assert report.not_kept == ("gamma and chromaticities, which are damaged",)


def test_colours_by_number_stay_in_png_and_are_refused_elsewhere(tmp_path: Path) -> None:
    hlg = bytes((9, 18, 0, 1))  # BT.2020, hybrid log-gamma
    enhance_file(Stand(), png(cICP=hlg), tmp_path / "out.png", quality=50)
    assert b"cICP" + hlg in (tmp_path / "out.png").read_bytes()
    with pytest.raises(ImageError, match="JPEG cannot hold the picture's colours .primaries 9"):
        enhance_file(Stand(), png(cICP=hlg), tmp_path / "out.jpg", quality=50)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_deep_colour_keeps_as_much(tmp_path: Path, suffix: str) -> None:
    chunks = ((b"gAMA", GAMMA), (b"cHRM", ADOBE))
    deep = np.full((8, 9, 3), 40000, np.uint16)
    metadata = Metadata(xmp=XMP, colour_chunks=chunks, comment=b"a note")
    target = tmp_path / f"out{suffix}"
    write_picture(Picture((deep,), metadata=metadata), target)
    content = target.read_bytes()
    assert XMP in content
    if suffix == ".png":
        assert GAMMA in content and ADOBE in content and b"a note" in content
    else:
        with Image.open(target) as picture:
            assert picture.info["xmp"] == XMP
            ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))


def block(*tags: tuple[int, int, int, bytes]) -> bytes:
    """EXIF block of tags by hand: number, kind, count, 4 bytes."""
    entries = b"".join(
        struct.pack("<HHI", tag, kind, count) + value for tag, kind, count, value in tags
    )
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4)


MAKER = (MAKE, 2, 4, b"abc\0")


@pytest.mark.filterwarnings("ignore")  # Pillow's, about damaged metadata, as in the command line
@pytest.mark.parametrize("suffix", TARGETS)
@pytest.mark.parametrize(
    ("exif", "kept"),
    [
        (b"Exif\0\0This_is_not_valid", False),
        (b"Exif\0\0II*\0\xff\xff", False),
        (block((0x0112, 2, 4, b"top\0"), MAKER), True),
        (block((0x0112, 5, 1, b"\xff\xff\xff\x7f"), MAKER), False),  # Pillow stops there
        (block(MAKER)[:-20], False),
        (b"Exif\0\0MM\0*\xff\xff\xff\xff", False),  # its directory is not there at all
    ],
)
def test_damaged_exif_is_no_reason_not_to_write(
    tmp_path: Path, exif: bytes, kept: bool, suffix: str
) -> None:
    target = tmp_path / f"out{suffix}"
    report = enhance_file(Stand(), with_segment(jpeg(), 0xE1, exif), target)
    if suffix == ".tif":
        assert "damaged EXIF tags" in report.not_kept
        with Image.open(target) as picture:
            assert (picture.getexif().get(MAKE) == "abc") is kept
    else:
        assert report.not_kept == ()
        assert read_picture(target).metadata.exif == exif


@pytest.mark.parametrize("suffix", TARGETS)
def test_damaged_tags_of_a_tiff_are_no_reason_not_to_read(tmp_path: Path, suffix: str) -> None:
    stream = io.BytesIO()
    Image.fromarray(photo()).save(stream, "TIFF", tiffinfo={274: 1, MAKE: "abc"})
    content = stream.getvalue()
    entry = struct.pack("<HHI", 274, 3, 1)
    assert content.count(entry) == 1
    content = content.replace(entry, struct.pack("<HHI", 274, 2, 4)).replace(
        struct.pack("<HHI", 274, 2, 4) + b"\1\0\0\0", struct.pack("<HHI", 274, 2, 4) + b"top\0"
    )
    target = tmp_path / f"out{suffix}"
    report = enhance_file(Stand(), content, target, quality=50)
    assert report.not_kept == ("damaged EXIF tags",)
    with Image.open(target) as picture:
        assert picture.getexif()[MAKE] == "abc"
    if suffix != ".jpg":
        np.testing.assert_array_equal(read_picture(target).pixels(), photo())


def test_what_lies_behind_the_picture_is_named(tmp_path: Path) -> None:
    film = jpeg() + b"\0\0\0\x18ftypmp42"
    assert enhance_file(Stand(), film, tmp_path / "a.png").not_kept == ("data behind the picture",)
    several = with_segment(jpeg(), 0xE2, b"MPF\0II*\0") + jpeg()
    names = enhance_file(Stand(), several, tmp_path / "b.png").not_kept
    assert names == ("further pictures of the file",)
