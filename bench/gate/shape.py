"""The shape of what is compared of a report, and what is wrong with one that has it not.

A baseline may be old, cut off or edited by hand: nothing of it is used before it was looked at.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    """What a value must be."""

    words: str
    """Behind ``must be``."""
    fits: Callable[[Any], bool]
    optional: bool = False
    """Whether it may be null, or not there."""


@dataclass(frozen=True)
class Each:
    """An object of any keys whose values are all of one kind."""

    kind: Kind


def _number(least: float, most: float) -> Kind:
    def fits(value: Any) -> bool:
        return type(value) in (int, float) and least <= value <= most

    return Kind(f"a number from {least:g} to {most:g}", fits)


def _is_interval(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(_number(1e-9, 1e9).fits(end) for end in value)
        and value[0] <= value[1]
    )


def _maybe(kind: Kind) -> Kind:
    return Kind(f"{kind.words}, or null", kind.fits, optional=True)


TEXT = Kind("text", lambda value: isinstance(value, str))
TRUTH = Kind("true or false", lambda value: isinstance(value, bool))
WHOLE = Kind(
    "a whole number of 0 or more", lambda value: type(value) is int and 0 <= value < 1 << 63
)
DB = _number(-1e3, 1e3)
#: A ratio's bounds keep the quotient of two of them a number.
RATIO = _number(1e-9, 1e9)
INTERVAL = Kind("two numbers above 0, the smaller first", _is_interval)

#: An object stands for an object with these keys, a list for a list of such; what a report has
#: beside is not compared.
SHAPE = {
    "interrupted": TRUTH,
    "stamp": {
        **dict.fromkeys(("edgeqe", "python", "numpy", "system", "cpu", "jpeg", "reference"), TEXT),
        "cpu_count": _maybe(WHOLE),
        "cpu_features": [TEXT],
        "others_busy": _maybe(_number(0, 1e6)),
    },
    "setup": {
        "threads": _maybe(WHOLE),
        "memory_limit_bytes": WHOLE,
        "ensemble": _maybe(WHOLE),
    },
    "data": {"name": TEXT, "pictures": WHOLE, "scale": _number(0, 1)},
    "models": [
        {
            **dict.fromkeys(("name", "runtime", "runtime_version", "provider"), TEXT),
            "threads": _maybe(WHOLE),
            # a peer has none of these
            "fallback": _maybe(TEXT),
            "sha256": _maybe(TEXT),
        }
    ],
    "quality": [
        {"protocol": TEXT, "model": TEXT, "quality": WHOLE, "gain_db": DB, "gains_db": Each(DB)}
    ],
    "latency": {
        "reference_balance": _maybe(RATIO),
        "lanes": [
            {
                **dict.fromkeys(("model", "what", "size"), TEXT),
                "to_reference": RATIO,
                "to_reference_interval": INTERVAL,
            }
        ],
    },
    "memory": [{"name": TEXT, "size": TEXT, "peak_bytes": _maybe(WHOLE), "limit_bytes": WHOLE}],
}


def faults(value: Any, shape: Any, place: str = "") -> Iterator[str]:
    """What is wrong with a value, a line each, with the place and what is there.

    Parameters
    ----------
    value
        As JSON brings it.
    shape : dict, list, Each or Kind
        See `SHAPE`.
    place : str
        Where the value lies.
    """
    if isinstance(shape, Kind):
        if not (shape.fits(value) or (shape.optional and value is None)):
            yield _fault(place, value, shape.words)
    elif isinstance(shape, list):
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from faults(item, shape[0], f"{place}[{index}]")
        else:
            yield _fault(place, value, "a list")
    elif not isinstance(value, dict):
        yield _fault(place, value, "an object")
    elif isinstance(shape, Each):
        for key, item in value.items():
            yield from faults(item, shape.kind, f"{place}[{reprlib.repr(key)}]")
    else:
        for key, inner in shape.items():
            where = f"{place}.{key}" if place else key
            if key in value:
                yield from faults(value[key], inner, where)
            elif not (isinstance(inner, Kind) and inner.optional):
                yield f"{where} is missing"


def _fault(place: str, value: Any, words: str) -> str:
    # shortened, because a value may be as long as the file
    return f"{place} = {reprlib.repr(value)} must be {words}"
