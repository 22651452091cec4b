from __future__ import annotations

import importlib.machinery
import importlib.util
from pathlib import Path

import pytest

from edgeqe.catalogue import find_model, shipped_files, shipped_models


def absent(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Hide modules from whoever asks whether they are installed."""
    real = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> importlib.machinery.ModuleSpec | None:
        return None if name in modules else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)


def test_a_name_alone_is_integers_where_onnx_runtime_is() -> None:
    for name in ("edgeqe-tiny", "edgeqe-small"):
        assert find_model(name) == shipped_files()[f"{name}:int8"]
    # whose integers would drift, and are not shipped
    assert find_model("edgeqe-base") == shipped_files()["edgeqe-base:float32"]


def test_without_onnx_runtime_a_name_alone_is_what_litert_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    absent(monkeypatch, "onnxruntime")
    monkeypatch.setattr("edgeqe.catalogue.CPUINFO", tmp_path / "cpuinfo")
    for flags, form in (("fma avx2", "float32"), ("avx2 avx_vnni", "int8"), ("asimddp", "int8")):
        (tmp_path / "cpuinfo").write_text(f"flags\t\t: sse {flags}\n")
        assert find_model("edgeqe-tiny") == shipped_files()[f"edgeqe-tiny:{form}.tflite"]
    (tmp_path / "cpuinfo").unlink()  # not Linux
    assert find_model("edgeqe-tiny") == shipped_files()["edgeqe-tiny:float32.tflite"]


def test_without_any_runtime_the_first_choice_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # opening it then says how to install its runtime
    absent(monkeypatch, "onnxruntime", "ai_edge_litert", "tflite_runtime")
    assert find_model("edgeqe-tiny") == shipped_files()["edgeqe-tiny:int8"]


def test_networks_come_in_the_order_of_their_size() -> None:
    assert shipped_models() == ["edgeqe-tiny", "edgeqe-small", "edgeqe-base"]
    assert next(iter(shipped_files())) == "edgeqe-tiny:float32"
