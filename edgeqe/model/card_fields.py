"""JSON of a model file's metadata, read strictly, and the schema of the card's fields.

The text comes from an untrusted file: it may nest a thousand levels, state a key twice, hold
numbers that no float is, or any other type than the field has.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from edgeqe.model.limits import LARGEST_WINDOW, LONGEST_NAME

#: Levels that JSON may nest.
DEEPEST = 32
#: Characters that a terminal would obey.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def read_json(text: str, largest: int) -> dict[str, Any]:
    """Object that a text of JSON holds.

    Parameters
    ----------
    text : str
    largest : int
        Characters that it may have.

    Raises
    ------
    ValueError
        If it is longer, is no JSON, is no object, nests too deeply, or states a key twice.
    """
    if len(text) > largest:
        raise ValueError(f"{len(text)} characters, {largest} are the most")
    try:
        values = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("it nests too deeply") from error
    if not isinstance(values, dict):
        raise ValueError("it is no object")
    return values


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it states a key twice")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def check_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a card, each of its type and in its range, with tuples for lists.

    Fields that this version does not know are left out.

    Raises
    ------
    ValueError
        If a field is wrong; it is named.
    """
    found = {}
    for name, check in _FIELDS.items():
        if name not in values:
            continue
        try:
            found[name] = check(values[name])
        except ValueError as error:
            raise ValueError(f"'{name}' {error}") from error
    return found


def integer(least: int, most: int) -> Callable[[Any], int]:
    """Check of an integer."""

    def check(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"must be an integer of {least} to {most}, it is {_shown(value)}")
        return value

    return check


def number(least: float, most: float) -> Callable[[Any], float]:
    """Check of a number."""

    def check(value: Any) -> float:
        if type(value) not in (int, float) or not least <= value <= most:
            raise ValueError(f"must be a number of {least:g} to {most:g}, it is {_shown(value)}")
        found: float = value
        return found

    return check


def plain_text(longest: int) -> Callable[[Any], str]:
    """Check of a text without control characters."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or len(value) > longest or _CONTROL.search(value):
            raise ValueError(f"must be a text of at most {longest} plain characters")
        return value

    return check


#: Licence of weights whose file does not say it, in SPDX's word.
NOT_STATED = "NOASSERTION"

_name = plain_text(LONGEST_NAME)
_step = number(2.0**-10, 2.0**13)


def _names(value: Any) -> tuple[str, ...]:
    """A list of different names."""
    if not isinstance(value, list) or len(value) > 10_000:
        raise ValueError("must be a list of names")
    found = tuple(_name(one) for one in value)
    if len(set(found)) != len(found):
        raise ValueError("states a name twice")
    return found


def _by_name(check: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    """Check of an object whose keys are names."""

    def checked(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > 10_000:
            raise ValueError("must be an object")
        return {_name(name): check(one) for name, one in value.items()}

    return checked


def _two_names(value: Any) -> tuple[str, str]:
    first, second = _names(value) if isinstance(value, list) and len(value) == 2 else ("", "")
    if not first:
        raise ValueError("must be two names each")
    return first, second


def _two_steps(value: Any) -> tuple[float, float]:
    """Two quantization steps, the finer one first."""
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("must be two steps each")
    finer, coarser = (_step(one) for one in value)
    if not finer < coarser:
        raise ValueError(f"must be two rising steps each, they are {finer:g} and {coarser:g}")
    return finer, coarser


def _facts(value: Any) -> Any:
    """Anything of JSON that may be shown and written again."""
    waiting = [(value, 0)]
    while waiting:
        found, depth = waiting.pop()
        kind = type(found)  # JSON gives these types themselves
        if depth > DEEPEST:
            raise ValueError("nests too deeply")
        if kind is str:
            if _CONTROL.search(found):
                raise ValueError("holds control characters")
        elif kind is dict:
            waiting += [(one, depth + 1) for pair in found.items() for one in pair]
        elif kind is list:
            waiting += [(one, depth + 1) for one in found]
        elif kind is float and not math.isfinite(found):
            raise ValueError("holds a number that is not finite")
    return value


def _shown(value: Any) -> str:
    """A value for an error message, short."""
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    try:
        return ascii(value)[:40]
    except ValueError:  # an integer of thousands of digits
        return "a long integer"


_FIELDS: dict[str, Callable[[Any], Any]] = {
    "name": plain_text(100),
    "description": plain_text(2000),
    "planes": _name,
    "codecs": _names,
    "precision": _name,
    "halo": integer(0, 1 << 14),
    "alignment": integer(1, 4 * LARGEST_WINDOW),
    "kmac_per_pixel": number(0, 1e6),
    "parameters": integer(0, 1 << 40),
    "peak_floats_per_pixel": number(0, 1e6),
    "default_step": _step,
    "weights_sha256": _name,
    "vectors": _names,
    "activations": _names,
    "residual_step": number(0, 1e3),
    "golden_tolerance": number(0, 255),
    "biases": _by_name(_two_names),
    "fades": _by_name(_two_steps),
    "faded": _names,
    "folded": _by_name(_name),
    "inputs": _names,
    "tiling": _name,
    "block": integer(0, 1 << 12),
    "traffic_floats_per_pixel": number(0, 1e6),
    "integer_kmac_per_pixel": number(0, 1e6),
    "exact_halo": integer(0, 1 << 14),
    "trainable": integer(0, 1 << 40),
    "shared": _names,
    "licence": plain_text(1000),
    "provenance": _by_name(_facts),
    "quality": _by_name(_facts),
    "format_version": integer(1, 1 << 30),
}
