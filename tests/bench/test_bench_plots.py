"""The plots: what the figures hold, and the files' heads."""

from __future__ import annotations

import itertools
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.axes import Axes  # noqa: E402  # behind the skip
from matplotlib.colors import to_hex  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402
from matplotlib.text import Text  # noqa: E402
from matplotlib.transforms import Bbox  # noqa: E402

from edgeqe.bench.plots.figures import (  # noqa: E402
    pareto_figure,
    pareto_png,
    quality_figure,
    quality_png,
    rate_figure,
    rate_png,
)
from edgeqe.bench.plots.style import (  # noqa: E402
    COLOURS,
    PIXELS,
    conditions,
    log_ticks,
    looks,
    short,
    styled,
)
from edgeqe.errors import InputError  # noqa: E402
from tests.bench.made_up_report import OURS, PEER, made_up_report  # noqa: E402

ROOT = Path(__file__).parent.parent.parent
NAMES = [*(name for name, *_ in OURS), PEER]


def axes_of(figure: Figure) -> Axes:
    (axes,) = figure.axes
    return axes


def lines_of(figure: Figure) -> dict[str, Line2D]:
    """Lines and points by their labels; what has none has a name with an underscore."""
    return {str(line.get_label()): line for line in axes_of(figure).lines}


def points_of(line: Line2D) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in np.asarray(line.get_xydata())]


def words_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in [*figure.texts, *axes_of(figure).texts]]


def extent_of(text: Text) -> Bbox:
    """Pixels that the words take; an annotation's own extent holds its tie as well."""
    text.get_window_extent()  # puts them in place
    return Text.get_window_extent(text)


@pytest.mark.parametrize(
    "draw",
    [pareto_png, lambda r: quality_png(r, "planes"), lambda r: rate_png(r, "gray")],
    ids=["pareto", "quality", "rate"],
)
def test_the_bytes_are_a_png_file(draw: Callable[[dict[str, Any]], bytes]) -> None:
    data = draw(made_up_report())
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == PIXELS == (1152, 810)


def test_every_point_has_its_name() -> None:
    figure = pareto_figure(made_up_report())
    texts = [text.get_text() for text in axes_of(figure).texts]
    assert sorted(set(texts) & set(NAMES)) == sorted(NAMES)
    lines = lines_of(figure)
    assert points_of(lines["edgeqe-small:int8"]) == [(41.2, 1.141)]
    assert points_of(lines[PEER]) == [(2154.0, 0.712)]


def test_the_frontier_is_a_step_line_through_its_points() -> None:
    figure = pareto_figure(made_up_report())
    line = lines_of(figure)["frontier"]
    right = axes_of(figure).get_xlim()[1]
    assert line.get_drawstyle() == "steps-post"
    # edgeqe-small:int8.tflite is slower than the ONNX file and gains less; so is the peer.
    assert points_of(line) == [
        (14.3, 0.861), (29.6, 0.874), (41.2, 1.141), (88.4, 1.163), (127.9, 1.309), (right, 1.309),
    ]  # fmt: skip
    lines = lines_of(figure)
    filled = {name: lines[name].get_markerfacecolor() != "white" for name in NAMES}
    assert [name for name in NAMES if not filled[name]] == ["edgeqe-small:int8.tflite", PEER]


def test_no_name_covers_another_or_a_point() -> None:
    figure = pareto_figure(made_up_report())
    axes = axes_of(figure)
    boxes = {text.get_text(): extent_of(text) for text in axes.texts}
    names = [boxes[name] for name in NAMES]
    for one, other in itertools.combinations(names, 2):
        assert not one.overlaps(other)
    points = [axes.transData.transform(points_of(lines_of(figure)[name])[0]) for name in NAMES]
    for box, (x, y) in itertools.product(names, points):
        assert not box.contains(x, y)
    for box in names:
        assert axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1


def test_the_axes_say_what_was_measured() -> None:
    figure = pareto_figure(made_up_report())
    axes = axes_of(figure)
    assert axes.get_xlabel() == (
        "latency of one picture, p50 in ms (720p, 1280x720, whole path, RGB array)"
    )
    assert axes.get_ylabel() == "gain in dB (protocol planes, JPEG quality 10)"
    assert axes.get_xscale() == "log"
    (caption,) = (text.get_text().replace("\n", " ") for text in figure.texts)
    assert "4 pictures of live1. AMD EPYC 7B13; " in caption
    assert "onnxruntime 1.31.1, CPUExecutionProvider, 2 threads; " in caption
    assert "litert 2.1.0, XNNPACK, 2 threads." in caption


def test_what_was_asked_for_is_drawn_where_it_lies_on_the_axis() -> None:
    report = made_up_report()
    # 20 frames a second are 50 ms.
    assert "asked: 20 frames a second " in words_of(pareto_figure(report))
    asked = {"fps": None, "latency_ms": 60.0, "memory_limit_bytes": None}
    report["advice"]["asked"] = asked
    assert "asked: 60 ms " in words_of(pareto_figure(report))
    report["advice"]["asked"] = {**asked, "latency_ms": 1e6}
    assert not [words for words in words_of(pareto_figure(report)) if words.startswith("asked")]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (10.0, 1000.0, [10, 100, 1000]),
        (25.0, 1200.0, [30, 100, 300, 1000]),
        (0.04, 0.3, [0.05, 0.1, 0.2]),
        (11.0, 60.0, [15, 20, 30, 50]),
        (40.0, 60.0, [40, 50, 60]),
        (41.1, 41.9, [41.2, 41.4, 41.6, 41.8]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, expected: list[float]) -> None:
    # abs: 412 * 0.1 is not 41.2 to the last bit.
    assert log_ticks(low, high) == pytest.approx(expected, abs=1e-9)


def test_equal_latencies_and_gains_have_an_axis() -> None:
    report = made_up_report()
    point = {**report["pareto"]["points"][2], "p90_ms": 41.2}
    report["pareto"]["points"] = [point, {**point, "model": "edgeqe-small:float32"}]
    figure = pareto_figure(report)
    low, high = axes_of(figure).get_xlim()
    assert low < 41.2 < high
    assert len([tick for tick in axes_of(figure).get_xticks() if low <= tick <= high]) >= 3
    bottom, top = axes_of(figure).get_ylim()
    assert top - bottom == pytest.approx(0.1, abs=1e-12)


def test_quality_lines_are_the_rows() -> None:
    report = made_up_report()
    figure = quality_figure(report, "gray")
    lines = lines_of(figure)
    assert list(lines) == NAMES
    rows = [r for r in report["quality"] if (r["protocol"], r["model"]) == ("gray", PEER)]
    assert points_of(lines[PEER]) == [(row["value"], row["gain_db"]) for row in rows]
    assert list(axes_of(figure).get_xticks()) == [10, 20, 40, 80]
    assert set(NAMES) <= set(words_of(figure))


def test_names_of_lines_stand_apart_and_inside_the_picture() -> None:
    figure = quality_figure(made_up_report(), "gray")
    boxes = [extent_of(text) for text in axes_of(figure).texts]
    assert len(boxes) == len(NAMES)
    for one, other in itertools.combinations(boxes, 2):
        # A hair's breadth of shared pixels comes from rounding.
        assert min(one.y1, other.y1) - max(one.y0, other.y0) < 1
    assert max(box.x1 for box in boxes) <= PIXELS[0]


def test_losses_show_the_line_of_no_gain() -> None:
    report = made_up_report()
    assert 0.0 not in [y for line in axes_of(quality_figure(report, "gray")).lines
                       for y in line.get_ydata()]  # type: ignore[union-attr]  # fmt: skip
    report["quality"][0]["gain_db"] = -0.3
    lines = axes_of(quality_figure(report, "gray")).lines
    assert [0.0, 0.0] in [list(line.get_ydata()) for line in lines]  # type: ignore[arg-type]


def test_rate_lines_are_jpeg_and_each_model() -> None:
    figure = rate_figure(made_up_report(), "gray")
    lines = lines_of(figure)
    assert points_of(lines["JPEG"]) == [
        (0.354, 27.77), (0.571, 30.07), (0.902, 32.36), (1.731, 36.40),
    ]  # fmt: skip
    assert points_of(lines["edgeqe-base:int8"])[0] == pytest.approx((0.354, 27.77 + 1.309))
    assert {"JPEG", *NAMES} <= set(words_of(figure))


def test_a_network_has_one_colour_everywhere() -> None:
    report = made_up_report()
    colours = {name: look.colour for name, look in looks(report).items()}
    assert colours["edgeqe-small:int8"] == colours["edgeqe-small:float32"] == COLOURS[1]
    assert len(set(colours.values())) == 4
    for figure in (quality_figure(report, "planes"), rate_figure(report, "gray")):
        lines = lines_of(figure)
        assert {name: to_hex(lines[name].get_color()) for name in NAMES} == colours
    points = lines_of(pareto_figure(report))
    assert {name: to_hex(points[name].get_markeredgecolor()) for name in NAMES} == colours
    # Precision is told by the marker.
    markers = [points[f"edgeqe-small:{form}"].get_marker() for form in ("int8", "float32")]
    assert markers == ["D", "o"]
    assert points["edgeqe-small:int8.tflite"].get_marker() == "D"
    assert points[PEER].get_marker() == "X"


@pytest.mark.parametrize(
    "name", [r"a$\b$c.onnx:int8", "模型:int8", "_hidden:int8", "half \udc80 letter:int8"]
)
def test_any_name_can_be_drawn(name: str) -> None:
    # Warnings are errors here: a letter that the font lacks, a formula between dollar signs, a
    # label with an underscore.
    report = made_up_report()
    for entry in (*report["models"], *report["quality"], *report["pareto"]["points"]):
        for key in ("name", "model"):
            if entry.get(key) == "edgeqe-base:int8":
                entry[key] = name
    assert pareto_png(report).startswith(b"\x89PNG")
    assert quality_png(report, "gray").startswith(b"\x89PNG")
    with styled():
        assert name.replace("\udc80", "?") in words_of(pareto_figure(report))


def test_a_long_name_keeps_its_ends() -> None:
    name = f"{'a' * 40}/model:int8"
    assert short(name) == f"{'a' * 17}…aaaaaa/model:int8"
    assert short("a" * 36) == "a" * 36


def test_conditions_name_each_way_once() -> None:
    report = made_up_report()
    report["models"][-1]["threads"] = None
    assert conditions(report) == (
        "AMD EPYC 7B13; onnxruntime 1.31.1, CPUExecutionProvider, 2 threads; "
        "litert 2.1.0, XNNPACK, 2 threads; onnxruntime 1.31.1, CPUExecutionProvider."
    )


def test_what_was_not_measured_cannot_be_drawn() -> None:
    report = made_up_report(pareto=None)
    with pytest.raises(InputError, match="no points of gain and latency"):
        pareto_png(report)
    with pytest.raises(InputError, match="no quality in protocol rgb"):
        quality_png(report, "rgb")
    with pytest.raises(InputError, match="no quality in protocol rgb"):
        rate_png(report, "rgb")


def test_without_matplotlib_the_message_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"pip install 'edgeqe\[bench,files\]'"):
        pareto_png(made_up_report())


def test_drawing_leaves_no_state_behind() -> None:
    code = (
        "import sys\n"
        "from edgeqe.bench import page\n"
        "assert 'matplotlib' not in sys.modules, 'loaded before anything is drawn'\n"
        "from edgeqe.bench.plots.figures import pareto_png\n"
        "from tests.bench.made_up_report import made_up_report\n"
        "import matplotlib\n"
        "before = dict(matplotlib.rcParams)\n"
        "pareto_png(made_up_report())\n"
        "assert dict(matplotlib.rcParams) == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=ROOT)
