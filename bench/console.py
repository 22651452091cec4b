"""The report as text: tables of its plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgeqe.bench.report import MIB
from edgeqe.coding.rate_point import codec_in_words, unit_in_words
from edgeqe.protocols import CodingProtocol
from edgeqe.reports.tables import counted, table

KIND_WORDS = {
    "gray": "whole path, gray array",
    "planes": "whole path, 4:2:0 planes",
    "rgb": "whole path, RGB array",
    "network": "network alone",
}

Entry = Mapping[str, Any]


def format_report(report: Entry) -> str:
    """Whole report as text.

    Parameters
    ----------
    report : mapping
        `Report.to_dict`.
    """
    parts = [format_models(report)]
    if report["quality"]:
        parts += [
            format_quality(protocol, [r for r in report["quality"] if r["protocol"] == protocol])
            for protocol in dict.fromkeys(row["protocol"] for row in report["quality"])
        ]
    if report["bd"]:
        parts.append(format_bd(report["bd"]))
    if report["latency"]["lanes"]:
        parts.append(format_latency(report["latency"]))
    if report["memory"]:
        parts.append(format_memory(report["memory"]))
    if report["pareto"]:
        parts.append(format_tradeoff(report))
    if report["advice"]:
        parts.append(str(report["advice"]["line"]))
    parts.append(format_stamp(report))
    if report["interrupted"]:
        parts.append("Interrupted: only what is shown was measured.")
    return "\n\n".join(parts)


def caveat_words(model: Entry) -> str:
    """Why a model's gains say little of the network; empty for most."""
    if model.get("random_weights"):
        return "random weights"
    return "not fine-tuned" if model.get("not_fine_tuned") else ""


def format_models(report: Entry) -> str:
    """State the data, and the models in a table."""
    data = report["data"]
    scaled = "" if data["scale"] == 1 else f", downscaled by {data['scale']:g}"
    rows = [
        [
            model["name"],
            f"{model['kmac_per_pixel']:.2f}",
            str(model["parameters"]),
            f"{model['file_bytes'] / 1024:.0f}",
            ", ".join(filter(None, (model["precision"], caveat_words(model)))),
            "x".join(map(str, model["window"])),
            str(model["halo"]),
        ]
        for model in report["models"]
        if not model.get("peer")
    ]
    headers = ["model", "kMAC/px", "parameters", "KiB", "precision", "window", "halo"]
    what, setup = "clip" if data["clips"] else "picture", report["setup"]
    head = [
        f"{counted(data['pictures'], what)} of {data['name']}{scaled}; target {setup['target']}"
    ]
    if data["clips"] or setup["codec"] != "jpeg":
        head.append(f"{codec_in_words(setup['codec'])}, {setup['coding']}: {encoder_words(setup)}")
    return "\n".join([*head, "", *table([headers, *rows], range(1))])


def encoder_words(setup: Entry) -> str:
    """Encoder, version and settings of a report's setup."""
    encoder = setup["encoder"]
    return f"{encoder['encoder']} ({encoder['version']}), {encoder['settings']}"


def ensemble_words(rows: Sequence[Entry]) -> str:
    """What to add to a heading where the rows' networks ran as an ensemble."""
    members = rows[0].get("ensemble", 1)
    return "" if members == 1 else f", ensemble of {members}"


def format_quality(protocol: str, rows: Sequence[Entry]) -> str:
    """Table of one protocol."""
    colour = protocol != "gray"
    codec = rows[0]["codec"]
    name, unit = codec_in_words(codec), "q" if codec == "jpeg" else unit_in_words(codec)
    headers = ["model", unit, "n", "bit/px", f"{name} dB", "after dB", "gain", "worst"]
    headers[4:4] = ["bit/ch"] if colour else []
    if colour:
        headers += [f"Y {name}", "Y after"]
    headers += [f"SSIM {name}", "after", f"PSNR-B {name}", "after", "worst picture"]
    cells = []
    for row in rows:
        line = [row["model"], f"{row['value']:g}", str(row["pictures"])]
        line.append(f"{row['bits_per_pixel']:.3f}")
        line += [f"{row['bits_per_channel']:.3f}"] if colour else []
        line += [
            f"{row['psnr_db_before']:.3f}",
            f"{row['psnr_db_after']:.3f}",
            f"{row['gain_db']:+.3f}",
            f"{row['worst_gain_db']:+.3f}",
        ]
        if colour:
            line += [f"{row['y_psnr_db_before']:.3f}", f"{row['y_psnr_db_after']:.3f}"]
        line += [
            f"{row['ssim_before']:.4f}",
            f"{row['ssim_after']:.4f}",
            f"{row['psnr_b_db_before']:.3f}",
            f"{row['psnr_b_db_after']:.3f}",
            row["worst_picture"],
        ]
        cells.append(line)
    lines = [
        f"Quality, protocol {protocol}{ensemble_words(rows)}: {CodingProtocol(protocol).meaning}"
    ]
    if colour:
        lines.append("Y: full-range luma; SSIM and PSNR-B are of it.")
    return "\n".join([*lines, "", *table([headers, *cells], range(1))])


def format_bd(entries: Sequence[Entry]) -> str:
    """Table of the Bjontegaard deltas to the codec itself."""
    headers = ["model", "protocol", "of", "BD-rate", "BD-PSNR", "n", "worst", "worst picture"]
    cells = [
        [
            one["model"],
            one["protocol"],
            "Y PSNR" if one["measure"] == "y_psnr" else "PSNR",
            "" if one["bd_rate_percent"] is None else f"{one['bd_rate_percent']:+.2f} %",
            "" if one["bd_psnr_db"] is None else f"{one['bd_psnr_db']:+.3f} dB",
            str(one["pictures"]),
            "" if one["worst_picture"] is None else f"{one['worst_bd_rate_percent']:+.2f} %",
            one["worst_picture"] or "",
        ]
        for one in entries
    ]
    lines = [
        f"Bits saved at equal quality, decibels at equal bits: against {curve_words(entries[0])},",
        "piecewise cubic over the logarithm of the rate, mean of the pictures",
        "",
        *table([headers, *cells], (0, 1, 2, 7)),
    ]
    left_out = list(dict.fromkeys(name for one in entries for name in one["left_out"]))
    if left_out:
        lines.append(
            f"Left out somewhere, since their curves cannot be compared: {', '.join(left_out)}."
        )
    return "\n".join(lines)


def curve_words(entry: Entry) -> str:
    """Codec and strengths of a curve, such as ``JPEG at qualities 10, 20, 40, 70``."""
    units = {"quality": "qualities", "QP": "QPs", "rate": "rates"}
    unit, values = unit_in_words(entry["codec"]), ", ".join(f"{v:g}" for v in entry["values"])
    return f"{codec_in_words(entry['codec'])} at {units[unit]} {values}"


def format_latency(latency: Entry) -> str:
    """Table of all lanes."""
    headers = ["model", "what", "size", "p50 ms", "95 % interval", "p90", "p99", "fps", "Mpx/s"]
    headers += ["to reference", "rounds"]
    lanes = latency["lanes"]
    metered = any(lane.get("joules_per_megapixel") is not None for lane in lanes)
    headers += ["J/Mpx"] if metered else []
    cells = [
        [
            lane["model"],
            KIND_WORDS[lane["what"]],
            lane["size"],
            f"{lane['p50_ms']:.2f}",
            "{:.2f} to {:.2f}".format(*lane["p50_interval_ms"]),
            f"{lane['p90_ms']:.2f}",
            "" if lane["p99_ms"] is None else f"{lane['p99_ms']:.2f}",
            f"{lane['frames_per_second']:.1f}",
            f"{lane['megapixels_per_second']:.2f}",
            f"{lane['to_reference']:.3f}",
            str(lane["repeats"]),
            *([_joules(lane)] if metered else []),
        ]
        for lane in lanes
    ]
    lines = [
        f"Latency, one picture after another, JPEG quality {latency['quality']}; lanes in turns, the "
        f"reference network",
        f"between them ({latency['reference_ms']:.2f} ms)",
        "",
        *table([headers, *cells], range(3)),
    ]
    if latency.get("energy"):
        lines.append(latency["energy"])
    unsteady = [
        f"{lane['model']} ({KIND_WORDS[lane['what']]}, {lane['size']})"
        for lane in lanes
        if lane["unsteady"]
    ]
    if unsteady:
        lines.append(
            f"Unsteady, rounds differ by 10 % or more: {', '.join(unsteady)}. "
            "Close other programs, or run again with a larger --repeats."
        )
    return "\n".join(lines)


def _joules(lane: Entry) -> str:
    joules = lane.get("joules_per_megapixel")
    return "n/a" if joules is None else f"{joules:.3f}"


def format_memory(uses: Sequence[Entry]) -> str:
    """Table of the peak memory."""
    cells = [
        [
            use["name"],
            use["size"],
            "unknown" if use["peak_bytes"] is None else f"{use['peak_bytes'] / MIB:.1f}",
            f"{use['planned_bytes'] / MIB:.1f}",
            "" if use["planner_off"] is None else f"{use['planner_off']:+.0%}",
            f"{use['limit_bytes'] / MIB:.1f}",
            "unknown" if use["codec_bytes"] is None else f"{use['codec_bytes'] / MIB:.1f}",
        ]
        for use in uses
    ]
    headers = ["model", "size", "measured", "planned", "off", "limit", "codecs"]
    lines = [
        "Memory of one call in MiB, input and output not counted; codecs: what decoding,",
        "conversion to RGB and encoding take beside that from a JPEG file to a PNG file",
        "",
        *table([headers, *cells], range(2)),
    ]
    wrong = [f"{use['name']} ({use['size']})" for use in uses if use["planner_wrong"]]
    if wrong:
        lines.append(f"The planner is wrong, by more than 20 %: {', '.join(wrong)}.")
    return "\n".join(lines)


def format_tradeoff(report: Entry) -> str:
    """Table of gain against latency, with what it costs."""
    trade = report["pareto"]
    models = {model["name"]: model for model in report["models"]}
    memory = {use["name"]: use for use in report["memory"] if use["size"] == trade["size"]}
    cells = []
    for point in sorted(trade["points"], key=lambda point: float(point["p50_ms"])):
        model, use = models[point["model"]], memory.get(point["model"])
        peak = use["peak_bytes"] if use else None
        cells.append(
            [
                point["model"],
                f"{point['gain_db']:+.3f}",
                f"{point['p50_ms']:.1f}",
                f"{point['p90_ms']:.1f}",
                f"{1e3 / point['p50_ms']:.1f}",
                f"{model['kmac_per_pixel']:.1f}",
                str(model["parameters"]),
                f"{model['file_bytes'] / 1024:.0f}",
                "" if peak is None else f"{peak / MIB:.1f}",
                "yes" if point["frontier"] else "",
            ]
        )
    headers = ["model", "gain dB", "p50 ms", "p90 ms", "fps", "kMAC/px", "parameters", "KiB", "MiB"]
    headers.append("frontier")
    lines = [
        f"Trade-off: gain at quality {trade['quality']} ({trade['protocol']}) against latency at "
        f"{trade['size']} ({KIND_WORDS[trade['what']]})",
        "",
        *table([headers, *cells], range(1)),
    ]
    return "\n".join(lines)


def format_stamp(report: Entry) -> str:
    """Versions, machine, decoder and conditions; what the models share is said once."""
    stamp = report["stamp"]
    placed = {
        f"{m['runtime']} {m['runtime_version']}, {m['provider']}, "
        f"{counted(m['threads'], 'thread')}": None
        for m in report["models"]
    }
    features = ", ".join(stamp["cpu_features"]) or "no features known"
    lines = [
        f"edgeqe {stamp['edgeqe']}, Python {stamp['python']}, numpy {stamp['numpy']}",
        *placed,
        f"{stamp['system']}, {stamp['cpu']} ({features}), "
        f"{counted(stamp['cpu_count'], 'processor')}",
    ]
    if (
        report["setup"]["codec"] == "jpeg" or report["latency"]["lanes"]
    ):  # timed frames come behind JPEG
        lines.append(f"JPEG: {stamp['jpeg']}")
    lines += [
        f"fallback: {m['fallback']} ({m['name']}: the asked target cannot run here)"
        for m in report["models"]
        if m.get("fallback")
    ]
    return "\n".join([*lines, *(f"note: {note}" for note in report["notes"])])
