"""Claims of the papers as comparisons of two measured rows, and whether they hold here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FIGURE = re.compile(r"[-+]?\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Comparison:
    """One network against another at equal training."""

    claim: str
    better: tuple[str, ...]
    """Rows that should have the larger PSNR, by their names; the mean of several counts."""
    than: tuple[str, ...]
    """Rows that they are compared with."""
    margin: float = 0.0
    """Decibels that they may be behind."""


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
}


def verdicts(group: str, ours: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Claim, difference and whether it holds, of a group's comparisons whose rows were measured.

    Parameters
    ----------
    group : str
        One of `systems.GROUPS`.
    ours : mapping of str to str
        Measured rows: PSNR in dB in front, such as ``31.191 dB (+1.119)``.
    """
    found = []
    for one in COMPARISONS.get(group, ()):
        if not {*one.better, *one.than} <= ours.keys():
            continue
        difference = _mean(one.better, ours) - _mean(one.than, ours)
        holds = "yes" if difference > -one.margin else "no"
        found.append((one.claim, f"{difference:+.3f} dB", holds))
    return found


def _mean(names: Sequence[str], ours: Mapping[str, str]) -> float:
    figures = [FIGURE.match(ours[name]) for name in names]
    return sum(float(figure[0]) for figure in figures if figure) / len(names)
