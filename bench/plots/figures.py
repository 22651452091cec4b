"""Plots of a report: gain against latency, gain against quality, PSNR against bits.

A function ``..._figure`` draws, ``..._png`` gives the bytes of a file. Every line and point has
its model's name beside it, so no plot needs a legend, nor colours to be told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from edgeqe.bench.console import KIND_WORDS
from edgeqe.bench.plots.labels import label_lines, label_points
from edgeqe.bench.plots.places import Point
from edgeqe.bench.plots.style import (
    FAINT,
    INK,
    MARKER,
    Look,
    blank,
    caption,
    conditions,
    log_ticks,
    looks,
    png,
    styled,
    title,
)
from edgeqe.coding.rate_point import codec_in_words, unit_in_words
from edgeqe.errors import InputError
from edgeqe.reports.tables import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Least share between the ends of the latency axis and equal latencies.
LEAST_RANGE = 1.5


def pareto_png(report: Mapping[str, Any]) -> bytes:
    """Gain against latency as a PNG file, with every model's name and the frontier.

    Parameters
    ----------
    report : mapping
        `Report.to_dict`; so for the other plots.

    Raises
    ------
    InputError
        If the report has no points, or matplotlib is missing.
    """
    with styled():
        return png(pareto_figure(report))


def quality_png(report: Mapping[str, Any], protocol: str) -> bytes:
    """Gain against strength as a PNG file, a line a model.

    Raises
    ------
    InputError
        If nothing was measured in this protocol, or matplotlib is missing.
    """
    with styled():
        return png(quality_figure(report, protocol))


def rate_png(report: Mapping[str, Any], protocol: str) -> bytes:
    """PSNR against bits per pixel as a PNG file: the codec, and each model behind it.

    Raises
    ------
    InputError
        If nothing was measured in this protocol, or matplotlib is missing.
    """
    with styled():
        return png(rate_figure(report, protocol))


def pareto_figure(report: Mapping[str, Any]) -> Figure:
    """Draw gain against latency; the line with label ``frontier`` is the frontier."""
    pareto = report["pareto"]
    if not pareto or not pareto["points"]:
        raise InputError(
            "the report has no points of gain and latency: measure both quality and speed."
        )
    points = pareto["points"]
    figure, axes = blank()
    _limit(axes, points)
    steps = _draw_frontier(axes, points)
    _draw_points(axes, points, looks(report))
    goals = _draw_goals(axes, report)
    axes.set_xlabel(f"latency of one picture, p50 in ms ({_lane(report, pareto)})")
    axes.set_ylabel(f"gain in dB (protocol {pareto['protocol']}, JPEG quality {pareto['quality']})")
    title(axes, "Gain against latency")
    caption(
        figure,
        "Step line and filled markers: the frontier, nothing measured is both faster and better. "
        f"Bars: to p90. {_data(report)}. {conditions(report)}",
    )
    middles = {point["model"]: (point["p50_ms"], point["gain_db"]) for point in points}
    lines = [(middles[point["model"]], (point["p90_ms"], point["gain_db"])) for point in points]
    for (x, y), (next_x, next_y) in pairwise(steps):
        lines += [((x, y), (next_x, y)), ((next_x, y), (next_x, next_y))]
    low, high = axes.get_ylim()
    lines += [((goal, low), (goal, high)) for goal in goals]
    label_points(axes, middles, lines, axes.texts[:])
    return figure


def quality_figure(report: Mapping[str, Any], protocol: str) -> Figure:
    """Draw gain against strength, a line a model."""
    rows = _rows(report, protocol)
    axis = f"{codec_in_words(rows[0]['codec'])} {unit_in_words(rows[0]['codec'])}"
    figure, axes = blank()
    curves = {
        model: [(row["value"], row["gain_db"]) for row in rows if row["model"] == model]
        for model in dict.fromkeys(row["model"] for row in rows)
    }
    _draw_curves(axes, curves, looks(report))
    axes.set_xticks(sorted({row["value"] for row in rows}))
    if axes.get_ylim()[0] < 0:
        axes.axhline(0.0, color=FAINT, linewidth=1.0, zorder=1.5)
    axes.set_xlabel(axis)
    axes.set_ylabel("gain in dB, mean of the pictures")
    title(axes, f"Gain against {axis}, protocol {protocol}")
    caption(figure, f"{_data(report)}. {conditions(report)}")
    label_lines(axes, {model: curve[-1] for model, curve in curves.items()})
    return figure


def rate_figure(report: Mapping[str, Any], protocol: str) -> Figure:
    """Draw PSNR against bits per pixel: the codec, and each model behind it."""
    rows = sorted(_rows(report, protocol), key=lambda row: float(row["bits_per_pixel"]))
    figure, axes = blank()
    codec, unit = codec_in_words(rows[0]["codec"]), unit_in_words(rows[0]["codec"])
    # The codec's own figures are the same in every model's rows.
    curves = {codec: sorted({(r["bits_per_pixel"], r["psnr_db_before"]) for r in rows})}
    for row in rows:
        point = (row["bits_per_pixel"], row["psnr_db_after"])
        curves.setdefault(row["model"], []).append(point)
    _draw_curves(axes, curves, {codec: Look(INK, ".", "-"), **looks(report)})
    axes.set_xlabel(f"bits per pixel of the {codec} file")
    axes.set_ylabel("PSNR in dB, mean of the pictures")
    title(axes, f"PSNR against bits, protocol {protocol}")
    values = ", ".join(f"{value:g}" for value in sorted({row["value"] for row in rows}))
    caption(figure, f"{_data(report)}, {codec} {unit} {values}. {conditions(report)}")
    label_lines(axes, {model: curve[-1] for model, curve in curves.items()})
    return figure


def _rows(report: Mapping[str, Any], protocol: str) -> list[Mapping[str, Any]]:
    rows = [row for row in report["quality"] if row["protocol"] == protocol]
    if not rows:
        raise InputError(f"the report has no quality in protocol {protocol}: measure it first.")
    return sorted(rows, key=lambda row: float(row["value"]))


def _data(report: Mapping[str, Any]) -> str:
    data = report["data"]
    return f"{counted(data['pictures'], 'clip' if data['clips'] else 'picture')} of {data['name']}"


def _lane(report: Mapping[str, Any], pareto: Mapping[str, Any]) -> str:
    """Size and input that the latencies are of."""
    sizes = {
        f"{lane['width']}x{lane['height']}, "
        for lane in report["latency"]["lanes"]
        if lane["size"] == pareto["size"]
    }
    exact = sizes.pop() if len(sizes) == 1 else ""
    return f"{pareto['size']}, {exact}{KIND_WORDS[pareto['what']]}"


def _limit(axes: Axes, points: Sequence[Mapping[str, Any]]) -> None:
    """Set both axes' limits, with room around the points for their names, and the ticks."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    latencies = [edge for point in points for edge in (point["p50_ms"], point["p90_ms"])]
    low, high = min(latencies), max(latencies)
    margin = max(1.15, LEAST_RANGE / (high / low), (high / low) ** 0.1)
    low, high = low / margin, high * margin
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(log_ticks(low, high)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())

    gains = [point["gain_db"] for point in points]
    # A tenth of a decibel at least, or the axis would show the noise of equal gains.
    room = max(0.12 * (max(gains) - min(gains)), 0.05)
    axes.set_ylim(min(gains) - room, max(gains) + room)


def _draw_frontier(axes: Axes, points: Sequence[Mapping[str, Any]]) -> list[Point]:
    """Draw the step line; return its corners, left to right."""
    steps = sorted((point["p50_ms"], point["gain_db"]) for point in points if point["frontier"])
    if steps:
        # What is best within x ms stays so up to the next better model, and after the last.
        steps.append((axes.get_xlim()[1], steps[-1][1]))
        axes.plot(
            [x for x, _ in steps], [y for _, y in steps], drawstyle="steps-post",
            color=FAINT, linewidth=1.2, zorder=1.5, label="frontier",
        )  # fmt: skip
    return steps


def _draw_points(
    axes: Axes, points: Sequence[Mapping[str, Any]], look_of: Mapping[str, Look]
) -> None:
    for point in points:
        look, x, y = look_of[point["model"]], point["p50_ms"], point["gain_db"]
        axes.plot(
            [x, point["p90_ms"]], [y, y], color=look.colour, alpha=0.5, linewidth=3, zorder=2,
            solid_capstyle="butt",
        )  # fmt: skip
        axes.plot(
            [x], [y], marker=look.marker, markersize=MARKER, linestyle="none", zorder=3,
            markeredgecolor=look.colour, markeredgewidth=1.5,
            markerfacecolor=look.colour if point["frontier"] else "white",
            label=point["model"],
        )  # fmt: skip


def _draw_goals(axes: Axes, report: Mapping[str, Any]) -> list[float]:
    """Draw the latencies that were asked for, as far as they lie on the axis; return them."""
    asked = (report["advice"] or {}).get("asked", {})
    goals = {}
    if asked.get("fps"):
        goals[1000 / asked["fps"]] = f"{asked['fps']:g} frames a second"
    if asked.get("latency_ms"):
        goals[asked["latency_ms"]] = f"{asked['latency_ms']:g} ms"
    low, high = axes.get_xlim()
    goals = {latency: words for latency, words in goals.items() if low < latency < high}
    for latency, words in goals.items():
        axes.axvline(latency, color=FAINT, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1.5)
        axes.annotate(
            f"asked: {words} ", (latency, 0.01), xycoords=("data", "axes fraction"),
            rotation=90, ha="right", va="bottom", fontsize=7.5, color=FAINT,
        )  # fmt: skip
    return list(goals)


def _draw_curves(
    axes: Axes, curves: Mapping[str, Sequence[Point]], look_of: Mapping[str, Look]
) -> None:
    for model, curve in curves.items():
        look = look_of[model]
        axes.plot(
            [x for x, _ in curve], [y for _, y in curve], color=look.colour, marker=look.marker,
            linestyle=look.line, linewidth=1.5, markersize=5, label=model,
        )  # fmt: skip
    axes.margins(x=0.03, y=0.06)
