from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgeqe.model import catalogue
from edgeqe.model.catalogue import (
    find_model,
    forms_of,
    reproduced_files,
    shipped_files,
    shipped_models,
)


def test_a_name_alone_is_the_float32_file() -> None:
    assert find_model("edgeqe-tiny") == shipped_files()["edgeqe-tiny:float32"]
    assert find_model("edgeqe-tiny", "int8") == shipped_files()["edgeqe-tiny:int8"]
    assert forms_of("edgeqe-tiny")[0] == "float32" and "int8.tflite" in forms_of("edgeqe-tiny")
    assert forms_of("nothing") == []


def test_networks_come_in_the_order_of_their_size() -> None:
    assert shipped_models() == [
        "edgeqe-nano",
        "edgeqe-tiny",
        "edgeqe-small",
        "edgeqe-base",
        "edgeqe-base-video",
    ]
    assert next(iter(shipped_files())) == "edgeqe-nano:float32"


def test_reproduced_networks_are_found_and_are_not_among_the_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / catalogue.REPRODUCED
    folder.mkdir()
    small = find_model("edgeqe-nano")
    shutil.copyfile(small, tmp_path / small.name)
    for form in ("float32", "int8"):
        shutil.copyfile(small, folder / f"asqe-reduced.{form}.onnx")
    monkeypatch.setattr(catalogue, "MODELS", tmp_path)
    assert find_model("asqe-reduced") == folder / "asqe-reduced.float32.onnx"
    assert find_model("asqe-reduced:int8") == folder / "asqe-reduced.int8.onnx"
    assert list(reproduced_files()) == ["asqe-reduced:float32", "asqe-reduced", "asqe-reduced:int8"]
    assert shipped_models() == ["edgeqe-nano"] and list(shipped_files()) == ["edgeqe-nano:float32"]


def test_reproduced_networks_are_at_most_a_megabyte() -> None:
    for name, path in reproduced_files().items():
        assert path.stat().st_size <= 1_000_000, name
