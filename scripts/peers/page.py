"""The page of peers, written from the figures of one run and the published table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from layout import NONE, bullets, number, numbers, percent, prose, table, three
from published import DNCNN, JPEG, PAPERS, PUBLISHED

from edgeqe.bench.bd import LEAST_POINTS

#: IJG qualities of the first table and of the published one.
SHOWN = (10, 20, 40)
#: Keys of a quality row, and the digits that are shown of each.
QUALITY = {"psnr_db": ".2f", "ssim": ".4f", "psnr_b_db": ".2f"}

COMMAND = """\
```sh
pip install av            # FFmpeg's filter; without it the page leaves that out
apt-get install jpegqs    # a Debian package; the same
.venv/bin/python scripts/peers --data live1 --dncnn DnCNN3.onnx
```"""

Figures = Mapping[str, Any]


def page(figures: Figures) -> str:
    """Text of the whole page, Markdown.

    Parameters
    ----------
    figures : mapping
        What one run measured, as plain values: `measuring.measure_all`.
    """
    parts = [
        "# Peers: DnCNN-3, FFmpeg's deblock filter, jpegqs, and published figures",
        prose(
            "One run of `scripts/peers` wrote this page. It measured everything but the last table,",
            "which is copied from papers and from what they publish. To write it anew:",
        ),
        COMMAND,
        *_measured(figures),
        *_by_quality(figures),
        *_colour(figures),
        *_how(figures),
        *_published(),
        *_comparable(figures),
    ]
    return "\n\n".join(parts) + "\n"


def _measured(figures: Figures) -> list[str]:
    data, fastest = figures["data"], _dncnn(figures)
    rate = f"BD-rate: against JPEG itself at qualities {_words(figures['qualities'])}."
    if len(figures["qualities"]) < LEAST_POINTS:
        rate = f"BD-rate: left out, {LEAST_POINTS} qualities are the fewest that give one."
    headers = ["", "kMAC/px", "parameters", "PSNR, dB", "SSIM", "PSNR-B, dB", "BD-rate"]
    headers += ["p50, ms", "fps", "times DnCNN-3"]
    return [
        "## Measured",
        prose(
            f"{data['pictures']} pictures of {data['name']}, protocol gray: studio-range luma coded as "
            "grayscale JPEG. PSNR, SSIM and PSNR-B are means of the pictures at qualities "
            f"{_words(SHOWN)}.",
            rate,
            f"Time: one gray frame of 1280x720 at quality {figures['timed_quality']}, uint8 to uint8, "
            f"all in turns in one run, on {figures['threads']} threads (FFmpeg's filter has only one). jpegqs is "
            "a program: its time is that of a process, from JPEG file to JPEG file.",
            ""
            if fastest is None
            else "*Times DnCNN-3*: how often the frame is done while DnCNN-3 does it once, by the "
            f"faster of its rows ({fastest['model']}).",
        ),
        table(headers, [_jpeg(figures), *(_network(figures, one) for one in figures["networks"])]),
    ]


def _dncnn(figures: Figures) -> Figures | None:
    """DnCNN-3's fastest lane; None where there is none."""
    peers = [entry["name"] for entry in figures["networks"] if entry["dncnn"]]
    lanes = [lane for lane in figures["lanes"] if lane["model"] in peers]
    return min(lanes, key=lambda lane: float(lane["p50_ms"]), default=None)


def _jpeg(figures: Figures) -> list[str]:
    """First row: the codec without any network."""
    shown = [numbers(_shown(figures, f"{key}_before"), digits) for key, digits in QUALITY.items()]
    return ["JPEG itself", NONE, NONE, *shown, NONE, NONE, NONE, NONE]


def _network(figures: Figures, entry: Figures) -> list[str]:
    name, fastest = entry["name"], _dncnn(figures)
    shown = [
        numbers(_shown(figures, f"{key}_after", name), digits) for key, digits in QUALITY.items()
    ]
    cells = [name, number(entry["kmac_per_pixel"], ".1f"), number(entry["parameters"], ",")]
    cells += [*shown, _rate(figures, "gray", "psnr", name)]
    lane = next((lane for lane in figures["lanes"] if lane["model"] == name), None)
    if lane is None:
        return [*cells, NONE, NONE, NONE]
    times = None if fastest is None else fastest["p50_ms"] / lane["p50_ms"]
    return [*cells, three(lane["p50_ms"]), three(lane["frames_per_second"]), three(times)]


def _by_quality(figures: Figures) -> list[str]:
    rows = []
    for entry in figures["networks"]:
        found = [_row(figures, "gray", quality, entry["name"]) for quality in figures["qualities"]]
        if all(found):
            told = [f"{row['gain_db']:+.3f} ({row['worst_gain_db']:+.3f})" for row in found]
            rows.append([entry["name"], *told])
    return [
        "## Gain by quality",
        prose("PSNR after less before, dB: mean of the pictures, in brackets of the worst one."),
        table(["", *(f"q{quality}" for quality in figures["qualities"])], rows),
    ]


def _colour(figures: Figures) -> list[str]:
    names = {one["model"]: None for one in figures["bd"] if one["protocol"] == "planes"}
    if not names:
        return []
    measures = ("psnr", "y_psnr")
    rows = [[name, *(_rate(figures, "planes", key, name) for key in measures)] for name in names]
    return [
        "## BD-rate in colour",
        prose(
            "The same pictures in RGB, coded as 4:2:0, at the same qualities. The peers are gray and",
            "stay away.",
        ),
        table(["", "RGB", "Y"], rows),
    ]


def _how(figures: Figures) -> list[str]:
    stamp, deblock, lanes = figures["stamp"], figures["deblock"], figures["lanes"]
    features = ", ".join(stamp["cpu_features"]) or "no features known"
    items = [
        f"edgeqe {stamp['edgeqe']}, Python {stamp['python']}, numpy {stamp['numpy']}; "
        f"{stamp['system']}, {stamp['cpu']} ({features}), {stamp['cpu_count']} processors.",
        f"JPEG: {stamp['jpeg']}.",
        *(f"{entry['name']}: {entry['runs_on']}." for entry in figures["networks"]),
    ]
    if lanes:
        repeats = lanes[0]["repeats"]
        items.append(f"Times: {repeats} rounds; {_unsteady(lanes)}.")
    if figures["differs"] is not None:
        levels = f"{figures['differs']} grey level{'' if figures['differs'] == 1 else 's'}"
        items.append(
            "DnCNN-3 was converted by `edgeqe convert`. Of its own file on plain ONNX Runtime, which "
            f"runs the whole picture at once, only the time is measured: on the timed frame the two "
            f"results differ by {levels} at most."
        )
    items += [
        f"BD-rate of {one['model']} is without {', '.join(one['left_out'])}, whose curves cannot be "
        "compared."
        for one in figures["bd"]
        if one["left_out"]
    ]
    items += [f"Left out: {words}." for words in figures["left_out"]]
    items += [f"Note: {note}." for note in figures["notes"]]
    parts = ["## What was run", bullets(items)]
    if deblock is None:
        return parts
    tuned = [[f"q{quality}", f"`{words}`"] for quality, words in deblock["tuned"].items()]
    parts.append(
        prose(
            "FFmpeg's filter knows nothing of the JPEG. *FFmpeg deblock* has its own thresholds,",
            f"`{deblock['own']}`. *FFmpeg deblock, tuned* has for each quality what gave the highest",
            f"mean PSNR on {deblock['tuned_on']}, of {deblock['tried']} settings: weak and strong, all",
            "thresholds scaled together, and off.",
        )
    )
    return [*parts, table(["quality", "tuned thresholds"], tuned)]


def _unsteady(lanes: Iterable[Figures]) -> str:
    """Which times cannot be trusted."""
    names = [lane["model"] for lane in lanes if lane["unsteady"]]
    if not names:
        return "none of them differ by 10 % or more"
    return f"they differ by 10 % or more, so that the time is rough, of {'; '.join(names)}"


def _published() -> list[str]:
    headers = ["", "models", "kMAC/px", "parameters", "PSNR, dB", "SSIM", "PSNR-B, dB"]
    headers += ["BD-rate Y", "BD-rate RGB", "as printed by"]
    rows = [
        [
            one.network,
            one.models or NONE,
            number(one.kmac_per_pixel, ",.0f"),
            one.parameters or NONE,
            numbers(one.psnr, ".2f"),
            numbers(one.ssim, ".4f"),
            numbers(one.psnr_b, ".2f"),
            percent(one.bd_rate_percent),
            percent(one.bd_rate_rgb_percent),
            one.source,
        ]
        for one in PUBLISHED
    ]
    return [
        "## As published, not measured here",
        prose(
            "LIVE1 as JPEG: luma at qualities 10, 20 and 40, and BD-rate over 10, 20, 40, 70, 85 and",
            "90. The last column names the paper that prints the figures, or whose tables gave them.",
        ),
        table(headers, rows),
        bullets(f"{name}: {paper}." for name, paper in PAPERS.items()),
    ]


def _comparable(figures: Figures) -> list[str]:
    before = _shown(figures, "psnr_db_before")
    dncnn = next((entry["name"] for entry in figures["networks"] if entry["dncnn"]), "")
    items = [
        "Rows of the measured tables: yes. All get the same decoded pictures, and all times are of one "
        "run.",
        "What each is told differs. edgeqe reads the strength from the file's quantization table. "
        "DnCNN-3 is told nothing, and also removes noise and enlarges. Thresholds of FFmpeg's filter "
        "need somebody who knows the quality. jpegqs reads the coefficients themselves, and stays "
        "inside the intervals that the quantizer left them.",
        "Measured with published figures of luma: where JPEG itself is the same. It has "
        f"{numbers(before, '.2f')} dB here and {numbers(JPEG.psnr, '.2f')} dB there. Full-range luma "
        "reads 0.75 dB less.",
    ]
    if dncnn:
        here = [numbers(_shown(figures, f"{key}_after", dncnn), d) for key, d in QUALITY.items()]
        there = [numbers(DNCNN.psnr, ".2f"), numbers(DNCNN.ssim, ".4f")]
        items.append(
            f"DnCNN-3 shows how well that holds: {here[0]} dB, SSIM {here[1]} and PSNR-B {here[2]} dB "
            f"here; {there[0]} dB, {there[1]} and {numbers(DNCNN.psnr_b, '.2f')} dB there."
        )
    items += [
        "One model for all qualities with one a quality: only if you would ship a file for each. AR-CNN "
        "stands twice because two papers print different figures of it.",
        "BD-rate with ASQE-CNN's: nearly. The qualities are the same, and whole files are counted, but "
        "the paper says neither how the curves are interpolated nor how its RGB pictures are "
        "subsampled; here it is a monotone piecewise cubic, picture by picture, and 4:2:0.",
        "Times with those of papers: no, and so none are copied.",
    ]
    return ["## What can be compared", bullets(items)]


def _shown(figures: Figures, key: str, name: str = "") -> list[float | None]:
    """Figure at each of the qualities `SHOWN`."""
    rows = [_row(figures, "gray", quality, name) for quality in SHOWN]
    return [None if row is None else row[key] for row in rows]


def _row(figures: Figures, protocol: str, quality: int, name: str) -> Any:
    """Row of a network at a quality, without a name the first one's; None where there is none."""
    for row in figures["quality"]:
        if (row["protocol"], row["value"]) == (protocol, quality) and name in ("", row["model"]):
            return row
    return None


def _rate(figures: Figures, protocol: str, measure: str, name: str) -> str:
    """BD-rate of a network in words."""
    for one in figures["bd"]:
        if (one["protocol"], one["measure"], one["model"]) == (protocol, measure, name):
            return percent(one["bd_rate_percent"])
    return NONE


def _words(values: Iterable[int]) -> str:
    return ", ".join(map(str, values))
