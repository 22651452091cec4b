"""MP4 and QuickTime files of one HEVC picture: its stream, and how it is shown (ISO/IEC 14496-12)."""

from __future__ import annotations

from dataclasses import dataclass

from edgeqe.codecs import hevc
from edgeqe.codecs.boxes import ByteReader, MediaBox, boxes, find
from edgeqe.codecs.coded import CodedStrength, damaged
from edgeqe.codecs.heif import configured_units, is_avif, is_heif
from edgeqe.codecs.nal import join_annex_b
from edgeqe.errors import ImageError

#: Bytes of a VisualSampleEntry before the boxes in it (12.1.3).
SAMPLE_ENTRY = 78
#: Quarter turns, counter-clockwise, by the first four numbers of a track's matrix (8.3.2).
TURNS: dict[tuple[float, ...], int] = {
    (1, 0, 0, 1): 0,
    (0, 1, -1, 0): 3,
    (-1, 0, 0, -1): 2,
    (0, -1, 1, 0): 1,
}


@dataclass(frozen=True)
class MovieStill:
    """The picture of a file."""

    stream: bytes
    """Byte stream with start codes (annex B)."""
    turns: int
    """Quarter turns counter-clockwise until it is upright."""
    colours: tuple[int, int, int, bool] | None
    """Primaries, transfer and matrix of ITU-T H.273, and whether the range is full; None where
    only the stream may say it."""


def is_movie(data: bytes) -> bool:
    """Whether a file begins as an MP4 or QuickTime file does that is no HEIF or AVIF."""
    return data[4:8] == b"ftyp" and not is_heif(data) and not is_avif(data)


def read_still(data: bytes) -> MovieStill:
    """Read the one picture of a file.

    Parameters
    ----------
    data : bytes

    Raises
    ------
    ImageError
        If the file is damaged, or its first video track is not of HEVC, or holds another number
        of pictures than one.
    """
    track = _video_track(data)
    media = _inside(data, track, b"mdia")
    table = _inside(data, _inside(data, media, b"minf"), b"stbl")
    entries = _inside(data, table, b"stsd")
    entry = next(boxes(data, min(entries.start + 8, entries.stop), entries.stop), None)
    if entry is None or entry.kind not in (b"hvc1", b"hev1"):
        name = entry.kind.decode("ascii", "replace") if entry else "none"
        raise _refused(f"its first video is of the kind {name!r}, and not HEVC")
    inner = MediaBox(entry.kind, min(entry.start + SAMPLE_ENTRY, entry.stop), entry.stop)
    record = _inside(data, inner, b"hvcC")
    sample = _only_sample(data, table)
    units = configured_units(data[record.start : record.stop], sample)
    return MovieStill(join_annex_b(units), _turns(data, track), _colours(data, inner))


def strength(data: bytes) -> CodedStrength:
    """Strength of the one picture of a file; errors as of `read_still`."""
    return hevc.strength_of_stream(read_still(data).stream)


def _inside(data: bytes, box: MediaBox, kind: bytes) -> MediaBox:
    found = find(data, box.start, box.stop, kind)
    if found is None:
        raise damaged(f"a film has no box {kind.decode('ascii')!r}")
    return found


def _video_track(data: bytes) -> MediaBox:
    """First track whose handler is that of video."""
    movie = _inside(data, MediaBox(b"", 0, len(data)), b"moov")
    for box in boxes(data, movie.start, movie.stop):
        if box.kind == b"trak":
            handler = _inside(data, _inside(data, box, b"mdia"), b"hdlr")
            if data[handler.start + 8 : min(handler.start + 12, handler.stop)] == b"vide":
                return box
    raise _refused("it is a film without video")


def _only_sample(data: bytes, table: MediaBox) -> bytes:
    """Bytes of the one sample of a track."""
    sizes = _inside(data, table, b"stsz")
    reader = ByteReader(data, sizes.start, sizes.stop, "box 'stsz'")
    reader.take(4)
    size, count = reader.u(4), reader.u(4)
    if count != 1:
        raise several_pictures(count) if count else _refused("it is a film in fragments")
    size = size or reader.u(4)
    wide = find(data, table.start, table.stop, b"co64")
    places = wide or _inside(data, table, b"stco")
    reader = ByteReader(data, places.start, places.stop, "table of chunks of a film")
    reader.take(8)
    first = reader.u(8 if wide else 4)
    if size > len(data) - first:
        raise damaged(f"a film says that {size} bytes lie at {first}, and has {len(data)} in all")
    return data[first : first + size]


def several_pictures(count: int) -> ImageError:
    """Error for a clip where a single picture is read."""
    return ImageError(
        f"it is a clip of {count} pictures, and a picture file holds one: name a result that is a clip, "
        "as OUT.mkv (in Python edgeqe.video.enhance_frames), or cut one picture out."
    )


def _refused(what: str) -> ImageError:
    return ImageError(
        f"{what}, which is not read as a picture: name a clip as the output, or "
        "convert it to a picture file first."
    )


def _turns(data: bytes, track: MediaBox) -> int:
    header = _inside(data, track, b"tkhd")
    reader = ByteReader(data, header.start, header.stop, "box 'tkhd'")
    reader.take({0: 40, 1: 52}.get(reader.u(1), 40) - 1)
    matrix = [int.from_bytes(reader.take(4), "big", signed=True) for _ in range(5)]
    turned = tuple(matrix[at] / 65536 for at in (0, 1, 3, 4))
    if turned not in TURNS:
        raise _refused("it is mirrored, scaled, or turned by other than quarters")
    return TURNS[turned]


def _colours(data: bytes, entry: MediaBox) -> tuple[int, int, int, bool] | None:
    """What the box ``colr`` of a sample entry says."""
    box = find(data, entry.start, entry.stop, b"colr")
    content = data[box.start : box.stop] if box else b""
    if content[:4] not in (b"nclx", b"nclc") or len(content) < 10:
        return None
    primaries, transfer, matrix = (int.from_bytes(content[at : at + 2], "big") for at in (4, 6, 8))
    full_range = content[:4] == b"nclx" and len(content) > 10 and bool(content[10] & 0x80)
    return primaries, transfer, matrix, full_range
