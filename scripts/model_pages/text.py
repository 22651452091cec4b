"""Text of a model's page, and of the page that says which one to take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pictures import Coding, Sample

from edgeqe.model.card import Card

#: Training data by the name that recipes have for it, with their licences.
DATA = {
    "free": "Freely licensed photographs alone: samples of cameras (free for any use), wallpapers (CC0, CC BY, CC "
    "BY-SA, Unsplash), Wikipedia's (mostly CC), the training part of Cloudinary's CID22 (CC BY-SA 4.0); and pictures "
    "that edgeqe draws: text, line art, screens, gradients.",
}
#: What each model is for, and the need that it is taken for.
FOR = {
    "edgeqe-nano": ("Live video on small processors.", "camera or player on ARM, every frame"),
    "edgeqe-tiny": ("Live video on a PC, pictures on a phone.", "live video on x86 or a GPU"),
    "edgeqe-small": ("The default.", "pictures; nothing in particular"),
    "edgeqe-base": (
        "Archives and prints.",
        "archives of JPEGs: quality before time, nothing is live",
    ),
    "edgeqe-base-video": (
        "Archives of video, and stills of its codecs.",
        "the same of HEIC, AVIF, WebP, JPEG 2000, BPG, H.264, HEVC, VVC",
    ),
}
#: Columns of README's table of other codecs.
OTHERS = ("H.264", "HEVC", "VVC", "AVIF", "WebP", "JPEG 2000")
PICTURES = (
    "Photograph, face and dark: parts of scikit-image's chelsea (CC0), astronaut and rocket (NASA, public domain); text "
    "and line art are drawn by edgeqe. The crops are lossless, each pixel shown as 2x2."
)


@dataclass(frozen=True)
class ModelFacts:
    """What a page says beside the pictures."""

    card: Card
    """Of the INT8 file that the figures are of."""
    files: Mapping[str, int]
    """Bytes by precision and format."""
    least_memory: int
    """Smallest memory limit that works with one thread, bytes."""


def published(root: Path, name: str) -> dict[str, str]:
    """Cells of a model's rows in README's tables of results, by their heads; empty where it has none."""
    found: dict[str, str] = {}
    heads: list[str] = []
    for line in (root / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            heads = []
        elif not heads:
            heads = cells
        elif cells[0] == name:
            found.update((h, c) for h, c in zip(heads, cells, strict=False) if h and c)
    return found


def page_of(
    facts: ModelFacts,
    samples: Mapping[str, Mapping[int, Sample]],
    coding: Coding,
    row: Mapping[str, str],
) -> str:
    """Markdown of one model's page."""
    card = facts.card
    purpose = FOR.get(card.name, (card.description, ""))[0]
    heads = " | ".join(f"{coding.head}{value}" for value in coding.values)
    lines = [
        f"# {card.name}",
        f"{purpose} {card.description} Serves {', '.join(card.codecs)}. [Which one to take](README.md).",
        f"![Crops before and after {card.name}]({card.name}.webp)",
        f"Pictures of 256x256 pixels, {coding.how}. {PICTURES}",
        f"## Gains\n\nPSNR of R, G and B in dB, {coding.codec.upper()} and enhanced, in INT8:\n\n| | {heads} |\n"
        + "|---" * (len(coding.values) + 1) + "|\n"
        + "\n".join(_gains(name, by_value) for name, by_value in samples.items()),
    ]  # fmt: skip
    if "gray q10" in row:
        lines.append(
            f"LIVE1: {row['gray q10']} dB in gray at quality 10, BD-rate {row['BD-rate gray']} in gray and "
            f"{row['BD-rate colour']} in colour ([results.md](../results.md))."
        )
    others = ", ".join(f"{codec} {row[codec]}" for codec in OTHERS if codec in row)
    if others:
        lines.append(
            f"LIVE1 luma in other codecs, BD-rate: {others} ([results.md](../results.md#other-codecs))."
        )
    speed = (
        f"{row['INT8, ms']} ms for 1280x720 in 4:2:0 on two threads of an AMD EPYC with VNNI"
        if "INT8, ms" in row
        else "not published"
    )
    smallest, largest = (f(facts.files.values()) / 1024 for f in (min, max))
    data = card.provenance.get("recipe", {})
    data = data.get("data", "") if isinstance(data, dict) else ""
    lines += [
        "## Speed and memory",
        f"- speed, INT8: {speed}; other devices in [cameras.md](../cameras.md#frames-per-second)\n"
        f"- arithmetic: {card.kmac_per_pixel:g} kMAC per pixel, {card.trainable or card.parameters:,} trained parameters, "
        f"halo {card.halo} pixels\n"
        f"- least memory limit with one thread, ONNX Runtime, INT8: {facts.least_memory / 2**20:.1f} MiB\n"
        f"- files: {len(facts.files)}, {smallest:.0f} to {largest:.0f} KiB: {', '.join(facts.files)}",
        "## Licences",
        f"Weights: {card.licence}. Training data: {DATA.get(data, 'the card does not say')}",
        f"`edgeqe inspect {card.name}` prints the card: recipe, validation, calibration. This page is of the weights "
        f"`{card.weights_sha256[:16]}`.",
    ]
    return "\n\n".join(lines) + "\n"


def _gains(name: str, by_value: Mapping[int, Sample]) -> str:
    cells = [
        f"{s.psnr_before:.2f} to {s.psnr_after:.2f} ({s.gain:+.2f})" for s in by_value.values()
    ]
    return f"| {name} | {' | '.join(cells)} |"


def overview(
    cards: Mapping[str, Card], rows: Mapping[str, Mapping[str, str]], pages: set[str]
) -> str:
    """Markdown of the page that says which one to take; models whose page is missing have no link."""
    lines = [
        "# Which model do I take?",
        "| you have | take | kMAC/px | 720p, INT8, ms | JPEG, BD-rate colour | HEVC, BD-rate luma |\n|---|---|---|---|---|---|\n"
        + "\n".join(
            f"| {FOR[name][1] if name in FOR else card.description} "
            f"| {f'[{name}]({name}.md)' if name in pages else name} | {card.kmac_per_pixel:.1f} "
            f"| {rows[name].get('INT8, ms', '')} | {rows[name].get('BD-rate colour', '')} "
            f"| {rows[name].get('HEVC', '')} |"
            for name, card in cards.items()
        ),
        "Milliseconds are those of two threads of an AMD EPYC with VNNI. `edgeqe bench --size 720p --fps 30` says on your own "
        "device which one holds a rate; `edgeqe models` lists what is shipped, and the codecs of each.",
        "- The name alone takes the precision that runs fastest here; INT8 loses 0.01 to 0.03 dB on photographs.\n"
        "- All need the same memory within a few MiB: a limit decides the size of the tiles, not the model.\n"
        "- A codec that no card names is refused: [train](../models.md#training) a model for it.",
        "Written by `python scripts/model_pages`.",
    ]  # fmt: skip
    return "\n\n".join(lines) + "\n"
