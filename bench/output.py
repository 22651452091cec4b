"""The folder of a report: report.json, report.html and pareto.png."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeqe.bench.clips import ClipSet
from edgeqe.bench.data import PictureSet
from edgeqe.bench.page.crops import crops_of
from edgeqe.bench.page.html import page_html
from edgeqe.bench.plots.figures import pareto_png
from edgeqe.bench.quality import QualityRow
from edgeqe.bench.report import REPORT_NAME, write_json
from edgeqe.errors import InputError, MissingPackageError
from edgeqe.protocols import MeasuredNetwork
from edgeqe.reports.output_file import write

PAGE_NAME, PARETO_NAME = "report.html", "pareto.png"


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Make the folder, and refuse it before anything is measured if it holds a report.

    Raises
    ------
    InputError
        If a report is there, or the folder cannot be made.
    MissingPackageError
        If what draws the plots or writes the page is not installed.
    """
    for package, does in {"matplotlib": "draws plots", "jinja2": "writes a page"}.items():
        if importlib.util.find_spec(package) is None:
            raise MissingPackageError(
                f"--out {does}, and {package} is not installed: pip install 'edgeqe[bench]', or "
                "print the report with --json."
            )
    taken = [name for name in (REPORT_NAME, PAGE_NAME, PARETO_NAME) if (folder / name).exists()]
    if taken and not overwrite:
        raise InputError(f"{folder / taken[0]} exists: give --overwrite, or another --out.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder {folder} cannot be made ({error.strerror}): give another --out."
        ) from error


def write_all(
    report: Mapping[str, Any],
    rows: Sequence[QualityRow],
    networks: Mapping[str, MeasuredNetwork],
    pictures: PictureSet | ClipSet,
    folder: Path,
) -> None:
    """Write the report's files; what was not measured has no plot.

    Parameters
    ----------
    report : mapping
        `Report.to_dict`.
    rows : sequence of QualityRow
        Its rows of quality, which choose the pictures that are shown.
    networks : mapping of str to MeasuredNetwork
        By the names of the report; those nothing else beats are shown.
    pictures : PictureSet or ClipSet
        No cuts of clips are shown.
    folder : Path

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    write_json(report, folder / REPORT_NAME)
    trade = report["pareto"]
    if trade is not None:
        write(pareto_png(report), folder / PARETO_NAME)
    best = [point["model"] for point in trade["points"] if point["frontier"]] if trade else []
    shown = [name for name in networks if name in best] or list(networks)
    crops = []
    if isinstance(pictures, PictureSet) and not report["interrupted"]:
        crops = crops_of(networks, pictures, rows, shown)
    write(page_html(report, crops).encode(), folder / PAGE_NAME)
