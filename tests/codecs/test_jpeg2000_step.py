"""The step of real encoders' codestreams: OpenJPEG through Pillow, and FFmpeg's own."""

import io
import struct
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeqe.codecs import jpeg2000
from edgeqe.codecs.jpeg2000_codestream import TilePart, read_codestream
from edgeqe.codecs.jpeg2000_step import EffectiveStep, norms, read_effective_step
from edgeqe.codecs.jpeg2000_tile import CodedTile
from edgeqe.errors import ImageError
from tests import coded_files

Picture = npt.NDArray[Any]
PHOTO = coded_files.photo(200, 328)
LANDSCAPE = coded_files.landscape(256, 320)
#: Luma as the irreversible colour transform has it (ITU-T T.800, G.3).
LUMA = np.array([0.299, 0.587, 0.114])


def coded(picture: Picture, ratio: float | None = 20, **options: Any) -> bytes:
    rate = {} if ratio is None else {"quality_mode": "rates", "quality_layers": [ratio]}
    options = {"irreversible": True, "no_jp2": True, **rate, **options}
    return coded_files.pillow("JPEG2000", picture, **options)


def effective(data: bytes) -> EffectiveStep:
    return read_effective_step(read_codestream(data, 0, len(data)), luma_first=False)


def luma_error(data: bytes, picture: Picture) -> float:
    """Mean squared error of luma."""
    with Image.open(io.BytesIO(data)) as opened:
        error = np.asarray(opened).astype(np.float64) - picture
    return float(np.mean((error if error.ndim == 2 else error @ LUMA) ** 2))


def tiles_of(data: bytes) -> dict[int, list[TilePart]]:
    found: dict[int, list[TilePart]] = {}
    for part in read_codestream(data, 0, len(data)).parts:
        found.setdefault(part.tile, []).append(part)
    return found


def shortened(data: bytes, part: TilePart) -> bytes:
    """Codestream whose tile-part has lost its last byte."""
    length = struct.pack(">I", part.stop - (part.start - 12) - 1)
    data = data[: part.stop - 1] + data[part.stop :]
    return data[: part.start - 6] + length + data[part.start - 2 :]


def read_all(data: bytes, tile: int) -> None:
    codestream = read_codestream(data, 0, len(data))
    parts = [part for part in codestream.parts if part.tile == tile]
    CodedTile(codestream, tile, parts).blocks(len(codestream.size.components))


@pytest.mark.parametrize("progression", ["LRCP", "RLCP", "RPCL", "PCRL", "CPRL"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quality_layers": [60, 30, 10]},
        {"precinct_size": (64, 64), "codeblock_size": (32, 32)},
        {"tile_size": (100, 77), "num_resolutions": 3},
        {
            "tile_size": (160, 128),
            "offset": (13, 7),
            "tile_offset": (5, 3),
            "precinct_size": (64, 64),
            "codeblock_size": (16, 32),
            "quality_layers": [60, 30, 10],
        },
    ],
)
def test_packets_end_where_each_tile_ends(progression: str, options: dict[str, Any]) -> None:
    # lengths are read from headers that begin where the last packet ended, so one bit read
    # wrongly makes them end anywhere else
    data = coded(PHOTO, 10, mct=1, progression=progression, **options)
    for tile, parts in tiles_of(data).items():
        read_all(data, tile)
        with pytest.raises(ImageError, match="packet of a JPEG 2000 codestream"):
            read_all(shortened(data, parts[-1]), tile)


@pytest.mark.parametrize("options", [{}, {"precinct_size": (64, 64), "codeblock_size": (32, 32)}])
def test_the_order_of_packets_does_not_change_the_step(options: dict[str, Any]) -> None:
    orders = ["LRCP", "RLCP", "RPCL", "PCRL", "CPRL"]
    steps = {
        effective(coded(PHOTO, 10, mct=1, progression=order, **options)).step for order in orders
    }
    assert max(steps) == pytest.approx(min(steps), rel=1e-9)  # sums in another order


@pytest.mark.parametrize("picture", [PHOTO, PHOTO[..., 1]])
@pytest.mark.parametrize("options", [{}, {"tile_size": (128, 128)}, {"num_resolutions": 1}])
def test_openjpegs_own_step_of_one_is_found_where_nothing_is_cut(
    picture: Picture, options: dict[str, Any]
) -> None:
    # OpenJPEG's steps are 1 over a basis' norm, in eleven bits and with norms of four digits
    assert effective(coded(picture, None, **options)).step == pytest.approx(1.0, rel=2e-3)


def test_sixteen_bits_have_the_step_of_eight() -> None:
    deep: Picture = PHOTO[..., 1].astype(np.uint16) * 256
    fine = coded(deep, None)
    assert effective(fine).step == pytest.approx(1 / 256, rel=2e-3)


@pytest.mark.parametrize("picture", [PHOTO, PHOTO[..., 1]])
@pytest.mark.parametrize("mct", [0, 1])
def test_no_loss_is_told_from_a_small_one(picture: Picture, mct: int) -> None:
    whole = jpeg2000.strength(coded(picture, None, irreversible=False, mct=mct))
    assert (whole.lossless, whole.step, whole.exact) == (True, 0.0, True)
    cut = jpeg2000.strength(coded(picture, 4, irreversible=False, mct=mct))
    assert not cut.lossless
    assert cut.step > 1.0


@pytest.mark.parametrize("irreversible", [True, False])
@pytest.mark.parametrize("mct", [0, 1])
def test_the_step_falls_with_the_rate(irreversible: bool, mct: int) -> None:
    ratios = (8, 13, 20, 35, 60, 100)
    data = [coded(LANDSCAPE, ratio, irreversible=irreversible, mct=mct) for ratio in ratios]
    steps = [effective(part).step for part in data]
    assert all(coarse > fine for fine, coarse in pairwise(steps))


def test_the_step_follows_the_picture_where_the_rate_does_not() -> None:
    # A smooth picture, a noisy one and a landscape, in gray and colour, fine and coarse. The root
    # of 12 times the mean squared error is the step of a uniform quantizer that errs as much. Ours
    # is off it by the same in all of them to an octave and a half: where a picture is finer than
    # the step, less is lost. The rate's rule is off by more than three octaves and a half.
    row, column = np.mgrid[0:256, 0:320]
    wave = 128 + 60 * np.sin(row / 40) + 50 * np.cos(column / 55)
    noise = np.random.default_rng(3).normal(0, 1, (256, 320))
    smooth, rough = (np.clip(wave + noise * by, 0, 255).astype(np.uint8) for by in (1.5, 40))
    ours, rule = [], []
    for picture in (smooth, rough, LANDSCAPE, LANDSCAPE[..., 1]):
        for ratio in (13, 40):
            data = coded(picture, ratio, mct=1)
            found = jpeg2000.strength(data)
            by_rate = jpeg2000.step_from_rate(found.number, picture.ndim == 2)
            level = np.log2(12 * luma_error(data, picture)) / 2
            ours.append(np.log2(found.step) - level)
            rule.append(np.log2(by_rate) - level)
    assert np.ptp(ours) < 1.5
    assert np.ptp(rule) > 3.5


def by_ffmpeg(picture: Picture, **options: str) -> bytes:
    av = pytest.importorskip("av")
    context = av.CodecContext.create("jpeg2000", "w")
    context.width, context.height, context.pix_fmt = *picture.shape[1::-1], "gray"
    context.time_base = Fraction(1, 25)
    context.options = {"format": "j2k", **options}
    frame = av.VideoFrame.from_ndarray(picture, format="gray")
    return b"".join(bytes(part) for part in context.encode(frame) + context.encode(None))


@pytest.mark.parametrize(
    "options", [{}, {"sop": "1"}, {"eph": "1"}, {"sop": "1", "eph": "1", "prog": "rpcl"}]
)
def test_another_encoder_and_the_markers_around_packets(options: dict[str, str]) -> None:
    # FFmpeg's steps are 1 over a basis' norm too
    data = by_ffmpeg(np.ascontiguousarray(PHOTO[..., 1]), **options)
    assert (b"\xff\x91\x00\x04" in data) == ("sop" in options)
    assert effective(data).step == pytest.approx(1.0, rel=2e-3)
    for tile in tiles_of(data):
        read_all(data, tile)


def inverse(low: Any, high: Any, reversible: bool) -> Any:
    """One level of synthesis by lifting (ITU-T T.800, F.3.8), ends taken as zero."""
    out = np.zeros(2 * len(low))
    out[::2], out[1::2] = low, high

    def lift(first: int, factor: float) -> None:
        around = np.roll(out, 1) + np.roll(out, -1)
        out[first::2] += factor * around[first::2]

    if reversible:
        lift(0, -0.25)
        lift(1, 0.5)
        return out
    out[::2] *= 1.230174104914001
    out[1::2] /= 1.230174104914001
    for first, factor in ((0, -0.443506852043971), (1, -0.882911075530934),
                          (0, 0.052980118572961), (1, 1.586134342059924)):  # fmt: skip
        lift(first, factor)
    return out


@pytest.mark.parametrize("reversible", [True, False])
@pytest.mark.parametrize("level", [1, 2, 3, 5, 9])
def test_norms_are_those_of_lifting_an_impulse(level: int, reversible: bool) -> None:
    impulse, nothing = np.zeros(16), np.zeros(16)
    impulse[8] = 1.0
    found = []
    for first in ((impulse, nothing), (nothing, impulse)):
        basis = inverse(*first, reversible)
        for _ in range(level - 1):
            basis = inverse(basis, np.zeros_like(basis), reversible)
        found.append(float(np.linalg.norm(basis)))
    # the levels behind the eighth follow by a factor
    assert norms(level, reversible) == pytest.approx(tuple(found), rel=2e-4)


def mutant(data: bytes, random: np.random.Generator) -> bytes:
    """File with a few places changed, mostly in its headers."""
    changed = bytearray(data)
    for _ in range(random.integers(1, 5)):
        place = int(random.integers(4, len(data) if random.random() < 0.4 else 160))
        changed[place] = int(random.choice([0, 1, 255, int(random.integers(256))]))
    return bytes(changed)


@pytest.mark.parametrize("make", [
    lambda: coded(PHOTO, 40, mct=1, quality_layers=[90, 40]),
    lambda: coded(PHOTO, 40, tile_size=(64, 64), precinct_size=(32, 32), codeblock_size=(8, 8)),
])  # fmt: skip
def test_damaged_files_give_a_step_or_are_refused(make: Callable[[], bytes]) -> None:
    data, random = make(), np.random.default_rng(5)
    for _ in range(150):
        try:
            found = jpeg2000.strength(mutant(data, random))
        except ImageError:
            continue
        assert found.lossless or 0.0 < found.step <= jpeg2000.LARGEST_STEP


def test_many_tiles_are_looked_at_in_part() -> None:
    # 1024 tiles, of which the left half is flat: those chosen stand for all
    whole = np.full((512, 512), 128, np.uint8)
    whole[:, 256:] = coded_files.photo(512, 256)[..., 1]
    data = coded(whole, 10, tile_size=(16, 16), num_resolutions=2)
    assert len(tiles_of(data)) == 1024
    found = jpeg2000.strength(data)
    assert found.exact and found.step > 1.0
