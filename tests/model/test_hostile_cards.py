"""Cards, tables and golden tiles that another type, range or shape makes hostile: one line each."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from edgeqe.errors import ModelError
from edgeqe.model.card import CARD_KEY, GOLDEN_KEY, STRENGTHS_KEY, unpack_array
from edgeqe.model.file import ModelFile
from tests.small_models import strong_graph, write


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("cards") / "m.onnx"
    write(strong_graph(), path)
    return path.read_bytes()


def with_text(sound: bytes, key: str, change: Callable[[str], str]) -> bytes:
    """The file with other metadata under a key."""
    model = onnx.load_model_from_string(sound)
    for entry in model.metadata_props:
        if entry.key == key:
            entry.value = change(entry.value)
    content: bytes = model.SerializeToString()
    return content


def refused(data: bytes, folder: Path) -> str:
    """Message of the error that a file gives."""
    path = folder / "m.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError) as caught:
        ModelFile(path)
    message = str(caught.value)
    assert message.isprintable() and len(message) < 1000
    return message


FIELDS: list[tuple[str, Any]] = [
    ("name", None), ("name", ["a"]), ("name", "\x1b]0;x\x07"), ("name", "x" * 2000),
    ("description", 7), ("planes", []), ("planes", {}), ("planes", ""),
    ("codecs", "jpeg"), ("codecs", [1]), ("codecs", ["jpeg", "jpeg"]), ("precision", 32),
    ("halo", -1), ("halo", 0.5), ("halo", 2**70), ("halo", True), ("alignment", 0),
    ("alignment", "1"), ("alignment", 10**400), ("kmac_per_pixel", None), ("kmac_per_pixel", -1),
    ("parameters", "many"), ("peak_floats_per_pixel", 1e300), ("default_step", 0),
    ("default_step", -1), ("default_step", 1e30), ("weights_sha256", 5), ("vectors", "head.scale"),
    ("vectors", [[]]), ("vectors", ["head.scale"] * 2), ("vectors", None), ("activations", {}),
    ("residual_step", "0"), ("golden_tolerance", 1e9), ("biases", []), ("biases", {"a": "b"}),
    ("biases", {"a": ["b"]}), ("biases", {"a": ["b", 1]}), ("folded", {"a": 1}), ("folded", []),
    ("inputs", []), ("inputs", "planes"), ("inputs", ["planes", "planes"]), ("tiling", None),
    ("fades", []), ("fades", {"jpeg": 2}), ("fades", {"jpeg": [2]}), ("fades", {"jpeg": [2, "4"]}),
    ("fades", {"jpeg": [4, 2]}), ("fades", {"jpeg": [2, 2]}), ("fades", {"jpeg": [-1, 2]}),
    ("fades", {"jpeg": [2, 1e30]}), ("fades", {"\x1b[2J": [2, 4]}), ("faded", "tail.scale"),
    ("faded", [1]), ("faded", ["tail.scale"] * 2),
    ("block", -64), ("block", 1.5), ("traffic_floats_per_pixel", []), ("exact_halo", {}),
    ("trainable", -1), ("shared", 1), ("licence", {}), ("provenance", []), ("quality", "good"),
    ("quality", {"a": "\x1b[31m"}), ("format_version", None), ("format_version", [1]),
]  # fmt: skip


@pytest.mark.parametrize("index", range(len(FIELDS)), ids=lambda i: f"{FIELDS[i][0]}-{i}")
def test_a_field_of_another_type_or_range_is_named(
    index: int, sound: bytes, tmp_path: Path
) -> None:
    field, value = FIELDS[index]

    def change(text: str) -> str:
        return json.dumps({**json.loads(text), field: value})

    assert field in refused(with_text(sound, CARD_KEY, change), tmp_path)


def test_each_field_may_be_missing(sound: bytes, tmp_path: Path) -> None:
    """A card lacks what it does not say: with a default it opens, without it is refused."""
    path = tmp_path / "m.onnx"
    card = ModelFile(_written(path, sound)).card.to_dict()
    for field in card:

        def without(_: str, field: str = field) -> str:
            return json.dumps({name: value for name, value in card.items() if name != field})

        path.write_bytes(with_text(sound, CARD_KEY, without))
        try:
            ModelFile(path)
        except ModelError as error:
            assert "\n" not in str(error)


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("key", [CARD_KEY, STRENGTHS_KEY, GOLDEN_KEY])
@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "7", "nul", "[" * 100_000, '{"a": ' * 100_000, '{"halo": 4, "halo": 4}',
     '{"x": NaN}', '{"x": -Infinity}', '{"x": ' + "9" * 9999 + "}", "{" + " " * (9 << 20) + "}"],
)  # fmt: skip
def test_a_text_that_is_no_plain_object_is_refused(
    key: str, text: str, sound: bytes, tmp_path: Path
) -> None:
    refused(with_text(sound, key, lambda _: text), tmp_path)


def packed(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    raw = base64.b64encode(array.tobytes()).decode()
    return {"shape": list(array.shape), "data": raw}


ROWS = np.ones((97, 1), np.float32)
TABLES: dict[str, tuple[str, dict[str, Any]]] = {
    "first key": (STRENGTHS_KEY, {"first_key": 1e9}),
    "first key as text": (STRENGTHS_KEY, {"first_key": "0"}),
    "huge shape": (STRENGTHS_KEY, {"curve": {"shape": [2**70, 1], "data": ""}}),
    "huge packed": (STRENGTHS_KEY, {"curve": {"shape": [2**40, 1], "zlib": ""}}),
    "negative shape": (STRENGTHS_KEY, {"curve": {"shape": [-1, 1], "data": ""}}),
    "no shape": (STRENGTHS_KEY, {"curve": {"data": ""}}),
    "shape of text": (STRENGTHS_KEY, {"curve": {"shape": "97", "data": ""}}),
    "ragged": (STRENGTHS_KEY, {"curve": {"shape": [97, [1]], "data": ""}}),
    "a list": (STRENGTHS_KEY, {"curve": [1, 2]}),
    "rank 1": (STRENGTHS_KEY, {"curve": packed(ROWS[:, 0])}),
    "rank 3": (STRENGTHS_KEY, {"curve": packed(ROWS[None])}),
    "no keys": (STRENGTHS_KEY, {"curve": packed(ROWS[:0])}),
    "too many keys": (STRENGTHS_KEY, {"curve": packed(np.ones((5000, 1), np.float32))}),
    "infinite": (STRENGTHS_KEY, {"curve": packed(ROWS * np.float32(np.inf))}),
    "not a number": (STRENGTHS_KEY, {"basis": packed(np.full((1, 34), np.nan, np.float32))}),
    "too large": (STRENGTHS_KEY, {"curve": packed(ROWS * np.float32(1e30))}),
    "other columns": (STRENGTHS_KEY, {"curve": packed(ROWS), "basis": packed(ROWS[:1])}),
    "no base64": (STRENGTHS_KEY, {"curve": {"shape": [1, 1], "data": "\u00e9==="}}),
    "no zlib": (STRENGTHS_KEY, {"curve": {"shape": [1, 1], "zlib": "AAAA"}}),
    "data as number": (STRENGTHS_KEY, {"curve": {"shape": [1, 1], "data": 5}}),
    "golden of other channels": (GOLDEN_KEY, {"planes": packed(np.ones((2, 16, 16), np.uint8))}),
    "golden of rank 2": (GOLDEN_KEY, {"planes": packed(np.ones((16, 16), np.uint8))}),
    "golden of no rows": (GOLDEN_KEY, {"planes": packed(np.ones((1, 0, 16), np.uint8))}),
    "golden of 3 bytes": (GOLDEN_KEY, {"residual": {"shape": [1, 8, 16], "data": "AAAA"}}),
    "wide golden": (GOLDEN_KEY, {"planes": packed(np.ones((1, 8, 9000), np.uint8))}),
}


@pytest.mark.parametrize("case", list(TABLES))
def test_a_table_that_is_none_is_refused(case: str, sound: bytes, tmp_path: Path) -> None:
    key, changes = TABLES[case]

    def change(text: str) -> str:
        return json.dumps({**json.loads(text), **changes})

    refused(with_text(sound, key, change), tmp_path)


def test_a_small_text_unpacks_to_no_more_than_is_allowed() -> None:
    """6 GB of zeros in a few kilobytes, of a shape that asks for them all."""
    zeros = zlib.compress(bytes(1 << 20), 9)
    text = base64.b64encode(zeros).decode()
    for shape in ([1 << 33], [1 << 20, 1 << 13], [1 << 25]):
        with pytest.raises(ValueError):
            unpack_array({"shape": shape, "zlib": text}, np.dtype("u1"))
    with pytest.raises(ValueError):  # more in it than the shape says
        unpack_array({"shape": [1 << 10], "zlib": text}, np.dtype("u1"))
    assert not unpack_array({"shape": [1 << 20], "zlib": text}, np.dtype("u1")).any()


def test_a_key_stated_twice_is_refused(sound: bytes, tmp_path: Path) -> None:
    """Two readers could take different ones."""
    model = onnx.load_model_from_string(sound)
    model.metadata_props.append(model.metadata_props[0])
    assert "twice" in refused(model.SerializeToString(), tmp_path)


def test_a_model_must_be_a_plain_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is no plain file"):
        ModelFile(Path("/dev/zero") if Path("/dev/zero").exists() else tmp_path)
