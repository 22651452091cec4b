"""Model files of both formats: strengths, damaged files, the protobuf reader against onnx."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeqe.errors import ModelError
from edgeqe.model.card import CARD_KEY
from edgeqe.model.catalogue import find_model, shipped_files, shipped_models
from edgeqe.model.file import ModelFile
from edgeqe.model.protobuf import outline
from tests.small_models import DEFAULT_KEY, strong_graph, write


@pytest.fixture(scope="module")
def data() -> bytes:
    return find_model("edgeqe-tiny:float32").read_bytes()


def test_outline_equals_the_onnx_package(data: bytes) -> None:
    found, model = outline(data), onnx.load_model_from_string(data)
    assert found.metadata == {p.key: p.value for p in model.metadata_props}
    assert found.op_types == tuple(node.op_type for node in model.graph.node)
    assert set(found.initializers) == {i.name for i in model.graph.initializer}
    for initializer in model.graph.initializer:
        tensor = found.initializers[initializer.name]
        assert tensor.dims == tuple(initializer.dims)
        assert data[tensor.start : tensor.stop] == initializer.raw_data


def test_a_strength_has_the_same_bits_wherever_its_table_lies() -> None:
    table = ModelFile(find_model("edgeqe-small:int8")).strengths
    assert table is not None
    row = table.row(table.first_key + 40)
    weights = [float(weight) for weight in table.curve[40]]
    exact = [
        math.fsum(w * float(number) for w, number in zip(weights, column, strict=True))
        for column in table.basis.T
    ]
    # Products are exact. A sum in float64 is off by 1e-16 of its terms, which may round the other
    # way: one unit in the last place of float32, 1.2e-7, or of a sum that cancels a little more.
    np.testing.assert_allclose(row, exact, rtol=1.2e-7, atol=1e-9)
    for offset in range(0, 64, 4):
        room = np.empty(table.basis.nbytes + 64, np.uint8)
        lying = room[offset : offset + table.basis.nbytes].view(np.float32)
        lying = lying.reshape(table.basis.shape)
        lying[:] = table.basis
        moved = dataclasses.replace(table, basis=lying).row(table.first_key + 40)
        np.testing.assert_array_equal(moved, row)


def test_any_tool_of_the_ecosystem_opens_it(data: bytes, tmp_path: Path) -> None:
    onnx.checker.check_model(onnx.load_model_from_string(data), full_check=True)
    path = tmp_path / "again.onnx"
    onnx.save(onnx.load_model_from_string(data), path)
    again, key = ModelFile(path), 40
    first = ModelFile(find_model("edgeqe-tiny:float32"))
    assert outline(again.at(key)).initializers.keys() == first.outline.initializers.keys()


def test_a_strength_changes_the_vectors_and_nothing_else(data: bytes) -> None:
    file = ModelFile(find_model("edgeqe-tiny:float32"))
    for key in (file.key(2.0), file.key(78.0)):
        before = onnx.load_model_from_string(data)
        after = onnx.load_model_from_string(file.at(key))
        for old, new in zip(before.graph.initializer, after.graph.initializer, strict=True):
            same = np.array_equal(numpy_helper.to_array(old), numpy_helper.to_array(new))
            assert same == (old.name not in file.card.vectors), old.name
        for part in (before, after):
            del part.graph.initializer[:]
        assert before == after


def test_strengths_outside_the_table_are_clamped() -> None:
    file = ModelFile(find_model("edgeqe-tiny:float32"))
    assert file.key(0.01) == file.key(0.5) and file.key(4000.0) == file.key(1000.0)


def test_every_cut_and_many_flips_are_one_error(data: bytes, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    path = tmp_path / "broken.onnx"
    for length in [0, 1, 3, *rng.integers(4, len(data) - 1, 40)]:
        path.write_bytes(data[: int(length)])
        with pytest.raises(ModelError, match="cannot use the model"):
            ModelFile(path)
    path.write_bytes(bytes(rng.integers(0, 256, 300, dtype=np.uint8)))
    with pytest.raises(ModelError, match="cannot use the model"):
        ModelFile(path)


def test_an_edited_weight_is_found(data: bytes, tmp_path: Path) -> None:
    tensor = outline(data).initializers["hidden_2.kernel"]
    edited = bytearray(data)
    edited[tensor.start + 10] ^= 1
    path = tmp_path / "edited.onnx"
    path.write_bytes(bytes(edited))
    with pytest.raises(ModelError, match="do not match its card"):
        ModelFile(path)


def test_cards_of_another_version_and_damaged_ones(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "card.onnx"
    for change, message in (
        ({"format_version": 99}, "format 99"),
        ({"halo": 3}, "no multiple"),
        ({"halo": "wide"}, "damaged"),
        ({"planes": "hexagons"}, "hexagons"),
    ):
        model = onnx.load_model_from_string(data)
        for prop in model.metadata_props:
            if prop.key == CARD_KEY:
                prop.value = json.dumps({**json.loads(prop.value), **change})
        onnx.save(model, path)
        with pytest.raises(ModelError, match=message):
            ModelFile(path)


def test_foreign_files_and_external_data(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    body = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "foreign", [value],
                             [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])])  # fmt: skip
    path = tmp_path / "foreign.onnx"
    onnx.save(helper.make_model(body), path)
    with pytest.raises(ModelError, match="carries no card"):
        ModelFile(path)
    tensor = TensorProto(name="w", data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../elsewhere.bin")
    body.initializer.append(tensor)
    path.write_bytes(helper.make_model(body).SerializeToString())
    with pytest.raises(ModelError, match="another file, which edgeqe never reads"):
        ModelFile(path)


def test_the_shipped_files_are_small_and_named_after_their_cards() -> None:
    files = shipped_files()
    names = ("nano", "tiny", "small", "base", "base-video")
    assert set(shipped_models()) == {f"edgeqe-{name}" for name in names}
    real = {"float32", "float16", "float32.tflite", "float16.tflite"}
    integers = {"int8", "int8.tflite", "int8-trt"}
    for network in shipped_models():
        assert {f"{network}:{form}" for form in real} <= set(files)
    for network in shipped_models():
        assert {f"{network}:{form}" for form in integers} <= set(files)
    for name, path in files.items():
        assert path.stat().st_size < 3 << 20
        file = ModelFile(path)
        card, (network, _, form) = file.card, name.partition(":")
        assert (card.name, card.precision) == (network, form.partition(".")[0].partition("-")[0])
        assert file.format == ("tflite" if form.endswith(".tflite") else "onnx")
        recipe = card.provenance["recipe"]
        assert recipe["data"] == "free" and {"seed", "steps"} <= set(recipe) and card.quality


def test_names_and_paths(tmp_path: Path) -> None:
    assert find_model("edgeqe-tiny", "float32") == find_model("edgeqe-tiny:float32")
    assert find_model("edgeqe-tiny:int8.tflite").name == "edgeqe-tiny.int8.tflite"
    with pytest.raises(ModelError, match="'edgeqe-tiny' has float32, float32.tflite, "):
        find_model("edgeqe-tiny:int4")
    with pytest.raises(ModelError, match="is a folder"):
        find_model(tmp_path)
    with pytest.raises(ModelError, match="edgeqe-small"):
        find_model(tmp_path / "missing.onnx")


def test_flipped_bytes_are_one_error_or_harmless(data: bytes, tmp_path: Path) -> None:
    from edgeqe import Enhancer

    rng = np.random.default_rng(6)
    path, image, refused = tmp_path / "flipped.onnx", np.zeros((16, 16), np.uint8), 0
    for _ in range(60):
        flipped = bytearray(data)
        flipped[int(rng.integers(len(data)))] = int(rng.integers(256))
        path.write_bytes(bytes(flipped))
        try:
            with Enhancer(path, threads=1) as enhancer:
                assert enhancer.enhance(image, quality=20).shape == image.shape
        except ModelError as error:
            assert "flipped.onnx" in str(error) or "ONNX Runtime" in str(error)
            refused += 1
    # two thirds of the file are weights and tables, and the hash covers the weights
    assert refused > 20


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelFile]:
    """The same small network in every format and precision."""
    folder = tmp_path_factory.mktemp("small")
    for name in ("full.onnx", "half.onnx", "full.tflite", "half.tflite"):
        write(strong_graph(), folder / name, float16=name.startswith("half"))
    return {path.name: ModelFile(path) for path in folder.iterdir()}


def numbers(file: ModelFile, data: bytes) -> dict[str, npt.NDArray[Any]]:
    """Every constant of bytes that have the layout of a file."""
    return {
        name: np.frombuffer(data[tensor.start : tensor.stop], tensor.dtype).reshape(tensor.dims)
        for name, tensor in file.outline.initializers.items()
    }


def test_the_bytes_say_the_format_not_the_name(small: dict[str, ModelFile], tmp_path: Path) -> None:
    for name, suffix in (("full.onnx", ".tflite"), ("full.tflite", ".onnx")):
        path = tmp_path / f"renamed{suffix}"
        path.write_bytes(small[name].data)
        assert ModelFile(path).format == name.split(".")[1]


@pytest.mark.parametrize("name", ["full.onnx", "half.onnx", "full.tflite", "half.tflite"])
def test_each_strength_in_each_format(small: dict[str, ModelFile], name: str) -> None:
    file, tables = small[name], strong_graph().vectors
    kind = np.dtype("<f2" if name == "half.onnx" else "<f4")  # TFLite keeps vectors wide
    lying = numbers(file, file.data)
    # rounding to float16, beside that of the low-rank table
    tolerance = 2e-3 if name.startswith("half") else 1e-5
    assert set(file.card.folded) == (
        {"head.scale", "tail.scale"} if name.endswith("tflite") else set()
    )
    for key in (0, 12, DEFAULT_KEY, 80):
        data = file.at(key)
        assert len(data) == len(file.data)
        found = numbers(file, data)
        for vector, table in tables.items():
            if vector in file.card.folded:
                kernel = file.card.folded[vector]
                ratio = table[key].astype(np.float64) / table[DEFAULT_KEY]
                expected = lying[kernel] * ratio[:, None, None, None]
                np.testing.assert_allclose(found[kernel], expected, rtol=tolerance, atol=1e-7)
                assert vector not in found
            else:
                assert found[vector].dtype == kind
                np.testing.assert_allclose(
                    found[vector].reshape(-1), table[key], rtol=tolerance, atol=1e-5
                )
        for other in set(found) - set(tables) - set(file.card.folded.values()):
            assert np.array_equal(found[other], lying[other]), other


def test_folded_kernels_at_the_default_strength_are_as_they_lie(
    small: dict[str, ModelFile],
) -> None:
    for name in ("full.tflite", "half.tflite"):
        file = small[name]
        found, lying = numbers(file, file.at(DEFAULT_KEY)), numbers(file, file.data)
        for kernel in file.card.folded.values():
            assert np.array_equal(found[kernel], lying[kernel])


def test_what_lies_outside_the_vectors_stays(small: dict[str, ModelFile]) -> None:
    file = small["full.tflite"]
    changed = np.frombuffer(file.at(80), np.uint8) != np.frombuffer(file.data, np.uint8)
    for name in (*file.card.vectors, *file.card.folded.values()):
        tensor = file.outline.initializers.get(name)
        if tensor is not None:
            changed[tensor.start : tensor.stop] = False
    assert not changed.any()


def test_an_edited_tflite_weight_is_found(small: dict[str, ModelFile], tmp_path: Path) -> None:
    file, path = small["full.tflite"], tmp_path / "edited.tflite"
    for kernel in ("body.kernel", "head.kernel"):  # shared, and folded: as it lies
        edited = bytearray(file.data)
        edited[file.outline.initializers[kernel].start + 5] ^= 1
        path.write_bytes(bytes(edited))
        with pytest.raises(ModelError, match="do not match its card"):
            ModelFile(path)


def test_a_tflite_file_cut_in_half_is_one_line(small: dict[str, ModelFile], tmp_path: Path) -> None:
    path = tmp_path / "half.tflite"
    path.write_bytes(small["full.tflite"].data[: len(small["full.tflite"].data) // 2])
    with pytest.raises(ModelError, match="cannot use the model") as caught:
        ModelFile(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("suffix", "changes", "message"),
    [
        (".onnx", {"folded": {"head.scale": "head.kernel"}}, "which only TFLite files do"),
        (".tflite", {"folded": {"head.scale": "nothing"}}, "'head.scale' is missing"),
        (".tflite", {"vectors": ("head.scale", "nothing")}, "'nothing' is missing"),
        (".tflite", {"vectors": ("head.scale",)}, "columns for 8 channels"),
        (".tflite", {"folded": {"head.scale": "tail.kernel", "tail.scale": "head.kernel"},
                     "vectors": ("head.scale",)}, "columns for 1 channels"),
    ],
)  # fmt: skip
def test_cards_that_do_not_fit_the_file(
    suffix: str, changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / f"odd{suffix}"
    write(strong_graph(), path, **changes)
    with pytest.raises(ModelError, match=message):
        ModelFile(path)
