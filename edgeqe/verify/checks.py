"""Proofs about a model file, run on the device it will work on."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgeqe.codecs.strength import KEYS_PER_OCTAVE
from edgeqe.engine.self_test import golden_error
from edgeqe.engine.tiling import Axis, axis
from edgeqe.enhancer import Enhancer
from edgeqe.model.card import Card
from edgeqe.model.file import ModelFile
from edgeqe.runtimes import open_session
from edgeqe.trust.signature import signature_of
from edgeqe.trust.trust import Trust, open_model
from edgeqe.verify.receptive_field import CONVOLUTIONS, GATES, measured_field
from edgeqe.views.colour import NEUTRAL

if TYPE_CHECKING:
    from edgeqe.runtimes import Session


#: Largest difference of tiles from the whole before rounding, 8-bit levels.
TILE_TOLERANCE = 1e-3
#: Largest residual that changes no sample of 16 bits, 8-bit levels.
NO_RESIDUAL = 1e-3
#: Bytes of the file, or of a TFLite file's constants, per byte of the trainable
#: parameters, where kernels are shared; a float16 TFLite file has its own.
LARGEST_SHARE, LARGEST_SHARE_FLOAT16_TFLITE = 1.05, 1.15
#: The same of INT8, of the constants and of the file: a scale and a bias a channel of each use,
#: and a description of each value, weigh four times as much beside integers.
LARGEST_SHARE_INT8, LARGEST_FILE_INT8 = 1.15, 1.40
#: Networks below this are mostly card and golden tile.
SMALLEST_WEIGHED = 500_000
_INT8 = 3


@dataclass(frozen=True)
class Check:
    """One proof."""

    name: str
    passed: bool
    detail: str
    """What was measured."""


def verify(path: Path, trust: Trust | None = None) -> list[Check]:
    """All proofs of a file; one that cannot be read, or is not trusted, raises ModelError.

    1. card: it is there, of this version, and its hash is the weights'.
    2. self-test: the golden input gives the golden output.
    3. tiles: windows with the card's halo equal the whole picture; blocks give the same
       bytes in any order.
    4. halo: nothing farther than the card's exact halo reaches a result and a pixel at it
       does, so one alignment step less than the halo, rounded up, would fail (`receptive_field`).
    5. strengths: the stored vectors are the table's at the default step, and the
       finest and the coarsest strength give different residuals.
    6. fades: at the step at which a codec's residual begins to fade in there is none, and at
       the one from which it is whole there is; only of a card that has fades.
    7. sharing: no weight is stored twice, and what the card calls shared is used more
       than once.
    8. signature: the trusted key signed it; without one, not among the checks.
    """
    model = open_model(path, trust)
    card = model.card
    session = open_session(model, model.key(card.default_step))
    error, tolerance = golden_error(model, session)
    checks = [
        Check("card", True, f"{card.name}, format {card.format_version}, weights match their hash"),
        Check(
            "self-test",
            error <= tolerance,
            f"largest difference {error:.4f} 8-bit levels (limit {tolerance:.4f})",
        ),
    ]
    if card.tiling == "exact":
        checks += [_tiles(session, card), _halo(model)]
    elif card.tiling == "blocks":
        checks.append(_blocks(path, card))
    else:
        checks.append(Check("tiles", True, "needs the whole picture at once: it is never tiled"))
    checks.append(_strengths(model))
    if card.fades:
        checks.append(_fades(model))
    checks.append(_sharing(model))
    signature = signature_of(model.data)
    if trust is not None and signature is not None:
        detail = f"by the key {trust.key}, counter {signature.counter}"
        checks.append(Check("signature", True, detail))
    return checks


def tiling_error(session: Session, card: Card, height: int, width: int, halo: int) -> float:
    """Largest difference of windows from the whole, 8-bit levels.

    The picture is noise at full swing, and the windows are about as small as this
    halo allows. Sizes in picture pixels, multiples of the alignment.
    """
    rng, unit = np.random.default_rng(11), card.pixels_per_sample
    channels = card.channels + len(card.inputs) - 1
    planes = rng.uniform(-128, 127, (channels, height // unit, width // unit)).astype(np.float32)
    whole = session.run(planes)
    result = np.empty_like(whole)
    vertical, horizontal = (_small(side, halo, card.alignment) for side in (height, width))
    for top, *rows in vertical:
        for left, *columns in horizontal:
            bottom, right = top + vertical.size, left + horizontal.size
            cut = np.s_[:, top // unit : bottom // unit, left // unit : right // unit]
            tile = session.run(np.ascontiguousarray(planes[cut]))
            own = [slice((a - top) // unit, (b - top) // unit) for a, b in [rows]]
            own += [slice((a - left) // unit, (b - left) // unit) for a, b in [columns]]
            place = [slice(a // unit, b // unit) for a, b in (rows, columns)]
            result[:, place[0], place[1]] = tile[:, own[0], own[1]]
    return float(np.abs(result - whole).max())


def _small(length: int, halo: int, alignment: int) -> Axis:
    """Smallish windows along an axis, or one where it is too short."""
    for count in (5, 4, 3, 2):
        made = axis(length, count, halo, alignment)
        if made is not None:
            return made
    return Axis(length, 1, length, 0)


def _tiles(session: Session, card: Card) -> Check:
    """Long thin pictures both ways, and a square one where that is no great work."""
    step = card.alignment
    long, thin = 3 * card.halo + 16 * step, 3 * step
    sizes = [(thin, long), (long, thin)]
    if card.halo <= 32:
        sizes.append((-(-80 // step) * step, -(-112 // step) * step))
    error = max(tiling_error(session, card, *size, card.halo) for size in sizes)
    return Check(
        "tiles",
        error <= TILE_TOLERANCE,
        f"halo {card.halo}: largest difference {error:.1e} 8-bit levels (limit {TILE_TOLERANCE})",
    )


def _halo(model: ModelFile) -> Check:
    card = model.card
    field = measured_field(model)
    text = f"exactly {card.exact_halo}"
    if any(operation.op_type in GATES for operation in model.outline.operations):
        return Check("halo", not field.beyond, f"{text}: nothing farther reaches a result")
    less = card.halo - card.alignment
    rounded = -(-card.exact_halo // card.alignment) * card.alignment
    return Check(
        "halo",
        not field.beyond and field.at and card.halo == rounded,
        f"{text}: farther pixels {'reach' if field.beyond else 'never reach'} a result, one at "
        f"{card.exact_halo} {'does' if field.at else 'does not'}, so tiles with halo {less} "
        f"{'fail, as they must' if field.at and card.exact_halo > less else 'would do'}",
    )


def _blocks(path: Path, card: Card) -> Check:
    """The same bytes from one thread in bands and from several, in place and not."""
    rng = np.random.default_rng(13)
    side = 2 * card.block + card.block // 2
    shape = (side, side + 7) if card.planes == "y" else (side, side + 7, 3)
    picture = rng.integers(0, 256, shape).astype(np.uint8)
    results = []
    for threads, in_place in ((1, False), (2, True)):
        with Enhancer(path, threads=threads, memory_limit="1GiB") as enhancer:
            given = picture.copy()
            out = given if in_place else None
            results.append(enhancer.enhance(given, step=card.default_step, out=out))
    same = bool((results[0] == results[1]).all())
    return Check("tiles", same, f"blocks of {card.block}, two passes: same bytes in any order")


def _strengths(model: ModelFile) -> Check:
    if model.strengths is None:
        return Check("strengths", True, "one strength")
    rows = model.strengths.curve @ model.strengths.basis
    default = model.at(model.key(model.card.default_step))
    if model.card.precision == "int8":  # integers: the very same bytes
        same = default == model.data
    else:
        same = _difference(model, default) < (1e-4 if model.card.precision == "float32" else 1e-3)
    first = model.first_key
    last = first + model.keys - 1
    golden = model.golden[0].astype(np.float32) - np.float32(NEUTRAL)
    sizes = [float(np.abs(open_session(model, k).run(golden)).mean()) for k in (first, last)]
    own = model.strengths.keys
    low, high = (2.0 ** (k / KEYS_PER_OCTAVE) for k in (first, first + own - 1))
    blocks = f" of {model.strengths.blocks} codecs" if model.strengths.blocks > 1 else ""
    return Check(
        "strengths",
        same and sizes[1] != sizes[0] and bool(np.isfinite(rows).all()),
        f"steps {low:.1f} to {high:.1f}{blocks}, {len(model.card.vectors)} vectors; mean residual "
        f"{sizes[0]:.2f} to {sizes[1]:.2f} 8-bit levels",
    )


def _fades(model: ModelFile) -> Check:
    golden = model.golden[0].astype(np.float32) - np.float32(NEUTRAL)

    def largest(step: float, codec: str) -> float:
        return float(np.abs(open_session(model, model.key(step, codec)).run(golden)).max())

    ends = {
        codec: tuple(largest(step, codec) for step in steps)
        for codec, steps in model.card.fades.items()
    }
    passed = all(first <= NO_RESIDUAL < last for first, last in ends.values())
    found = ", ".join(
        f"{codec} {first:.1e} at step {low:g}, {last:.2f} at {high:g}"
        for (codec, (first, last)), (low, high) in zip(
            ends.items(), model.card.fades.values(), strict=True
        )
    )
    detail = f"largest residual, 8-bit levels: {found} (none: {NO_RESIDUAL:.0e})"
    return Check("fades", passed, detail)


def _difference(model: ModelFile, default: bytes) -> float:
    """Largest difference of the stored vectors from others, relative to the largest of them."""
    found, largest = 0.0, 1e-12
    for name in model.card.vectors:
        tensor = model.outline.initializers[model.card.folded.get(name, name)]
        stored, other = (
            np.frombuffer(data[tensor.start : tensor.stop], tensor.dtype).astype(np.float64)
            for data in (model.data, default)
        )
        found = max(found, float(np.abs(stored - other).max()))
        largest = max(largest, float(np.abs(other).max()))
    return found / largest


def _sharing(model: ModelFile) -> Check:
    card, outline = model.card, model.outline
    seen: dict[bytes, str] = {}
    twice, places = [], set[int]()
    for tensor in outline.initializers.values():
        raw = model.data[tensor.start : tensor.stop]
        if tensor.name in card.vectors or len(raw) < 256 or tensor.start in places:
            continue
        if card.precision == "int8" and tensor.data_type != _INT8:  # biases and scales
            continue
        places.add(tensor.start)
        digest = hashlib.sha256(raw).digest()
        if digest in seen:
            twice.append(f"{seen[digest]} = {tensor.name}")
        seen[digest] = tensor.name
    origin, constants = outline.origins(), outline.initializers.values()
    uses = [
        origin.get(name, name)
        for operation in outline.operations
        if operation.op_type in CONVOLUTIONS
        for name in operation.inputs[1:2]
    ]
    read = Counter(
        outline.initializers[name].start for name in uses if name in outline.initializers
    )
    lost = len(card.shared) - sum(count > 1 for count in read.values())
    stored = sum(size for _, size in {(t.start, t.stop - t.start) for t in constants})
    detail = (
        f"{len(seen)} weights; {len(card.shared)} kernels of {len(read)} are used more than "
        f"once and stored once; {stored} bytes of constants, {len(model.data)} in the file"
    )
    passed = not twice and lost <= 0
    if card.trainable:
        number = {"float16": 2, "int8": 1}.get(card.precision, 4)
        share, file_share = (n / (number * card.trainable) for n in (stored, len(model.data)))
        detail += f", {share:.3f} and {file_share:.3f} times {number} bytes a trainable parameter"
        if card.shared and card.trainable >= SMALLEST_WEIGHED:
            weighed = share if model.format == "tflite" else file_share
            if number == 1:
                passed &= share <= LARGEST_SHARE_INT8 and file_share <= LARGEST_FILE_INT8
            else:
                passed &= weighed <= LARGEST_SHARE
            if model.format == "tflite" and number == 2:
                passed &= file_share <= LARGEST_SHARE_FLOAT16_TFLITE
    wrong = twice + [f"{lost} kernels are used once"] * (lost > 0)
    return Check("sharing", passed, f"{detail}; stored twice: {', '.join(wrong) or 'none'}")
