"""Files that cannot be read or written: one message each, and nothing left behind."""

import builtins
import errno
import io
import os
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeqe.errors import EdgeqeError, ImageError, InputError
from edgeqe.files.enhance import enhance_file, read_picture, write_picture

GRAY = np.arange(20 * 30, dtype=np.uint16).astype(np.uint8).reshape(20, 30)
RGB = np.dstack((GRAY, GRAY // 2, GRAY // 3))


def file_bytes(kind: str, array: Any = RGB, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind, **options)
    return stream.getvalue()


JPEG = file_bytes("JPEG", quality=50)


def png(depth: int, colour: int, width: int, height: int, samples: bytes) -> bytes:
    """PNG by hand: Pillow writes no 16-bit colour."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(samples)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def huge_jpeg() -> bytes:
    coded = bytearray(JPEG)
    frame = coded.index(b"\xff\xc0")
    coded[frame + 5 : frame + 9] = struct.pack(">HH", 60000, 60000)
    return bytes(coded)


def tiff(*, photometric: int = 1, bits: int = 16, sample_format: int = 1) -> bytes:
    """Gray TIFF by hand, one pixel, little endian, a strip behind the directory."""
    tags = [(256, 1), (257, 1), (258, bits), (259, 1), (262, photometric), (273, 134), (277, 1),
            (278, 1), (279, 2), (339, sample_format)]  # fmt: skip
    entries = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8) + directory + b"\x34\x02"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"a text\n", "is no picture that edgeqe reads: give JPEG, JPEG 2000"),
        (JPEG[: len(JPEG) // 2], r"damaged or cut short .* get it again"),
        (JPEG[:-30], "damaged or cut short"),
        (JPEG[:100], "damaged or cut short"),
        (JPEG[:3], "damaged or cut short"),
        (huge_jpeg(), "60000x60000, more than the limit of 256 megapixels: cut it into parts"),
        (png(8, 2, 60000, 60000, b""), "60000x60000"),
        (file_bytes("PNG")[:-60], "damaged or cut short"),
        (file_bytes("TIFF")[:-60], "damaged or cut short"),
        (file_bytes("WEBP")[:-60], "damaged or cut short"),
        (png(16, 2, 1, 1, bytes(7)), "more than 8 bits a sample"),
        (png(16, 6, 1, 1, bytes(9)), "more than 8 bits a sample"),
        (png(16, 4, 1, 1, bytes(5)), "more than 8 bits a sample"),
        (b"P6 1 1 65535\n" + bytes(6), "more than 8 bits a sample"),
        (tiff(photometric=0), "more than 8 bits a sample"),
        (tiff(sample_format=2), "more than 8 bits a sample"),
        (tiff(bits=12), "more than 8 bits a sample"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "in.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=message) as caught:
        read_picture(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_the_hand_made_files_are_sound() -> None:
    assert read_picture(tiff()).pixels().tolist() == [[0x0234]]
    assert read_picture(png(16, 0, 1, 1, b"\0\x12\x34")).pixels().tolist() == [[0x1234]]
    assert read_picture(png(8, 2, 1, 1, b"\0\x01\x02\x03")).pixels().tolist() == [[[1, 2, 3]]]
    assert read_picture(b"P6 1 1 255\n\1\2\3").pixels().tolist() == [[[1, 2, 3]]]


def test_several_pictures_and_strange_colours_are_refused() -> None:
    frames = [Image.fromarray(RGB + np.uint8(i)) for i in range(2)]
    for kind in ("PNG", "GIF", "TIFF", "WEBP"):
        stream = io.BytesIO()
        frames[0].save(stream, kind, save_all=True, append_images=frames[1:])
        with pytest.raises(ImageError, match="holds several pictures"):
            read_picture(stream.getvalue())
    for mode, kind, message in (
        ("CMYK", "JPEG", "pixels of the kind CMYK"),
        ("LAB", "TIFF", "pixels of the kind LAB"),
        ("F", "TIFF", "more than 8 bits a sample"),
    ):
        stream = io.BytesIO()
        Image.new(mode, (4, 4)).save(stream, kind)
        with pytest.raises(ImageError, match=message):
            read_picture(stream.getvalue())


def test_the_pixel_limit_is_a_choice_and_pillows_own_stays_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Pillow would warn above its limit, and refuse above twice that.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for content in (JPEG, file_bytes("PNG"), file_bytes("JPEG", GRAY)):
        assert read_picture(content, pixel_limit=600).width == 30
        with pytest.raises(ImageError, match="30x20, more than the limit of 0.000599"):
            read_picture(content, pixel_limit=599)


def test_paths_that_are_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match="missing.jpg: no such file"):
        read_picture(tmp_path / "missing.jpg")
    with pytest.raises(ImageError, match="is a folder: name a picture file"):
        read_picture(tmp_path)

    def refuse(path: Path, *_: object) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("edgeqe.files.reading.file_bytes", refuse)
    with pytest.raises(ImageError, match=r"in.jpg cannot be read \(Permission denied\)"):
        read_picture("in.jpg")


def test_missing_pillow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "PIL":
            raise ModuleNotFoundError("No module named 'PIL'", name="PIL")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'edgeqe\[files\]'"):
        read_picture(JPEG)
    with pytest.raises(InputError, match=r"pip install 'edgeqe\[files\]'"):
        write_picture(GRAY, tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []


class Never:
    """An enhancer that must not be reached."""

    def is_exact(self, height: int, width: int) -> bool:
        return True

    def enhance(self, image: Any, **_: Any) -> Any:
        raise AssertionError("worked before checking")

    def enhance_planes(self, y: Any, u: Any, v: Any, **_: Any) -> Any:
        raise AssertionError("worked before checking")


@pytest.mark.parametrize(
    ("content", "name", "options", "message"),
    [
        (file_bytes("PNG"), "out.png", {}, r"carries no strength: .*--quality .*--qp"),
        (
            file_bytes("WEBP", lossless=True),
            "out.png",
            {},
            "without loss, so it carries no strength",
        ),
        (JPEG, "out.gif", {}, r"suffix '.gif' is none .* \.png, \.tif"),
        (JPEG, "out", {}, "suffix '' is none"),
        (JPEG, "folder/out.png", {}, "folder .*folder does not exist"),
        (JPEG, "taken.png", {}, "taken.png exists: give --overwrite"),
        (JPEG, "is_folder.png", {"overwrite": True}, "is a folder: name a file in it"),
        (JPEG, "taken.png/out.png", {}, "does not exist|cannot be written"),
        (JPEG, "out.png", {"quality": 0}, "quality 0 is not"),
        (JPEG, "out.png", {"quality": 10, "qp": 20}, "exactly one"),
        (file_bytes("PNG", np.dstack((RGB, GRAY))), "out.jpg", {"quality": 9}, "transparency"),
        (file_bytes("PNG", GRAY.astype(np.uint16)), "out.jpg", {"quality": 9}, "hold 16 bits"),
        (file_bytes("PNG", GRAY.astype(np.uint16)), "out.webp", {"quality": 9}, "hold 16 bits"),
        (file_bytes("PNG", np.zeros((1, 16384), np.uint8)), "out.webp", {"qp": 9}, "16383"),
        (file_bytes("PNG", np.zeros((1, 65501), np.uint8)), "out.jpg", {"qp": 9}, "65500"),
    ],
)
def test_wrong_use_is_found_before_the_work(
    tmp_path: Path, content: bytes, name: str, options: dict[str, Any], message: str
) -> None:
    (tmp_path / "in.jpg").write_bytes(content)
    (tmp_path / "taken.png").write_bytes(b"mine")
    (tmp_path / "is_folder.png").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=message) as caught:
        enhance_file(Never(), tmp_path / "in.jpg", tmp_path / name, **options)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "taken.png").read_bytes() == b"mine"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ImageError, match="cannot be written"):
            enhance_file(Never(), JPEG, tmp_path / "out.png")
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_that_refuses_new_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, **_: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(ImageError, match=r"out.png cannot be written \(Permission denied\)"):
        enhance_file(Never(), JPEG, tmp_path / "out.png")


@pytest.mark.parametrize("moment", ["enhance", "encode", "rename"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space left")])
def test_nothing_partial_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, error: Any
) -> None:
    class Enhancer(Never):
        def enhance_planes(self, y: Any, u: Any, v: Any, **_: Any) -> Any:
            assert len(list(tmp_path.iterdir())) == 2  # the work has begun
            if moment == "enhance":
                raise error
            return y, u, v

    def save(self: Any, stream: Any, *_: Any, **__: Any) -> None:
        stream.write(b"half a picture")
        raise error

    def fail(*_: Any) -> None:
        raise error

    if moment == "encode":
        monkeypatch.setattr(Image.Image, "save", save)
    if moment == "rename":
        monkeypatch.setattr(os, "replace", fail)
    (tmp_path / "out.png").write_bytes(b"old")
    with pytest.raises((KeyboardInterrupt, OSError, EdgeqeError)) as caught:
        enhance_file(Enhancer(), JPEG, tmp_path / "out.png", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]
    assert (tmp_path / "out.png").read_bytes() == b"old"
    if error is not KeyboardInterrupt and moment != "enhance":
        assert "cannot be written (No space left)" in str(caught.value)


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def no_links(*_: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", no_links)

    class Enhancer(Never):
        def enhance_planes(self, y: Any, u: Any, v: Any, **_: Any) -> Any:
            (tmp_path / "out.png").write_bytes(b"another's")
            return y, u, v

    with pytest.raises(ImageError, match="exists"):
        enhance_file(Enhancer(), JPEG, tmp_path / "out.png")
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]
    assert (tmp_path / "out.png").read_bytes() == b"another's"
    write_picture(RGB, tmp_path / "free.png")  # and without a rival both ways write
    np.testing.assert_array_equal(read_picture(tmp_path / "free.png").pixels(), RGB)
    assert len(list(tmp_path.iterdir())) == 2


def test_overwriting_the_source_itself(tmp_path: Path) -> None:
    write_picture(RGB, tmp_path / "in.png")
    write_picture(RGB[::-1], tmp_path / "in.png", overwrite=True)
    np.testing.assert_array_equal(read_picture(tmp_path / "in.png").pixels(), RGB[::-1])


@pytest.mark.parametrize("shape", [(4,), (4, 4, 2), (0, 4), (4, 4, 5)])
def test_arrays_that_are_no_pictures(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="no picture file's"):
        write_picture(np.zeros(shape, np.uint8), tmp_path / "out.png")
    with pytest.raises(InputError, match="no picture file's"):
        write_picture(np.zeros((4, 4, 3), np.int16), tmp_path / "out.png")
