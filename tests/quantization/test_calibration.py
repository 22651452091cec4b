"""Calibration of networks whose ranges are known, by hand or by numpy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe.codecs.strength import ijg_table, step_from_quality, step_key
from edgeqe.converters.graph.graph import KEYS, Graph, Node
from edgeqe.errors import InputError
from edgeqe.quantization.calibration import calibration as calibration_module
from edgeqe.quantization.calibration.calibration import calibrate
from edgeqe.quantization.calibration.samples import inputs_at, read_photographs
from edgeqe.typing import Rgb
from tests.quantization.photographs import folder_of, photograph, picture
from tests.reference import conv3x3
from tests.small_models import strong_graph


def weighing_graph(weight: float, channels: int = 1) -> Graph:
    """``scaled = weight * planes * (1 + key / 100)``, ``out`` its positive part."""
    table = (1.0 + np.array(KEYS) / 100)[:, None].astype(np.float32).repeat(channels, axis=1)
    kernel = np.eye(channels, dtype=np.float32)[:, :, None, None] * np.float32(weight)
    nodes = (
        Node("Conv", "conv", ("planes", "kernel"), "sum"),
        Node("Mul", "mul", ("sum", "scale"), "scaled"),
        Node("Relu", "relu", ("scaled",), "out"),
    )
    ones = np.ones((1, channels, 1, 1), np.float32)
    constants = {"kernel": kernel, "scale": ones}
    return Graph("weighing", {"planes": channels}, "out", nodes, constants, {"scale": table})


def black_and_white() -> Rgb:
    """Squares of 16 pixels in black and in white: JPEG's blocks are constant."""
    squares = (np.indices((4, 6)).sum(axis=0) % 2).astype(np.uint8) * 255
    return np.kron(squares, np.ones((16, 16), np.uint8))[..., None].repeat(3, axis=2)


def decoded_level(level: float, quality: int) -> float:
    """Grey level less 128 of a constant block behind JPEG: its DC, 8 times it, is rounded.

    libjpeg's transform rounds halves up.
    """
    step = ijg_table(quality)[0]
    decoded = np.floor(np.rint(8 * level / step) * step / 8 + 0.5)
    return float(np.clip(decoded, -128, 127))


def test_ranges_of_black_and_white_are_known_at_every_strength() -> None:
    qualities = (90, 5, 40)
    found = calibrate(
        weighing_graph(-0.5),
        ["scaled", "out"],
        [photograph(black_and_white())],
        planes="y",
        statistic="minmax",
        qualities=qualities,
    ).ranges
    assert found.keys == tuple(sorted(step_key(step_from_quality(q)) for q in qualities))
    for row, quality in enumerate((90, 40, 5)):
        factor = -0.5 * (1 + found.keys[row] / 100)
        low, high = (factor * decoded_level(v, quality) for v in (127.0, -128.0))
        assert found.low["scaled"][row] == pytest.approx(low, rel=1e-6)
        assert found.high["scaled"][row] == pytest.approx(high, rel=1e-6)
        assert found.low["out"][row] == 0.0
        assert found.high["out"][row] == pytest.approx(high, rel=1e-6)


def by_hand(graph: Graph, planes: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    """Values of `strong_graph` in numpy."""
    made: dict[str, npt.NDArray[Any]] = {"planes": planes.astype(np.float64)}
    for node in graph.nodes:
        x = made[node.inputs[0]]
        if node.op == "Relu":
            made[node.output] = np.maximum(x, 0.0)
            continue
        constant = graph.constants[node.inputs[1]].astype(np.float64)
        made[node.output] = (
            conv3x3(x, constant) if node.op == "Conv"
            else x * constant[0] if node.op == "Mul" else x + constant[0]
        )  # fmt: skip
    return made


@pytest.mark.parametrize(("statistic", "off"), [("minmax", 1e-5), ("percentile", 0.1)])
def test_ranges_of_a_network_are_numpys(statistic: str, off: float) -> None:
    graph, quality = strong_graph(), 20
    windows = [np.asarray(picture("coffee"))[:96, x : x + 128] for x in (0, 300)]
    values = ["head.o", "second.o", graph.output]
    photographs = [photograph(*windows)]
    found = calibrate(
        graph, values, photographs, planes="y", statistic=statistic, qualities=[quality]
    ).ranges
    (key,) = found.keys
    made = [
        by_hand(graph.at(key), given["planes"][0])
        for given in inputs_at(photographs, "y", ["planes"], quality)
    ]
    for value in values:
        numbers = np.concatenate([one[value].reshape(-1) for one in made])
        low, high = numbers.min(), numbers.max()
        if statistic == "percentile":
            # The network sees every third row and column; the ends of that sample are off by
            # a tenth at most, and beyond them lies one of ten thousand numbers.
            low, high = np.quantile(numbers, [0.0001, 0.9999])
        peak = max(-low, high)
        assert found.low[value][0] == pytest.approx(min(low, 0.0), abs=off * peak)
        assert found.high[value][0] == pytest.approx(high, abs=off * peak)


def test_inputs_are_values_too_and_a_second_input_is_given() -> None:
    graph = strong_graph(inputs=("planes", "residual"))
    photographs = [photograph(np.asarray(picture("coffee"))[:64, :96])]
    found = calibrate(
        graph,
        ["residual", graph.output, "planes"],
        photographs,
        planes="y",
        statistic="minmax",
        qualities=[10, 80],
    ).ranges
    for row, quality in enumerate((80, 10)):
        (given,) = inputs_at(photographs, "y", graph.inputs, quality)
        for value in ("planes", "residual"):
            assert found.low[value][row] == given[value].min() < 0
            assert found.high[value][row] == given[value].max() > 0
        assert found.high[graph.output][row] > 0


def ranges_of(graph: Graph, windows: Sequence[Rgb], planes: str, **options: Any) -> dict[str, Any]:
    found = calibrate(
        graph, ["sum", "scaled", "out"], [photograph(*windows)], planes=planes, **options
    ).ranges
    return {
        "keys": found.keys,
        **{f"{end} {v}": list(table[v]) for end, table in (("low", found.low), ("high", found.high))
           for v in table},
    }  # fmt: skip


@pytest.mark.parametrize("statistic", ["minmax", "percentile", "mse"])
@pytest.mark.parametrize(("planes", "channels"), [("y", 1), ("rgb", 3), ("420-space-to-depth", 6)])
def test_layouts_and_little_memory_and_again(
    statistic: str, planes: str, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = weighing_graph(0.25, channels)
    windows = [np.asarray(picture("astronaut"))[:128, x : x + 128] for x in (0, 200, 384)]
    seen: list[tuple[int, int]] = []
    first = ranges_of(graph, windows, planes, statistic=statistic, qualities=(10, 60),
                      progress=lambda done, total: seen.append((done, total)))  # fmt: skip
    assert seen == [(done, 6) for done in range(1, 7)]
    assert -32.0 <= min(first["low sum"]) < 0.0 < max(first["high sum"]) <= 31.75
    monkeypatch.setattr(calibration_module, "MOST_BYTES", 1)  # a run for every value
    assert ranges_of(graph, windows, planes, statistic=statistic, qualities=(60, 10)) == first


def test_a_folder_gives_the_same_calibration_again_and_its_summary(tmp_path: Path) -> None:
    names = ("astronaut", "camera", "coffee")
    folder = folder_of(tmp_path / "p", names)

    def whole(**options: Any) -> Any:
        photographs = read_photographs(folder, pixels=6 * 256**2)
        return calibrate(
            weighing_graph(1.0), ["out"], photographs, planes="y", qualities=(10, 90), **options
        )

    first, again = whole(), whole()
    assert np.array_equal(first.ranges.high["out"], again.ranges.high["out"])
    assert first.summary == again.summary
    assert len(first.summary["sha256"]) == 64
    assert {**first.summary, "sha256": ""} == {
        "statistic": calibration_module.STATISTIC,
        "pictures": 3,
        "windows": 6,
        "megapixels": 0.393,
        "qualities": [10, 90],
        "sha256": "",
    }
    other = whole(codecs=("jpeg", "vvc", "hevc"), statistic="mse").summary
    assert other["JPEG of the same step stands in for"] == ["vvc", "hevc"]
    (folder / "camera.png").rename(folder / "zzz.png")
    assert whole().summary["sha256"] == first.summary["sha256"]
    picture("grass").save(folder / "zzz.png")
    assert whole().summary["sha256"] != first.summary["sha256"]


def test_wrong_use_is_refused() -> None:
    graph, given = weighing_graph(1.0), [photograph(black_and_white())]
    with pytest.raises(InputError, match="no range statistic 'mean': choose one of minmax, perc"):
        calibrate(graph, ["out"], given, planes="y", statistic="mean")
    with pytest.raises(InputError, match="no value 'nothing'"):
        calibrate(graph, ["nothing"], given, planes="y")
    with pytest.raises(InputError, match="at least one picture"):
        calibrate(graph, ["out"], [], planes="y")
    with pytest.raises(InputError, match="one quality"):
        calibrate(graph, ["out"], given, planes="y", qualities=())
    endless = replace(graph, constants={**graph.constants, "kernel": np.full_like(
        graph.constants["kernel"], np.inf)})  # fmt: skip
    with pytest.raises(InputError, match="'sum' is not finite at quality 10"):
        calibrate(endless, ["sum"], given, planes="y", qualities=(10,))


def test_calibration_needs_neither_keras_nor_tensorflow() -> None:
    program = (
        "import sys, edgeqe.quantization.calibration.calibration, edgeqe.quantization.calibration.representative\n"
        "print([m for m in ('keras', 'tensorflow', 'flatbuffers') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr
