"""What is checked of a baseline follows from the entries' own annotations."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from edgeqe.bench.entries import plain
from edgeqe.bench.kinds import DecibelsByName, MaybeWhole, Text, Texts, Whole, faults, shape_of


@dataclass
class Ours:
    name: Text
    weight: Whole
    note: str = ""


@dataclass
class Theirs:
    name: Text
    made_by: str = "them"


@dataclass
class Inner:
    words: Texts
    gains: DecibelsByName


@dataclass
class Outer:
    inner: Inner
    both: list[Ours | Theirs]
    free: list[str] = field(default_factory=list)
    count: MaybeWhole = field(default=None, metadata={"left_out": True})


def whole() -> Outer:
    return Outer(Inner(["a", "b"], {"x": -0.5}), [Ours("one", 3), Theirs("two")], ["free"])


def test_an_entry_is_no_fault_of_its_own_shape() -> None:
    values = plain(whole())
    assert values["both"] == [
        {"name": "one", "weight": 3, "note": ""},
        {"name": "two", "made_by": "them"},
    ]
    assert "count" not in values  # left out where it is None
    assert list(faults(values, shape_of(Outer))) == []


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        (("inner",), 3, "inner = 3 must be an object"),
        (("inner", "words"), "ab", "inner.words = 'ab' must be a list"),
        (("inner", "words", 1), None, "inner.words[1] = None must be text"),
        (("inner", "gains", "x"), True, "inner.gains['x'] = True must be a number"),
        (("both", 0, "name"), 1, "both[0].name = 1 must be text"),
        (("both", 0, "weight"), -1, "both[0].weight = -1 must be a whole number"),
        (("count",), 1.5, "count = 1.5 must be a whole number of 0 or more, or null"),
    ],
)
def test_what_is_annotated_is_checked(
    place: tuple[str | int, ...], value: object, fault: str
) -> None:
    values = plain(whole())
    within = values
    for key in place[:-1]:
        within = within[key]
    within[place[-1]] = value
    (found,) = faults(values, shape_of(Outer))
    assert found.startswith(fault)


def test_what_is_not_annotated_is_not() -> None:
    values = plain(whole())
    values["free"], values["both"][0]["note"], values["more"] = 1, 2, 3
    del values["both"][1]["made_by"]
    assert list(faults(values, shape_of(Outer))) == []
    del values["both"][1]["name"]
    assert list(faults(values, shape_of(Outer))) == ["both[1].name is missing"]
