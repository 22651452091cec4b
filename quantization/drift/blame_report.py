"""The report of a blame: a table for people, and JSON."""

from __future__ import annotations

import json

from edgeqe.quantization.drift.blame import NOTICEABLE, SOURCES, Blame
from edgeqe.quantization.drift.reporting import machine_line, signed
from edgeqe.reports.tables import table

SCHEMA_VERSION = 2


def to_json(blame: Blame) -> str:
    """JSON text."""
    return json.dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "kind": "edgeqe-blame",
            "largest": blame.largest,
            "losses_db": blame.losses(),
            "reference": blame.reference.to_dict(),
            "candidate": blame.candidate.to_dict(),
            "decoder": blame.decoder,
            "data": blame.data,
            "rows": [
                {
                    "protocol": row.protocol.value,
                    "quality": row.quality,
                    "pictures": row.pictures,
                    "jpeg_psnr_db": row.jpeg,
                    "reference_gain_db": row.psnr[0] - row.jpeg,
                    "candidate_gain_db": row.psnr[-1] - row.jpeg,
                    "drift_db": row.drift,
                    "losses_db": row.losses,
                }
                for row in blame.rows
            ],
            "notes": list(blame.notes),
            "stamp": blame.stamp,
        },
        indent=2,
    )


def to_text(blame: Blame) -> str:
    """Tables, a protocol each, and the stage that costs most."""
    lines = [
        f"reference  {blame.reference.line()}",
        f"candidate  {blame.candidate.line()}",
        f"decoder    {blame.decoder}, instead of islow",
    ]
    if blame.decoder == "islow":
        lines[-1] = "decoder    islow, not swapped"
    for protocol in dict.fromkeys(row.protocol for row in blame.rows):
        cells = [["quality", "n", "JPEG dB", "reference", "candidate", "drift", *SOURCES]]
        cells += [
            [
                str(row.quality),
                str(row.pictures),
                f"{row.jpeg:.3f}",
                signed(row.psnr[0] - row.jpeg),
                signed(row.psnr[-1] - row.jpeg),
                signed(row.drift),
                *map(signed, row.losses.values()),
            ]
            for row in blame.rows
            if row.protocol == protocol
        ]
        lines += [
            "",
            f"{protocol}: {protocol.meaning}; gains and losses of gain in dB",
            *table(cells),
        ]
    lines += ["", *(f"note: {note}" for note in blame.notes)]
    lines += [f"pictures of {blame.data}", machine_line(blame.stamp), ""]
    if blame.largest == "none":
        return "\n".join([*lines, f"nothing costs {NOTICEABLE:g} dB in the mean"])
    losses = ", ".join(f"{name} {signed(loss)} dB" for name, loss in blame.losses().items())
    return "\n".join([*lines, f"largest: {blame.largest} (mean of the rows: {losses})"])
