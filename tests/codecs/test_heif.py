import io
import struct

import numpy as np
import pytest

from edgeqe.codecs import heif
from edgeqe.codecs.coded import Scale
from edgeqe.errors import ImageError
from tests import coded_files

PHOTO = coded_files.photo(128, 192)


@pytest.mark.parametrize("quality", [*range(10, 95, 10), 94])
def test_the_qp_of_a_heic_is_the_encoder_s(quality: int) -> None:
    # libheif's plugin of x265: slice QP = 47 - quality / 2, measured
    found = heif.strength(coded_files.heic(PHOTO, quality))
    assert (found.codec, found.scale, found.number) == ("heif", Scale.QP, 47 - quality // 2)
    assert found.step == pytest.approx(2 ** ((found.number - 4) / 6), rel=1e-12)
    assert (found.width, found.height, found.bit_depth) == (192, 128, 8)


def test_a_heic_of_ten_bits() -> None:
    module = pytest.importorskip("pillow_heif", reason="pillow-heif writes HEIC")
    deep = PHOTO.astype(np.uint16) * 257
    stream = io.BytesIO()
    module.encode("RGB;16", (192, 128), deep.tobytes(), stream, quality=50)
    found = heif.strength(stream.getvalue())
    assert (found.number, found.bit_depth) == (22, 10)
    assert found.step == pytest.approx(8.0, rel=1e-12)  # in 8-bit sample values


@pytest.mark.parametrize("quality", range(5, 100, 10))
@pytest.mark.parametrize("alpha", [False, True])
def test_the_index_of_an_avif_as_ffmpeg_reads_it(quality: int, alpha: bool) -> None:
    picture = np.dstack((PHOTO, PHOTO[..., 0])) if alpha else PHOTO
    data = coded_files.pillow("AVIF", picture, quality=quality)
    found = heif.strength(data)
    elements = dict(coded_files.trace(obu_of(data), "obu"))
    assert (found.codec, found.scale) == ("avif", Scale.INDEX)
    assert found.number == elements["base_q_idx"]
    assert (found.width, found.height, found.bit_depth) == (192, 128, 8)


def obu_of(data: bytes) -> bytes:
    """Stream of the first item: its offset and length are where libavif writes them."""
    at = data.index(b"iloc")
    version, sizes, count = data[at + 4], data[at + 8 : at + 10], data[at + 10 : at + 12]
    assert (version, sizes, count[0]) == (0, b"\x44\x00", 0)
    number, _, extents, offset, length = struct.unpack(">HHHII", data[at + 12 : at + 26])
    assert (number, extents) == (1, 1)
    return b"\x12\0" + data[offset : offset + length].removeprefix(b"\x12\0")


# A file by hand: one coded item, or a grid of several.


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + kind + body


def full(kind: bytes, version: int, *content: bytes) -> bytes:
    return box(kind, bytes((version, 0, 0, 0)), *content)


def item_data(qp: int) -> tuple[bytes, bytes]:
    """Decoder configuration and content of an item of HEVC."""
    from edgeqe.codecs.hevc_nal import PPS, SPS, VPS, is_slice, unit_kind
    from edgeqe.codecs.nal import split_annex_b

    units = list(split_annex_b(coded_files.hevc_intra(qp)))
    sets = [unit for unit in units if unit_kind(unit) in (VPS, SPS, PPS)]
    arrays = b"".join(
        bytes((unit_kind(unit), 0, 1)) + struct.pack(">H", len(unit)) + unit for unit in sets
    )
    record = bytes(21) + bytes((3, len(sets))) + arrays
    slices = [unit for unit in units if is_slice(unit_kind(unit))]
    return record, b"".join(struct.pack(">I", len(unit)) + unit for unit in slices)


def file(qps: list[int], *, kind: bytes = b"hvc1", size: tuple[int, int] = (384, 128),
         tiles: list[int] | None = None, brand: bytes = b"heic") -> bytes:  # fmt: skip
    """HEIC whose primary item is a grid of items 2, 3, ... with these QPs."""
    coded = [item_data(qp) for qp in qps]
    grid = bytes((0, 0, 0, len(qps) - 1)) + struct.pack(">HH", *size)
    entries = [full(b"infe", 2, struct.pack(">HH4s", 1, 0, b"grid"), b"\0")]
    entries += [
        full(b"infe", 2, struct.pack(">HH4s", 2 + place, 0, kind), b"\0")
        for place in range(len(qps))
    ]
    properties = [box(b"hvcC", record) for record, _ in coded]
    links = [struct.pack(">HBB", 2 + place, 1, 0x80 | 1 + place) for place in range(len(qps))]
    used = list(range(2, 2 + len(qps))) if tiles is None else tiles
    reference = struct.pack(">HH", 1, len(used)) + b"".join(struct.pack(">H", u) for u in used)
    idat = box(b"idat", grid)
    contents = [content for _, content in coded]

    def meta(first: int) -> bytes:
        places = [struct.pack(">HHHHII", 1, 1, 0, 1, 0, len(grid))]
        at = first
        for place, content in enumerate(contents):
            places.append(struct.pack(">HHHHII", 2 + place, 0, 0, 1, at, len(content)))
            at += len(content)
        return full(
            b"meta", 0,
            full(b"pitm", 0, struct.pack(">H", 1)),
            full(b"iinf", 0, struct.pack(">H", len(entries)), *entries),
            full(b"iloc", 1, b"\x44\0", struct.pack(">H", len(places)), *places),
            full(b"iref", 0, box(b"dimg", reference)),
            box(b"iprp", box(b"ipco", *properties),
                full(b"ipma", 0, struct.pack(">I", len(links)), *links)),
            idat,
        )  # fmt: skip

    head = box(b"ftyp", brand, bytes(4), b"mif1")
    first = len(head) + len(meta(0)) + 8
    return head + meta(first) + box(b"mdat", *contents)


def test_a_grid_is_the_mean_of_its_tiles() -> None:
    found = heif.strength(file([20, 26, 32]))
    assert (found.number, found.width, found.height) == (26, 384, 128)
    assert found.step == pytest.approx(2 ** (22 / 6), rel=1e-12)
    # a tile that is used twice is one tile
    assert heif.strength(file([20, 32], tiles=[2, 3, 3, 3])).number == 26


def test_a_grid_of_very_many_tiles_is_read_in_part() -> None:
    assert heif.strength(file([20, 32], tiles=[2, 3] * 32_000)).number == 26


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": (60000, 60000)}, "picture is 60000x60000"),
        ({"size": (0, 128)}, "picture is 0x128"),
        ({"tiles": []}, "a grid has no tiles"),
        ({"tiles": [9]}, "no item 9"),
        ({"tiles": [1]}, "of the kind 'grid' are not supported"),  # a grid of itself
        ({"kind": b"jxl "}, "of the kind 'jxl ' are not supported"),
    ],
)
def test_hostile_grids_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        heif.strength(file([20], **change))  # type: ignore[arg-type]


def test_items_over_one_another_are_refused() -> None:
    # every tile says that it is the whole of "mdat", which is a stream of three pictures
    data = file([20, 20, 20])
    start = data.index(b"mdat") + 4
    for place in range(3):
        at = data.index(b"iloc") + 12 + 16 * (1 + place) + 8
        data = data[:at] + struct.pack(">II", start, len(data) - start) + data[at + 8 :]
    with pytest.raises(ImageError, match="lie one over another"):
        heif.strength(data)


def test_offsets_are_compared_with_the_file() -> None:
    data = file([20])
    at = data.index(b"iloc") + 12 + 16 + 8
    for offset, length in ((2**32 - 1, 1), (0, 2**32 - 1), (len(data), 1)):
        with pytest.raises(ImageError, match=f"{length} bytes lie at {offset}"):
            heif.strength(data[:at] + struct.pack(">II", offset, length) + data[at + 8 :])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (box(b"ftyp", b"heic", bytes(4)), "sequence and no picture"),
        (box(b"ftyp", b"heic", bytes(4)) + full(b"meta", 0), "no item 0"),
        (box(b"ftyp", b"heic", bytes(4)) + box(b"meta"), "no item 0"),
        (box(b"ftyp", b"heic", bytes(4)) + b"\0\0\0\4meta", "says that it has 4 bytes"),
        (box(b"ftyp", b"heic", bytes(4)) + b"\0\0\1\0meta", "says that it has 256 bytes"),
    ],
)
def test_files_without_a_picture_are_refused(data: bytes, message: str) -> None:
    assert heif.is_heif(data)
    with pytest.raises(ImageError, match=message):
        heif.strength(data)


def test_more_boxes_than_any_file_has_are_refused() -> None:
    head = box(b"ftyp", b"heic", bytes(4))
    with pytest.raises(ImageError, match="more than 70000 boxes"):
        heif.strength(head + box(b"free") * 80_000)


@pytest.mark.parametrize("part", [0.1, 0.4, 0.7, 0.99])
def test_cut_files_are_refused(part: float) -> None:
    data = coded_files.heic(PHOTO, 50)
    with pytest.raises(ImageError, match="damaged or cut short"):
        heif.strength(data[: round(part * len(data))])


def test_films_are_no_pictures() -> None:
    assert not heif.is_heif(box(b"ftyp", b"isom", bytes(4), b"mp42", b"avc1"))
    assert not heif.is_heif(b"\0\0\0\x18moov" + bytes(30))
    assert not heif.is_heif(b"")
