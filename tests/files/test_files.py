"""Picture files through the file path: nothing may be lost but what the network changes."""

import functools
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms, TiffImagePlugin
from skimage import data

from edgeqe import Enhancer, ImageError, InputError
from edgeqe.codecs.strength import ijg_table, step_from_quality, step_from_table
from edgeqe.files.enhance import enhance_file, read_picture, write_picture
from edgeqe.files.picture import Picture
from edgeqe.views.options import EnhanceOptions

Samples = npt.NDArray[Any]
ORIENTATION, MAKE = 0x0112, 0x010F


class Stand:
    """Stands in for `Enhancer`: adds a number, keeps what it was given."""

    def __init__(self, add: int = 0) -> None:
        self.add, self.steps, self.depths = add, list[float | None](), list[int | None]()
        self.codecs: list[str | None] = []
        self.manners: list[tuple[float, int]] = []

    def is_exact(self, height: int, width: int) -> bool:
        return True

    def enhance(
        self,
        image: Samples,
        *,
        step: float | None,
        codec: str | None,
        amount: float,
        ensemble: int,
        bit_depth: int | None = None,
    ) -> Any:
        self.steps.append(step)
        self.codecs.append(codec)
        self.manners.append((amount, ensemble))
        self.depths.append(bit_depth)
        return image + image.dtype.type(self.add)

    def enhance_planes(
        self,
        y: Samples,
        u: Samples,
        v: Samples,
        *,
        step: float | None,
        codec: str | None,
        amount: float,
        ensemble: int,
    ) -> Any:
        self.steps.append(step)
        self.codecs.append(codec)
        self.manners.append((amount, ensemble))
        return y + np.uint8(self.add), u.copy(), v.copy()


def photo(height: int = 45, width: int = 70) -> npt.NDArray[np.uint8]:
    astronaut: Any = data.astronaut  # scikit-image ships no types
    return np.ascontiguousarray(astronaut()[40 : 40 + height, 180 : 180 + width])


def pixels(path: Path) -> Samples:
    with Image.open(path) as picture:
        return np.asarray(picture)


@functools.cache  # its date counts seconds
def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[ORIENTATION], block[MAKE] = orientation, "edge camera"
    block.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    return block


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (17, 3), (40, 56), (41, 57), (130, 65)])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_unchanged_jpeg_gives_the_decoders_own_picture(
    tmp_path: Path, size: tuple[int, int], subsampling: int
) -> None:
    Image.fromarray(photo(*size)).save(tmp_path / "in.jpg", quality=30, subsampling=subsampling)
    report = enhance_file(Stand(), tmp_path / "in.jpg", tmp_path / "out.png")
    np.testing.assert_array_equal(pixels(tmp_path / "out.png"), pixels(tmp_path / "in.jpg"))
    as_coded = subsampling == 2 and size != (1, 7)  # a long single row goes as RGB
    assert report.kind == ("4:2:0 planes" if as_coded else "RGB")
    assert (report.height, report.width) == size


def test_strength_comes_from_the_files_luma_table(tmp_path: Path) -> None:
    stand = Stand()
    Image.fromarray(photo()).save(tmp_path / "in.jpg", quality=37)
    report = enhance_file(stand, tmp_path / "in.jpg", tmp_path / "out.png")
    assert stand.steps == [report.step] == [step_from_quality(37)]
    assert stand.codecs == [report.codec] == ["jpeg"]
    assert (report.quality, report.quality_exact, report.strength_from) == (37, True, "file")

    custom = list(ijg_table(37))
    custom[1] += 1
    Image.fromarray(photo()).save(tmp_path / "custom.jpg", qtables=[custom, [9] * 64])
    report = enhance_file(stand, tmp_path / "custom.jpg", tmp_path / "custom.png")
    assert report.step == pytest.approx(step_from_table(custom), rel=1e-12)  # sums in another order
    assert (report.quality, report.quality_exact) == (37, False)

    report = enhance_file(stand, tmp_path / "in.jpg", tmp_path / "qp.png", qp=34)
    assert stand.steps[-1] == report.step == 32.0
    assert (report.quality, report.quality_exact, report.strength_from) == (None, None, "argument")
    assert (stand.codecs[-1], report.codec) == ("hevc", "hevc")

    report = enhance_file(stand, tmp_path / "in.jpg", tmp_path / "step.png", step=9)
    assert stand.codecs[-1] is None and not report.codec


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_amount_and_ensemble_reach_the_enhancer_and_the_report(tmp_path: Path, mode: str) -> None:
    stand = Stand()
    Image.fromarray(photo()).convert(mode).save(tmp_path / "in.jpg")
    report = enhance_file(stand, tmp_path / "in.jpg", tmp_path / "out.png")
    assert (report.amount, report.ensemble) == (1.0, 1)
    options = EnhanceOptions(amount=0.5, ensemble=8)
    report = enhance_file(stand, tmp_path / "in.jpg", tmp_path / "half.png", options=options)
    assert (report.amount, report.ensemble) == (0.5, 8)
    assert stand.manners == [(1.0, 1), (0.5, 8)]


def test_strength_is_the_first_components_table_even_if_it_is_not_table_0(tmp_path: Path) -> None:
    stream = io.BytesIO()
    tables = [[5] * 64, [50] * 64]
    Image.fromarray(photo()).save(stream, "JPEG", qtables=tables, subsampling=2)
    coded = bytearray(stream.getvalue())
    frame = coded.index(b"\xff\xc0")
    coded[frame + 12], coded[frame + 15] = 1, 0  # luma takes table 1, Cb table 0
    assert read_picture(bytes(coded)).table == (50,) * 64


def test_gray_jpeg_is_enhanced_as_gray(tmp_path: Path) -> None:
    Image.fromarray(photo()[..., 1] // 2).save(tmp_path / "in.jpg", quality=50)
    assert enhance_file(Stand(3), tmp_path / "in.jpg", tmp_path / "out.png").kind == "gray"
    out = pixels(tmp_path / "out.png")
    np.testing.assert_array_equal(out, pixels(tmp_path / "in.jpg") + 3)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_orientation_profile_and_resolution_come_back(
    tmp_path: Path, suffix: str, subsampling: int
) -> None:
    source, target = tmp_path / "in.jpg", tmp_path / f"out{suffix}"
    Image.fromarray(photo()).save(
        source, quality=60, subsampling=subsampling, exif=exif(6), icc_profile=profile(),
        dpi=(300, 300),
    )  # fmt: skip
    enhance_file(Stand(), source, target)
    with Image.open(target) as picture:
        block = picture.getexif()
        assert block[MAKE] == "edge camera"
        assert block.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
        assert block[ORIENTATION] == 6
        assert picture.info["icc_profile"] == profile()
        if suffix != ".webp":  # WebP has no field for it
            assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.01)
    # Stored order: Pillow turns a TIFF as it loads it, the other formats not.
    stored = read_picture(target)
    assert (stored.height, stored.width) == (45, 70)
    if suffix != ".jpg":
        np.testing.assert_array_equal(stored.pixels(), pixels(source))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff_keeps_its_stored_order(tmp_path: Path, orientation: int) -> None:
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    Image.fromarray(np.dstack((photo(), photo()[..., 0]))).save(source, exif=exif(orientation))
    shown = pixels(source)
    enhance_file(Stand(), source, target, quality=20)
    np.testing.assert_array_equal(pixels(target), shown)
    whole = read_picture(source)
    np.testing.assert_array_equal(whole.planes[0], photo())
    assert whole.alpha is not None
    np.testing.assert_array_equal(whole.alpha, photo()[..., 0])
    with TiffImagePlugin.TiffImageFile(target) as picture:
        assert picture.tag_v2[ORIENTATION] == orientation
        assert picture.tag_v2[MAKE] == "edge camera"


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("source_suffix", [".png", ".tif", ".pgm"])
def test_16_bit_gray_keeps_its_depth(tmp_path: Path, source_suffix: str, suffix: str) -> None:
    stand = Stand(1)
    values = np.random.default_rng(7).integers(0, 65535, (20, 31), dtype=np.uint16)
    source, target = tmp_path / f"in{source_suffix}", tmp_path / f"out{suffix}"
    Image.fromarray(values).save(source)
    report = enhance_file(stand, source, target, quality=20)
    assert (report.kind, stand.depths) == ("16-bit gray", [16])
    out = read_picture(target).pixels()
    assert out.dtype == np.uint16
    np.testing.assert_array_equal(out, values + 1)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_comes_back_bit_for_bit(tmp_path: Path, mode: str, suffix: str) -> None:
    alpha = np.random.default_rng(7).integers(0, 256, (20, 31), dtype=np.uint8)
    alpha[:8] = 0  # colours under full transparency count too
    colours = photo(20, 31) // 2 if mode == "RGBA" else photo(20, 31)[..., 0] // 2
    Image.fromarray(np.dstack((colours, alpha))).save(tmp_path / "in.png")
    enhance_file(Stand(1), tmp_path / "in.png", tmp_path / f"out{suffix}", quality=20)
    with Image.open(tmp_path / f"out{suffix}") as picture:
        out = np.asarray(picture.convert("RGBA"))
    np.testing.assert_array_equal(out[..., 3], alpha)
    expected = colours if mode == "RGBA" else np.repeat(colours[..., None], 3, axis=2)
    np.testing.assert_array_equal(out[..., :3], expected + 1)


def test_palettes_bits_and_colour_keys_become_plain_samples(tmp_path: Path) -> None:
    bits = photo(20, 30)[..., 0] > 100
    Image.fromarray(bits).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "bits.png").pixels(), bits * 255)

    palette = Image.fromarray(photo(20, 30)).quantize(16)
    palette.save(tmp_path / "palette.png")
    palette.save(tmp_path / "palette.gif")
    for name in ("palette.png", "palette.gif"):
        found = read_picture(tmp_path / name)
        assert found.kind == "RGB"
        np.testing.assert_array_equal(found.pixels(), np.asarray(palette.convert("RGB")))

    palette.save(tmp_path / "key.png", transparency=3)
    keyed = read_picture(tmp_path / "key.png")
    assert keyed.alpha is not None
    np.testing.assert_array_equal(keyed.alpha == 0, np.asarray(palette) == 3)

    gray = photo(20, 30)[..., 0]
    Image.fromarray(gray).save(tmp_path / "gray.png", transparency=int(gray[0, 0]))
    keyed = read_picture(tmp_path / "gray.png")
    assert keyed.kind == "gray + alpha"
    assert keyed.alpha is not None
    np.testing.assert_array_equal(keyed.alpha == 0, gray == gray[0, 0])


@pytest.mark.parametrize("suffix", [".bmp", ".ppm", ".png", ".tif", ".webp"])
def test_other_formats_are_read_as_they_are(tmp_path: Path, suffix: str) -> None:
    options: dict[str, Any] = {"lossless": True} if suffix == ".webp" else {}
    Image.fromarray(photo()).save(tmp_path / f"in{suffix}", **options)
    np.testing.assert_array_equal(read_picture(tmp_path / f"in{suffix}").pixels(), photo())


def test_jpeg_output_codes_the_planes_as_they_are(tmp_path: Path) -> None:
    y = np.full((19, 35), 90, np.uint8)
    cb, cr = (np.kron(row, np.ones((2, 2), np.uint8)) for row in np.array(
        [[[100] * 4 + [140] * 5] * 5, [[60] * 4 + [200] * 5] * 5], np.uint8))  # fmt: skip
    cb, cr = cb[:10, :18], cr[:10, :18]
    write_picture(Picture((y, cb, cr)), tmp_path / "out.jpg")
    again = read_picture(tmp_path / "out.jpg")
    assert again.kind == "4:2:0 planes"
    assert again.table == ijg_table(95)
    # Flat 8x8 blocks of chroma come back within half a step: 2 at quality 95.
    for plane, expected in zip(again.planes, (y, cb, cr), strict=True):
        assert np.abs(plane.astype(int) - expected).max() <= 2


def test_sources_and_destinations_may_be_bytes_and_streams(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.fromarray(photo()).save(stream, "JPEG", quality=40)
    coded = stream.getvalue()
    results = []
    for source in (coded, io.BytesIO(coded)):
        out = io.BytesIO()
        report = enhance_file(Stand(), source, out)
        assert report.destination == "the given stream"
        assert out.getvalue().startswith(b"\x89PNG")
        results.append(out.getvalue())
    enhance_file(Stand(), coded, tmp_path / "out.png")
    assert results == [(tmp_path / "out.png").read_bytes()] * 2


def test_report_holds_plain_values(tmp_path: Path) -> None:
    Image.fromarray(photo(40, 60)).save(tmp_path / "in.jpg", quality=40)
    report = enhance_file(Stand(), tmp_path / "in.jpg", tmp_path / "out.png").to_dict()
    assert (report["width"], report["height"], report["quality"]) == (60, 40, 40)
    assert report["picture_bytes"] == 2 * (60 * 40 * 3 // 2)
    assert 0 < report["enhance_seconds"] <= report["seconds"]
    assert report["megapixels_per_second"] == pytest.approx(0.0024 / report["seconds"])


def test_the_enhancer_forwards_and_enhances(tmp_path: Path) -> None:
    from edgeqe import Enhancer

    original = photo(160, 200)
    Image.fromarray(original).save(tmp_path / "in.jpg", quality=10)
    with Enhancer("edgeqe-tiny", threads=1) as enhancer:
        report = enhancer.enhance_file(tmp_path / "in.jpg", tmp_path / "out.png")
    assert report.quality == 10
    before, after = (
        np.square(pixels(tmp_path / name).astype(float) - original).mean()
        for name in ("in.jpg", "out.png")
    )
    assert after < 0.95 * before  # at least 0.22 dB; the network's own gain is tested elsewhere


def test_an_enhancer_takes_the_limit_that_the_message_names(tmp_path: Path) -> None:
    Image.new("L", (30, 20), 90).save(tmp_path / "in.jpg")
    with Enhancer("edgeqe-tiny:float32", threads=1) as enhancer:
        with pytest.raises(ImageError, match=r"in Python pixel_limit=\)"):
            enhancer.enhance_file(tmp_path / "in.jpg", tmp_path / "out.png", pixel_limit=599)
        enhancer.enhance_file(tmp_path / "in.jpg", tmp_path / "out.png", pixel_limit=600)
    assert (tmp_path / "out.png").is_file()


def test_a_rate_is_jpeg_2000s(tmp_path: Path) -> None:
    """`rate=` reaches the model, which names the codecs that it serves."""
    Image.new("L", (32, 24), 90).save(tmp_path / "a.png")
    with Enhancer("edgeqe-nano") as enhancer:
        for call in (
            lambda: enhancer.enhance_file(tmp_path / "a.png", tmp_path / "b.png", rate=0.5),
            lambda: enhancer.enhance(np.zeros((8, 8), np.uint8), rate=0.5),
        ):
            with pytest.raises(InputError, match="serves jpeg and not jpeg2000"):
                call()
    assert not (tmp_path / "b.png").exists()
