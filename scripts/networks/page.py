"""The table and the picture of docs/networks.md, from what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from figures import POINTS, kept, networks

from edgeqe.bench.plots.labels import label_points
from edgeqe.bench.plots.style import DOTS_PER_INCH, png, styled
from edgeqe.errors import InputError
from edgeqe.model.card import Card
from edgeqe.reports.output_file import write

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE, PICTURE = DOCS / "networks.md", DOCS / "networks.png"
BEGIN, END = "<!-- scripts/networks: begin -->", "<!-- scripts/networks: end -->"
#: kMAC per pixel that the picture shows, and where it is marked.
EXTENT, TICKS = (1.0, 300.0), (1, 2, 5, 10, 20, 50, 100, 200)
FORMS = {"float32": "float32, ms", "int8": "INT8, ms", "int8.tflite": "INT8 TFLite, ms"}


def write_page() -> None:
    """Write the table between the page's two marks, and the picture.

    Raises
    ------
    InputError
        If nothing was measured, or the page lacks the marks.
    """
    values = kept()
    text = PAGE.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise InputError(f"'{PAGE.name}' has no marks {BEGIN} and {END} for the table.")
    head, tail = text.partition(BEGIN)[0], text.partition(END)[2]
    table = "\n".join(table_lines(networks(), values))
    write(f"{head}{BEGIN}\n{table}\n{END}{tail}".encode(), PAGE)
    write(picture(networks(), values), PICTURE)


def table_lines(cards: Mapping[str, Card], values: Mapping[str, Any]) -> list[str]:
    """Markdown: a sentence, and a row a network."""
    gains, times = values.get("gains", {}), values.get("times", {})
    heads = ["network", "kMAC/px", *(f"{label}, dB" for label in POINTS), *FORMS.values()]
    lines = [
        f"Gain in luma on {values.get('pictures', 'no pictures')}, all intra, float32; median of a "
        f"gray 1280x720 picture on {values.get('machine', 'no machine')}, files of one form in turns.",
        "",
        "| " + " | ".join(heads) + " |",
        "|" + "---|" * len(heads),
    ]
    for name, card in cards.items():
        gained = (gains.get(name, {}).get(label) for label in POINTS)
        timed = (times.get(name, {}).get(form) for form in FORMS)
        cells = [
            name,
            f"{card.kmac_per_pixel:.1f}",
            *("" if gain is None else f"{gain:+.3f}" for gain in gained),
            *("" if milliseconds is None else f"{milliseconds:.1f}" for milliseconds in timed),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def picture(cards: Mapping[str, Card], values: Mapping[str, Any]) -> bytes:
    """PNG: gain against arithmetic, a panel a codec; filled marks ship, hollow ones are the papers'."""
    with styled():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(11, 4), dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(1, len(POINTS))
        named: dict[str, dict[str, tuple[float, float]]] = {label: {} for label in POINTS}
        for axes, label in zip(panels, POINTS, strict=True):
            for name, card in cards.items():
                gain = values.get("gains", {}).get(name, {}).get(label)
                if gain is None:
                    continue
                own = name.startswith("edgeqe-")
                axes.plot(
                    card.kmac_per_pixel, gain, "o", color="C0", fillstyle="full" if own else "none"
                )
                short = name.removeprefix("edgeqe-").removesuffix("-reduced")
                if gain >= 0:  # what loses lies below the panel
                    named[label][short] = (card.kmac_per_pixel, gain)
            axes.set_xscale("log")
            axes.set_xlim(*EXTENT)
            axes.set_xticks(TICKS, [str(tick) for tick in TICKS], minor=False)
            axes.set_xticks([], minor=True)
            axes.margins(y=0.3)
            axes.set_ylim(bottom=0)
            axes.set_title(label)
            axes.set_xlabel("kMAC per pixel")
        panels[0].set_ylabel("gain in luma, dB")
        figure.draw_without_rendering()  # names are placed in pixels
        figure.set_layout_engine("none")
        for axes, points in zip(panels, named.values(), strict=True):
            label_points(axes, points, [], [])
        return png(figure)
