"""LiteRT sessions against ONNX Runtime on the same network, alone and from many threads."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgeqe.converters.tflite_io import integer_writer as tflite_integer_writer
from edgeqe.errors import ModelError, ProviderError
from edgeqe.model.catalogue import find_model
from edgeqe.model.file import ModelFile
from edgeqe.runtimes import litert, open_session, runtime_of
from edgeqe.runtimes.litert import LitertSession, provider_of
from edgeqe.runtimes.ort import OrtSession
from edgeqe.typing import Float
from tests.quantization.integer_models import QuantizedGraphBuilder
from tests.small_models import strong_graph, write

#: Two runtimes that add the same float32 products in another order.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("litert")


@pytest.fixture(scope="module")
def files(folder: Path) -> dict[str, ModelFile]:
    """The same network in both formats, and in float16."""
    for name, half in (("m.onnx", False), ("m.tflite", False), ("half.tflite", True)):
        write(strong_graph(), folder / name, float16=half)
    return {path.name: ModelFile(path) for path in sorted(folder.iterdir())}


def picture(height: int, width: int, planes: int = 1) -> Float:
    rng = np.random.default_rng(height * width)
    return rng.normal(0, 40, (planes, height, width)).astype(np.float32)


def difference(found: Float, expected: Float) -> float:
    return float(np.abs(found - expected).max() / np.ptp(expected))


@pytest.mark.parametrize("size", [(16, 16), (31, 37), (5, 64), (1, 1)])
@pytest.mark.parametrize("key", [12, 40, 77])
def test_both_runtimes_agree_at_every_strength(
    files: dict[str, ModelFile], key: int, size: tuple[int, int]
) -> None:
    given = picture(*size) if size != (1, 1) else picture(2, 2)[:, :1, :1].copy()
    expected = open_session(files["m.onnx"], key).run(given)
    found = open_session(files["m.tflite"], key).run(given)
    scale = max(float(np.ptp(expected)), float(np.abs(expected).max()))
    assert found.shape == given.shape and found.flags["C_CONTIGUOUS"]
    assert np.abs(found - expected).max() < TOLERANCE * scale


@pytest.mark.parametrize("key", [12, 40, 77])
def test_float16_weights(files: dict[str, ModelFile], key: int) -> None:
    given = picture(24, 40)
    expected = open_session(files["m.onnx"], key).run(given)
    found = open_session(files["half.tflite"], key).run(given)
    # 11 bits a weight, which average out over the sums; 0 would mean float32 was stored
    assert 1e-6 < difference(found, expected) < 2e-3


def test_a_second_input_is_the_last_plane(tmp_path: Path) -> None:
    graph = strong_graph(inputs=("planes", "residual"))
    for name in ("two.onnx", "two.tflite"):
        write(graph, tmp_path / name)
    given = picture(12, 20, planes=2)
    sessions = [open_session(ModelFile(tmp_path / name), 40) for name in ("two.onnx", "two.tflite")]
    expected, found = (session.run(given) for session in sessions)
    assert expected.shape == found.shape == (1, 12, 20)
    assert difference(found, expected) < TOLERANCE
    swapped = np.ascontiguousarray(given[::-1])
    assert difference(sessions[1].run(swapped), expected) > 0.1
    for session in sessions:
        session.shrink()
    assert difference(sessions[0].run(given), expected) == 0.0


def integers() -> bytes:
    """Two inputs of their own steps, joined by a 1x1 convolution: 0.25 planes - 0.5 residual."""
    builder = QuantizedGraphBuilder({"planes": 2, "residual": 1})
    for name, scale, zero in (("planes", 1.0, 128), ("residual", 0.5, 100), ("both", 1.0, 128),
                              ("y", 0.25, 98)):  # fmt: skip
        builder.step(name, scale, zero)
    builder.node("Concat", ["planes", "residual"], "both")
    kernel = np.array([[1, 0, -2], [0, 1, -2]]).reshape(2, 3, 1, 1)
    builder.conv("both", "k", "y", kernel, scale=0.25)
    return tflite_integer_writer.model_of(builder.graph("y"), {})


def test_integers_are_grey_levels_outside() -> None:
    session = LitertSession(integers())
    assert session.provider == "XNNPACK"
    # planes: rounded half to even, saturated at -128 and 127
    first = [-200.0, -128.4, -2.5, -1.5, -0.49, 0.5, 1.5, 126.6, 127.4, 300.0]
    planes = [-128, -128, -2, -2, 0, 0, 2, 127, 127, 127]
    # residual: steps of 0.5 from -50 to 77.5, then of 1.0 beside the planes
    last = [-60.0, -50.0, -8.2, -3.2, 0.0, 0.1, 4.0, 6.0, 77.9, 90.0]
    joined = [-50, -50, -8, -3, 0, 0, 4, 6, 77.5, 77.5]
    given = np.array([first, [0.0] * 10, last], np.float32)[:, None]
    kept = given.copy()
    found = session.run(given)
    assert np.array_equal(given, kept)  # the caller's planes are as they were
    assert found.dtype == np.float32 and found.shape == (2, 1, 10) and found.flags.c_contiguous
    # 77.5 becomes 77 or 78 on its way, which is a half of a grey level here: the last two
    expected = 0.25 * np.array([planes, [0] * 10]) - 0.5 * np.array(joined)
    expected = np.clip(expected, -98 * 0.25, 157 * 0.25)[:, None]
    assert np.array_equal(found[..., :8], expected[..., :8])
    assert np.abs(found - expected).max() <= 0.25
    again = session.run(given[:, :, :4].copy())
    assert np.array_equal(again, found[..., :4])


def test_results_are_the_callers_own(files: dict[str, ModelFile]) -> None:
    session = open_session(files["m.tflite"], 40)
    first = session.run(picture(16, 24))
    kept = first.copy()
    session.run(picture(16, 24) + 10)
    assert np.array_equal(first, kept)


def test_an_interpreter_runs_all_windows_of_its_place_and_is_given_back(
    files: dict[str, ModelFile],
) -> None:
    session = open_session(files["m.tflite"], 40)
    assert isinstance(session, LitertSession) and session.own_memory
    session.run(picture(16, 24), place="a")
    (kept,) = session._idle["a"]
    for size in ((16, 16), (24, 16), (1, 3), (16, 24)):
        session.run(picture(*size), place="a")
        assert session._idle["a"] == [kept] and kept.size == size
    session.run(
        picture(16, 17), place="b"
    )  # what idles in a place of another kind is counted there
    assert session._idle["a"] == [kept] and len(session._idle["b"]) == 1
    session.run(picture(16, 25), place="a")  # one that grew would leave gaps
    assert len(session._idle["a"]) == 1 and session._idle["a"] != [kept]
    session.shrink()
    assert not session._idle
    assert session.run(picture(16, 16)).shape == (1, 16, 16)


def test_of_several_interpreters_one_of_the_windows_size_is_taken(
    files: dict[str, ModelFile],
) -> None:
    session = open_session(files["m.tflite"], 40)
    assert isinstance(session, LitertSession)
    first, second = (litert._Interpreter(session._module, session._model, (9, 9), 1) for _ in "ab")
    session._idle["a"] = [first, second]
    session.run(picture(9, 5), place="a")  # the last one's now
    assert (first.size, second.size) == ((9, 9), (9, 5))
    session.run(picture(9, 9), place="a")
    session.run(picture(9, 5), place="a")
    assert (first.size, second.size) == ((9, 9), (9, 5))


@pytest.mark.parametrize("name", ["edgeqe-tiny", "edgeqe-base"])
def test_a_resized_interpreter_gives_what_a_new_one_gives(name: str) -> None:
    """The shipped integers, to the byte: sizes that shrink, grow again, turn and leap."""
    file = ModelFile(find_model(f"{name}:int8.tflite"))
    unit = file.card.alignment // file.card.pixels_per_sample
    rng = np.random.default_rng(5)
    sizes = [(40, 48), (48, 40), (4, 4), (40, 44), (4, 64), (64, 4), (36, 36), (40, 48)]
    used = open_session(file, 40)
    for height, width in sizes:
        assert height % unit == width % unit == 0
        given = rng.integers(-128, 128, (6, height, width)).astype(np.float32)
        expected = open_session(file, 40).run(given)
        assert np.array_equal(used.run(given, place="a"), expected)
    assert isinstance(used, LitertSession) and len(used._idle["a"]) == 1


def test_many_threads_get_what_one_gets(files: dict[str, ModelFile]) -> None:
    session = open_session(files["m.tflite"], 40)
    sizes = [(16 + 4 * (i % 3), 40) for i in range(24)]
    expected = [session.run(picture(*size)) for size in sizes]
    found: dict[int, Float] = {}

    def work(first: int) -> None:
        for index in range(first, len(sizes), 4):
            found[index] = session.run(picture(*sizes[index]))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[i], expected[i]) for i in range(len(sizes)))


def test_the_provider_is_read_not_assumed(files: dict[str, ModelFile]) -> None:
    for data in (files["m.tflite"].data, files["half.tflite"].data, integers()):
        assert LitertSession(data).provider == "XNNPACK"
        alone = Interpreter(
            model_content=data,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        alone.allocate_tensors()
        assert provider_of(alone) == "CPU"
    assert runtime_of(files["m.tflite"]) == ("litert", litert.version())
    assert runtime_of(files["m.onnx"])[0] == "onnxruntime"


def test_unchecked_bytes_never_reach_litert(files: dict[str, ModelFile]) -> None:
    data = files["m.tflite"].data
    for broken in (b"", b"abc", data[: len(data) // 2], files["m.onnx"].data):
        with pytest.raises(ModelError, match="TFLite"):
            LitertSession(broken)


def test_what_litert_refuses_is_one_line(files: dict[str, ModelFile]) -> None:
    from ai_edge_litert import schema_py_generated as schema

    from tests.small_models import packed

    model = schema.ModelT.InitFromPackedBuf(files["m.tflite"].data, 0)
    model.operatorCodes[0].version = 99  # well-formed, but LiteRT has no such kernel
    with pytest.raises(ModelError, match="LiteRT refuses the model") as caught:
        LitertSession(packed(model))
    assert "\n" not in str(caught.value)


def test_without_litert_the_cure_is_named(
    files: dict[str, ModelFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(ProviderError, match=r"pip install 'edgeqe\[tflite\]'"):
        open_session(files["m.tflite"], 40)


def test_tflite_runtime_is_refused_where_numpy_breaks_it(
    files: dict[str, ModelFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tflite_runtime").mkdir()
    (tmp_path / "tflite_runtime" / "__init__.py").write_text("")
    (tmp_path / "tflite_runtime" / "interpreter.py").write_text("Interpreter = 'theirs'")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setattr(np, "__version__", "2.4.6")
    with pytest.raises(ProviderError, match="does not work with numpy 2.4.6"):
        open_session(files["m.tflite"], 40)
    monkeypatch.setattr(np, "__version__", "1.26.4")
    assert litert.interpreter_module().Interpreter == "theirs"


def test_a_device_without_onnxruntime(files: dict[str, ModelFile]) -> None:
    code = (
        "import sys\n"
        "for name in ('onnxruntime', 'onnx', 'flatbuffers', 'tensorflow', 'keras'):\n"
        "    sys.modules[name] = None\n"
        "import numpy as np\n"
        "from edgeqe import Enhancer\n"
        "with Enhancer(sys.argv[1], threads=2) as enhancer:\n"
        "    better = enhancer.enhance(np.full((50, 70), 90, np.uint8), quality=20)\n"
        "    print(better.shape, enhancer.info.provider, enhancer.info.runtime)\n"
    )
    path = str(files["m.tflite"].path)
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.stdout.strip() == "(50, 70) XNNPACK litert", done.stderr


MEASURE = """
import sys
import numpy as np
from pathlib import Path
from typing import Any
from edgeqe.runtimes.litert import LitertSession

def status(field):
    lines = open('/proc/self/status').read().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) * 1024

session, side, windows = LitertSession(Path(sys.argv[1]).read_bytes()), int(sys.argv[2]), []
shapes = [(side - d, side - e) for d in (0, side // 2) for e in (0, side // 4, 3)] + [(side, side)]
session.run(np.ones((1, side, side), np.float32))
windows += session._idle.pop(None)
before = status('VmRSS')
for _ in range(3):
    for shape in shapes:
        session.run(np.ones((1, *shape), np.float32))
    windows += session._idle.pop(None)
planned = session.bytes_per_pixel * side * side + session.bytes_per_window
print((status('VmRSS') - before) / 3, planned)
"""


def deep() -> bytes:
    """Four convolutions of integers, two of them of one kernel."""
    builder = QuantizedGraphBuilder({"planes": 1})
    kernel = np.random.default_rng(6).integers(-64, 65, (16, 16, 3, 3))
    for name in ("planes", "a", "b", "c", "y"):
        builder.step(name, 1.0, 128)
    same: dict[str, Any] = {"padding": 1, "padding_end": 1}
    builder.conv("planes", "head", "a", kernel[:, :1], relu=True, **same)
    builder.conv("a", "body", "b", kernel, relu=True, **same)
    builder.conv("b", "body", "c", relu=True, **same)
    builder.conv("c", "tail", "y", kernel[:1], **same)
    return tflite_integer_writer.model_of(builder.graph("y"), {})


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("side", [16, 256])
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_an_interpreter_takes_what_is_planned(
    files: dict[str, ModelFile], tmp_path: Path, precision: str, side: int
) -> None:
    path = files["m.tflite"].path
    if precision == "int8":
        path = tmp_path / "integers.tflite"
        path.write_bytes(deep())
    command = [sys.executable, "-c", MEASURE, str(path), str(side)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    taken, planned = (float(number) for number in done.stdout.split())
    assert taken <= planned
    # the plan is no wild guess either: a large window is its values and tables of pointers
    assert side < 256 or taken > 0.85 * planned


def test_onnx_sessions_shrink_at_their_alignment(tmp_path: Path) -> None:
    from edgeqe.converters.graph.graph import Graph, Node
    from edgeqe.converters.onnx_io import writer as onnx_writer

    nodes = (
        Node("SpaceToDepth", "s", ("planes",), "a", 4),
        Node("DepthToSpace", "d", ("a",), "b", 4),
    )
    model = onnx_writer.model_of(Graph("blocks", {"planes": 1}, "b", nodes, {}), {})
    session = OrtSession(model.SerializeToString(), alignment=4)
    session.shrink()
    given = picture(8, 12)
    assert np.array_equal(session.run(given), given)
