"""What two reports must have in common before their figures may be compared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeqe.reports.tables import printable

#: Of the stamp: another machine, decoder or reference network makes other figures. The reference
#: network takes out a machine's speed, but not how much faster it is at one network than another.
STAMP = ("system", "cpu", "cpu_count", "cpu_features", "jpeg", "reference")
DATA = ("name", "clips", "pictures", "scale")
SETUP = ("codec", "coding", "threads", "memory_limit_bytes", "ensemble")
ENCODER = ("encoder", "version", "settings")
#: Of each model that both reports have.
MODEL = ("runtime", "runtime_version", "provider", "threads", "fallback")
#: What differs between two versions of ours is what a comparison is about: it is only noted.
NOTED_STAMP = ("edgeqe", "python", "numpy")
NOTED_MODEL = ("sha256", "window")
#: Most items of a list that are named.
FEW = 8

_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Difference:
    """A field in which two reports differ."""

    field: str
    """As in the report: ``cpu``, ``setup.threads``, ``provider of edgeqe-small:int8``."""
    baseline: Any
    current: Any
    refused: bool
    """Whether the figures may not be compared; else it is only noted."""

    @property
    def words(self) -> str:
        """Field and both values."""
        return f"{self.field} ({_words(self.baseline)}, now {_words(self.current)})"

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dict(self.__dict__)


def differences(baseline: Mapping[str, Any], current: Mapping[str, Any]) -> list[Difference]:
    """Every field that two reports should share and do not, those that are refused first.

    Parameters
    ----------
    baseline, current : mapping
        Reports as plain values. What is not measured yet is not compared: models that only one
        of them names, and the pictures of a protocol that only one of them has rows of.
    """
    found = [
        *_of("", STAMP, baseline["stamp"], current["stamp"]),
        *_of("data.", DATA, baseline["data"], current["data"]),
        *_pictures(baseline["quality"], current["quality"]),
        *_of("setup.", SETUP, baseline["setup"], current["setup"]),
        *_of("encoder.", ENCODER, baseline["setup"]["encoder"], current["setup"]["encoder"]),
        *_of("", NOTED_STAMP, baseline["stamp"], current["stamp"], refused=False),
    ]
    models = {model["name"]: model for model in current["models"]}
    for before in baseline["models"]:
        now = models.get(before["name"])
        if now is not None:
            of = f" of {printable(before['name'])}"
            found += _of("", MODEL, before, now, of)
            found += _of("", NOTED_MODEL, before, now, of, refused=False)
    return sorted(found, key=lambda difference: not difference.refused)


def _of(
    prefix: str,
    fields: Sequence[str],
    baseline: Mapping[str, Any],
    current: Mapping[str, Any],
    suffix: str = "",
    *,
    refused: bool = True,
) -> Iterator[Difference]:
    """Fields of two objects that differ; a peer has not all of them."""
    for field in fields:
        before, now = (_plain(values.get(field)) for values in (baseline, current))
        if before != now:
            yield Difference(f"{prefix}{field}{suffix}", before, now, refused)


def _pictures(
    baseline: Sequence[Mapping[str, Any]], current: Sequence[Mapping[str, Any]]
) -> Iterator[Difference]:
    """Pictures that only one report measured, for each protocol that both did."""
    before, now = _names(baseline), _names(current)
    for protocol in sorted(before.keys() & now.keys()):
        first, second = before[protocol], now[protocol]
        if first != second:
            alone = sorted(first - second), sorted(second - first)
            yield Difference(f"pictures of {protocol}", *alone, refused=True)


def _names(rows: Sequence[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Names of the pictures of each protocol."""
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["protocol"], set()).update(row["gains_db"])
    return found


def _plain(value: Any) -> Any:
    """A value as JSON brings it back, for a report that has not been a file yet."""
    return list(value) if isinstance(value, tuple) else value


def _words(value: Any) -> str:
    """A value in a line."""
    if value is None or value == "":
        return "none"
    if isinstance(value, str):
        return value[:12] if _SHA256.fullmatch(value) else printable(value)
    if isinstance(value, list):
        few = [_words(item) for item in value[:FEW]]
        more = f" and {len(value) - FEW} more" if len(value) > FEW else ""
        return f"{', '.join(few) or 'none'}{more}"
    return str(value)
