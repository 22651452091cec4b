"""Folders with a plan: what is read, what of a hostile one is refused, and what is made of them."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeqe import Enhancer
from edgeqe.errors import EdgeqeError, InputError, MissingFileError
from edgeqe.model.catalogue import find_model
from edgeqe.planned import MANIFEST_NAME, enhance_planned, has_plan, read_planned


def jpeg(path: Path, seed: int = 0) -> bytes:
    """A small JPEG of noise that was made smooth."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse.resize((48, 40), Image.Resampling.BICUBIC).save(path, quality=20)
    return path.read_bytes()


def planned(folder: Path, **values: Any) -> Path:
    """Write a plan, these values over those of a good one."""
    folder.mkdir(exist_ok=True)
    good = {
        "kind": "edgeqe-plan",
        "schema_version": 1,
        "networks": [{"model": "edgeqe-nano"}],
        "pictures": [{"file": "a.jpg", "network": 0}, {"file": "b/c.jpg", "network": None}],
    }
    (folder / MANIFEST_NAME).write_text(json.dumps({**good, **values}))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures with a plan."""
    made = planned(tmp_path / "plan")
    jpeg(made / "a.jpg")
    jpeg(made / "b" / "c.jpg", 1)
    return made


def test_each_picture_has_its_network_or_none(folder: Path) -> None:
    assert has_plan(folder) and not has_plan(folder / "b") and not has_plan(folder / "none")
    found = read_planned(folder)
    assert found.networks == ("edgeqe-nano",)
    groups = [(model, [p.file for p in pictures]) for model, pictures in found.by_network()]
    assert groups == [(None, ["b/c.jpg"]), ("edgeqe-nano", ["a.jpg"])]


def test_pictures_become_what_their_network_makes_of_them(folder: Path, tmp_path: Path) -> None:
    reports = enhance_planned(folder, tmp_path / "out")
    assert [Path(report.source).name for report in reports] == ["a.jpg", "c.jpg"]
    expected = io.BytesIO()
    with Enhancer("edgeqe-nano") as enhancer:
        enhancer.enhance_file(folder / "a.jpg", expected)
    with Image.open(tmp_path / "out/a.png") as made, Image.open(expected) as alone:
        assert np.array_equal(np.asarray(made), np.asarray(alone))
    # as the decoder shows it: Pillow's own, with the same upsampling
    with Image.open(tmp_path / "out/b/c.png") as made, Image.open(folder / "b/c.jpg") as decoded:
        difference = np.asarray(made).astype(int) - np.asarray(decoded)
    assert np.abs(difference).max() <= 1  # the two round the colour transform apart


def test_a_model_file_comes_with_the_folder(folder: Path, tmp_path: Path) -> None:
    (folder / "networks").mkdir()
    shutil.copy(find_model("edgeqe-nano:float32"), folder / "networks" / "own.onnx")
    planned(folder, networks=[{"file": "networks/own.onnx"}])
    assert read_planned(folder).networks == (str(folder / "networks" / "own.onnx"),)
    assert len(enhance_planned(folder, tmp_path / "out")) == 2


@pytest.mark.parametrize(
    "name",
    [
        "../secret.jpg", "b/../../secret.jpg", "/etc/hostname", "b/../a.jpg", "link.jpg", "", "a\0.jpg",
        "x" * 5000 + ".jpg", "b", ".", "out/of.jpg", 3, None, ["a.jpg"], True, "\ud800.jpg", "loop.jpg",
        MANIFEST_NAME, "notes.txt",
    ],
)  # fmt: skip
def test_no_name_leads_out_of_the_folder(folder: Path, tmp_path: Path, name: Any) -> None:
    jpeg(tmp_path / "secret.jpg")
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (folder / "out").symlink_to(tmp_path)
    jpeg(tmp_path / "of.jpg")
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    (folder / "notes.txt").write_text("no picture")
    planned(folder, pictures=[{"file": name, "network": None}])
    with pytest.raises(InputError) as raised:
        read_planned(folder)
    assert len(str(raised.value)) < 600 and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "network",
    [
        {"model": "edgeqe-unknown"}, {"model": "../model.onnx"}, {"model": "/etc/hostname"}, {},
        {"model": None}, {"model": ["edgeqe-nano"]}, {"model": {"a": 1}}, {"file": "../model.onnx"},
        {"file": "a.jpg"}, {"file": "none.onnx"}, {"file": None}, "edgeqe-nano", 3, None,
    ],
)  # fmt: skip
def test_a_network_is_shipped_or_in_the_folder(
    folder: Path, tmp_path: Path, network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(find_model("edgeqe-nano:float32"), tmp_path / "model.onnx")
    monkeypatch.chdir(folder)  # where a name would be a path too
    planned(folder, networks=[network])
    with pytest.raises(InputError):
        read_planned(folder)


@pytest.mark.parametrize("index", [1, -1, True, 0.0, "0", [0], 10**30])
def test_a_network_that_is_not_listed_is_refused(folder: Path, index: Any) -> None:
    planned(folder, pictures=[{"file": "a.jpg", "network": index}])
    with pytest.raises(InputError, match="an index below 1, or null"):
        read_planned(folder)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "edgeqe-archive"}, "kind"),
        ({"schema_version": 2}, "has schema_version 2, this edgeqe reads 1"),
        ({"schema_version": True}, "has schema_version True"),
        ({"schema_version": "9" * 9999}, "has schema_version"),
        ({"pictures": []}, "names no picture"),
        ({"pictures": {"file": "a.jpg"}}, "no list"),
        ({"pictures": ["a.jpg"]}, "no list"),
        ({"pictures": [{"file": "a.jpg"}]}, "is None: an index"),
        ({"pictures": [{"file": f, "network": None} for f in ("a.jpg", "./a.jpg")]}, "twice"),
        ({"networks": None}, "no list"),
        ({"networks": [{"model": "edgeqe-nano"}] * 65}, "more than 64"),
    ],
)
def test_what_is_no_plan_is_refused(folder: Path, values: dict[str, Any], message: str) -> None:
    planned(folder, **values)
    with pytest.raises(InputError, match=message) as raised:
        read_planned(folder)
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b"9" * 5000, b" " * (17 << 20)],
    ids=["empty", "cut", "list", "null", "utf-16", "deep", "digits", "huge"],
)
def test_what_is_no_json_is_refused(folder: Path, content: bytes) -> None:
    (folder / MANIFEST_NAME).write_bytes(content)
    with pytest.raises(InputError, match="is no plan that edgeqe wrote"):
        read_planned(folder)


def test_a_plan_that_is_not_there_or_a_pipe_is_refused(folder: Path) -> None:
    with pytest.raises(MissingFileError, match="name a folder that 'edgeqe plan' wrote"):
        read_planned(folder / "b")
    (folder / MANIFEST_NAME).unlink()
    os.mkfifo(folder / MANIFEST_NAME)
    assert has_plan(folder)
    with pytest.raises(InputError, match="no plain file"):
        read_planned(folder)


def test_pictures_that_would_become_one_file_are_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "a.jpg", folder / "a.jpeg")
    planned(folder, pictures=[{"file": f, "network": None} for f in ("a.jpg", "a.jpeg")])
    with pytest.raises(InputError, match="would become one file"):
        enhance_planned(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_where_nothing_can_be_written_is_refused(folder: Path, tmp_path: Path) -> None:
    for suffix in ("png", ".gif", "", "."):
        with pytest.raises(InputError, match="is none that edgeqe writes"):
            enhance_planned(folder, tmp_path / "out", suffix=suffix)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be made"):
        enhance_planned(folder, tmp_path / "file" / "out")
    enhance_planned(folder, tmp_path / "out")
    with pytest.raises(InputError, match="exists"):
        enhance_planned(folder, tmp_path / "out")
    assert len(enhance_planned(folder, tmp_path / "out", overwrite=True)) == 2


def test_a_picture_of_a_codec_that_its_network_does_not_serve_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    with Image.open(folder / "a.jpg") as picture:
        picture.save(folder / "a.webp", quality=20)
    planned(folder, pictures=[{"file": "a.webp", "network": 0}])
    with pytest.raises(EdgeqeError, match="serves jpeg and not webp"):
        enhance_planned(folder, tmp_path / "out")
