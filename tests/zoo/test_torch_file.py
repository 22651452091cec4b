"""Files of PyTorch are read as data: tensors of any stride, and nothing that they name is called."""

from __future__ import annotations

import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe.errors import InputError
from edgeqe.zoo.training.torch_file import MAGIC, read_tensors


class Storage:
    """Stands for the values of a tensor, which lie behind the pickles."""

    def __init__(self, key: str, count: int) -> None:
        self.key, self.count = key, count


class Tensor:
    """A tensor as PyTorch pickles it."""

    def __init__(self, storage: Storage, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self.parts: Any = storage, 0, size, stride, False, OrderedDict()

    def __reduce__(self) -> Any:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.parts


class Pickler(pickle.Pickler):
    """Pickler that names storages."""

    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, Storage):
            kind = sys.modules["torch"].FloatStorage
            return "storage", kind, obj.key, "cpu", obj.count, None
        return None


@pytest.fixture(autouse=True)
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules of PyTorch's names while a file is written; reading asks for none of them."""
    module, utils = ModuleType("torch"), ModuleType("torch._utils")
    module.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})  # type: ignore[attr-defined]

    def _rebuild_tensor_v2(*parts: Any) -> None:
        raise AssertionError("it must not be called")

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def written(path: Path, state: Any, storages: dict[str, npt.NDArray[np.float32]]) -> Path:
    """A file as PyTorch wrote them before 1.6."""
    with path.open("wb") as file:
        for value in (MAGIC, 1001, {"little_endian": True}):
            pickle.dump(value, file, protocol=2)
        Pickler(file, protocol=2).dump(state)
        pickle.dump(list(storages), file, protocol=2)
        for values in storages.values():
            file.write(len(values).to_bytes(8, "little") + values.tobytes())
    return path


def test_tensors_come_back_whatever_their_strides(tmp_path: Path) -> None:
    values = {"1": np.arange(24, dtype=np.float32), "2": np.ones(3, np.float32)}
    one, two = Storage("1", 24), Storage("2", 3)
    state = OrderedDict(a=Tensor(one, (4, 6), (6, 1)), b=Tensor(one, (6, 4), (1, 6)))
    state["c"] = Tensor(two, (3,), (1,))
    found = read_tensors(written(tmp_path / "a.pth", state, values))
    whole = values["1"].reshape(4, 6)
    np.testing.assert_array_equal(found["a"], whole)
    np.testing.assert_array_equal(found["b"], whole.T)
    np.testing.assert_array_equal(found["c"], 1.0)


def test_a_tensor_beyond_its_storage_is_refused(tmp_path: Path) -> None:
    state = OrderedDict(a=Tensor(Storage("1", 4), (2, 3), (3, 1)))
    path = written(tmp_path / "a.pth", state, {"1": np.zeros(4, np.float32)})
    with pytest.raises(InputError, match="larger than its storage"):
        read_tensors(path)


class Hostile:
    """Names a function to call."""

    def __reduce__(self) -> Any:
        return print, ("called",)


def test_what_a_file_names_is_not_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "a.pth", {"a": Hostile()}, {})
    with pytest.raises(InputError, match="print is not allowed"):
        read_tensors(path)
    assert capsys.readouterr().out == ""


def test_other_and_damaged_files_are_refused(tmp_path: Path) -> None:
    state = OrderedDict(a=Tensor(Storage("1", 4), (4,), (1,)))
    whole = written(tmp_path / "a.pth", state, {"1": np.zeros(4, np.float32)}).read_bytes()
    for content in (b"", b"text", pickle.dumps(3), whole[:-5], whole[: len(whole) // 2]):
        path = tmp_path / "b.pth"
        path.write_bytes(content)
        with pytest.raises(InputError, match="is no state that PyTorch saved"):
            read_tensors(path)
