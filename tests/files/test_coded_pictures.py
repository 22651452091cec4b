"""HEIC, AVIF, JPEG 2000, WebP and BPG in: samples as other decoders give them, and what comes back."""

import io
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms, ImageOps

from edgeqe.codecs import bpg
from edgeqe.codecs.strength import step_from_qp, step_from_table
from edgeqe.errors import ImageError
from edgeqe.files import avif as avif_reading
from edgeqe.files.enhance import enhance_file, read_picture
from edgeqe.files.formats import Undecoded
from edgeqe.files.reading import PictureFile
from tests import coded_files
from tests.files.test_files import MAKE, ORIENTATION, Stand

Samples = npt.NDArray[Any]
PHOTO = coded_files.landscape(64, 96)
ALPHA = np.linspace(0, 255, 64 * 96).astype(np.uint8).reshape(64, 96)
PROFILE: bytes = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[MAKE] = "edge camera"
    block[ORIENTATION] = orientation
    return block.tobytes()


def heic(samples: Samples, mode: str, **options: Any) -> bytes:
    module = pytest.importorskip("pillow_heif", reason="pillow-heif writes HEIC")
    stream = io.BytesIO()
    size = samples.shape[1], samples.shape[0]
    module.encode(mode, size, np.ascontiguousarray(samples).tobytes(), stream, **options)
    return stream.getvalue()


def avif(samples: Samples, pixels: str) -> bytes:
    """AVIF of any depth, by FFmpeg's muxer."""
    av = pytest.importorskip("av", reason="PyAV writes deep AVIF")
    stream = io.BytesIO()
    with av.open(stream, "w", format="avif") as container:
        video = container.add_stream("libsvtav1", rate=25)
        video.height, video.width = samples.shape[:2]
        video.pix_fmt = pixels
        words = "rc=0:qp=10:keyint=1:lp=1:aq-mode=0"
        video.options = {"preset": "10", "svtav1-params": words}
        frame = av.VideoFrame.from_ndarray(samples, "rgb24").reformat(format=pixels)
        frame.pts = 0
        for packet in [*video.encode(frame), *video.encode(None)]:
            container.mux(packet)
    return stream.getvalue()


def jpeg_2000(samples: Samples, pixels: str, **options: str) -> bytes:
    """JPEG 2000 of any depth, by FFmpeg's encoder."""
    av = pytest.importorskip("av", reason="PyAV writes deep JPEG 2000")
    context = av.CodecContext.create("jpeg2000", "w")
    context.height, context.width = samples.shape[:2]
    context.pix_fmt, context.time_base = pixels, Fraction(1, 25)
    context.options = {"format": "jp2", "pred": "dwt53", **options}
    frame = av.VideoFrame.from_ndarray(samples, pixels)
    frame.pts = 0
    return b"".join(bytes(p) for p in [*context.encode(frame), *context.encode(None)])


def by_ffmpeg(data: bytes | Path, pixels: str = "") -> Samples:
    """Samples of the first picture in a file, as FFmpeg decodes it; packed formats."""
    av = pytest.importorskip("av", reason="PyAV is the reference")
    source = str(data) if isinstance(data, Path) else io.BytesIO(data)
    with av.open(source) as container:
        frame = next(container.decode(video=0))
        frame = frame.reformat(format=pixels) if pixels else frame
        name, plane = frame.format.name, frame.planes[0]
        order = ">u2" if name.endswith("be") else "<u2" if name.endswith("le") else "u1"
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        count = len(frame.format.components)
        values = rows[:, : plane.width * count * np.dtype(order).itemsize].copy().view(order)
        return np.squeeze(values.reshape(plane.height, plane.width, count))


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
    file = Undecoded(data, "a.avif", PictureFile(data).strength, True, lambda width, height: None)
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


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


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


CODED: dict[str, tuple[list[float], Callable[[float], bytes]]] = {
    "jpeg": (
        [1, 5, 10, 20, 40, 50, 70, 85, 95, 100],
        lambda quality: coded_files.pillow("JPEG", PHOTO, quality=int(quality)),
    ),
    "heif": (
        [*range(10, 100, 10), 94],
        lambda quality: coded_files.heic(PHOTO, int(quality)),
    ),
    "bpg": (
        [0, 5, 10, 17, 22, 27, 32, 37, 45, 51],
        lambda qp: bpg.write(coded_files.hevc_intra(int(qp)), 96, 64),
    ),
    "jpeg2000": (
        [24 / ratio for ratio in (8, 10, 13, 16, 20, 30, 40, 50, 70, 100)],
        lambda rate: coded_files.pillow(
            "JPEG2000", PHOTO, irreversible=True, no_jp2=True, quality_mode="rates",
            quality_layers=[24 / rate],
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("codec", "asked"), [(codec, asked) for codec, (values, _) in CODED.items() for asked in values]
)
def test_the_report_says_what_the_encoder_was_asked_for(codec: str, asked: float) -> None:
    data = CODED[codec][1](asked)
    stand = Stand()
    report = enhance_file(stand, data, io.BytesIO())
    assert (report.codec, report.strength_from) == (codec, "file")
    assert (stand.codecs, stand.steps) == ([codec], [report.step])
    assert report.number is not None
    if codec == "jpeg2000":
        # the encoder cuts whole code-blocks, so in so small a picture it may stay below
        assert report.number == 8 * len(data) / (96 * 64)
        assert report.number == pytest.approx(asked, rel=0.25)
        return
    # libheif's plugin of x265: QP 47 less half the quality, measured
    assert report.number == (47 - asked // 2 if codec == "heif" else asked)
    if codec == "jpeg":
        with Image.open(io.BytesIO(data)) as picture:
            table: Any = getattr(picture, "quantization")[0]  # noqa: B009
        assert report.step == pytest.approx(step_from_table(table))
        assert (report.quality, report.quality_exact) == (asked, True)
    else:
        assert report.step == pytest.approx(step_from_qp(report.number))
        assert (report.quality, report.quality_exact) == (None, None)


@pytest.mark.parametrize("kind", ["AVIF", "WEBP"])
@pytest.mark.parametrize("quality", range(5, 100, 10))
def test_avif_and_webp_say_their_index(kind: str, quality: int) -> None:
    """The index itself is compared with FFmpeg's reading in tests/codecs."""
    data = coded_files.pillow(kind, PHOTO, quality=quality)
    said = PictureFile(data).strength
    assert said is not None
    report = enhance_file(Stand(), data, io.BytesIO())
    assert (report.codec, report.scale) == (kind.lower(), "index")
    assert (report.number, report.step) == (said.number, said.step)


def test_a_file_without_loss_says_so() -> None:
    data = coded_files.pillow("WEBP", PHOTO, lossless=True)
    with pytest.raises(ImageError, match="coded without loss, so it carries no strength"):
        enhance_file(Stand(), data, io.BytesIO())
    assert enhance_file(Stand(), data, io.BytesIO(), quality=20).strength_from == "argument"


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


def test_several_pictures_of_a_bpg_are_refused() -> None:
    once = bpg.write(coded_files.hevc_intra(30, pixels="gray"), 96, 64)
    # the same slice again, and a payload that goes up to the end of the file
    start = once.index(b"\0\0\1")
    twice = once + once[start:]
    assert once[4] == 0 and once[8] & 128  # two bytes of length behind four of sizes
    twice = twice[:8] + b"\0" + twice[10:]
    with pytest.raises(ImageError, match="holds several pictures"):
        read_picture(twice)


def test_several_pictures_of_a_heif_are_refused() -> None:
    module = pytest.importorskip("pillow_heif", reason="pillow-heif writes HEIC")
    file = module.from_pillow(Image.fromarray(PHOTO))
    file.add_from_pillow(Image.fromarray(PHOTO[::-1]))
    stream = io.BytesIO()
    file.save(stream, quality=50)
    with pytest.raises(ImageError, match="holds several pictures"):
        read_picture(stream.getvalue())
