"""PNG and TIFF that are decoded by rows: what Pillow makes of the whole, and of nothing else."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeqe.codecs import pillow_stripes
from edgeqe.errors import ImageError
from edgeqe.files import pillow_rows, reading
from edgeqe.files.enhance import read_picture
from tests.files.jpegs import photo

HEIGHT, WIDTH = 83, 61
#: Of stripes: one of all, some of several rows, and of one.
STRIPES = (1 << 16, 7 * WIDTH, 1)


def picture(mode: str) -> Image.Image:
    rgb = Image.fromarray(photo(HEIGHT, WIDTH))
    if mode == "I;16":
        return Image.fromarray(np.asarray(rgb.convert("L")).astype(np.uint16) * 251)
    made = rgb.convert(mode)
    if mode.endswith("A"):
        made.putalpha(Image.fromarray(photo(HEIGHT, WIDTH)[::-1, :, 1]))
    return made


def written(kind: str, image: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def assert_as_pillow_shows(content: bytes) -> None:
    """Samples and alpha are those of Pillow's image, and came by rows."""
    found = read_picture(content)
    with Image.open(io.BytesIO(content)) as opened:
        assert pillow_rows.strips_of(opened, io.BytesIO(content)) is not None
        wanted = np.asarray(opened)
    made: npt.NDArray[Any] = found.planes[0]
    if found.alpha is not None:
        made = np.dstack((made, found.alpha))
        assert found.alpha.flags.c_contiguous and found.planes[0].flags.c_contiguous
    np.testing.assert_array_equal(made, wanted)


@pytest.mark.parametrize("stripe", STRIPES)
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_png(monkeypatch: pytest.MonkeyPatch, mode: str, stripe: int) -> None:
    monkeypatch.setattr(pillow_stripes, "STRIPE_PIXELS", stripe)
    assert_as_pillow_shows(written("PNG", picture(mode)))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(samples: bytes, *more: bytes) -> bytes:
    """PNG of RGB whose packed samples lie in chunks of 100 bytes, some of none between them."""
    packed = zlib.compress(samples)
    pieces = [chunk(b"IDAT", packed[at : at + 100]) for at in range(0, len(packed), 100)]
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    return b"".join((b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), chunk(b"IDAT", b"").join(pieces),
                     *more, chunk(b"IEND", b"")))  # fmt: skip


def filtered(kind: int) -> bytes:
    """Rows of noise behind a filter's number: any bytes are rows of some picture."""
    rows = np.random.default_rng(kind).integers(0, 256, (HEIGHT, 3 * WIDTH), np.uint8)
    return b"".join(
        bytes((kind if kind < 5 else y % 5,)) + rows[y].tobytes() for y in range(HEIGHT)
    )


@pytest.mark.parametrize("stripe", STRIPES)
@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4, 5])
def test_filters(monkeypatch: pytest.MonkeyPatch, kind: int, stripe: int) -> None:
    """Pillow undoes filters of the whole; here the row above a strip has none."""
    monkeypatch.setattr(pillow_stripes, "STRIPE_PIXELS", stripe)
    assert_as_pillow_shows(png(filtered(kind), chunk(b"tEXt", b"date:create\0now")))


@pytest.mark.parametrize("stripe", STRIPES)
def test_damaged_samples_are_told_as_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, stripe: int
) -> None:
    monkeypatch.setattr(pillow_stripes, "STRIPE_PIXELS", stripe)
    rows = filtered(4)
    for samples, message in (
        (rows[:-1], "cut short"),
        (b"\7" + rows[1:], "damaged"),
        (rows[:2000] + b"\7" + rows[2001:], None),
    ):
        content = png(samples)
        told = []
        for by_rows in (True, False):
            with monkeypatch.context() as context:
                if not by_rows:
                    context.setattr(pillow_rows, "strips_of", lambda *_: None)
                try:
                    told.append(read_picture(content).pixels().tobytes())
                except ImageError as error:
                    assert message is None or message in str(error)
                    told.append(str(error).encode())
        assert told[0] == told[1]
    # more samples than stated: Pillow takes those that it needs
    np.testing.assert_array_equal(
        read_picture(png(rows + b"more")).pixels(), read_picture(png(rows)).pixels()
    )


@pytest.mark.parametrize("stripe", STRIPES)
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_tiff(
    monkeypatch: pytest.MonkeyPatch, compression: str | None, mode: str, stripe: int
) -> None:
    monkeypatch.setattr(pillow_stripes, "STRIPE_PIXELS", stripe)
    for rows in (5, 16, HEIGHT):
        content = written("TIFF", picture(mode), compression=compression, tiffinfo={278: rows})
        assert_as_pillow_shows(content)
    predicted = {317: 2} if compression in ("tiff_lzw", "tiff_adobe_deflate") else {}
    assert_as_pillow_shows(
        written("TIFF", picture(mode), compression=compression, tiffinfo=predicted)
    )


def tiles(order: str, side: int = 32) -> bytes:
    """Uncompressed TIFF of tiles, by hand: Pillow writes none."""
    image = photo(HEIGHT, WIDTH)
    down, across = -(-HEIGHT // side), -(-WIDTH // side)
    padded = np.pad(image, ((0, down * side - HEIGHT), (0, across * side - WIDTH), (0, 0)))
    blocks = [padded[y : y + side, x : x + side].tobytes()
              for y in range(0, down * side, side) for x in range(0, across * side, side)]  # fmt: skip
    size, count = side * side * 3, len(blocks)
    single = {256: WIDTH, 257: HEIGHT, 259: 1, 262: 2, 277: 3, 284: 1, 322: side, 323: side}
    behind = 8 + 2 + 12 * (len(single) + 3) + 4
    first = behind + 3 * 4 + 2 * 4 * count
    lists = {258: (8, 8, 8), 324: [first + size * n for n in range(count)], 325: [size] * count}
    entries, values = b"", b""
    for tag in sorted((*single, *lists)):
        more = lists.get(tag, ())
        place = behind + len(values) if more else single[tag]
        entries += struct.pack(order + "HHII", tag, 4, len(more) or 1, place)
        values += struct.pack(f"{order}{len(more)}I", *more)
    head = (b"II" if order == "<" else b"MM") + struct.pack(
        order + "HIH", 42, 8, len(lists) + len(single)
    )
    return head + entries + bytes(4) + values + b"".join(blocks)


@pytest.mark.parametrize("stripe", STRIPES)
@pytest.mark.parametrize("order", ["<", ">"])
def test_tiles(monkeypatch: pytest.MonkeyPatch, order: str, stripe: int) -> None:
    monkeypatch.setattr(pillow_stripes, "STRIPE_PIXELS", stripe)
    content = tiles(order)
    assert_as_pillow_shows(content)
    np.testing.assert_array_equal(read_picture(content).pixels(), photo(HEIGHT, WIDTH))


def test_strips_that_all_claim_the_whole_file_are_not_gathered() -> None:
    """Lengths of strips are not believed: together they would be as large as they please."""
    content = bytearray(written("TIFF", picture("RGB"), compression="packbits", tiffinfo={278: 1}))
    content += bytes(1 << 20)
    with Image.open(io.BytesIO(bytes(content))) as opened:
        counts = opened.tag_v2[279]  # type: ignore[attr-defined]
    at = content.index(struct.pack(f"<{len(counts)}I", *counts))
    content[at : at + 4 * len(counts)] = struct.pack("<I", 1 << 20) * len(counts)
    tracemalloc.start()
    try:
        read_picture(bytes(content))
        _, peak = tracemalloc.get_traced_memory()
    except ImageError:
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_file_is_read_from_where_it_lies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    """Neither its bytes nor a second picture are held: Python's memory is the samples'."""
    monkeypatch.setattr(pillow_stripes, "STRIPE_PIXELS", 1 << 13)
    noise = np.random.default_rng(2).integers(0, 256, (700, 900, 3), np.uint8)
    path = tmp_path / "noise"
    Image.fromarray(noise).save(path, kind)
    assert path.stat().st_size > noise.nbytes // 2
    read_picture(path)  # imports
    tracemalloc.start()
    try:
        found = read_picture(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(found.pixels(), noise)
    # strips, the file's beginning and pieces of it beside them; the file itself has as many bytes
    assert peak < 1.5 * noise.nbytes


def test_a_file_that_goes_or_changes_before_it_is_decoded(tmp_path: Path) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (200, 300, 3), np.uint8)
    path = tmp_path / "noise.png"

    def replace() -> None:
        path.unlink()
        path.mkdir()

    def change() -> None:
        path.write_bytes(b"another")

    for how, message in (
        (path.unlink, "cannot be read any more"),
        (change, "damaged or cut short"),
        (replace, "no file any more|cannot be read any more"),
    ):
        Image.fromarray(noise).save(path)
        file = reading.PictureFile(path)
        how()
        with pytest.raises(ImageError, match=message):
            file.decode()
