"""Estimates: rooflines worked by hand, the traffic of a graph, and what the text owns up to."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe.bench.estimate import estimate, format_estimates, forms_on
from edgeqe.bench.roofline import arithmetic, cut_of, frame_on, seconds_per_pixel
from edgeqe.converters.export import export
from edgeqe.converters.graph.analysis import macs, traffic_floats
from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.converters.sources import Source
from edgeqe.errors import InputError
from edgeqe.model.catalogue import find_model
from edgeqe.model.file import ModelFile
from edgeqe.quantization.int8.oracle import Oracle
from edgeqe.targets.options import CPU, CUDA
from edgeqe.targets.profile import Backend, Peak, Profile, WindowBounds
from edgeqe.targets.reading import read_profile
from tests.quantization.integer_models import QuantizedGraphBuilder
from tests.small_models import strong_graph, write

#: Two thousand million MACs a second at half of it: one thousand million.
PEAK = Peak({"float32": 2.0}, 1000.0, "a data sheet", assumed={"float32": 0.5})
#: Windows of 64 pixels, a halo of 4: in 512 pixels ceil((512 - 8) / 56) = 9 along each axis.
WINDOWS, AREA = 81, 64 * 64


def target(peak: Peak, provider: str = CUDA, threads: int = 1) -> Profile:
    return Profile(
        name="board",
        description="a board",
        backends=(Backend("onnxruntime", provider, ("float32",)),),
        window=WindowBounds(64, 64, fixed=True),
        threads=threads,
        most_on_cpu=0.0,
        precision={},
        peaks=(peak,),
        source="board.toml",
    )


def model(folder: Path, **changes: Any) -> ModelFile:
    """A file of 1 kMAC a pixel, 25 numbers of traffic, 1024 weights and a halo of 4."""
    fields: dict[str, Any] = {"traffic_floats_per_pixel": 25.0, "parameters": 1024} | changes
    write(strong_graph(), folder / "small.onnx", **fields)
    return ModelFile(folder / "small.onnx")


def test_arithmetic_bound_by_hand(tmp_path: Path) -> None:
    frame = frame_on(model(tmp_path), target(PEAK), PEAK, 1, 512, 512)
    assert (frame.cut.windows, frame.cut.window) == (WINDOWS, (64, 64))
    assert frame.cut.overhead == pytest.approx(WINDOWS * AREA / 512**2 - 1)
    assert frame.limit == "arithmetic"
    seconds = WINDOWS * AREA * 1000 / 1e9
    assert frame.seconds == pytest.approx(seconds)
    assert frame.megapixels_per_second == pytest.approx(0.262144 / seconds)


def test_traffic_bound_by_hand(tmp_path: Path) -> None:
    slow = dataclasses.replace(PEAK, gigabytes=0.05)
    frame = frame_on(model(tmp_path), target(slow), slow, 1, 512, 512)
    assert frame.limit == "traffic"
    # 25 numbers of 4 bytes a pixel, and 1024 weights of 4 bytes once a window
    assert frame.seconds == pytest.approx(WINDOWS * (AREA * 100 + 4096) / 0.05e9)


def test_float16_has_half_the_bytes_on_an_accelerator_and_is_float32_on_a_processor(
    tmp_path: Path,
) -> None:
    slow = Peak({"float32": 2.0, "float16": 8.0}, 0.01, "a data sheet")
    half = model(tmp_path, precision="float16")
    on_gpu, on_cpu = target(slow), target(slow, CPU)
    assert arithmetic(half, on_gpu) == {"float16": 1.0}
    assert arithmetic(half, on_cpu) == {"float32": 1.0}
    times = [frame_on(half, one, slow, 1, 512, 512).traffic_seconds for one in (on_gpu, on_cpu)]
    assert times == pytest.approx([(AREA * 50 + 2048) / 0.01e9, (AREA * 100 + 4096) / 0.01e9])


def test_a_processors_cores_multiply_its_arithmetic_and_share_its_memory(tmp_path: Path) -> None:
    # 12 x 20 blocks and 11 x 20 shifted ones: 460, which 1, 2 and 4 cores share evenly
    blocks = model(tmp_path, tiling="blocks", block=64)
    fast = dataclasses.replace(PEAK, per_core=True)
    slow = dataclasses.replace(fast, gigabytes=0.001)

    def seconds(peak: Peak, cores: int) -> float:
        return frame_on(blocks, target(peak, CPU, threads=0), peak, cores, 720, 1280).seconds

    assert [seconds(fast, cores) for cores in (1, 2, 4)] == pytest.approx(
        [460 * AREA * 1000 / 1e9 / cores for cores in (1, 2, 4)]
    )
    assert seconds(slow, 4) == pytest.approx(seconds(slow, 1))


def test_windows_at_once_share_the_peak_of_a_whole_device(tmp_path: Path) -> None:
    blocks = model(tmp_path, tiling="blocks", block=64)
    times = [
        frame_on(blocks, target(PEAK, threads=threads), PEAK, 16, 720, 1280).seconds
        for threads in (1, 2)
    ]
    assert times[0] == pytest.approx(times[1])


def test_threads_are_never_more_than_the_cores_that_they_need(tmp_path: Path) -> None:
    peak = dataclasses.replace(PEAK, per_core=True)
    frame = frame_on(model(tmp_path), target(peak, CPU, threads=8), peak, 2, 512, 512)
    assert frame.cut.at_once == 2


def test_a_network_that_needs_the_whole_picture_has_one_window(tmp_path: Path) -> None:
    whole = model(tmp_path, tiling="whole", halo=0)
    cut = cut_of(whole.card, target(PEAK), 3000, 4000, 4)
    # one alone is in no window's bounds
    assert (cut.window, cut.windows, cut.at_once) == ((3000, 4000), 1, 1)
    assert cut.overhead == 0


def test_integers_and_reals_of_int8_are_counted_apart(tmp_path: Path) -> None:
    peak = Peak({"float32": 1.0, "int8": 4.0}, 1000.0, "a data sheet")
    mixed = model(tmp_path, precision="int8", integer_kmac_per_pixel=0.75)
    assert arithmetic(mixed, target(peak, CPU)) == {"int8": 0.75, "float32": 0.25}
    assert seconds_per_pixel(mixed, target(peak, CPU), peak) == pytest.approx(750 / 4e9 + 250 / 1e9)


def test_integers_of_tensorrt_are_told_by_their_zeros() -> None:
    jetson, cpu = read_profile("jetson"), read_profile("x86-cpu")
    files = {form: ModelFile(find_model(f"edgeqe-tiny:{form}")) for form in ("int8", "int8-trt")}
    assert "int8-trt" in arithmetic(files["int8-trt"], jetson)
    assert "int8" in arithmetic(files["int8"], jetson)
    assert "int8" in arithmetic(files["int8-trt"], cpu)


def test_traffic_of_a_graph_by_hand() -> None:
    # 1 -> 8 -> 8 -> 8 -> 1, each convolution with its scale, bias and Relu in one
    assert traffic_floats(strong_graph()) == (1 + 8) + (8 + 8) + (8 + 8) + (8 + 1)


def test_traffic_of_strides_sums_and_integers_by_hand() -> None:
    kernels = {
        "down.k": np.zeros((8, 2, 3, 3), np.float32),
        "mid.k": np.zeros((8, 8, 3, 3), np.float32),
    }
    graph = Graph(
        "test",
        {"x": 2},
        "up.o",
        (
            Node("Conv", "down", ("x", "down.k"), "down.o", 3, 2, 0, 1),
            Node("Conv", "mid", ("down.o", "mid.k"), "mid.o", 3, 1, 1, 1),
            Node("Add", "sum", ("mid.o", "down.o"), "sum.o"),
            Node("Relu", "relu", ("sum.o",), "relu.o"),
            Node("DepthToSpace", "up", ("relu.o",), "up.o", 2),
        ),
        kernels,
    )
    # behind the stride a channel has a quarter of a number per pixel: 8 channels have 2;
    # the sum reads two values, its Relu nothing more
    assert traffic_floats(graph) == (2 + 2) + (2 + 2) + (2 + 2 + 2) + (2 + 2)
    # down.o is written once and read twice, at a quarter of 2 numbers
    assert traffic_floats(graph, {"down.o"}) == 18 - 3 * 2 * 0.75
    assert macs(graph) == (8 * 2 * 9 + 8 * 8 * 9) / 4
    assert macs(graph, {"mid.k"}) == 8 * 8 * 9 / 4


def test_an_exported_card_counts_traffic_and_integers(tmp_path: Path) -> None:
    builder = QuantizedGraphBuilder({"planes": 1})
    builder.step("planes", 1.0, 128)
    builder.step("wide", 1.0, 0)
    builder.conv("planes", "head", "wide", np.full((4, 1, 1, 1), 2), relu=True)
    builder.conv("wide", "tail", "out", np.full((1, 4, 1, 1), 0.5), in_float=True)
    network = builder.graph("out")

    def reference(planes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return Oracle(network).run(planes.astype(np.float32) - np.float32(128))

    source = Source(network.graph, reference, "A test.", "y", ("jpeg",), quantized=network)
    card = export(source, tmp_path / "test.onnx").card
    assert card.kmac_per_pixel == 0.008
    assert card.integer_kmac_per_pixel == 0.004
    # bytes: 1 of the planes, 4 of wide, which is written and read, 4 of the real result
    assert 4 * card.traffic_floats_per_pixel == 1 + 4 + 4 + 4
    real = Source(network.graph, reference, "A test.", "y", ("jpeg",))
    card = export(real, tmp_path / "real.onnx").card
    assert card.integer_kmac_per_pixel == 0
    assert card.traffic_floats_per_pixel == (1 + 4) + (4 + 1)


def test_the_whole_text(tmp_path: Path) -> None:
    text = format_estimates(estimate([model(tmp_path)], target(PEAK), (), 4))
    # 1280x720: 23 x 13 windows; 4000x3000: 72 x 54
    expected = """\
        Estimate, not measured: target board (a board)

        model  runs in  kMAC/px  bytes/px  Mpx/s at 512x512  720p fps  12 MP fps  window  halo       limit
        small  float32     1.00       100              0.79      0.82      0.063   64x64   33%  arithmetic

        Window, halo (pixels computed beside the picture's) and limit are of 12 MP.
        Assumed:
        - peak float32: 2 GMAC/s in all, of which small convolutions are assumed to reach 50%
        - traffic: 1000 GB/s in all
        - source of the peaks: a data sheet
        - the network alone: reading and writing of pictures, their conversion to planes and back, copies to an accelerator and the start of each layer are left out"""  # noqa: E501  # a table's lines are as long as they are
    assert text == dedent(expected)


def test_json_says_that_it_is_an_estimate_and_what_it_assumes(tmp_path: Path) -> None:
    peak = dataclasses.replace(PEAK, per_core=True)
    profile = dataclasses.replace(target(peak, CPU, threads=0), window=WindowBounds())
    found = json.loads(json.dumps(estimate([model(tmp_path)], profile, (), 2).to_dict()))
    assert (found["kind"], found["note"]) == ("edgeqe-estimate", "estimate, not measured")
    assert found["peak"]["assumed_share"] == {"float32": 0.5}
    assert found["peak"]["source"] == "a data sheet"
    assumed = found["assumptions"]
    assert "peak float32: 2 GMAC/s a core, of which" in assumed[0]
    assert "2 threads, a core each" in assumed
    assert "windows as planned for a memory limit of 64 MiB" in assumed
    frame = found["models"][0]["frames"]["12 MP"]
    assert frame["picture"] == [3000, 4000]
    assert frame["estimated_frames_per_second"] * frame["estimated_seconds"] == pytest.approx(1)
    assert frame["halo_overhead"] > 0


def test_a_file_from_before_the_traffic_was_counted_is_named(tmp_path: Path) -> None:
    slow = dataclasses.replace(PEAK, gigabytes=0.001)
    old = model(tmp_path, traffic_floats_per_pixel=0.0)
    made = estimate([old], target(slow), (), 1)
    assert made.models[0].frames["720p"].limit == "arithmetic"
    assert made.to_dict()["models"][0]["bytes_per_pixel"] is None
    text = format_estimates(made)
    assert " unknown " in text
    assert "left out of files that do not say them, small.onnx: export them again" in text


def test_a_profile_without_the_peak_refuses_with_the_cure(tmp_path: Path) -> None:
    integers = Peak({"int8-trt": 8.0, "float16": 4.0}, 10.0, "a data sheet")
    with pytest.raises(
        InputError,
        match=r"'board' has no peak for float32, which 'small\.onnx' runs in there: give a model "
        r"in int8-trt or float16, or a profile whose peak\.gigamacs has float32",
    ):
        estimate([model(tmp_path)], target(integers), (), 1)


def test_a_profile_whose_peaks_need_another_processor_refuses() -> None:
    picky = dataclasses.replace(PEAK, needs=("dotprod", "i8mm"))
    with pytest.raises(InputError, match="its peaks need one of dotprod, i8mm"):
        estimate([], target(picky), ("vnni",), 1)
    none = dataclasses.replace(target(PEAK), peaks=())
    with pytest.raises(InputError, match="it has none"):
        estimate([], none, (), 1)


def test_windows_below_the_halo_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"halo is 40: give .*window\.largest of at least 81"):
        estimate([model(tmp_path, halo=40)], target(PEAK), (), 1)


def test_a_card_without_arithmetic_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not say how much it computes"):
        estimate([model(tmp_path, kmac_per_pixel=0.0)], target(PEAK), (), 1)


def test_every_precision_of_a_target_once_in_the_order_of_its_runtimes() -> None:
    assert forms_on(read_profile("x86-cpu"), "edgeqe-small") == ["int8.tflite", "float32"]
    assert forms_on(read_profile("arm-cpu"), "edgeqe-small") == ["int8.tflite", "float32"]
    assert forms_on(read_profile("jetson"), "edgeqe-small")[0] == "float16"
    assert forms_on(read_profile("x86-cpu"), "no-such-network") == []


@pytest.mark.parametrize(
    ("name", "measured"),
    [
        ("edgeqe-tiny:float32", 9.36),
        ("edgeqe-tiny:int8", 16.9),
        ("edgeqe-small:float32", 6.60),
        ("edgeqe-small:int8", 13.3),
        ("edgeqe-base:float32", 1.29),
    ],
)
def test_the_shares_of_x86_are_within_a_factor_of_two_of_every_network(
    name: str, measured: float
) -> None:
    # measured: computed megapixels a second of one core, ONNX Runtime 1.31, windows of 272x512,
    # AMD EPYC (Zen 5, AVX-512 with VNNI); of base from the 358 ms of 720p on two threads in
    # docs/networks.md. One share serves all networks, so none is met exactly.
    profile = read_profile("x86-cpu")
    peak = profile.peak(("avx2", "avx512", "vnni"))
    assert peak is not None
    estimated = 1e-6 / seconds_per_pixel(ModelFile(find_model(name)), profile, peak)
    assert measured / 2 < estimated < 2 * measured


@pytest.mark.parametrize("name", ["arm-cpu", "cuda", "jetson", "x86-cpu"])
def test_every_shipped_target_estimates_every_network_that_it_runs(name: str) -> None:
    profile = read_profile(name)
    files = [
        ModelFile(find_model(f"{network}:{form}"))
        for network in ("edgeqe-tiny", "edgeqe-small", "edgeqe-base")
        for form in forms_on(profile, network)
    ]
    made = estimate(files, profile, ("vnni", "dotprod"), 4)
    assert len(made.models) >= 3
    assert all(f.seconds > 0 for one in made.models for f in one.frames.values())
    assert format_estimates(made).startswith("Estimate, not measured")
