"""Tables of text."""

from __future__ import annotations

from edgeqe.reports.tables import table


def test_columns_align() -> None:
    assert table([["name", "n"], ["a", "100"], ["longer", "2"]], left=range(1)) == [
        "name      n",
        "a       100",
        "longer    2",
    ]
    assert table([["a", "name"], ["100", "x"]], left=(1,)) == ["  a  name", "100  x"]
