"""The page of a report: one HTML file with all figures, plots and pictures in it.

It asks for nothing: no script, no font, no picture from elsewhere. Its content policy forbids the
browser to fetch anything or to run anything, whatever a file's name may smuggle in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgeqe.bench.page import tables
from edgeqe.bench.page.crops import Crop
from edgeqe.bench.page.machine import conditions
from edgeqe.bench.page.markup import box, image, links, listing, paragraph, section, text
from edgeqe.bench.page.pictures import pictures
from edgeqe.bench.page.style import STYLE
from edgeqe.bench.plots.figures import pareto_png, quality_png, rate_png
from edgeqe.bench.plots.style import PIXELS, counted
from edgeqe.coding.rate_point import codec_in_words, unit_in_words

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

#: Share of a plot's pixels that it takes on the page: sharp on screens with small pixels too.
SHOWN = 0.75

Entry = Mapping[str, Any]


def page_html(report: Mapping[str, Any], crops: Sequence[Crop]) -> str:
    """Whole page of a report; what was not measured has no section.

    Parameters
    ----------
    report : mapping
        `Report.to_dict`, schema version 4.
    crops : sequence of Crop
        Pictures to show; may be empty.

    Returns
    -------
    str
        HTML5, to be stored as UTF-8.

    Raises
    ------
    InputError
        If matplotlib or Pillow is missing.
    """
    sections = {
        words: written
        for words, make in _sections(report, crops).items()
        if (written := section(words, *make()))
    }
    name = f"edgeqe bench: {report['data']['name']}"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{text(name)}</title>",
            f"<style>\n{STYLE}</style>",
            "</head>",
            "<body>",
            "<header>",
            f"<h1>{text(name)}</h1>",
            *_head(report),
            links(sections),
            "</header>",
            "<main>",
            *sections.values(),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _head(report: Entry) -> list[str]:
    """What was measured on, and what the reader should know first."""
    data, setup = report["data"], report["setup"]
    scaled = "" if data["scale"] == 1 else f", downscaled by {data['scale']:g}"
    said = [
        f"{counted(data['pictures'], _what(report))}{scaled}",
        f"target {setup['target']}",
        report["stamp"]["cpu"],
    ]
    if setup["threads"]:
        said.append(counted(setup["threads"], "thread"))
    parts = [paragraph(" · ".join(said), "faint")]
    if report["interrupted"]:
        parts.append(paragraph("Interrupted: only what is shown was measured.", "warning"))
    if report["advice"]:
        parts.append(paragraph(report["advice"]["line"], "advice"))
    return parts


def _sections(report: Entry, crops: Sequence[Crop]) -> dict[str, Callable[[], list[str]]]:
    """Sections by their headings, in the order of the page."""
    rows = report["quality"]
    protocols = list(dict.fromkeys(row["protocol"] for row in rows))
    codec = report["setup"]["codec"]
    axis = f"{codec_in_words(codec)} {unit_in_words(codec)}"

    def quality() -> list[str]:
        parts = [
            tables.quality(
                protocol, [row for row in rows if row["protocol"] == protocol], _what(report)
            )
            for protocol in protocols
        ]
        drawn = [
            _plot(quality_png(report, protocol), f"Gain against {axis}, protocol {protocol}.")
            for protocol in protocols
        ]
        if set(protocols) - {"gray"}:
            words = "Y: full-range luma; in the protocols of colour SSIM and PSNR-B are of it."
            parts.append(paragraph(words, "faint"))
        return [*parts, box("plots", *drawn)] if drawn else []

    def rates() -> list[str]:
        drawn = [
            _plot(rate_png(report, protocol), f"PSNR against bits a pixel, protocol {protocol}.")
            for protocol in dict.fromkeys(entry["protocol"] for entry in report["bd"])
        ]
        return [tables.bjontegaard(report["bd"]), box("plots", *drawn)] if drawn else []

    return {
        "Baseline": lambda: _baseline(report.get("baseline")),
        "Trade-off": lambda: [tables.tradeoff(report), _pareto(report)],
        "Quality": quality,
        "Bits saved": rates,
        "Latency": lambda: [tables.latency(report["latency"])],
        "Memory": lambda: [tables.memory(report["memory"])],
        "Pictures": lambda: pictures(crops),
        "Conditions": lambda: conditions(report),
    }


def _what(report: Entry) -> str:
    return "clip" if report["data"]["clips"] else "picture"


def _baseline(compared: Entry | None) -> list[str]:
    """Verdict beside an earlier report."""
    if not compared:
        return []
    verdict = "nothing regresses" if compared["holds"] else "regresses"
    return [
        paragraph(
            f"Compared with {compared['file']}: {verdict}.", "" if compared["holds"] else "warning"
        ),
        listing(compared["failures"]),
        listing(compared["notes"], "faint"),
    ]


def _pareto(report: Entry) -> str:
    """Plot of gain against latency, told in words too."""
    if not report["pareto"]:
        return ""
    best = [point["model"] for point in report["pareto"]["points"] if point["frontier"]]
    described = f"Gain against latency. On the frontier: {', '.join(best)}."
    return box("plot", _plot(pareto_png(report), described))


def _plot(data: bytes, described: str) -> str:
    width, height = (round(pixels * SHOWN) for pixels in PIXELS)
    return image(data, f"{described} The figures are in the tables.", width, height)
