"""Every codec by its first bytes, and what hostile files of each do: an error, soon and small."""

import math
import struct
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from edgeqe.codecs import bpg
from edgeqe.codecs.coded import LARGEST_PICTURE, CodedStrength
from edgeqe.codecs.identify import strength_of
from edgeqe.codecs.nal import UNIT_LIMIT
from edgeqe.codecs.strength import STATED_BY
from edgeqe.errors import ImageError
from tests import coded_files

PHOTO = coded_files.photo(64, 96)

FILES: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: coded_files.pillow("JPEG", PHOTO, quality=40),
    "jpeg2000": lambda: coded_files.pillow(
        "JPEG2000", PHOTO, quality_mode="rates", quality_layers=[20], irreversible=True
    ),
    "j2k": lambda: coded_files.pillow("JPEG2000", PHOTO, irreversible=True, no_jp2=True),
    "heif": lambda: coded_files.heic(PHOTO, 40),
    "avif": lambda: coded_files.pillow("AVIF", PHOTO, quality=40),
    "webp": lambda: coded_files.pillow("WEBP", PHOTO, quality=40),
    "bpg": lambda: bpg.write(coded_files.hevc_intra(30), 96, 64, extensions=[(1, b"exif")]),
    "h264": lambda: coded_files.h264("crf=30:bframes=2", count=4),
    "hevc": lambda: coded_files.hevc("crf=30:bframes=2:info=0:weightb=1", count=4),
    "vvc": lambda: coded_files.vvc(30, count=5),
    "av1": lambda: coded_files.av1("rc=0:qp=30", count=4),
}


@pytest.fixture(scope="module", params=FILES)
def coded(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    return request.param, FILES[request.param]()


def test_every_codec_is_known_by_its_first_bytes(coded: tuple[str, bytes]) -> None:
    name, data = coded
    found = strength_of(data)
    assert found is not None
    assert found.codec == {"j2k": "jpeg2000"}.get(name, name)
    assert found.codec in STATED_BY
    assert 0.1 < found.step < 300
    assert (found.width, found.height) == (96, 64)
    assert found.number == pytest.approx(sum(found.per_picture) / len(found.per_picture))


def test_every_codec_with_a_strength_is_tried() -> None:
    assert set(STATED_BY) == {*FILES} - {"j2k"}


@pytest.mark.parametrize(
    "data",
    [
        coded_files.pillow("PNG", PHOTO),
        coded_files.pillow("TIFF", PHOTO),
        coded_files.pillow("GIF", PHOTO),
        b"\0\0\0\x18ftypisom\0\0\0\0isomavc1" + bytes(100),
        b"\0",
        bytes(1000),
        b"\0\0\1",
        b"\0\0\1\xba" + bytes(50),  # a program stream of MPEG-2
        b"\xff\0\0\1\x67" + bytes(50),
        b"some text",
    ],
)
def test_other_files_are_none(data: bytes) -> None:
    assert strength_of(data) is None


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(ImageError, match=r"empty \(0 bytes\)"):
        strength_of(b"")


def holds_or_is_refused(data: bytes) -> bool:
    """Whether a strength was read; anything but an error of edgeqe fails the test."""
    try:
        found = strength_of(data)
    except ImageError as error:
        assert str(error).strip() and "\n" not in str(error)
        return False
    if found is not None:
        assert isinstance(found, CodedStrength)
        assert found.lossless == (found.step == 0)
        assert math.isfinite(found.step) and found.step >= 0 and math.isfinite(found.number)
        assert 0 < found.width * found.height <= LARGEST_PICTURE
    return found is not None


def test_cut_files_end_in_an_error_or_a_strength(coded: tuple[str, bytes]) -> None:
    name, data = coded
    draw = np.random.default_rng(10)
    sizes = {*range(min(len(data), 120)), *map(int, draw.integers(0, len(data), 80))}
    read = [size for size in sorted(sizes) if holds_or_is_refused(data[:size])]
    if name in ("heif", "avif", "webp", "bpg", "jpeg2000", "j2k"):
        assert read == []  # their lengths tell that something is missing
    else:
        assert all(size > 20 for size in read)


@pytest.mark.parametrize("seed", range(4))
def test_changed_files_end_in_an_error_or_a_strength(coded: tuple[str, bytes], seed: int) -> None:
    _, data = coded
    draw = np.random.default_rng(seed)
    for _ in range(150):
        changed = bytearray(data)
        # headers are in front, and that is where a change hurts
        reach = len(data) if draw.random() < 0.2 else min(len(data), 400)
        for _ in range(int(draw.integers(1, 6))):
            at = int(draw.integers(0, reach)) % len(changed)
            kind = draw.integers(0, 4)
            if kind == 0:
                changed[at] = int(draw.integers(0, 256))
            elif kind == 1:
                changed[at] ^= 1 << int(draw.integers(0, 8))
            elif kind == 2:
                changed[at : at + 4] = bytes(4) if draw.random() < 0.5 else b"\xff" * 4
            else:
                del changed[at : at + int(draw.integers(1, 9))]
        holds_or_is_refused(bytes(changed))


@pytest.mark.parametrize("name", ["h264", "hevc", "vvc", "av1"])
def test_of_a_long_stream_the_beginning_is_read(name: str) -> None:
    data = FILES[name]()
    # a raw stream may follow itself; 2,000 times would take long to read
    found = strength_of(data * 2_000)
    assert found is not None
    assert len(found.per_picture) < UNIT_LIMIT
    once = strength_of(data)
    assert once is not None
    assert found.per_picture[: len(once.per_picture)] == once.per_picture
    assert found.number == pytest.approx(once.number, abs=0.1)


@pytest.mark.parametrize("header", [b"\x68", b"\x44\x01"])
def test_more_parameter_sets_than_any_stream_has_are_refused(header: bytes) -> None:
    # PPS of H.264 and HEVC: all flags set, all codes 0, and bytes behind that tell them apart
    sets = (b"\0\0\1" + header + b"\xff" * 400 + struct.pack(">I", n) for n in range(3000))
    with pytest.raises(ImageError, match="more than 100 different parameter sets"):
        strength_of(b"".join(sets))


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


HEIC = box(b"ftyp", b"heic" + bytes(4))
#: Small files that ask for much work or memory; none of them is a picture.
HOSTILE = {
    "start codes": b"\0\0\1\x67\x42" + b"\0\0\1\x65" * 250_000,
    "start codes of HEVC": b"\0\0\1\x40\x01" + b"\0\0\1\x26\x01\x80" * 150_000,
    "start codes of VVC": b"\0\0\1\x00\x79" + b"\0\0\1\x00\x41\x80" * 150_000,
    "units of AV1": b"\x12\0\x0a\x01\x00" + b"\x32\x00" * 500_000,
    "boxes": HEIC + box(b"meta", bytes(4) + box(b"free", b"") * 120_000),
    "boxes that end nowhere": HEIC + b"\0\0\0\1meta" + b"\xff" * 8,
    "boxes in boxes": HEIC + b"\0\0\0\0meta" * 100_000,
    "items": HEIC
    + box(b"meta", bytes(4) + box(b"iloc", b"\2\0\0\0\0\0" + struct.pack(">I", 2**32 - 1)
          + bytes(2) + bytes(10) * 90_000)),
    "properties": HEIC
    + box(b"meta", bytes(4) + box(b"iprp", box(b"ipma", bytes(4) + b"\xff\xff\xff\xff"
          + bytes(900_000)))),
    "chunks": b"RIFF" + struct.pack("<I", 4 + 800_000) + b"WEBP" + b"junk\0\0\0\0" * 100_000,
    "parts of JPEG 2000": b"\xff\x4f\xff\x51\0\x2f" + bytes(2) + struct.pack(">8I", 64, 64, 0, 0, 64,
        64, 0, 0) + struct.pack(">H", 3) + b"\7\1\1" * 3
    + (b"\xff\x90\0\x0a\0\0\0\0\0\x0e\0\1" + b"\xff\x93") * 71_000,
    "segments of JPEG": b"\xff\xd8" + b"\xff\xe0\0\2" * 250_000,
    "tables of JPEG": b"\xff\xd8" + (b"\xff\xdb\xff\xfd" + (b"\0" + bytes(64)) * 1007 + b"\1" * 76) * 12,
    "a BPG of zeros": bpg.MAGIC + b"\x20\0\x60\x40\0" + bytes(1_000_000),
    "metadata of BPG": bpg.MAGIC + b"\x20\x08\x60\x40\0\xbd\x84\x40" + b"\1\0" * 500_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_in_little_memory(name: str) -> None:
    data = HOSTILE[name]
    tracemalloc.start()
    try:
        with pytest.raises(ImageError):
            strength_of(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # a copy of the file, and bounded lists of what is in it
    assert peak < len(data) + 48 * 2**20
