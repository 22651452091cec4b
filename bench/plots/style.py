"""How plots look: one colour a network, one marker a precision, fonts, ticks, captions.

matplotlib is imported where it is drawn with, and never through pyplot: a plot leaves no state
behind, and the user's own settings of pyplot do not reach it.
"""

from __future__ import annotations

import io
import math
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgeqe.errors import MissingPackageError
from edgeqe.reports.tables import counted, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe and Ito's colours, which differ for colour-blind readers too, without yellow (pale on
#: white), and black last.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKERS = {"float32": "o", "float16": "s", "int8": "D"}
PEER_MARKER, OTHER_MARKER = "X", "v"
LINES = {"float32": "-", "float16": ":", "int8": "--"}
PEER_LINE = OTHER_LINE = "-."

#: Side of a marker, points (1/72 inch).
MARKER = 7.0
INK, FAINT, GRID = "#1f2328", "#59636e", "#d8dee4"

#: Inches. Small, so that the words can still be read when the plot is as wide as a phone.
SIZE = (6.4, 4.5)
DOTS_PER_INCH = 180
#: Width and height of a plot, pixels.
PIXELS = tuple(round(side * DOTS_PER_INCH) for side in SIZE)
#: Width of a caption, characters.
CAPTION_WIDTH = 114

#: Longest name that is written in full.
LONGEST_NAME = 36

#: Digits of a logarithmic axis, the roundest first.
LADDERS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))

#: Settings of matplotlib; what is not here stays as the user has it.
RC: dict[Any, Any] = {
    "text.usetex": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.facecolor": "white",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "xtick.color": FAINT,
    "xtick.labelsize": 9,
    "ytick.color": FAINT,
    "ytick.labelsize": 9,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclass(frozen=True)
class Look:
    """How one model is drawn."""

    colour: str
    marker: str
    line: str


def looks(report: Mapping[str, Any]) -> dict[str, Look]:
    """Look of each model by its label: colour by network, marker and line by precision.

    Colours go to the networks in the order of the report, so that the same report gives the same
    network its colour in every plot; the eighth network takes the first colour again.
    """
    networks: dict[str, str] = {}
    found = {}
    for model in report["models"]:
        network = model.get("model", model["name"])
        colour = networks.setdefault(network, COLOURS[len(networks) % len(COLOURS)])
        peer, precision = model.get("peer", False), model.get("precision", "")
        found[model["name"]] = Look(
            colour,
            PEER_MARKER if peer else MARKERS.get(precision, OTHER_MARKER),
            PEER_LINE if peer else LINES.get(precision, OTHER_LINE),
        )
    return found


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the style of this module, whatever the user's own is.

    Raises
    ------
    InputError
        If matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise MissingPackageError(
            "matplotlib, which draws the plots, is not installed: pip install 'edgeqe[bench,files]'"
        ) from error
    with matplotlib.rc_context(RC), warnings.catch_warnings():
        # A file's name may hold letters that the font lacks; a box stands for them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def blank() -> tuple[Figure, Axes]:
    """Empty figure with room for a title above and a caption below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    return figure, figure.add_axes((0.115, 0.21, 0.865, 0.705))


def png(figure: Figure) -> bytes:
    """Bytes of a PNG file."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DOTS_PER_INCH)
    return stream.getvalue()


def title(axes: Axes, words: str) -> None:
    """Write a title flush with the axes' left end."""
    axes.set_title(printable(words), loc="left", fontsize=11.5, fontweight="bold", parse_math=False)


def caption(figure: Figure, sentences: str) -> None:
    """Write sentences below the axes, wrapped; three lines have room."""
    lines = textwrap.wrap(printable(sentences), CAPTION_WIDTH, max_lines=3, placeholder=" …")
    figure.text(
        0.012, 0.018, "\n".join(lines), fontsize=7.5, color=FAINT, va="bottom", parse_math=False
    )


def conditions(report: Mapping[str, Any]) -> str:
    """Processor, runtimes, providers and threads in one sentence."""
    ways = {
        f"{model['runtime']} {model['runtime_version']}, {model['provider']}"
        + (f", {counted(model['threads'], 'thread')}" if model["threads"] else ""): None
        for model in report["models"]
    }
    return "; ".join([report["stamp"]["cpu"], *ways]) + "."


def short(name: str) -> str:
    """Name as it is, or its two ends if it is long: a file's name may be."""
    name = printable(name)
    if len(name) <= LONGEST_NAME:
        return name
    half = (LONGEST_NAME - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers on a logarithmic axis: at least three of them.

    Of the ladders 1-10, 1-3-10, 1-2-5-10 and 1-1.5-2-3-5-7-10 the roundest that gives three; for a
    range too narrow even for the last, evenly spaced numbers.
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for ladder in LADDERS:
        # Not digit * 10.0**-1, which is 0.30000000000000004.
        ticks = [
            float(f"{digit:g}e{power}") for power in range(first, last + 1) for digit in ladder
        ]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= 3:
            return ticks
    step = 10.0 ** math.floor(math.log10(high - low))
    for part in (5.0, 2.0, 1.0, 0.5, 0.2):
        count = range(math.ceil(low / (step * part)), math.floor(high / (step * part)) + 1)
        if len(count) >= 3:
            break
    return [number * step * part for number in count]
