"""Pictures of a folder: which are found, what they are called, and how references are read."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from edgeqe.codecs import bpg
from edgeqe.errors import ImageError, InputError
from edgeqe.files.folders import list_pictures, names_of, read_reference
from edgeqe.files.formats import READ_SUFFIXES
from edgeqe.quantization.drift.decoders import islow
from tests import coded_files

GRAY = np.random.default_rng(1).integers(0, 256, (18, 20), np.uint8)
RGB = np.random.default_rng(2).integers(0, 256, (18, 20, 3), np.uint8)


def test_pictures_are_found_at_any_depth_in_one_order(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.png", "deep/er/c.jpg", "A.bmp", "notes.txt", "deep/x.avif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    found = [file.relative_to(tmp_path).as_posix() for file in list_pictures(tmp_path)]
    assert found == ["A.bmp", "a.png", "b.PNG", "deep/er/c.jpg", "deep/x.avif"]
    assert names_of(list_pictures(tmp_path)) == found
    assert names_of(list_pictures(tmp_path / "deep")) == ["er/c.jpg", "x.avif"]


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "round").symlink_to(tmp_path, target_is_directory=True)
    assert list_pictures(tmp_path) == (tmp_path / "a.png",)


def test_folders_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none' is no folder: give one"):
        list_pictures(tmp_path / "none")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match=r"no pictures in .* sub-folders: give .*\.avif, \.bmp"):
        list_pictures(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_sub_folder_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "shut").mkdir(mode=0)
    with pytest.raises(InputError, match="shut' cannot be read"):
        list_pictures(tmp_path)


def test_a_name_that_is_no_utf8_can_be_printed(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"a\xff.png")
    assert names_of([path])[0].encode("utf-8") == b"a\\udcff.png"
    assert names_of([]) == []


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_references_are_gray_or_rgb_without_alpha(mode: str, tmp_path: Path) -> None:
    given = Image.fromarray(RGB).convert(mode)
    given.save(tmp_path / "a.png")
    wanted = np.asarray(given.convert("L" if mode in ("1", "L", "LA") else "RGB"))
    np.testing.assert_array_equal(read_reference(tmp_path / "a.png"), wanted)


def test_every_suffix_can_be_read(tmp_path: Path) -> None:
    for suffix in READ_SUFFIXES:
        path = tmp_path / f"a{suffix}"
        if suffix == ".bpg":
            path.write_bytes(bpg.write(coded_files.hevc_intra(30), 96, 64))
            assert read_reference(path).shape == (64, 96, 3)
            continue
        if suffix in (".heic", ".heif", ".hif"):
            path.write_bytes(coded_files.heic(RGB, 90))
            module = pytest.importorskip("pillow_heif")
            wanted = np.asarray(module.open_heif(path).to_pillow())
        else:
            if suffix == ".avif" and not features.check("avif"):
                continue
            Image.fromarray(GRAY if suffix == ".pgm" else RGB).save(path)
            with Image.open(path) as opened:
                wanted = np.asarray(opened if suffix == ".pgm" else opened.convert("RGB"))
        np.testing.assert_array_equal(read_reference(path), wanted, suffix)
    assert len(list_pictures(tmp_path)) >= len(READ_SUFFIXES) - 1


def test_a_jpeg_is_what_libjpeg_shows(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.jpg", quality=60, subsampling=2)
    shown = islow((tmp_path / "a.jpg").read_bytes(), False)
    np.testing.assert_array_equal(read_reference(tmp_path / "a.jpg"), shown)


def test_what_is_no_reference(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(GRAY.astype(np.uint16) * 257).save(path)
    with pytest.raises(ImageError, match="a.png' has 16 bits a sample: give reference pictures"):
        read_reference(path)
    # PostScript, which Pillow would start Ghostscript for, whatever the file is called.
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\n")
    with pytest.raises(ImageError, match=r"a\.png is no picture that edgeqe reads"):
        read_reference(path)


def test_deep_pictures_are_no_references(tmp_path: Path) -> None:
    module = pytest.importorskip("pillow_heif", reason="pillow-heif writes HEIC")
    deep = RGB.astype(np.uint16) * 257
    path = tmp_path / "a.heic"
    module.encode("RGB;16", RGB.shape[1::-1], deep.tobytes(), path, quality=50)
    with pytest.raises(ImageError, match="a.heic' has 10 bits a sample: give reference"):
        read_reference(path)
