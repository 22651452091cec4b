"""Picture files that ask for more than they hold, and cut ones, of every coded format."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from edgeqe.codecs import bpg, bpg_sps, hevc_nal
from edgeqe.codecs.nal import split_annex_b
from tests import coded_files
from tests.codecs.test_heif import box, full

PHOTO = coded_files.photo(64, 96)
HUGE = 60000


def heic_of(sets: list[bytes], slices: list[bytes], shown: tuple[int, int] = (96, 64)) -> bytes:
    """HEIC of one item by hand; its size as shown is what the box ``ispe`` says."""
    head = bytes((1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93, 0xF0, 0, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0,
                  0x0F, len(sets)))  # fmt: skip
    record = head + b"".join(
        bytes((hevc_nal.unit_kind(unit), 0, 1)) + struct.pack(">H", len(unit)) + unit
        for unit in sets
    )
    content = b"".join(struct.pack(">I", len(unit)) + unit for unit in slices)
    size = full(b"ispe", 0, struct.pack(">II", *shown))

    def meta(first: int) -> bytes:
        return full(
            b"meta", 0,
            full(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
            full(b"pitm", 0, struct.pack(">H", 1)),
            full(b"iinf", 0, struct.pack(">H", 1),
                 full(b"infe", 2, struct.pack(">HH4s", 1, 0, b"hvc1"), b"\0")),
            full(b"iloc", 1, b"\x44\0", struct.pack(">H", 1),
                 struct.pack(">HHHHII", 1, 0, 0, 1, first, len(content))),
            box(b"iprp", box(b"ipco", box(b"hvcC", record), size),
                full(b"ipma", 0, struct.pack(">I", 1), struct.pack(">HBBB", 1, 2, 0x81, 2))),
        )  # fmt: skip

    start = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    return start + meta(len(start) + len(meta(0)) + 8) + box(b"mdat", content)


def hevc_units(width: int = 96, height: int = 64) -> tuple[list[bytes], list[bytes]]:
    """Parameter sets that say a size, and the slice of a picture of 96x64."""
    units = list(split_annex_b(coded_files.hevc_intra(30)))
    (sps,) = (unit for unit in units if hevc_nal.unit_kind(unit) == hevc_nal.SPS)
    _, tools = bpg_sps.tools_of(sps, 96, 64)
    sets = bpg_sps.parameter_sets(tools, width, height, 8, 1)
    sets += [unit for unit in units if hevc_nal.unit_kind(unit) == hevc_nal.PPS]
    return sets, [unit for unit in units if hevc_nal.is_slice(hevc_nal.unit_kind(unit))]


def says(data: bytes, kind: bytes, at: int, *sizes: int) -> bytes:
    """File whose field of two numbers, some bytes behind a box's name, says another size."""
    place = data.index(kind) + at
    return data[:place] + struct.pack(">II", *sizes) + data[place + 8 :]


def jpeg_2000(**options: object) -> bytes:
    return coded_files.pillow("JPEG2000", PHOTO, irreversible=True, **options)


def extended_webp(flags: int) -> bytes:
    """WebP with an extended header that says a canvas of 60000x60000."""
    data = coded_files.pillow("WEBP", PHOTO, quality=50)
    sides = 2 * (HUGE - 1).to_bytes(3, "little")
    chunks = b"VP8X" + struct.pack("<I", 10) + bytes((flags, 0, 0, 0)) + sides + data[12:]
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def only_header(data: bytes) -> bytes:
    """Codestream of JPEG 2000 whose first tile-part is left out."""
    return data[: data.index(b"\xff\x90")] + b"\xff\xd9"


#: Whole files, by the format's name.
WHOLE: dict[str, Callable[[], bytes]] = {
    "heic": lambda: coded_files.heic(PHOTO, 50),
    "avif": lambda: coded_files.pillow("AVIF", PHOTO, quality=50),
    "webp": lambda: coded_files.pillow("WEBP", PHOTO, quality=50),
    "jp2": lambda: jpeg_2000(),
    "j2k": lambda: jpeg_2000(no_jp2=True),
    "bpg": lambda: bpg.write(coded_files.hevc_intra(30), 96, 64),
}
STREAM = b"\xff\x4f\xff\x51"
#: Files that say a size that they have not, or hold no picture, and what the refusal says.
ASKING: dict[str, tuple[Callable[[], bytes], str]] = {
    "heic of a huge stream": (lambda: heic_of(*hevc_units(HUGE, HUGE)), "60000x60000"),
    "heic of a huge stream, shown small": (
        lambda: heic_of(*hevc_units(24000, 12000)),
        "24000x12000, more than the limit",
    ),
    "heic that is shown huge": (
        lambda: heic_of(*hevc_units(), (HUGE, HUGE)),
        "60000x60000, more than the limit",
    ),
    "heic of a large stream in few bytes": (
        lambda: heic_of(*hevc_units(16000, 16000)),
        "16000x16000 in",
    ),
    "heic without a slice": (lambda: heic_of(hevc_units()[0], []), "holds no slice"),
    "heic of an empty slice": (
        lambda: heic_of(hevc_units()[0], [b"\x26\x01"]),
        "slice header ends too early",
    ),
    "avif that is shown huge": (
        lambda: says(WHOLE["avif"](), b"ispe", 8, HUGE, HUGE),
        "damaged or cut short",
    ),
    "avif without a frame": (lambda: avif_of_nothing(), "holds no frame"),
    "webp of a huge canvas": (lambda: extended_webp(0), "canvas of 60000x60000"),
    "webp of a huge canvas, animated": (lambda: extended_webp(2), "canvas of 60000x60000"),
    "jp2 that is huge": (
        lambda: says(says(WHOLE["jp2"](), b"ihdr", 4, HUGE, HUGE), STREAM, 8, HUGE, HUGE),
        "60000x60000",
    ),
    "jp2 whose header is huge": (
        lambda: says(WHOLE["jp2"](), b"ihdr", 4, HUGE, HUGE),
        "60000x60000 in its header and 96x64 in its codestream",
    ),
    "jp2 whose stream is huge": (
        lambda: says(WHOLE["jp2"](), STREAM, 8, HUGE, HUGE),
        "60000x60000",
    ),
    "j2k that is huge": (lambda: says(WHOLE["j2k"](), STREAM, 8, HUGE, HUGE), "60000x60000"),
    "j2k without a tile": (lambda: only_header(WHOLE["j2k"]()), "damaged or cut short"),
    "bpg that is huge": (
        lambda: WHOLE["bpg"]().replace(b"\x60\x40", 2 * b"\x83\xd4\x60", 1),
        "60000x60000",
    ),
    "bpg without a slice": (
        lambda: re.sub(rb"(?<=\0\0\x01)[\x26\x28]", b"\x40", WHOLE["bpg"]()),
        "holds no picture",
    ),
}


def avif_of_nothing() -> bytes:
    """AVIF whose frame is a padding unit."""
    data = bytearray(WHOLE["avif"]())
    at = data.index(b"mdat") + 4
    length = len(data) - at - 3
    # one unit of padding (OBU 15) over all of it, its length in two bytes
    data[at : at + 3] = bytes((15 << 3 | 2, length & 127 | 128, length >> 7))
    return bytes(data)
