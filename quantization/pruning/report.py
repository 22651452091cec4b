"""Reports of pruning and fine-tuning, as data and as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgeqe import zoo
from edgeqe.model.card import pixels_per_sample
from edgeqe.quantization.pruning.distillation import Tuned
from edgeqe.quantization.pruning.pictures import Gains
from edgeqe.quantization.pruning.pruning import Pruned
from edgeqe.quantization.pruning.workflow import Pruning

#: Layers that are named in a line.
NAMED = 7


def pruned_report(pruned: Pruned) -> dict[str, Any]:
    """MACs, parameters and widths, before and after, as plain values."""
    unit = pixels_per_sample(zoo.network(pruned.model.name).planes)
    return {
        "kmac_per_pixel": [round(macs / unit**2 / 1000, 3) for macs in pruned.macs],
        "parameters": list(pruned.parameters),
        "multiple": pruned.multiple,
        "widths": {name: list(widths) for name, widths in pruned.widths.items()},
    }


def pruning_report(result: Pruning) -> dict[str, Any]:
    """A pruning as plain values, for JSON."""
    found = {**result.origin, **pruned_report(result.pruned)}
    if result.tuned is not None:
        found["fine_tuned"] = {
            "steps": result.tuned.steps,
            "minutes": round(result.tuned.seconds / 60, 1),
            "interrupted": result.interrupted,
        }
        found["psnr_db"] = {
            name: {key: [round(value, 3) for value in pair] for key, pair in values.items()}
            for name, values in result.gains.items()
        }
    return found


def pruned_lines(name: str, pruned: Pruned) -> list[str]:
    """MACs, parameters and widths, before and after, as lines of text."""
    report = pruned_report(pruned)
    before, after = report["kmac_per_pixel"]
    layers: dict[str, list[str]] = {}
    for layer, (old, new) in pruned.widths.items():
        layers.setdefault("as before" if old == new else f"{new} of {old}", []).append(layer)
    return [
        f"{name}: {before:g} to {after:g} kMAC/px, {1 - after / before:.1%} less; "
        f"{pruned.parameters[0]} to {pruned.parameters[1]} parameters; widths in multiples of "
        f"{pruned.multiple}",
        *(f"  {width}: {_named(names)}" for width, names in layers.items()),
    ]


def _named(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def tuned_lines(tuned: Tuned, gains: Mapping[str, Gains]) -> list[str]:
    """PSNR that fine-tuning recovered: one line per set, protocol and quality.

    Parameters
    ----------
    tuned : Tuned
    gains : mapping
        Of the networks ``unpruned``, ``pruned`` and ``tuned``.
    """
    early = ", interrupted" if tuned.interrupted else ""
    lines = [
        f"  fine-tuned {tuned.steps} steps, {tuned.seconds / 60:.1f} min{early}",
        f"  {'PSNR, dB':24}{'JPEG':>8}{'unpruned':>10}{'pruned':>10}{'tuned':>10}{'kept':>8}",
    ]
    for key, (jpeg, whole) in gains["unpruned"].items():
        cut, now = (gains[name][key][1] for name in ("pruned", "tuned"))
        kept = f"{(now - jpeg) / (whole - jpeg):8.0%}" if whole > jpeg else f"{'':>8}"
        changes = "".join(f"{value - jpeg:+10.3f}" for value in (whole, cut, now))
        lines.append(f"  {key:24}{jpeg:8.2f}{changes}{kept}")
    return lines
