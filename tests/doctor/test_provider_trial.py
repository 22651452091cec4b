"""What runs inside a trial's process, on the runtimes here and on fakes of others."""

from __future__ import annotations

import ctypes
import json
import sys
import types
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeqe.doctor import provider_trial
from edgeqe.runtimes import nvidia_libraries

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
#: A convolution without padding, of 16 pixels with 3 taps, 8 channels of ones.
EXPECTED = np.full((1, 8, 14, 14), 72.0, np.float32)


def fake_onnxruntime(placed: str, result: Any = EXPECTED) -> types.ModuleType:
    """ONNX Runtime that lists CUDA and runs its node on a provider, as the profile tells."""
    options: list[Any] = []

    class InferenceSession:
        def __init__(self, model: bytes, given: Any, **asked: Any) -> None:
            assert asked == {"providers": [CUDA], "enable_fallback": False}
            options.append(given)

        def run(self, names: None, feeds: dict[str, Any]) -> list[Any]:
            return [result]

        def end_profiling(self) -> str:
            path = Path(f"{options[0].profile_file_prefix}_now.json")
            path.write_text(json.dumps([
                {"cat": "Session", "name": "model_run", "args": {}},
                {"cat": "Node", "name": "copy", "args": {
                    "op_name": "MemcpyFromHost", "provider": CUDA}},
                {"cat": "Node", "name": "conv_kernel_time", "args": {
                    "op_name": "Conv", "provider": placed}},
            ]))  # fmt: skip
            return str(path)

    module = types.ModuleType("onnxruntime")
    vars(module).update(
        __version__="9.9",
        SessionOptions=types.SimpleNamespace,
        GraphOptimizationLevel=types.SimpleNamespace(ORT_ENABLE_BASIC=1),
        InferenceSession=InferenceSession,
        get_available_providers=lambda: [CUDA, CPU],
        options=options,
    )
    return module


@pytest.mark.parametrize("placed", [CUDA, CPU])
def test_placement_decides_and_not_the_list(placed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = fake_onnxruntime(placed)
    monkeypatch.setitem(sys.modules, "onnxruntime", module)
    assert provider_trial.onnxruntime_facts()["providers"] == [CUDA, CPU]
    assert provider_trial.try_provider(CUDA) == {"providers": [placed], "right": True}
    # Nothing is left behind.
    assert not Path(module.options[0].profile_file_prefix).parent.exists()


def test_a_wrong_result_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = EXPECTED.copy()
    wrong[0, 3, 7, 7] += 1
    monkeypatch.setitem(sys.modules, "onnxruntime", fake_onnxruntime(CUDA, wrong))
    assert provider_trial.try_provider(CUDA) == {"providers": [CUDA], "right": False}


def test_the_convolution_is_a_whole_model() -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(provider_trial.one_convolution())
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["Conv"]


def test_the_convolution_runs_here_with_the_result_of_ones() -> None:
    ort = pytest.importorskip("onnxruntime")
    session = ort.InferenceSession(provider_trial.one_convolution(), providers=[CPU])
    (result,) = session.run(None, {"x": np.ones((1, 8, 16, 16), np.float32)})
    np.testing.assert_array_equal(result, EXPECTED)
    assert provider_trial.try_provider(CPU) == {"providers": [CPU], "right": True}


def test_litert_runs_a_shipped_model_on_xnnpack() -> None:
    pytest.importorskip("ai_edge_litert")
    assert provider_trial.try_litert("edgeqe-tiny:float32.tflite") == {
        "version": metadata.version("ai-edge-litert"),
        "provider": "XNNPACK",
    }


def test_an_absent_runtime_has_no_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # an import of it now fails
    monkeypatch.delitem(sys.modules, "onnxruntime")
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    assert provider_trial.onnxruntime_facts() == {}


def test_a_half_overwritten_runtime_answers_with_its_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", types.ModuleType("onnxruntime"))
    provider_trial.main("onnxruntime")
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer["error"].startswith("AttributeError: ")


@pytest.mark.parametrize(
    ("requirements", "said", "expected"),
    [
        (["nvidia-cudnn-cu13~=9.0; extra == 'cudnn'"], "13.0", {"cuda": "13.0", "cudnn": "9"}),
        (["nvidia-cudnn-cu12~=9.0; extra == 'cudnn'"], "", {"cuda": "12", "cudnn": "9"}),
        (["numpy>=1.21.6"], "12.2", {"cuda": "12.2", "cudnn": ""}),
        (None, "", {"cuda": "", "cudnn": ""}),  # no requirement at all
    ],
)
def test_what_the_wheel_was_built_for(
    requirements: list[str] | None,
    said: str,
    expected: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metadata, "requires", lambda name: requirements)
    assert provider_trial.built_for(said) == expected


def test_a_wheel_that_is_not_there_was_built_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def requires(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", requires)
    assert provider_trial.built_for("") == {"cuda": "", "cudnn": ""}


class Function:
    """A function of a library that tells its version as a number."""

    restype: Any = None

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, *where: Any) -> int:
        for pointer in where:
            pointer._obj.value = self.number
        return 0 if where else self.number


def test_libraries_tell_their_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    def library(name: str) -> Any:
        numbers = {
            "libcudart.so.11.0": ("cudaRuntimeGetVersion", 11080),
            "libcudart.so.12": ("cudaRuntimeGetVersion", 12040),
            "libcudart.so": ("cudaRuntimeGetVersion", 12040),
            "libcudnn.so.8": ("cudnnGetVersion", 8907),
            "libcudnn.so.9": ("cudnnGetVersion", 91002),
            "libnvinfer.so.8": ("getInferLibVersion", 8601),
            "libnvinfer.so.10": ("getInferLibVersion", 100900),
            "libnvinfer.so.11": ("another", 0),  # a library without the function
        }
        if name not in numbers:
            raise OSError(f"{name}: cannot open shared object file")
        function, number = numbers[name]
        return types.SimpleNamespace(**{function: Function(number)})

    monkeypatch.setattr(ctypes, "CDLL", library)
    assert provider_trial.libraries() == {
        "cuda": ["11.8", "12.4"],
        "cudnn": ["8.9.7", "9.10.2"],
        "tensorrt": ["8.6.1", "10.9.0"],
    }


def test_wheels_of_nvidia_are_loaded_before_the_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tensorrt_libs"
    folder.mkdir()
    names = ("libnvonnxparser.so.10", "libnvinfer.so.10", "libnvinfer_plugin.so.10", "other.so")
    for name in ("__init__.py", *names):
        (folder / name).touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    loaded: list[str] = []

    def library(path: str, mode: int) -> None:
        assert mode == ctypes.RTLD_GLOBAL
        loaded.append(Path(path).name)
        raise OSError("no library")  # which the provider will say better

    monkeypatch.setattr(ctypes, "CDLL", library)
    ort: Any = types.SimpleNamespace(
        cuda_version="13.0", preload_dlls=lambda: print("Failed to load libcublas.so.13")
    )
    nvidia_libraries.preload(ort)
    assert loaded == ["libnvinfer.so.10", "libnvinfer_plugin.so.10", "libnvonnxparser.so.10"]
    assert capsys.readouterr().out == ""
    nvidia_libraries.preload(types.SimpleNamespace(cuda_version=""))
    nvidia_libraries.preload(types.SimpleNamespace())  # an old one does not tell
    assert len(loaded) == 3


def test_without_the_wheel_of_tensorrt_nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert nvidia_libraries.tensorrt_libraries() == []
