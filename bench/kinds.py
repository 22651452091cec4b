"""Kinds of values in a report: what a field must hold, written on the field, for reading it again.

A baseline may be old, cut off or edited by hand: nothing of it is used before it was looked at. A
field of an entry (`edgeqe.bench.entries`) whose type is `Annotated` with a `Kind` is compared with
baselines, so that it is checked; what a report has beside is not.
"""

from __future__ import annotations

import dataclasses
import reprlib
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

__all__ = [
    "Amount", "Decibels", "DecibelsByName", "Fraction", "Interval", "Kind", "Load", "MaybeRatio", "MaybeText",
    "MaybeWhole", "RatioValue", "Text", "Texts", "Truth", "Whole", "faults", "shape_of",
]  # fmt: skip


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
    """An object of any keys, or a list, whose values are all of one kind."""

    kind: Kind
    listed: bool = False


def _number(least: float, most: float) -> Kind:
    def fits(value: Any) -> bool:
        return type(value) in (int, float) and least <= value <= most

    return Kind(f"a number from {least:g} to {most:g}", fits)


def _is_interval(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(_RATIO.fits(end) for end in value)
        and value[0] <= value[1]
    )


def _maybe(kind: Kind) -> Kind:
    return Kind(f"{kind.words}, or null", kind.fits, optional=True)


_TEXT = Kind("text", lambda value: isinstance(value, str))
_WHOLE = Kind(
    "a whole number of 0 or more", lambda value: type(value) is int and 0 <= value < 1 << 63
)
_DB = _number(-1e3, 1e3)
#: A ratio's bounds keep the quotient of two of them a number.
_RATIO = _number(1e-9, 1e9)

Truth = Annotated[bool, Kind("true or false", lambda value: isinstance(value, bool))]
Text = Annotated[str, _TEXT]
MaybeText = Annotated[str | None, _maybe(_TEXT)]
Texts = Annotated[list[str], Each(_TEXT, listed=True)]
Whole = Annotated[int, _WHOLE]
MaybeWhole = Annotated[int | None, _maybe(_WHOLE)]
Amount = Annotated[float, _number(0, 1e6)]
Decibels = Annotated[float, _DB]
DecibelsByName = Annotated[dict[str, float], Each(_DB)]
RatioValue = Annotated[float, _RATIO]
MaybeRatio = Annotated[float | None, _maybe(_RATIO)]
Interval = Annotated[list[float], Kind("two numbers above 0, the smaller first", _is_interval)]
Fraction = Annotated[float, _number(0, 1)]
Load = Annotated[float | None, _maybe(_number(0, 1e6))]


def shape_of(entry: type) -> dict[str, Any]:
    """Shape of what is compared of an entry.

    Parameters
    ----------
    entry : dataclass
        Its fields are annotated with a kind, are entries or lists of entries themselves, or are
        not compared. In a list of several entries, what one of them has not is optional.

    Returns
    -------
    dict
        By key: a `Kind` or `Each`, a dict for an object, a list of one dict for a list of such.
    """
    hints = typing.get_type_hints(entry, include_extras=True)
    found = {field.name: _shape(hints[field.name]) for field in dataclasses.fields(entry)}
    return {name: shape for name, shape in found.items() if shape is not None}


def _shape(hint: Any) -> Any:
    for kind in getattr(hint, "__metadata__", ()):
        if isinstance(kind, Kind | Each):
            return kind
    if dataclasses.is_dataclass(hint):
        return shape_of(typing.cast(type, hint)) or None
    if typing.get_origin(hint) is list:
        (item,) = typing.get_args(hint)
        shapes = [_shape(one) for one in typing.get_args(item) or (item,)]
        merged: dict[str, Any] = {}
        for shape in filter(None, shapes):
            merged |= shape
        lacking = {name for name in merged if any(name not in (s or {}) for s in shapes)}
        for name in lacking:
            merged[name] = dataclasses.replace(merged[name], optional=True)
        return [merged] if merged else None
    return None


def faults(value: Any, shape: Any, place: str = "") -> Iterator[str]:
    """What is wrong with a value, a line each, with the place and what is there.

    Parameters
    ----------
    value
        As JSON brings it.
    shape : dict, list, Each or Kind
        See `shape_of`.
    place : str
        Where the value lies.
    """
    if isinstance(shape, Kind):
        if not (shape.fits(value) or (shape.optional and value is None)):
            yield _fault(place, value, shape.words)
    elif isinstance(shape, list) or (isinstance(shape, Each) and shape.listed):
        inner = shape.kind if isinstance(shape, Each) else shape[0]
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from faults(item, inner, f"{place}[{index}]")
        else:
            yield _fault(place, value, "a list")
    elif not isinstance(value, dict):
        yield _fault(place, value, "an object")
    elif isinstance(shape, Each):
        for key, item in value.items():
            yield from faults(item, shape.kind, f"{place}[{reprlib.repr(key)}]")
    else:
        for key, within in shape.items():
            where = f"{place}.{key}" if place else key
            if key in value:
                yield from faults(value[key], within, where)
            elif not (isinstance(within, Kind) and within.optional):
                yield f"{where} is missing"


def _fault(place: str, value: Any, words: str) -> str:
    # shortened, because a value may be as long as the file
    return f"{place} = {reprlib.repr(value)} must be {words}"
