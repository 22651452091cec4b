"""Profiles from TOML: what a right one says, and the one line about a wrong one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgeqe.targets.profile import Backend, Peak, Profile, WindowBounds
from edgeqe.targets.reading import DEEPEST, read_profile
from tests.targets.profile_files import PEAK, WAY, error, write

if sys.version_info >= (3, 11):
    pass
else:
    pass

EVERYTHING = """
description = "A board."
threads = 3
most_on_cpu = 0.25

[[runtime]]
runtime = "onnxruntime"
provider = "trt"
precisions = ["float16"]
needs = ["vnni", "dotprod"]
fix = "install it"
[runtime.options]
trt_fp16_enable = true
trt_max_workspace_size = 1024
trt_engine_cache_prefix = "board"

[[runtime]]
runtime = "litert"
provider = "xnnpack"
precisions = ["int8"]
options = { num_threads = 2 }

[window]
smallest = 64
largest = 256
fixed = true

[precision]
edgeqe-base = ["float32", "int8"]

[[peak]]
gigamacs = { float32 = 10.5, int8-trt = 40 }
gigabytes = 12.5
source = "measured"
per_core = true
needs = ["dotprod"]
assumed = { float32 = 0.5 }
"""


def test_every_key(tmp_path: Path) -> None:
    path = write(tmp_path, EVERYTHING)
    options: dict[str, str | int | float | bool] = {
        "trt_fp16_enable": True,
        "trt_max_workspace_size": 1024,
        "trt_engine_cache_prefix": "board",
    }
    assert read_profile(path) == Profile(
        name="board",
        description="A board.",
        backends=(
            Backend("onnxruntime", "TensorrtExecutionProvider", ("float16",),
                    ("vnni", "dotprod"), options, "install it"),
            Backend("litert", "XNNPACK", ("int8",), options={"num_threads": 2}),
        ),
        window=WindowBounds(64, 256, True),
        threads=3,
        most_on_cpu=0.25,
        precision={"edgeqe-base": ("float32", "int8")},
        peaks=(
            Peak({"float32": 10.5, "int8-trt": 40}, 12.5, "measured", True, ("dotprod",),
                 {"float32": 0.5}),
        ),
        source=path,
    )  # fmt: skip


def test_all_but_one_runtime_may_be_left_out(tmp_path: Path) -> None:
    profile = read_profile(write(tmp_path, WAY))
    assert (profile.description, profile.threads, profile.most_on_cpu) == ("", 0, 0)
    assert (profile.window, profile.precision, profile.peaks) == (WindowBounds(), {}, ())
    (way,) = profile.backends
    assert (way.needs, way.options, way.fix) == ((), {}, "")
    assert not way.on_accelerator and not profile.on_accelerator


def test_one_that_extends_joins_tables_and_replaces_lists(tmp_path: Path) -> None:
    write(tmp_path, EVERYTHING, "base")
    text = f'extends = "base.toml"\nthreads = 1\n{WAY}\n[window]\nlargest = 128\n'
    text += '[precision]\nedgeqe-tiny = ["float32"]\n'
    base, joined = read_profile(str(tmp_path / "base.toml")), read_profile(write(tmp_path, text))
    assert (joined.name, joined.threads, joined.most_on_cpu) == ("board", 1, 0.25)
    assert joined.window == WindowBounds(64, 128, True)
    assert joined.precision == {"edgeqe-base": ("float32", "int8"), "edgeqe-tiny": ("float32",)}
    assert [way.provider for way in joined.backends] == ["CPUExecutionProvider"]
    assert joined.peaks == base.peaks
    assert base.on_accelerator and not joined.on_accelerator


def test_a_path_is_seen_from_the_file_that_extends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write(tmp_path / "a", f"threads = 5\n{WAY}", "base")
    write(tmp_path / "b", 'extends = "../a/base.toml"\nmost_on_cpu = 1', "middle")
    write(tmp_path / "b", 'extends = "middle.toml"', "top")
    monkeypatch.chdir(tmp_path)
    profile = read_profile("b/top.toml")
    assert (profile.name, profile.threads, profile.most_on_cpu) == ("top", 5, 1)


def test_a_shipped_one_is_extended_by_name(tmp_path: Path) -> None:
    profile = read_profile(write(tmp_path, 'extends = "jetson"\n[window]\nlargest = 384'))
    jetson = read_profile("jetson")
    assert profile.backends == jetson.backends and profile.peaks == jetson.peaks
    assert profile.window == WindowBounds(jetson.window.smallest, 384, True)


def test_a_chain_has_an_end(tmp_path: Path) -> None:
    write(tmp_path, WAY, "0")
    for index in range(1, DEEPEST + 1):
        write(tmp_path, f'extends = "{index - 1}.toml"', str(index))
    assert read_profile(str(tmp_path / f"{DEEPEST - 1}.toml")).backends
    assert f"at most {DEEPEST} may" in error(str(tmp_path / f"{DEEPEST}.toml"))


def test_the_first_peak_that_fits_counts(tmp_path: Path) -> None:
    text = WAY
    for speed, needs in ((3, '["vnni", "i8mm"]'), (2, '["avx512"]'), (1, "[]")):
        text += f"{PEAK.replace('83', str(speed))}needs = {needs}\n"
    profile = read_profile(write(tmp_path, text))
    for features, speed in (
        (("avx2", "avx512", "vnni"), 3),
        (("i8mm",), 3),
        (("avx2", "avx512"), 2),
        (("avx2",), 1),
        ((), 1),
    ):
        peak = profile.peak(features)
        assert peak is not None and peak.gigamacs == {"float32": speed}
    only = read_profile(write(tmp_path, WAY + PEAK + 'needs = ["vnni"]'))
    assert only.peak(("avx2",)) is None


@pytest.mark.parametrize(
    ("text", "part"),
    [
        # a misspelt key, with the nearest known one
        (f"treads = 2\n{WAY}", "treads is no key of a profile (did you mean 'threads'?)"),
        (f"[windows]\nlargest = 9\n{WAY}", "windows is no key of a profile (did you mean 'window'"),
        (f"[window]\nlarges = 9\n{WAY}", "window.larges is no key of a profile (did you mean 'lar"),
        (f"{WAY}need = ['vnni']", "runtime[0].need is no key of a profile (did you mean 'needs'?"),
        (f"{WAY}{PEAK}per_cores = true", "peak[0].per_cores is no key of a profile (did you mean"),
        (f"extend = 'cuda'\n{WAY}", "extend is no key of a profile (did you mean 'extends'?)"),
        (f"colour = 'red'\n{WAY}", "colour is no key of a profile: use "),
        # one that must be there: the misspelt key is named, not only the missing one
        (WAY.replace("provider", "provder"), "runtime[0].provder is no key of a profile (did you"),
        (WAY + PEAK.replace("gigabytes", "gigabyte"), "peak[0].gigabyte is no key of a profile"),
        (WAY.replace('provider = "CPUExecutionProvider"', ""), "runtime[0].provider is missing"),
        (WAY + "[[peak]]\ngigabytes = 4\nsource = 'a'", "peak[0].gigamacs is missing: give a table"),
        # a wrong type
        (f"threads = 'two'\n{WAY}", "threads = 'two' must be a whole number from 0 to 256"),
        (f"threads = true\n{WAY}", "threads = True must be a whole number"),
        (f"threads = 1.0\n{WAY}", "threads = 1.0 must be a whole number"),
        (f"most_on_cpu = false\n{WAY}", "most_on_cpu = False must be a number from 0 to 1"),
        (f"most_on_cpu = '5 %'\n{WAY}", "most_on_cpu = '5 %' must be a number from 0 to 1"),
        (f"description = 4\n{WAY}", "description = 4 must be text"),
        (f"extends = ['cuda']\n{WAY}", "extends = ['cuda'] must be text"),
        (f"[window]\nfixed = 1\n{WAY}", "window.fixed = 1 must be true or false"),
        (f"window = 512\n{WAY}", "window = 512 must be a table"),
        (f"[runtime]\nprovider = 'cpu'\n{PEAK}", "must be an array of tables, [[runtime]]"),
        (f"runtime = [1]\n{PEAK}", "runtime must be an array of tables, [[runtime]]"),
        (f"{WAY}needs = 'vnni'", "runtime[0].needs = 'vnni' must be a list out of avx2"),
        (f"{WAY}fix = 1", "runtime[0].fix = 1 must be text"),
        (f"{WAY}options = 'fast'", "runtime[0].options = 'fast' must be a table"),
        (f"{WAY}{PEAK}assumed = 0.5", "peak[0].assumed = 0.5 must be a table"),
        # a word that is none of those known
        (WAY.replace("onnxruntime", "onnx"), "runtime[0].runtime = 'onnx' must be one of onnxru"),
        (WAY.replace("CPUEx", "CUPEx"), "(did you mean 'CPUExecutionProvider'?)"),
        (WAY.replace("CPUExecutionProvider", "cudda"), "(did you mean 'cuda'?)"),
        (WAY.replace("CPUExecutionProvider", "XNNPACK"), "must be one of onnxruntime's: CPUExecut"),
        (WAY.replace('"int8"', '"int4"'), "runtime[0].precisions = ['int4', 'float32'] must be a l"),
        (WAY.replace('"int8"', "8"), "runtime[0].precisions = [8, 'float32'] must be a list out of"),
        (f"{WAY}needs = ['vnnni']", "runtime[0].needs = ['vnnni'] must be a list out of avx2, av"),
        (f"[precision]\nedgeqe-tiny = ['fp16']\n{WAY}", "precision.edgeqe-tiny = ['fp16'] must be"),
        (f"{WAY}{PEAK}assumed = {{ fp16 = 1 }}", "peak[0].assumed.fp16 is no precision: use float"),
        # nothing where something must be
        (WAY.replace('"int8", "float32"', ""), "runtime[0].precisions = [] must be a list out of"),
        (f"[precision]\nedgeqe-tiny = []\n{WAY}", "precision.edgeqe-tiny = [] must be a list out"),
        ("threads = 1", "it has no [[runtime]]"),
        # out of range
        (f"threads = -1\n{WAY}", "threads = -1 must be a whole number from 0 to 256"),
        (f"threads = 257\n{WAY}", "threads = 257 must be a whole number from 0 to 256"),
        (f"most_on_cpu = 1.01\n{WAY}", "most_on_cpu = 1.01 must be a number from 0 to 1"),
        (f"most_on_cpu = nan\n{WAY}", "most_on_cpu = nan must be a number from 0 to 1"),
        (f"[window]\nlargest = 65537\n{WAY}", "window.largest = 65537 must be a whole number"),
        (WAY + PEAK.replace("83", "0"), "peak[0].gigamacs.float32 = 0 must be a number from 0.001"),
        (WAY + PEAK.replace("40", "inf"), "peak[0].gigabytes = inf must be a number from 0.001 to"),
        (f"{WAY}{PEAK}assumed = {{ float32 = 1.5 }}", "peak[0].assumed.float32 = 1.5 must be a n"),
        # what does not go together
        (f"[window]\nsmallest = 9\nlargest = 8\n{WAY}", "window.largest = 8 is below window.small"),
        (f"[window]\nfixed = true\n{WAY}", "a fixed window needs window.largest"),
        # the second of two is the one named
        (f"{WAY}{WAY}fixes = ''", "runtime[1].fixes is no key of a profile (did you mean 'fix'?)"),
        # options
        (WAY + "options = { arena = 1 }", "runtime[0].options.arena is no option of CPUExecutionPr"),
        (
            WAY.replace("CPUExecutionProvider", "cuda") + "options = { cudnn_conv_algo_serch = '' }",
            "cudnn_conv_algo_serch is no option of CUDAExecutionProvider (did you mean 'cudnn_conv_a",
        ),
        (
            WAY.replace("CPUExecutionProvider", "trt") + "options = { trt_max_workspace_size = [1] }",
            "options.trt_max_workspace_size = [1] must be text, a number, true or false",
        ),
        (
            WAY.replace("onnxruntime", "litert").replace("CPUExecutionProvider", "XNNPACK")
            + "options = { num_threads = '2' }",
            "runtime[0].options.num_threads = '2' must be a whole number from 1 to 256",
        ),
        # no TOML
        ("threads = ", "is not valid TOML: "),
        ("threads = 1\nthreads = 2", "is not valid TOML: "),
        ("x = " + "[" * 5000, "is not valid TOML: "),
    ],
)  # fmt: skip
def test_a_wrong_one_is_one_line_with_file_and_key(text: str, part: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    message = error(path)
    assert message.startswith(f"profile '{path}'")
    assert part in message


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "board.toml"
    path.write_bytes(b"description = '\xff'")
    assert "is not valid TOML" in error(str(path))


@pytest.mark.parametrize(
    ("name", "part"),
    [
        (
            "jetsn",
            "no target 'jetsn' (did you mean 'jetson'?): use auto, cpu, one of arm-cpu, cuda",
        ),
        ("nothing like it", "no target 'nothing like it': use auto, cpu, one of arm-cpu, cuda"),
        ("", "no target ''"),
        ("missing.toml", "no profile 'missing.toml': give the path of a .toml file"),
    ],
)
def test_one_that_is_not_there(name: str, part: str) -> None:
    assert error(name).startswith(part)


def test_a_folder_is_no_profile(tmp_path: Path) -> None:
    (tmp_path / "a.toml").mkdir()
    assert error(str(tmp_path / "a.toml")).startswith("no profile ")


def test_what_is_extended_must_be_there(tmp_path: Path) -> None:
    assert error(write(tmp_path, "extends = 'jetsom'")).startswith("no target 'jetsom' (did you me")
    absent = tmp_path / "none.toml"
    assert error(write(tmp_path, "extends = 'none.toml'")).startswith(f"no profile '{absent}'")


@pytest.mark.parametrize("extends", ["board.toml", "other.toml"])
def test_one_that_extends_itself(extends: str, tmp_path: Path) -> None:
    write(tmp_path, 'extends = "board.toml"', "other")
    assert "extends itself" in error(write(tmp_path, f'extends = "{extends}"'))


def test_what_is_wrong_in_the_extended_file_is_said_of_that_file(tmp_path: Path) -> None:
    base = write(tmp_path, "treads = 1", "base")
    assert error(write(tmp_path, f'extends = "base.toml"\n{WAY}')).startswith(f"profile '{base}'")
    # the base is right by itself, and wrong with the window that extends it
    write(tmp_path, "[window]\nsmallest = 64", "base")
    board = write(tmp_path, f'extends = "base.toml"\n{WAY}[window]\nlargest = 32')
    assert error(board).startswith(f"profile '{board}': window.largest = 32 is below")
