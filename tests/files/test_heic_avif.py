"""HEIC and AVIF in: samples as other decoders give them, and what comes back."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from edgeqe.errors import ImageError
from edgeqe.files import avif as avif_reading
from edgeqe.files.enhance import enhance_file, read_picture
from edgeqe.files.formats import Undecoded
from edgeqe.files.reading import PictureFile
from tests import coded_files
from tests.files.coded_pictures import ALPHA, PHOTO, PROFILE, avif, box, by_ffmpeg, exif, heic
from tests.files.test_files import MAKE, ORIENTATION, Stand


def test_a_heic_is_what_libheif_shows() -> None:
    module = pytest.importorskip("pillow_heif", reason="pillow-heif reads HEIC")
    data = coded_files.heic(np.dstack((PHOTO, ALPHA)), 60)
    shown = np.asarray(module.open_heif(io.BytesIO(data)).to_pillow())
    found = read_picture(data)
    assert (found.kind, found.table) == ("RGB + alpha", None)
    np.testing.assert_array_equal(found.planes[0], shown[..., :3])
    assert found.alpha is not None
    np.testing.assert_array_equal(found.alpha, shown[..., 3])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("mode", ["I;16", "RGB;16", "RGBA;16"])
def test_ten_bits_of_a_heic_come_back_in_sixteen(tmp_path: Path, mode: str, suffix: str) -> None:
    gray = np.linspace(0, 65535, 64 * 96).astype(np.uint16).reshape(64, 96)
    channels = {"I;16": (gray,), "RGB;16": (gray, gray.T.reshape(64, 96), gray[::-1])}
    channels["RGBA;16"] = (*channels["RGB;16"], gray[:, ::-1])
    data = heic(np.dstack(channels[mode]), mode, quality=90, chroma=444)
    module = pytest.importorskip("pillow_heif")
    coded = np.asarray(
        module.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False, hdr_to_16bit=False)[0]
    )
    assert coded.max() == 1023
    stand, target = Stand(), tmp_path / f"out{suffix}"
    report = enhance_file(stand, data, target)
    assert report.kind == {
        "I;16": "10-bit gray", "RGB;16": "10-bit RGB", "RGBA;16": "10-bit RGB + alpha"
    }[mode]  # fmt: skip
    assert (report.codec, stand.depths) == ("heif", [16])
    # white is white: 1023 becomes 65535
    expected = np.rint(coded.astype(float) * 65535 / 1023)
    assert np.abs(by_ffmpeg(target).astype(float) - expected).max() <= 1


def test_the_whole_range_of_twelve_bits_is_kept() -> None:
    module = pytest.importorskip("pillow_heif", reason="pillow-heif writes HEIC")
    ramp = np.linspace(0, 65535, 64 * 96).astype(np.uint16).reshape(64, 96)
    before = module.options.SAVE_HDR_TO_12_BIT
    module.options.SAVE_HDR_TO_12_BIT = True
    try:
        data = heic(ramp, "I;16", quality=-1)  # without loss
    finally:
        module.options.SAVE_HDR_TO_12_BIT = before
    found = read_picture(data)
    assert found.kind == "12-bit gray"
    assert (found.planes[0].min(), found.planes[0].max()) == (0, 65535)
    assert np.abs(found.planes[0].astype(int) - ramp).max() <= 16  # a step of 12 bits


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_turned_heic_is_shown_the_same_way(tmp_path: Path, orientation: int, suffix: str) -> None:
    module = pytest.importorskip("pillow_heif", reason="pillow-heif writes HEIC")
    stream = io.BytesIO()
    module.from_pillow(Image.fromarray(PHOTO)).save(
        stream, quality=95, exif=exif(orientation), icc_profile=PROFILE
    )
    enhance_file(Stand(), stream.getvalue(), tmp_path / f"out{suffix}")
    turned = Image.fromarray(PHOTO)
    turned.getexif()[ORIENTATION] = orientation
    how = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_270,
           8: Image.Transpose.ROTATE_90}.get(orientation)  # fmt: skip
    expected = np.asarray(turned.transpose(how) if how is not None else turned)
    with Image.open(tmp_path / f"out{suffix}") as picture:
        assert picture.getexif().get(ORIENTATION, 1) == 1
        assert picture.getexif()[MAKE] == "edge camera"
        assert picture.info["icc_profile"] == PROFILE
        shown = np.asarray(picture).astype(float)
    assert shown.shape == expected.shape
    # chroma of half size errs much in this picture; turned the wrong way it errs by 60
    assert np.abs(shown - expected).mean() < 20


@pytest.mark.parametrize("orientation", [1, 6])
def test_an_avif_keeps_its_stored_order_and_its_tag(tmp_path: Path, orientation: int) -> None:
    data = coded_files.pillow(
        "AVIF", np.dstack((PHOTO, ALPHA)), quality=80, exif=exif(orientation), icc_profile=PROFILE
    )
    report = enhance_file(Stand(), data, tmp_path / "out.png")
    assert (report.kind, report.codec, report.scale) == ("RGB + alpha", "avif", "index")
    with Image.open(io.BytesIO(data)) as given, Image.open(tmp_path / "out.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), np.asarray(given))
        assert picture.getexif().get(ORIENTATION, 1) == orientation
        assert picture.getexif()[MAKE] == "edge camera"
        assert picture.info["icc_profile"] == PROFILE


@pytest.mark.parametrize("mode", ["RGB", "RGB;16"])
def test_colours_that_are_stated_by_numbers_come_back(tmp_path: Path, mode: str) -> None:
    av = pytest.importorskip("av", reason="PyAV is the reference")
    deep = PHOTO.astype(np.uint16) * 257
    samples = PHOTO if mode == "RGB" else deep
    data = heic(samples, mode, quality=50, color_primaries=9, transfer_characteristics=16)
    enhance_file(Stand(), data, tmp_path / "out.png")
    with av.open(str(tmp_path / "out.png")) as container:
        frame = next(container.decode(video=0))
        assert (int(frame.color_primaries), int(frame.color_trc)) == (9, 16)
    for suffix in (".tif", ".webp", ".jpg"):
        with pytest.raises(ImageError, match=r"cannot hold|colours \(primaries 9 and transfer 16"):
            enhance_file(Stand(), data, tmp_path / f"out{suffix}")
    usual = heic(samples, mode, quality=50, color_primaries=1, transfer_characteristics=13)
    assert read_picture(usual).metadata.colours is None


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_an_avif_of_ten_bits_is_what_ffmpeg_shows(tmp_path: Path, turn: int) -> None:
    smooth = np.dstack([PHOTO[..., 1]] * 3)  # no colour: the ways to enlarge chroma differ
    data = avif(smooth, "yuv420p10le")
    shown = by_ffmpeg(data, "gray16le")
    if turn:
        data = with_property(data, box(b"irot", bytes((turn,))))
    report = enhance_file(Stand(), data, tmp_path / "out.png")
    assert (report.kind, report.codec, report.number) == ("10-bit RGB", "avif", 40)
    found = by_ffmpeg(tmp_path / "out.png").astype(float)
    expected = np.rot90(shown, turn)[..., None]
    # FFmpeg rounds to fewer bits on its way; a step of 10 bits is 64
    assert np.abs(found - expected).max() <= 3 * 64


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_way_of_deep_avif_shows_what_libavif_shows(orientation: int) -> None:
    """Of 8 bits, which libavif writes: turned, with alpha, profile and EXIF."""
    smooth = np.dstack([PHOTO[..., 1]] * 3 + [ALPHA])
    data = coded_files.pillow(
        "AVIF", smooth, quality=90, subsampling="4:4:4", exif=exif(orientation), icc_profile=PROFILE
    )
    file = Undecoded(
        data, "a.avif", PictureFile(data).strength, True, lambda width, height: None, 10**6
    )
    found = avif_reading.decode_by_ffmpeg(file)
    with Image.open(io.BytesIO(data)) as picture:
        shown = np.asarray(ImageOps.exif_transpose(picture))
    assert found.alpha is not None
    np.testing.assert_array_equal(found.alpha, shown[..., 3])
    # libavif converts in integers
    assert np.abs(found.planes[0].astype(int) - shown[..., :3]).max() <= 2
    assert found.metadata.icc_profile == PROFILE
    block = Image.Exif()
    block.load(found.metadata.exif)
    assert (block[MAKE], block.get(ORIENTATION, 1)) == ("edge camera", 1)


def with_property(data: bytes, added: bytes) -> bytes:
    """AVIF with one more property of its first item, at the end of its lists."""
    at = data.index(b"ipma") + 12
    count = data[at + 2]  # 4 bytes of entries before, then the item's ID and its count
    properties = data.index(b"ipco")
    size = int.from_bytes(data[properties - 4 : properties], "big")
    held, where = 0, properties + 4
    while where < properties - 4 + size:
        held += 1
        where += int.from_bytes(data[where : where + 4], "big")
    listed = at + 3 + count
    changed = bytearray(data)
    changed[at + 2] = count + 1
    changed[listed:listed] = bytes((held + 1,))
    changed[where:where] = added
    grown = {b"ipco": len(added), b"ipma": 1, b"iprp": len(added) + 1, b"meta": len(added) + 1}
    for kind, more in grown.items():
        place = changed.index(kind) - 4
        length = int.from_bytes(changed[place : place + 4], "big") + more
        changed[place : place + 4] = length.to_bytes(4, "big")
    # the item's bytes lie behind all that
    place = changed.index(b"iloc") + 4
    assert changed[place] == 0 and changed[place + 4] == 0x44
    offset = place + 8 + 2 + 2 + 2
    moved = int.from_bytes(changed[offset : offset + 4], "big") + len(added) + 1
    changed[offset : offset + 4] = moved.to_bytes(4, "big")
    return bytes(changed)


def test_a_grid_of_tiles_is_one_picture() -> None:
    module = pytest.importorskip("pillow_heif", reason="pillow-heif writes HEIC")
    stream = io.BytesIO()
    large = coded_files.landscape(150, 200)
    module.from_pillow(Image.fromarray(large)).save(stream, quality=50, tile_size=64)
    data = stream.getvalue()
    if b"grid" not in data:
        pytest.skip("this pillow-heif writes no grids")
    report = enhance_file(Stand(), data, io.BytesIO())
    assert (report.width, report.height, report.number) == (200, 150, 22)
    shown = np.asarray(module.open_heif(io.BytesIO(data)).to_pillow())
    np.testing.assert_array_equal(read_picture(data).pixels(), shown)


def test_several_pictures_of_a_heif_are_refused() -> None:
    module = pytest.importorskip("pillow_heif", reason="pillow-heif writes HEIC")
    file = module.from_pillow(Image.fromarray(PHOTO))
    file.add_from_pillow(Image.fromarray(PHOTO[::-1]))
    stream = io.BytesIO()
    file.save(stream, quality=50)
    with pytest.raises(ImageError, match="holds several pictures"):
        read_picture(stream.getvalue())
