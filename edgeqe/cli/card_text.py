"""A model file's card as text: sentences and aligned columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeqe.reports.tables import printable, table

if TYPE_CHECKING:
    from edgeqe.model.card import Card
    from edgeqe.model.file import ModelFile
    from edgeqe.trust.signature import Signature

#: Key of the provenance that holds command lines.
COMMANDS = "commands"
#: Layouts of a network's planes in words.
PLANES = {
    "y": "luma at full size",
    "rgb": "RGB at full size",
    "420-space-to-depth": "planes of 4:2:0, luma as four of half size",
}


def card_lines(path: Path, file: ModelFile, signed: Signature | None = None) -> list[str]:
    """Lines about a model file.

    Parameters
    ----------
    path : Path
    file : ModelFile
    signed : Signature, optional
        The one in the file, unchecked.
    """
    card, facts = file.card, dict(_facts(file))
    if signed is not None:
        facts["signature"] = (
            f"of the key {signed.key}, counter {signed.counter}, not checked: see "
            "'edgeqe verify --trust'"
        )
    lines = [f"{path}", "", *_rows(facts)]
    provenance = {name: value for name, value in card.provenance.items() if name != COMMANDS}
    if commands := card.provenance.get(COMMANDS):
        lines += ["", "commands that make it", *(f"  {printable(str(one))}" for one in commands)]
    for title, values in (("made by", provenance), ("measured", card.quality)):
        if values:
            lines += ["", title, *_rows(dict(flattened(values)), indent=2)]
    cells = [["constant", "shape", ""]]
    for name, tensor in file.outline.initializers.items():
        follows = "follows the strength" if name in card.vectors else ""
        cells.append([printable(name), "x".join(map(str, tensor.dims)), follows])
    return [*lines, "", *table(cells, left={0, 2})]


def facts_lines(facts: Mapping[str, Any]) -> list[str]:
    """Lines about a network of the zoo that ships no weights.

    Parameters
    ----------
    facts : mapping
        Of `edgeqe.zoo.facts`.
    """
    name = facts["name"]
    told = {
        "network": f"{name}, of {facts['paper']}",
        "codecs": ", ".join(facts["codecs"]),
        "takes": _taken(facts["planes"], facts["inputs"]),
        "tiles": tiles_words(facts["tiling"], facts["block"], facts["halo"], facts["alignment"]),
        "work": f"{facts['kmac_per_pixel']:.6g} kMAC a pixel",
        "parameters": f"{facts['parameters']:,}, {facts['trainable']:,} of them trainable",
        "strength": "a table of vectors follows it" if facts["strengths"] else "none: one for all",
        "weights": f"none are shipped; 'edgeqe convert {name} -o {name}.onnx' makes a file with "
        "random ones, for timing and tests",
    }
    return [facts["description"], "", *_rows(told)]


def tiles_words(tiling: str, block: int, halo: int, alignment: int) -> str:
    """How pictures are cut for a network, in a sentence."""
    if tiling == "blocks":
        return f"by blocks of {block} pixels"
    if tiling == "whole":
        return "none: it needs the whole picture at once"
    return f"exact, with a halo of {halo} pixels, at multiples of {alignment}"


def flattened(values: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Names with dots, and texts, of values that hold others."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from flattened(value, f"{name}.{key}" if name else str(key))
    elif isinstance(values, (list, tuple)) and any(
        isinstance(value, (Mapping, list, tuple)) for value in values
    ):
        for number, value in enumerate(values):
            yield from flattened(value, f"{name}.{number}")
    elif isinstance(values, (list, tuple)):
        yield name, ", ".join(map(_text, values))
    else:
        yield name, _text(values)


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _facts(file: ModelFile) -> Iterator[tuple[str, str]]:
    from edgeqe.model.card_fields import NOT_STATED

    card, operators = file.card, Counter(file.outline.op_types)
    yield "network", card.name
    yield "about", card.description
    yield "file", f"{len(file.data):,} bytes, {card.precision}, {file.format}"
    yield "codecs", ", ".join(card.codecs)
    yield "takes", _taken(card.planes, card.inputs)
    yield "tiles", tiles_words(card.tiling, card.block, card.halo, card.alignment)
    yield "work", _work(card)
    yield "memory", _memory(card)
    yield (
        "parameters",
        f"{card.parameters:,}"
        + (f", from {card.trainable:,} that were trained" if card.trainable else ""),
    )
    yield "strength", _strength(file)
    if card.fades:
        yield "fades", _fades(card)
    yield "operators", ", ".join(f"{count} {name}" for name, count in operators.items())
    if card.shared:
        yield "shared", f"kernels of several convolutions: {', '.join(card.shared)}"
    yield "licence", "not stated" if card.licence == NOT_STATED else card.licence
    yield "weights", f"sha256 {card.weights_sha256}"


def _taken(planes: str, inputs: Sequence[str]) -> str:
    words = PLANES.get(planes, planes)
    return f"{words}, and the prediction residual" if "residual" in inputs else words


def _work(card: Card) -> str:
    words = f"{card.kmac_per_pixel:g} kMAC a pixel"
    if card.integer_kmac_per_pixel:
        words += f", {card.integer_kmac_per_pixel:g} of them in integers"
    return words


def _memory(card: Card) -> str:
    words = f"{card.peak_floats_per_pixel:g} floats a pixel live at most"
    if card.traffic_floats_per_pixel:
        words += f", {card.traffic_floats_per_pixel:g} read and written"
    return words


def _strength(file: ModelFile) -> str:
    from edgeqe.codecs.strength import KEYS_PER_OCTAVE

    stored = f"stored at step {file.card.default_step:.2f}"
    if file.strengths is None:
        return f"{stored}, one for all"
    first, rows = file.strengths.first_key, file.strengths.keys
    low, high = (2.0 ** (key / KEYS_PER_OCTAVE) for key in (first, first + rows - 1))
    each = ", of each codec" if file.strengths.blocks > 1 else ""
    return (
        f"steps {low:.2f} to {high:.2f} by 1/{KEYS_PER_OCTAVE} octave{each}, {stored}; a table of "
        f"rank {file.strengths.curve.shape[1]}"
    )


def _fades(card: Card) -> str:
    ends = (f"{codec} {low:.2f} to {high:.2f}" for codec, (low, high) in card.fades.items())
    return f"the change fades in between steps: {', '.join(ends)}"


def _rows(values: Mapping[str, str], indent: int = 0) -> list[str]:
    lines = table([[printable(name), printable(text)] for name, text in values.items()], {0, 1})
    return [f"{'':{indent}}{line}" for line in lines]
