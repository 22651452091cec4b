"""Each mistake is an error of edgeqe and what Python itself raises for it, and crosses processes."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgeqe
from edgeqe import Enhancer
from edgeqe.errors import (
    ClosedError,
    EdgeqeError,
    ImageError,
    InputError,
    InputTypeError,
    MemoryLimitError,
    MissingFileError,
    MissingImageError,
    MissingModelError,
    MissingPackageError,
    MissingRuntimeError,
    ModelError,
    ProviderError,
)
from edgeqe.model.file import ModelFile
from edgeqe.zoo.host import host_packages

GRAY = np.full((16, 24), 90, np.uint8)
MODEL = "edgeqe-nano"


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make a package impossible to import."""

    def remove(package: str) -> None:
        for module in [m for m in sys.modules if m.partition(".")[0] == package]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.setitem(sys.modules, package, None)

    return remove


@pytest.mark.parametrize(
    "arguments",
    [
        {"image": GRAY.astype(np.float32), "quality": 20},
        {"image": GRAY.tolist(), "quality": 20},
        {"image": GRAY, "quality": 20, "amount": "half"},
        {"image": GRAY, "quality": "20"},
        {"image": GRAY, "qp": None, "step": [8.0]},
        {"image": GRAY, "quality": 20, "out": GRAY.tolist()},
    ],
)
def test_a_wrong_type_is_a_type_error(arguments: dict[str, object]) -> None:
    with Enhancer(MODEL) as enhancer, pytest.raises(InputTypeError) as caught:
        enhancer.enhance(**arguments)  # type: ignore[arg-type]
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, InputError)


def test_planes_that_are_no_arrays_are_a_type_error() -> None:
    half = np.full((8, 12), 128, np.uint8)
    with Enhancer(MODEL) as enhancer:
        for planes in ((GRAY.tolist(), half, half), (GRAY, half.tolist(), half)):
            with pytest.raises(InputTypeError, match="list"):
                enhancer.enhance_planes(*planes, quality=20)


def test_samples_of_another_type_than_the_layout_has_are_a_type_error() -> None:
    uv = np.full((8, 12, 2), 128, np.uint8)
    with Enhancer(MODEL) as enhancer:
        with pytest.raises(InputTypeError, match="uint16"):
            enhancer.enhance_p010(GRAY, uv, quality=20)
        with pytest.raises(InputTypeError, match="uint8"):
            enhancer.enhance_nv12(GRAY.astype(np.uint16), uv, quality=20)
        with pytest.raises(InputTypeError, match="uv must be a numpy array"):
            enhancer.enhance_nv12(GRAY, uv.tolist(), quality=20)  # type: ignore[call-overload]


@pytest.mark.parametrize(("threads", "is_type"), [("2", True), (1.0, True), (0, False)])
def test_threads_of_a_wrong_type(threads: object, is_type: bool) -> None:
    with pytest.raises(InputError, match="threads") as caught:
        Enhancer(MODEL, threads=threads)  # type: ignore[arg-type]
    assert isinstance(caught.value, TypeError) == is_type


def test_a_value_out_of_range_is_no_type_error() -> None:
    with Enhancer(MODEL) as enhancer, pytest.raises(InputError, match="101") as caught:
        enhancer.enhance(GRAY, quality=101)
    assert isinstance(caught.value, ValueError)
    assert not isinstance(caught.value, TypeError)


@pytest.mark.parametrize(("limit", "is_type"), [(None, True), (6.5e7, True), (0, False), ("6x", False)])  # fmt: skip
def test_a_memory_limit_of_a_wrong_type(limit: object, is_type: bool) -> None:
    with pytest.raises(InputError, match="memory limit") as caught:
        Enhancer(MODEL, memory_limit=limit)  # type: ignore[arg-type]
    assert isinstance(caught.value, TypeError) == is_type


def test_a_missing_model_is_a_file_not_found() -> None:
    for opens in (Enhancer, lambda name: ModelFile(Path(name))):
        with pytest.raises(FileNotFoundError, match=r"nowhere\.onnx") as caught:
            opens("nowhere.onnx")
        assert isinstance(caught.value, MissingModelError)
        assert isinstance(caught.value, ModelError)


def test_a_damaged_model_is_there(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"\x00" * 100)
    with pytest.raises(ModelError) as caught:
        Enhancer(file)
    assert not isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize(
    ("source", "destination"), [("nowhere.jpg", "out.png"), ("in.png", "nowhere/out.png")]
)
def test_a_missing_picture_or_folder_is_a_file_not_found(
    source: str, destination: str, tmp_path: Path
) -> None:
    from PIL import Image

    Image.fromarray(GRAY).save(tmp_path / "in.png")
    with Enhancer(MODEL) as enhancer, pytest.raises(FileNotFoundError, match="nowhere") as caught:
        enhancer.enhance_file(tmp_path / source, tmp_path / destination, quality=20)
    assert isinstance(caught.value, MissingImageError)
    assert isinstance(caught.value, ImageError)


def test_a_missing_profile_is_a_file_not_found() -> None:
    with pytest.raises(MissingFileError, match=r"nowhere\.toml"):
        Enhancer(MODEL, target="nowhere.toml")


def test_use_after_close_is_a_runtime_error() -> None:
    with Enhancer(MODEL) as enhancer:
        pass
    with pytest.raises(RuntimeError, match="closed: make a new one") as caught:
        enhancer.enhance(GRAY, quality=20)
    assert isinstance(caught.value, ClosedError)
    assert isinstance(caught.value, InputError)


def test_the_required_bytes_are_the_smallest_limit_that_works() -> None:
    with pytest.raises(MemoryLimitError, match="KiB") as caught:
        Enhancer(MODEL, memory_limit=1 << 20, threads=1)
    required = caught.value.required_bytes
    with Enhancer(MODEL, memory_limit=required, threads=1) as enhancer:
        assert enhancer.enhance(GRAY, quality=20).shape == GRAY.shape
    with pytest.raises(MemoryLimitError) as again:
        Enhancer(MODEL, memory_limit=required - 1, threads=1)
    assert again.value.required_bytes == required


def test_a_missing_package_has_its_pip_line(absent: Callable[[str], None], tmp_path: Path) -> None:
    with Enhancer(MODEL) as enhancer:
        absent("PIL")
        with pytest.raises(MissingPackageError, match=r"pip install 'edgeqe\[files\]'") as caught:
            enhancer.enhance_file(b"\xff\xd8\xff", tmp_path / "out.png")
    assert isinstance(caught.value, ImportError)
    assert caught.value.exit_code == 2


def test_a_missing_runtime_is_a_missing_package_too(absent: Callable[[str], None]) -> None:
    from edgeqe.runtimes import ort

    absent("onnxruntime")
    with pytest.raises(MissingPackageError, match=r"pip install 'edgeqe\[ort\]'") as caught:
        ort.providers()
    assert isinstance(caught.value, MissingRuntimeError)
    assert isinstance(caught.value, ProviderError)
    assert caught.value.exit_code == 3


def test_a_verb_keeps_the_pip_line_that_is_nearest() -> None:
    with pytest.raises(MissingPackageError, match=r"^training needs .*keras.*'edgeqe\[host\]'"):
        with host_packages("training", "host"):
            raise ModuleNotFoundError("No module named 'keras'", name="keras")
    with pytest.raises(MissingRuntimeError, match="^a runtime$"):
        with host_packages("training", "host"):
            raise MissingRuntimeError("a runtime")


def test_every_error_crosses_processes_with_its_message() -> None:
    kinds = [getattr(edgeqe, name) for name in dir(edgeqe) if name.endswith("Error")]
    assert len(kinds) > 10
    for kind in kinds:
        arguments = ("a b.", 4096) if kind is MemoryLimitError else ("a b.",)
        received = pickle.loads(pickle.dumps(kind(*arguments)))
        assert (type(received), str(received)) == (kind, "a b.")
        assert isinstance(received, EdgeqeError)
        assert getattr(received, "required_bytes", 4096) == 4096
