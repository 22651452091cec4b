"""Files whose prediction residual and luma before the loop filters go into a network by themselves."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner
from PIL import Image, ImageOps

pytest.importorskip("av", reason="streams are made by PyAV")
pytest.importorskip("numba", reason="the HEVC decoder needs numba: pip install 'edgeqe[codecs]'")


from edgeqe import Enhancer
from edgeqe.cli import main
from edgeqe.codecs import bpg, hevc_intra
from edgeqe.coding import Frame, Layout
from edgeqe.coding.video import HevcCoder
from edgeqe.files.enhance import enhance_file
from edgeqe.files.reading import PictureFile
from edgeqe.files.upsample import i420_to_rgb
from edgeqe.views.colour import studio_luma
from tests import coded_files, small_models
from tests.codecs.test_hevc_intra import stream_of
from tests.files.coded_pictures import PROFILE, exif, heic
from tests.files.heif_boxes import box, grid
from tests.files.intra_files import Recorder, film, gray_bpg, gray_heic, with_filters, x265
from tests.hevc_headers import Design
from tests.hevc_streams import decode_by_ffmpeg
from tests.hevc_writer import HevcWriter
from tests.reference import photograph

Samples = npt.NDArray[Any]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "residual.onnx"
    graph = small_models.strong_graph(inputs=("planes", "residual"))
    small_models.write(graph, path, codecs=("hevc",))
    return path


@pytest.fixture(scope="module")
def enhancer(model: Path) -> Enhancer:
    return Enhancer(model, threads=1, target="cpu")


@pytest.mark.parametrize(
    "make",
    [
        lambda: gray_heic((64, 96)),
        lambda: gray_bpg("gray"),
        lambda: (x265("gray"), x265("gray")),
        lambda: (film(x265("gray")), x265("gray")),
    ],
    ids=["heic", "bpg", "hevc", "mp4"],
)
def test_a_gray_file_is_what_arrays_give(
    make: Callable[[], tuple[bytes, bytes]], enhancer: Enhancer, tmp_path: Path
) -> None:
    data, stream = make()
    (decoded,) = hevc_intra.decode(stream)
    source, target = PictureFile(data), tmp_path / "out.png"
    report = enhancer.enhance_file(data, target)
    (height, width) = report.height, report.width
    found = source.strength
    assert found is not None and (report.strength_from, report.residual_from) == ("file", "file")
    how: Any = {"step": found.step, "codec": found.codec}
    expected = enhancer.enhance(
        decoded.reconstruction[0][:height, :width],
        prediction_residual=decoded.residual[0][:height, :width],
        **how,
    )
    shown = np.asarray(Image.open(target))
    if not data.startswith(bpg.MAGIC) and report.codec == "hevc":
        # limited range, as films have it: 16 is black and 235 white
        expected = np.rint(np.clip((expected.astype(float) - 16) / 219, 0, 1) * 255)
    np.testing.assert_array_equal(shown, expected)
    plain = enhancer.enhance(
        decoded.reconstruction[0], prediction_residual=decoded.residual[0] * 0, **how
    )
    assert (plain[:height, :width] != expected).mean() > 0.1  # the residual does something


def test_ten_bits_of_a_bpg(enhancer: Enhancer, tmp_path: Path) -> None:
    data, stream = gray_bpg("gray10le")
    (decoded,) = hevc_intra.decode(stream)
    report = enhancer.enhance_file(data, tmp_path / "out.png")
    assert report.kind == "10-bit gray"
    expected = enhancer.enhance(
        decoded.reconstruction[0],
        qp=34,
        codec="bpg",
        bit_depth=10,
        prediction_residual=decoded.residual[0],
    )
    shown = np.asarray(Image.open(tmp_path / "out.png")).astype(float)
    np.testing.assert_array_equal(shown, np.rint(expected.astype(float) * 65535 / 1023))


@pytest.mark.parametrize("size", [(64, 96), (70, 130)])
def test_luma_of_a_colour_file_is_enhanced_and_chroma_is_as_decoded(
    size: tuple[int, int], enhancer: Enhancer, tmp_path: Path
) -> None:
    stream = x265(size=size)
    height, width = size
    data = bpg.write(stream, width, height)
    (decoded,) = hevc_intra.decode(stream)
    report = enhancer.enhance_file(data, tmp_path / "out.png", qp=34, codec="bpg")
    assert report.kind == "4:2:0 planes"
    luma = enhancer.enhance(
        decoded.reconstruction[0], qp=34, codec="bpg", prediction_residual=decoded.residual[0]
    )
    _, u, v = with_filters(stream)
    assert (u != decoded.reconstruction[1]).any()  # its loop filters do something
    shown = np.asarray(Image.open(tmp_path / "out.png"))
    np.testing.assert_array_equal(shown, i420_to_rgb(luma, u, v))


def test_a_bpg_of_odd_size_is_cut(tmp_path: Path) -> None:
    stream = x265(size=(70, 132))
    recorder = Recorder()
    enhance_file(recorder, bpg.write(stream, 131, 69), tmp_path / "out.png")
    assert [plane.shape for plane in recorder.planes] == [(69, 131), (35, 66), (35, 66)]
    assert recorder.said["prediction_residual"].shape == (69, 131)
    (decoded,) = hevc_intra.decode(stream)
    np.testing.assert_array_equal(recorder.planes[0], decoded.reconstruction[0][:69, :131])


def smooth(height: int, width: int) -> Samples:
    """RGB whose chroma is flat, so that how chroma is interpolated does not matter."""
    luma = coded_files.photo(height, width)[..., 0]
    return np.dstack((luma // 2 + 60, luma // 2 + 40, luma // 2 + 20))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(64, 96), (45, 71)])
def test_a_heic_comes_as_libheif_shows_it(
    orientation: int, size: tuple[int, int], tmp_path: Path
) -> None:
    # libheif writes odd sizes as clap, and orientations as irot and imir
    plain = coded_files.heic(smooth(*size), 30)
    data = coded_files.heic(smooth(*size), 30, exif=exif(orientation))
    stream = stream_of(data)
    (reference,) = decode_by_ffmpeg(stream)
    recorder = Recorder(with_filters(stream)[0])
    report = enhance_file(recorder, data, tmp_path / "out.png")
    np.testing.assert_array_equal(recorder.planes[0], reference[0])
    assert (recorder.said["bit_depth"], recorder.said["codec"]) == (8, "heif")
    shown = np.asarray(Image.open(tmp_path / "out.png")).astype(int)
    expected = PictureFile(data).decode().planes[0]
    assert shown.shape == expected.shape == (report.height, report.width, 3)
    # two colour transforms in fixed and floating point, and coded chroma is not quite flat
    assert np.abs(shown - expected).max() <= 5
    assert np.abs(shown - expected).mean() < 0.7
    assert expected.shape[:2] == (size if orientation < 5 else size[::-1])
    if orientation == 1:
        np.testing.assert_array_equal(expected, PictureFile(plain).decode().planes[0])


def test_alpha_profile_and_exif_of_a_heic_are_kept(tmp_path: Path) -> None:
    alpha = np.linspace(0, 255, 64 * 96).astype(np.uint8).reshape(64, 96)
    picture = Image.fromarray(np.dstack((smooth(64, 96), alpha)))
    module = pytest.importorskip("pillow_heif", reason="pillow-heif writes HEIC")
    out = io.BytesIO()
    module.from_pillow(picture).save(out, quality=60, exif=exif(6), icc_profile=PROFILE)
    data = out.getvalue()
    usual = PictureFile(data).decode()
    report = enhance_file(Recorder(), data, tmp_path / "out.png")
    assert report.kind == "RGB + alpha"
    with Image.open(tmp_path / "out.png") as shown:
        assert shown.info["icc_profile"] == PROFILE
        assert shown.size == (64, 96) and ImageOps.exif_transpose(shown).size == (64, 96)
        np.testing.assert_array_equal(np.asarray(shown)[..., 3], usual.alpha)


def test_ten_bits_of_a_heic(tmp_path: Path) -> None:
    deep = np.dstack([smooth(64, 96).astype(np.uint16) * 257])
    data = heic(deep, "RGB;16", quality=50)
    recorder = Recorder()
    report = enhance_file(recorder, data, tmp_path / "out.tif")
    assert report.kind == "10-bit RGB"
    (decoded,) = hevc_intra.decode(stream_of(data))
    np.testing.assert_array_equal(recorder.planes[0], decoded.reconstruction[0])
    assert recorder.said["bit_depth"] == 10
    np.testing.assert_array_equal(recorder.said["prediction_residual"], decoded.residual[0])


@pytest.mark.parametrize("turn", [(), (box(b"irot", b"\1"),)], ids=["upright", "turned"])
def test_a_grid_is_one_picture(turn: tuple[bytes, ...], tmp_path: Path) -> None:
    # four tiles of 64x64, of which the last column and row are cut
    streams = [x265(size=(64, 64), qp=qp) for qp in (20, 30, 40, 45)]
    size = (110, 90)
    data = grid(streams, 2, size, (64, 64), *turn)
    recorder = Recorder()
    report = enhance_file(recorder, data, tmp_path / "out.png")
    tiles = [hevc_intra.decode(stream)[0] for stream in streams]
    for given, parts in (
        (recorder.planes[0], [tile.reconstruction[0] for tile in tiles]),
        (recorder.said["prediction_residual"], [tile.residual[0] for tile in tiles]),
        (recorder.planes[2], [with_filters(stream)[2] for stream in streams]),
    ):
        height, width = given.shape
        expected = np.block([parts[:2], parts[2:]])[:height, :width]
        np.testing.assert_array_equal(given, expected)
    assert [plane.shape for plane in recorder.planes] == [(90, 110), (45, 55), (45, 55)]
    assert report.width * report.height == 110 * 90
    assert (report.width == 90) == bool(turn)
    assert report.number == pytest.approx(np.mean([20, 30, 40, 45]))


def test_a_window_on_all_sides_cuts_luma_and_chroma_alike() -> None:
    # FFmpeg by itself keeps two columns at the left, for the sake of aligned lines
    stream = HevcWriter(Design(width=72, height=56, window=(1, 2, 1, 3)), 3).stream()
    (reference,) = decode_by_ffmpeg(stream)
    found = PictureFile(stream).decode_with_residual()
    np.testing.assert_array_equal(found.planes[0], reference[0])
    for plane, expected in zip(found.planes[1:], reference[1:], strict=True):
        # but for the loop filters; moved by a column, random blocks differ by tens
        assert np.abs(plane.astype(int) - expected).mean() < 2.0


def test_a_turned_film(tmp_path: Path) -> None:
    stream = x265("gray")
    enhance_file(Recorder(), film(stream), tmp_path / "plain.png")
    enhance_file(Recorder(), film(stream, turned=True), tmp_path / "turned.png")
    plain, turned = (np.asarray(Image.open(tmp_path / f"{n}.png")) for n in ("plain", "turned"))
    np.testing.assert_array_equal(turned, np.rot90(plain, -1))


def test_networks_without_a_residual_take_a_single_picture_of_hevc_too(tmp_path: Path) -> None:
    graph = small_models.strong_graph()
    small_models.write(graph, tmp_path / "plain.onnx", codecs=("hevc",))
    stream = x265()
    with Enhancer(tmp_path / "plain.onnx", threads=1, target="cpu") as plain:
        for data in (stream, film(stream)):
            report = plain.enhance_file(data, tmp_path / "out.png", overwrite=True)
            assert (report.codec, report.number, report.residual_from) == ("hevc", 34, "")


def test_the_command_line_takes_the_residual_by_itself(model: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "a.heic", tmp_path / "out.png"
    source.write_bytes(gray_heic((64, 96))[0])
    result = CliRunner().invoke(
        main, ["enhance", str(source), "-m", str(model), "-o", str(target), "--threads", "1"]
    )
    assert result.exit_code == 0, result.output
    assert "gray  HEIC QP 27, prediction residual from the file  " in result.stdout
    picture = tmp_path / "a.jpg"
    picture.write_bytes(coded_files.pillow("JPEG", coded_files.photo()))
    result = CliRunner().invoke(main, ["enhance", str(picture), "-m", str(model), "-o", "-"])
    assert result.exit_code == 2


def test_rrnet_gains_over_the_reconstruction_of_a_stream(tmp_path: Path) -> None:
    luma = studio_luma(photograph("chelsea", 60, 100, 128, 160))
    data = HevcCoder("no-deblock=1:no-sao=1").encode(Frame(Layout.GRAY, (luma,)), 37)
    (decoded,) = hevc_intra.decode(data)
    source, target = tmp_path / "a.hevc", tmp_path / "out.png"
    source.write_bytes(data)
    asked = ["enhance", str(source), "-m", "rrnet-37-reduced", "-o", str(target)]
    result = CliRunner().invoke(main, asked)
    assert result.exit_code == 0, result.output
    assert "gray  HEVC QP 37, prediction residual from the file  " in result.stdout
    with Image.open(target) as picture:
        enhanced = np.asarray(picture) * (219 / 255) + 16  # full range, as PNG is
    before, after = (
        np.square(luma - plane.astype(np.float64)).mean()
        for plane in (decoded.reconstruction[0], enhanced)
    )
    # LIVE1 gains 0.54 dB, 12 % of the squared error
    assert after < 0.93 * before
