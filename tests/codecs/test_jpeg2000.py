import struct

import numpy as np
import pytest

from edgeqe.codecs import jpeg2000
from edgeqe.codecs.coded import Scale
from edgeqe.errors import ImageError
from tests import coded_files

PHOTO = coded_files.photo(256, 320)
RATIOS = (8, 10, 13, 16, 20, 30, 40, 50, 70, 100)


#: Large enough that code-blocks are small beside it: an encoder meets the rate by cutting them.
LARGE = coded_files.landscape(768, 1024)


def coded(ratio: float, picture: np.ndarray = PHOTO, **options: object) -> bytes:
    return coded_files.pillow(
        "JPEG2000",
        picture,
        quality_mode="rates",
        quality_layers=[ratio],
        irreversible=True,
        **options,
    )


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_rate_is_the_one_asked_for(ratio: int) -> None:
    found = jpeg2000.strength(coded(ratio, LARGE))
    assert (found.codec, found.scale) == ("jpeg2000", Scale.RATE)
    assert (found.width, found.height, found.bit_depth) == (1024, 768, 8)
    assert found.number == pytest.approx(24 / ratio, rel=0.02)  # 24 bits a pixel before


@pytest.mark.parametrize("picture", [PHOTO, PHOTO[..., 1]])
@pytest.mark.parametrize("ratio", RATIOS)
def test_the_rate_is_that_of_the_codestream_alone(ratio: int, picture: np.ndarray) -> None:
    data = coded(ratio, picture)
    raw = data[data.index(jpeg2000.CODESTREAM) :]  # the last box
    found = jpeg2000.strength(data)
    assert found.number == jpeg2000.strength(raw).number == 8 * len(raw) / (320 * 256)
    assert found.step == jpeg2000.strength(raw).step


def test_the_step_of_a_stated_rate_falls_with_it_and_stays_in_range() -> None:
    rates = [0.001, 0.01, 0.1, 1, 10]
    steps = [jpeg2000.step_from_rate(rate) for rate in rates]
    assert steps == sorted(steps, reverse=True)
    assert steps[0] == 4096.0  # the largest that a strength may be
    # a gray picture takes fewer bits for the same step
    assert jpeg2000.step_from_rate(1, gray=True) < jpeg2000.step_from_rate(1)


def test_a_step_of_jpeg_2000_stays_in_range() -> None:
    steps = [jpeg2000.step_from_effective(step) for step in (1e-9, 0.1, 1, 10, 1e9)]
    assert steps == sorted(steps)
    assert 0.0 < steps[0]
    assert steps[-1] == 4096.0


def test_a_jp2_file_says_which_component_is_luma() -> None:
    data = coded(20)
    colour = data.index(b"colr") + 4
    assert data[colour : colour + 7] == b"\1\0\0" + struct.pack(">I", 16)  # sRGB
    sycc = data[: colour + 3] + struct.pack(">I", 18) + data[colour + 7 :]
    # the first component of three alike is R, or luma: another mean, and another scale
    assert jpeg2000.strength(sycc).exact
    assert jpeg2000.strength(sycc).step != jpeg2000.strength(data).step


def test_tiles_and_metadata_count_as_the_standard_has_it() -> None:
    data = coded(20, tile_size=(128, 128), comment="x" * 500)
    start = data.index(jpeg2000.CODESTREAM)
    # nothing follows the codestream in this file
    assert jpeg2000.strength(data).number == 8 * (len(data) - start) / (320 * 256)
    # what follows the codestream's end is not counted
    raw = data[start:]
    assert jpeg2000.strength(raw + b"trailing").number == jpeg2000.strength(raw).number


def test_a_last_part_without_a_length_goes_up_to_the_end() -> None:
    raw = coded(20, no_jp2=True)
    part = raw.index(b"\xff\x90\0\x0a")
    open_ended = raw[: part + 6] + bytes(4) + raw[part + 10 :]
    assert jpeg2000.strength(open_ended).number == jpeg2000.strength(raw).number


def test_sixteen_bits_are_known() -> None:
    deep = PHOTO[..., 0].astype(np.uint16) * 257
    assert jpeg2000.strength(coded(20, deep)).bit_depth == 16


def with_size(width: int, height: int) -> bytes:
    raw = bytearray(coded(20, no_jp2=True))
    raw[8:16] = struct.pack(">II", width, height)
    return bytes(raw)


@pytest.mark.parametrize("size", [(60000, 60000), (0, 256), (2**32 - 1, 1)])
def test_sizes_that_no_picture_has_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match=f"picture is {size[0]}x{size[1]}"):
        jpeg2000.strength(with_size(*size))


@pytest.mark.parametrize("raw", [False, True])
def test_cut_files_are_refused_wherever_they_are_cut(raw: bool) -> None:
    data = coded(30, no_jp2=raw)
    for size in (*range(12, 130, 9), len(data) // 2, len(data) - 1):
        with pytest.raises(ImageError, match="damaged or cut short"):
            jpeg2000.strength(data[:size])
