"""The tables of the page, from a report's plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from edgeqe.bench.console import KIND_WORDS, caveat_words, curve_words, ensemble_words
from edgeqe.bench.page.content import Column, PageTable
from edgeqe.bench.report import MIB
from edgeqe.coding.rate_point import codec_in_words, unit_in_words
from edgeqe.protocols import CodingProtocol
from edgeqe.reports.tables import counted

Entry = Mapping[str, Any]


def tradeoff(report: Entry) -> PageTable:
    """What each model gains and costs, the fastest first, with the frontier marked."""
    trade = report["pareto"] or {}
    points = {point["model"]: point for point in trade.get("points", [])}
    size = trade.get("size") or next((use["size"] for use in report["memory"]), "")
    uses = {use["name"]: use for use in report["memory"] if use["size"] == size}
    lanes = {
        lane["model"]: lane
        for lane in report["latency"]["lanes"]
        if trade and (lane["size"], lane["what"]) == (size, trade["what"])
    }
    models = sorted(
        report["models"],
        key=lambda model: float(points.get(model["name"], {}).get("p50_ms", math.inf)),
    )
    names = [model["name"] for model in models]
    gained = [points.get(name, {}) for name in names]
    timed = [lanes.get(name, {}) for name in names]
    used = [uses.get(name, {}) for name in names]
    planned = [use or model for use, model in zip(used, models, strict=True)]
    frontier = [bool(point.get("frontier")) for point in gained]
    caption = "What the models cost"
    if trade:
        caption = (
            f"Gain in protocol {trade['protocol']} at JPEG quality {trade['quality']}; latency at "
            f"{size}, {KIND_WORDS[trade['what']]}. Frontier: nothing measured is both faster "
            "and better"
        )
    return PageTable(
        caption,
        [
            Column("Model", names),
            Column("Frontier", ["yes" if on else "" for on in frontier], words=True),
            Column("Gain dB", _figures(gained, "gain_db", "+.3f")),
            Column("p50 ms", _milliseconds(gained, "p50_ms")),
            Column("p90 ms", _milliseconds(gained, "p90_ms")),
            Column("Frames/s", _figures(timed, "frames_per_second", ".1f")),
            Column("Mpx/s", _figures(timed, "megapixels_per_second", ".2f")),
            Column("kMAC/px", _figures(models, "kmac_per_pixel", ".2f")),
            Column("Parameters", _figures(models, "parameters", ",")),
            Column("File KiB", _figures(models, "file_bytes", ".0f", 1024)),
            Column("Measured MiB", _figures(used, "peak_bytes", ".1f", MIB)),
            Column("Planned MiB", _figures(planned, "planned_bytes", ".1f", MIB)),
        ],
        marked=frontier,
    )


def quality(protocol: str, rows: Sequence[Entry], what: str = "picture") -> PageTable:
    """Figures before and after in one protocol, a group of rows a strength."""
    rows = sorted(rows, key=lambda row: float(row["value"]))
    pictures = counted(rows[0]["pictures"], what)
    codec = codec_in_words(rows[0]["codec"])
    # Of a gray picture a pixel is a channel.
    by_channel = "" if protocol == "gray" else "bits_per_channel"
    return PageTable(
        f"Protocol {protocol}, {pictures}{ensemble_words(rows)}: {CodingProtocol(protocol).meaning}",
        [
            Column("Model", [row["model"] for row in rows]),
            Column(f"{codec} {unit_in_words(rows[0]['codec'])}", _figures(rows, "value", "g")),
            Column("Bits per pixel", _figures(rows, "bits_per_pixel", ".3f")),
            Column("Bits per channel", _figures(rows, by_channel, ".3f")),
            Column(f"PSNR {codec}", _figures(rows, "psnr_db_before", ".3f")),
            Column("PSNR after", _figures(rows, "psnr_db_after", ".3f")),
            Column("Gain dB", _figures(rows, "gain_db", "+.3f")),
            Column("Worst gain", _figures(rows, "worst_gain_db", "+.3f")),
            Column("Worst picture", [row["worst_picture"] for row in rows], words=True),
            Column(f"Y PSNR {codec}", _figures(rows, "y_psnr_db_before", ".3f")),
            Column("Y PSNR after", _figures(rows, "y_psnr_db_after", ".3f")),
            Column(f"SSIM {codec}", _figures(rows, "ssim_before", ".4f")),
            Column("SSIM after", _figures(rows, "ssim_after", ".4f")),
            Column(f"PSNR-B {codec}", _figures(rows, "psnr_b_db_before", ".3f")),
            Column("PSNR-B after", _figures(rows, "psnr_b_db_after", ".3f")),
        ],
        groups=[row["value"] for row in rows],
    )


def bjontegaard(entries: Sequence[Entry]) -> PageTable:
    """Bits saved at equal PSNR, and dB at equal bits; of one entry at least."""
    return PageTable(
        f"Against {curve_words(entries[0])}",
        [
            Column("Model", [entry["model"] for entry in entries]),
            Column("Protocol", [entry["protocol"] for entry in entries], words=True),
            Column("Of", [_measure(entry) for entry in entries], words=True),
            Column("BD-rate %", _figures(entries, "bd_rate_percent", "+.2f")),
            Column("BD-PSNR dB", _figures(entries, "bd_psnr_db", "+.3f")),
            Column("Pictures", _figures(entries, "pictures", "d")),
            Column("Worst BD-rate %", _figures(entries, "worst_bd_rate_percent", "+.2f")),
            Column(
                "Worst picture", [entry["worst_picture"] or "" for entry in entries], words=True
            ),
        ],
        groups=[(entry["protocol"], entry["measure"]) for entry in entries],
    )


def latency(measured: Entry) -> PageTable:
    """Every lane, with its interval and its ratio to the reference network."""
    lanes = measured["lanes"]
    noise = ["unsteady" if lane["unsteady"] else "" for lane in lanes]
    ratios = _intervals(lanes, "to_reference_interval", ".3f")
    return PageTable(
        f"One picture after another, JPEG quality {measured['quality']}; ms of one picture",
        [
            Column("Model", [lane["model"] for lane in lanes]),
            Column("Path", [KIND_WORDS[lane["what"]] for lane in lanes], words=True),
            Column("Size", [lane["size"] for lane in lanes], words=True),
            Column("Noise", noise, words=True),
            Column("p50 ms", _milliseconds(lanes, "p50_ms")),
            Column("95 % interval of p50", _intervals(lanes, "p50_interval_ms", ".2f")),
            Column("p90", _milliseconds(lanes, "p90_ms")),
            Column("p99", _milliseconds(lanes, "p99_ms")),
            Column("Frames/s", _figures(lanes, "frames_per_second", ".1f")),
            Column("Mpx/s", _figures(lanes, "megapixels_per_second", ".2f")),
            Column("To reference", _figures(lanes, "to_reference", ".3f")),
            Column("95 % interval of it", ratios),
            Column("Rounds", _figures(lanes, "repeats", "d")),
            Column("J/Mpx", _figures(lanes, "joules_per_megapixel", ".3f")),
        ],
        groups=[lane["model"] for lane in lanes],
    )


def memory(uses: Sequence[Entry]) -> PageTable:
    """Peaks beside the planner's figures."""
    peaks = _figures(uses, "peak_bytes", ".1f", MIB)
    return PageTable(
        "One call in MiB, input and output not counted",
        [
            Column("Model", [use["name"] for use in uses]),
            Column("Size", [use["size"] for use in uses], words=True),
            Column("Array", ["x".join(map(str, use["shape"])) for use in uses]),
            Column("Measured", [peak or "unknown" for peak in peaks]),
            Column("Planned", _figures(uses, "planned_bytes", ".1f", MIB)),
            Column("Off", _figures(uses, "planner_off", "+.0%")),
            Column("Planner", [_verdict(use) for use in uses], words=True),
            Column("Limit", _figures(uses, "limit_bytes", ".1f", MIB)),
            Column("Codecs", _figures(uses, "codec_bytes", ".1f", MIB)),
        ],
    )


def ways(models: Sequence[Entry]) -> PageTable:
    """How each model ran: file, windows, runtime, provider."""
    return PageTable(
        "How the models ran",
        [
            Column("Model", [model["name"] for model in models]),
            Column("File", [model["file"] for model in models], words=True),
            Column("SHA-256", [model.get("sha256", "")[:12] for model in models], words=True),
            Column("Runtime", [_runtime(model) for model in models], words=True),
            Column("Provider", [model["provider"] for model in models], words=True),
            Column("MACs by provider", [_placement(model) for model in models], words=True),
            Column("Weights", [caveat_words(model) for model in models], words=True),
            Column("Fallback", [model.get("fallback", "") for model in models], words=True),
            Column("Threads", _figures(models, "threads", "d")),
            Column("Window", ["x".join(map(str, model.get("window", ()))) for model in models]),
            Column("Halo", _figures(models, "halo", "d")),
            Column("Limit MiB", _figures(models, "memory_limit_bytes", ".1f", MIB)),
        ],
    )


def _figures(entries: Sequence[Entry], key: str, form: str, unit: float = 1) -> list[str]:
    """Figures of a key in a format, in units; empty where there is none."""
    values = [entry.get(key) for entry in entries]
    return [
        "" if value is None else format(value if unit == 1 else value / unit, form)
        for value in values
    ]


def _milliseconds(entries: Sequence[Entry], key: str) -> list[str]:
    return _figures(entries, key, ".2f")


def _intervals(entries: Sequence[Entry], key: str, form: str) -> list[str]:
    ends = [entry.get(key) for entry in entries]
    return [
        "" if pair is None else f"{format(pair[0], form)}–{format(pair[1], form)}" for pair in ends
    ]


def _measure(entry: Entry) -> str:
    return "Y PSNR" if entry["measure"] == "y_psnr" else "PSNR"


def _verdict(use: Entry) -> str:
    if use.get("planner_off") is None:
        return ""
    return "wrong" if use["planner_wrong"] else "right"


def _runtime(model: Entry) -> str:
    return f"{model['runtime']} {model['runtime_version']}"


def _placement(model: Entry) -> str:
    """Shares of the MACs, where more than the model's own provider took part."""
    shares = model.get("placement") or {}
    if set(shares) <= {model["provider"]}:
        return ""
    return ", ".join(f"{provider} {share:.1%}" for provider, share in shares.items())
