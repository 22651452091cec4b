"""Claims of the papers as comparisons of two measured rows, and whether they hold here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: A row's figure by its unit; the PSNR stands in front.
FIGURES = {
    "dB": re.compile(r"([-+]?\d+(?:\.\d+)?)"),
    "NIQE": re.compile(r".*NIQE (\d+\.\d+)"),
    "features": re.compile(r".*features (\d+\.\d+)"),
}


@dataclass(frozen=True)
class Comparison:
    """One network against another at equal training."""

    claim: str
    better: tuple[str, ...]
    """Rows that should be better, by their names; the mean of several counts."""
    than: tuple[str, ...]
    """Rows that they are compared with."""
    margin: float = 0.0
    """Decibels that they may be behind."""
    unit: str = "dB"
    """Figure that is compared, one of `FIGURES`: more decibels are better, and less of the others."""


def _at(pattern: str) -> tuple[str, ...]:
    return tuple(f"Y PSNR, QP {qp}, {pattern}" for qp in (22, 27, 32, 37))


PLAIN, PER_QP, ADAPTIVE = map(
    _at, ("one plain model for all QPs", "one model per QP", "one QP-adaptive model")
)
_ADAPTIVE = (
    *(
        Comparison(f"QP-adaptive beats plain, QP {qp}", (ADAPTIVE[i],), (PLAIN[i],))
        for i, qp in enumerate((22, 27, 32, 37))
    ),
    Comparison("QP-adaptive within 0.03 dB of a model per QP, mean", ADAPTIVE, PER_QP, 0.03),
)
_BLOCKS = "one pass of blocks"
_FULL = (f"Y PSNR, q20, full, {_BLOCKS}",)
_TYPES = tuple(
    f"RGB, QP 37, type {i}, {name}"
    for i, name in enumerate(
        (
            "noise reduction",
            "texture restoration",
            "one behind the other",
            "trained as a cascade",
        ),
        1,
    )
)
#: Comparisons by group.
COMPARISONS: Mapping[str, Sequence[Comparison]] = {
    "liu": _ADAPTIVE,
    "vrcnn": _ADAPTIVE,
    "asqe": (
        *(
            Comparison(f"full beats {other}", _FULL, (f"Y PSNR, q20, {other}, {_BLOCKS}",))
            for other in ("noAttention", "noWeightSharing", "noMFF")
        ),
        Comparison(
            "the shifted second pass gains",
            ("Y PSNR, q20, full, second pass shifted by 16",),
            _FULL,
        ),
        Comparison(
            "frozen channel attention, whose tiles equal the whole, loses nothing",
            ("Y PSNR, q20, full, attention frozen, no blocks",),
            ("Y PSNR, q20, full, second pass shifted by 16",),
        ),
    ),
    "rrnet": tuple(
        Comparison(
            f"residual beats {other}, QP {qp}",
            (f"Y PSNR, QP {qp}, reconstruction and residual",),
            (f"Y PSNR, QP {qp}, {name}",),
        )
        for qp in (37, 32)
        for other, name in (
            ("the reconstruction alone", "reconstruction alone"),
            ("the partition map", "reconstruction and partition map"),
        )
    ),
    "hgrdn": (
        *(
            Comparison(f"type 1 beats type {i + 1} in PSNR", (_TYPES[0],), (_TYPES[i],))
            for i in (1, 2, 3)
        ),
        *(
            Comparison(
                f"type {i + 1} beats type 1 in {unit}", (_TYPES[i],), (_TYPES[0],), unit=unit
            )
            for i in (2, 3)
            for unit in ("NIQE", "features")
        ),
        *(
            Comparison(f"type 4 beats type 3 in {unit}", (_TYPES[3],), (_TYPES[2],), unit=unit)
            for unit in ("NIQE", "features")
        ),
    ),
}


def verdicts(group: str, ours: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Claim, difference and whether it holds, of a group's comparisons whose rows were measured.

    Parameters
    ----------
    group : str
        One of `systems.GROUPS`.
    ours : mapping of str to str
        Measured rows: PSNR in dB in front, such as ``31.191 dB (+1.119)``, other figures behind their
        names.
    """
    found = []
    for one in COMPARISONS.get(group, ()):
        if not {*one.better, *one.than} <= ours.keys():
            continue
        difference = _mean(one.better, ours, one.unit) - _mean(one.than, ours, one.unit)
        ahead = difference if one.unit == "dB" else -difference
        holds = "yes" if ahead > -one.margin else "no"
        found.append((one.claim, f"{difference:+.3f} {one.unit}", holds))
    return found


def _mean(names: Sequence[str], ours: Mapping[str, str], unit: str) -> float:
    figures = [FIGURES[unit].match(ours[name]) for name in names]
    return sum(float(figure[1]) for figure in figures if figure) / len(names)
