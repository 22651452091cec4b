"""Files whose prediction residual and luma before the loop filters go into a network by themselves."""

from __future__ import annotations

import io
import struct
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

import av

from edgeqe import Enhancer, ImageError
from edgeqe.cli import main
from edgeqe.codecs import bpg, hevc_intra
from edgeqe.files.enhance import enhance_file
from edgeqe.files.reading import PictureFile
from edgeqe.files.upsample import i420_to_rgb
from tests import coded_files, small_models
from tests.codecs.test_hevc_intra import stream_of
from tests.files.coded_pictures import PROFILE, exif, heic
from tests.files.heif_boxes import box, grid
from tests.hevc_headers import Design
from tests.hevc_streams import decode_by_ffmpeg
from tests.hevc_writer import HevcWriter

Samples = npt.NDArray[Any]


class Recorder:
    """Stands in for `Enhancer` with a residual: keeps what it was given, and gives other luma."""

    takes_residual = True

    def __init__(self, luma: Samples | None = None) -> None:
        self.luma, self.planes, self.said = luma, list[Samples](), dict[str, Any]()

    def is_exact(self, height: int, width: int) -> bool:
        return True

    def enhance(self, image: Samples, **said: Any) -> Samples:
        self.planes, self.said = [image], said
        return image if self.luma is None else self.luma

    def enhance_planes(
        self, y: Samples, u: Samples, v: Samples, **said: Any
    ) -> tuple[Samples, Samples, Samples]:
        self.planes, self.said = [y, u, v], said
        return y if self.luma is None else self.luma, u, v


def x265(pixels: str = "yuv420p", size: tuple[int, int] = (64, 96), *, qp: int = 34) -> bytes:
    return coded_files.hevc(f"qp={qp}:keyint=1:ipratio=1.0:info=0", pixels=pixels, size=size)


def with_filters(stream: bytes) -> list[Samples]:
    """Planes of 8 bits as FFmpeg gives them, loop filters on."""
    context = av.CodecContext.create("hevc", "r")
    (frame,) = [*context.decode(av.Packet(stream)), *context.decode(None)]
    planes: Any = frame.planes
    return [
        np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width].copy()
        for plane in planes
    ]


def film(stream: bytes, turned: bool = False) -> bytes:
    """MP4 of a stream by FFmpeg's muxer."""
    out = io.BytesIO()
    with (
        av.open(io.BytesIO(stream), "r", format="hevc") as source,
        av.open(out, "w", format="mp4") as target,
    ):
        video = target.add_stream_from_template(source.streams.video[0])
        for index, packet in enumerate(source.demux()):
            if packet.size:
                packet.stream, packet.pts, packet.dts = video, index, index
                target.mux(packet)
    data = out.getvalue()
    if turned:  # a quarter clockwise, as phones write it: 0 1 0 -1 0 0 in place of 1 0 0 0 1 0
        at = data.index(b"tkhd") + 4 + 40
        assert data[at : at + 4] == struct.pack(">i", 65536)
        matrix = struct.pack(">5i", 0, 65536, 0, -65536, 0)
        data = data[:at] + matrix + data[at + 20 :]
    return data


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "residual.onnx"
    graph = small_models.strong_graph(inputs=("planes", "residual"))
    small_models.write(graph, path, codecs=("hevc",))
    return path


@pytest.fixture(scope="module")
def enhancer(model: Path) -> Enhancer:
    return Enhancer(model, threads=1, target="cpu")


def gray_heic(size: tuple[int, int]) -> tuple[bytes, bytes]:
    made = coded_files.heic(coded_files.photo(*size)[..., 0], 40)
    return made, stream_of(made)


def gray_bpg(pixels: str) -> tuple[bytes, bytes]:
    stream = x265(pixels, (70, 131))
    return bpg.write(stream, 131, 70), stream


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


def refused(data: bytes, tmp_path: Path, name: str, *, qp: bool = True) -> str:
    path, target = tmp_path / name, tmp_path / "out.png"
    path.write_bytes(data)
    with pytest.raises(ImageError) as error:
        enhance_file(Recorder(), path, target, qp=30 if qp else None)
    assert not target.exists()
    said = str(error.value)
    assert said.startswith(str(path)) and "\n" not in said
    return said.removeprefix(str(path))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "AVIF"])
def test_files_that_are_not_of_hevc_are_refused(kind: str, tmp_path: Path) -> None:
    data = coded_files.pillow(kind, coded_files.photo())
    for qp in (True, False):  # whether or not the strength is known
        said = refused(data, tmp_path, f"a.{kind}", qp=qp)
        assert "is not of HEVC" in said and "HEIC, BPG" in said and "another model" in said


def test_clips_and_inter_pictures_are_refused_by_name(tmp_path: Path) -> None:
    clip = coded_files.hevc("qp=30:keyint=1", count=3)
    for name, data in (("a.hevc", clip), ("a.mp4", film(clip))):
        assert "clip of 3 pictures" in refused(data, tmp_path, name)


def test_tools_outside_of_the_profiles_are_named(tmp_path: Path) -> None:
    data = heic(coded_files.photo(), "RGB", quality=50, chroma=444)
    assert "4:4:4" in refused(data, tmp_path, "a.heic")
    deep = coded_files.hevc("qp=30:keyint=1", pixels="yuv422p")
    assert "4:2:2" in refused(deep, tmp_path, "a.hevc")


def test_other_films_are_refused_by_name(tmp_path: Path) -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as target:
        video = target.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(coded_files.photo(), "rgb24")
        target.mux(video.encode(frame))
        target.mux(video.encode())
    assert "'avc1', and not HEVC" in refused(out.getvalue(), tmp_path, "a.mp4")


@pytest.mark.parametrize("make", [lambda: gray_heic((64, 96))[0], lambda: film(x265())],
                         ids=["heic", "mp4"])  # fmt: skip
def test_cut_files_are_refused(make: Callable[[], bytes], tmp_path: Path) -> None:
    data = make()
    for size in np.linspace(12, len(data) - 1, 9).astype(int):
        refused(data[:size], tmp_path, "a.cut")


@pytest.mark.parametrize("make", [lambda: coded_files.heic(coded_files.photo(), 40),
                                  lambda: bpg.write(x265(), 96, 64), x265, lambda: film(x265())],
                         ids=["heic", "bpg", "hevc", "mp4"])  # fmt: skip
def test_changed_files_are_pictures_or_refused(make: Callable[[], bytes]) -> None:
    data, draw = make(), np.random.default_rng(3)
    for _ in range(25):
        changed = bytearray(data)
        for at in draw.integers(0, len(data), 3):
            changed[at] = int(draw.integers(0, 256))
        try:
            found = PictureFile(bytes(changed)).decode_with_residual(pixel_limit=10**6)
        except ImageError as error:
            assert str(error).strip() and "\n" not in str(error)
        else:
            assert found.residual.shape == found.planes[0].shape
            assert found.finish(found.planes).planes[0].shape == found.picture.planes[0].shape


def test_a_missing_package_is_one_line_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeqe.errors import MissingPackageError

    def missing(stream: bytes) -> None:
        raise MissingPackageError("numba is not installed: pip install 'edgeqe[codecs]'")

    monkeypatch.setattr(hevc_intra, "decode", missing)
    with pytest.raises(MissingPackageError, match=r"a\.heic: numba .* pip install"):
        (tmp_path / "a.heic").write_bytes(gray_heic((64, 96))[0])
        enhance_file(Recorder(), tmp_path / "a.heic", tmp_path / "out.png")


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
