"""Proofs about a model file, run on the device it will work on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeqe.enhancer import SELF_TEST_TOLERANCE
from edgeqe.model_file import ModelFile
from edgeqe.planes import NEUTRAL
from edgeqe.runtimes.ort import OrtSession
from edgeqe.strength import KEYS_PER_OCTAVE
from edgeqe.windows import Axis, axis

Float = npt.NDArray[np.float32]

#: Largest difference of tiles from the whole before rounding, grey levels.
TILE_TOLERANCE = 1e-3
#: Sizes, pixels, at which tiles are compared with the whole.
SIZES = ((94, 130), (150, 222), (2, 190))


@dataclass(frozen=True)
class Check:
    """One proof."""

    name: str
    passed: bool
    detail: str
    """What was measured."""


def verify(path: Path) -> list[Check]:
    """All proofs of a file; a file that cannot be read raises ModelError.

    1. card: it is there, of this version, and its hash is the weights'.
    2. self-test: the golden input gives the golden output.
    3. tiles: windows with the card's halo equal the whole picture.
    4. halo: one alignment step less does not, so the halo is no larger than needed.
    5. strengths: the vectors as they lie are the table's at the default step, and the
       residual grows from the finest to the coarsest strength.
    6. sharing: no weight is stored twice.
    """
    model = ModelFile(path)
    card = model.card
    session = OrtSession(model.at(model.key(card.default_step)))
    planes, expected = model.golden
    error = float(
        np.abs(session.run(planes.astype(np.float32) - np.float32(NEUTRAL)) - expected).max()
    )
    exact = max(tiling_error(session, *size, card.halo, card.alignment) for size in SIZES)
    less = card.halo - card.alignment
    short = max(tiling_error(session, *size, less, card.alignment) for size in SIZES)
    return [
        Check("card", True, f"{card.name}, format {card.format_version}, weights match their hash"),
        Check(
            "self-test",
            error <= SELF_TEST_TOLERANCE,
            f"largest difference {error:.4f} grey levels (limit {SELF_TEST_TOLERANCE})",
        ),
        Check(
            "tiles",
            exact <= TILE_TOLERANCE,
            f"halo {card.halo}: largest difference {exact:.1e} grey levels (limit {TILE_TOLERANCE})",
        ),
        Check(
            "halo",
            short > TILE_TOLERANCE,
            f"halo {less}: largest difference {short:.1e} grey levels, as it must fail",
        ),
        _strengths(model),
        _sharing(model),
    ]


def tiling_error(session: OrtSession, height: int, width: int, halo: int, alignment: int) -> float:
    """Largest difference of windows from the whole, grey levels.

    The picture is noise at full swing, and the windows are about as small as this
    halo allows.
    """
    rng = np.random.default_rng(11)
    planes = rng.uniform(-128, 127, (6, height // 2, width // 2)).astype(np.float32)
    whole = session.run(planes)
    result = np.empty_like(whole)
    vertical, horizontal = (_small(side, halo, alignment) for side in (height, width))
    for top, *rows in vertical:
        for left, *columns in horizontal:
            bottom, right = top + vertical.size, left + horizontal.size
            cut = np.s_[:, top // 2 : bottom // 2, left // 2 : right // 2]
            tile = session.run(np.ascontiguousarray(planes[cut]))
            first, last = (rows[0] - top) // 2, (rows[1] - top) // 2
            left_own, right_own = (columns[0] - left) // 2, (columns[1] - left) // 2
            result[:, rows[0] // 2 : rows[1] // 2, columns[0] // 2 : columns[1] // 2] = tile[
                :, first:last, left_own:right_own
            ]
    return float(np.abs(result - whole).max())


def _small(length: int, halo: int, alignment: int) -> Axis:
    """Smallish windows along an axis, or one where it is too short."""
    for count in (5, 4, 3, 2):
        made = axis(length, count, halo, alignment)
        if made is not None:
            return made
    return Axis(length, 1, length, 0)


def _strengths(model: ModelFile) -> Check:
    if model.strengths is None:
        return Check("strengths", True, "one strength")
    key = model.key(model.card.default_step)
    lying = b"".join(
        model.data[tensor.start : tensor.stop]
        for tensor in (model.outline.initializers[name] for name in model.card.vectors)
    )
    table = model.strengths.row(key)
    file = np.frombuffer(lying, "<f4")
    difference = float(np.abs(file - table).max() / np.abs(table).max())
    first = model.strengths.first_key
    last = first + len(model.strengths.curve) - 1
    planes = np.random.default_rng(3).uniform(-60, 60, (6, 24, 24)).astype(np.float32)
    strengths = [float(np.abs(OrtSession(model.at(k)).run(planes)).mean()) for k in (first, last)]
    passed = difference < 1e-4 and strengths[1] > strengths[0] and bool(np.isfinite(table).all())
    low, high = (2.0 ** (k / KEYS_PER_OCTAVE) for k in (first, last))
    return Check(
        "strengths",
        passed,
        f"steps {low:.1f} to {high:.1f}, {len(model.card.vectors)} vectors; mean residual "
        f"{strengths[0]:.2f} to {strengths[1]:.2f} grey levels",
    )


def _sharing(model: ModelFile) -> Check:
    seen: dict[bytes, str] = {}
    twice = []
    for tensor in model.outline.initializers.values():
        raw = model.data[tensor.start : tensor.stop]
        if tensor.name in model.card.vectors or len(raw) < 256:
            continue
        digest = hashlib.sha256(raw).digest()
        if digest in seen:
            twice.append(f"{seen[digest]} = {tensor.name}")
        seen[digest] = tensor.name
    stored = sum(t.stop - t.start for t in model.outline.initializers.values())
    detail = f"{len(seen)} weights, {stored} bytes of {len(model.data)} in the file"
    return Check("sharing", not twice, f"{detail}; stored twice: {twice or 'none'}")
