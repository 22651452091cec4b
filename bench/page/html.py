"""The page of a report: one HTML file with all figures, plots and pictures in it.

It asks for nothing: no script, no font, no picture from elsewhere. Its content policy forbids the
browser to fetch anything or to run anything, whatever a file's name may smuggle in. The templates
beside this module lay it out; Jinja escapes all that they are given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgeqe.bench.page import tables
from edgeqe.bench.page.content import PageImage
from edgeqe.bench.page.crops import Crop
from edgeqe.bench.page.machine import conditions
from edgeqe.bench.page.pictures import ZOOM, shown
from edgeqe.bench.plots.figures import pareto_png, quality_png, rate_png
from edgeqe.bench.plots.style import PIXELS
from edgeqe.coding.rate_point import codec_in_words, unit_in_words
from edgeqe.errors import MissingPackageError
from edgeqe.reports.tables import counted, printable

if TYPE_CHECKING:
    from jinja2 import Environment

#: Share of a plot's pixels that it takes on the page: sharp on screens with small pixels too.
SHOWN = 0.75

Entry = Mapping[str, Any]


def page_html(report: Mapping[str, Any], crops: Sequence[Crop]) -> str:
    """Whole page of a report; what was not measured has no section.

    Parameters
    ----------
    report : mapping
        `Report.to_dict`, of the current schema version.
    crops : sequence of Crop
        Pictures to show; may be empty.

    Returns
    -------
    str
        HTML5, to be stored as UTF-8.

    Raises
    ------
    MissingPackageError
        If Jinja, matplotlib or Pillow is not installed.
    """
    template = _environment().get_template("page.html")
    return template.render(
        title=f"edgeqe bench: {report['data']['name']}",
        measured_on=_measured_on(report),
        interrupted=report["interrupted"],
        advice=report["advice"],
        sections=_sections(report, crops),
    )


def _environment() -> Environment:
    """Templates that escape all text; what does not print, such as half a letter, is a ``?``."""
    try:
        import jinja2
    except ImportError as error:
        raise MissingPackageError(
            "jinja2, which writes the page, is not installed: pip install 'edgeqe[bench,files]'"
        ) from error
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("edgeqe.bench.page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Not what a macro wrote, which is of a class of its own.
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters["anchor"] = _anchor
    return environment


def _anchor(heading: str) -> str:
    """Name of a section for links within the page, and of its template."""
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


def _measured_on(report: Entry) -> str:
    """Pictures and machine in a line."""
    data, setup = report["data"], report["setup"]
    scaled = "" if data["scale"] == 1 else f", downscaled by {data['scale']:g}"
    said = [
        f"{counted(data['pictures'], _what(report))}{scaled}",
        f"target {setup['target']}",
        report["stamp"]["cpu"],
    ]
    if setup["threads"]:
        said.append(counted(setup["threads"], "thread"))
    return " · ".join(said)


def _sections(report: Entry, crops: Sequence[Crop]) -> dict[str, Any]:
    """What the template of each section shows, by headings, in the order of the page."""
    rows, deltas, lanes = report["quality"], report["bd"], report["latency"]["lanes"]
    sections = {
        "Baseline": report.get("baseline"),
        "Trade-off": report["models"] and _tradeoff(report),
        "Quality": rows and _quality(report, rows),
        "Bits saved": deltas and _rates(report, deltas),
        "Latency": lanes
        and {
            "table": tables.latency(report["latency"]),
            "reference_ms": report["latency"]["reference_ms"],
        },
        "Memory": report["memory"] and {"table": tables.memory(report["memory"])},
        "Pictures": crops and {"zoom": ZOOM, "shown": [shown(crop) for crop in crops]},
        "Conditions": conditions(report),
    }
    return {heading: content for heading, content in sections.items() if content}


def _tradeoff(report: Entry) -> dict[str, Any]:
    plot = None
    if report["pareto"]:
        best = [point["model"] for point in report["pareto"]["points"] if point["frontier"]]
        described = f"Gain against latency. On the frontier: {', '.join(best)}."
        plot = _plot(pareto_png(report), described)
    return {"table": tables.tradeoff(report), "plot": plot}


def _quality(report: Entry, rows: Sequence[Entry]) -> dict[str, Any]:
    protocols, codec = _protocols(rows), report["setup"]["codec"]
    axis = f"{codec_in_words(codec)} {unit_in_words(codec)}"
    return {
        "tables": [
            tables.quality(
                protocol, [row for row in rows if row["protocol"] == protocol], _what(report)
            )
            for protocol in protocols
        ],
        "colour": protocols != ["gray"],
        "plots": [
            _plot(quality_png(report, protocol), f"Gain against {axis}, protocol {protocol}.")
            for protocol in protocols
        ],
    }


def _rates(report: Entry, deltas: Sequence[Entry]) -> dict[str, Any]:
    return {
        "table": tables.bjontegaard(deltas),
        "left_out": dict.fromkeys(name for entry in deltas for name in entry.get("left_out", ())),
        "plots": [
            _plot(rate_png(report, protocol), f"PSNR against bits a pixel, protocol {protocol}.")
            for protocol in _protocols(deltas)
        ],
    }


def _what(report: Entry) -> str:
    return "clip" if report["data"]["clips"] else "picture"


def _protocols(entries: Sequence[Entry]) -> list[str]:
    """Protocols in the order of the report."""
    return list(dict.fromkeys(entry["protocol"] for entry in entries))


def _plot(data: bytes, described: str) -> PageImage:
    width, height = (round(pixels * SHOWN) for pixels in PIXELS)
    return PageImage(data, f"{described} The figures are in the tables.", width, height)
