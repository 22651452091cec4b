"""The frontier and the advice, on points whose order can be seen."""

from __future__ import annotations

from typing import Any

import pytest

from edgeqe.bench.tradeoff import Requirement, advice, pareto


def lane(model: str, p50: float, what: str = "rgb", size: str = "720p") -> dict[str, Any]:
    return {"model": model, "what": what, "size": size, "p50_ms": p50, "p90_ms": p50 + 5}


def row(model: str, gain: float, protocol: str = "planes", quality: int = 20) -> dict[str, Any]:
    return {"model": model, "protocol": protocol, "value": quality, "gain_db": gain}


LANES = [
    lane("fast", 10.0),
    lane("fast", 1.0, "network"),
    lane("good", 40.0),
    lane("slow", 41.0),
    lane("best", 100.0),
    lane("fast", 20.0, size="1080p"),
]
ROWS = [
    row("fast", 0.9),
    row("good", 1.1),
    row("slow", 1.0),
    row("best", 1.3),
    row("fast", 5.0, quality=10),
    row("fast", 6.0, "gray"),
]


def test_the_frontier() -> None:
    found = pareto(ROWS, LANES, 20)
    assert found is not None
    head = {key: value for key, value in found.items() if key != "points"}
    assert head == {"protocol": "planes", "quality": 20, "size": "720p", "what": "rgb"}
    assert [(p["model"], p["gain_db"], p["frontier"]) for p in found["points"]] == [
        ("fast", 0.9, True),
        ("good", 1.1, True),
        ("slow", 1.0, False),  # good gains more in less time
        ("best", 1.3, True),
    ]


def test_twins_are_both_on_the_frontier_and_a_tie_in_one_figure_decides() -> None:
    lanes = [lane("a", 10.0), lane("b", 10.0), lane("c", 10.0)]
    found = pareto([row("a", 1.0), row("b", 1.0), row("c", 0.9)], lanes, 20)
    assert found is not None
    assert [p["frontier"] for p in found["points"]] == [True, True, False]


def test_gray_alone_and_nothing_at_all() -> None:
    found = pareto([row("a", 1.0, "gray")], [lane("a", 9.0, "gray"), lane("a", 3.0, "network")], 20)
    assert found is not None and (found["protocol"], found["what"]) == ("gray", "gray")
    assert found["points"][0]["p50_ms"] == 9.0
    assert pareto([], LANES, 20) is None
    assert pareto(ROWS, [], 20) is None
    assert pareto(ROWS, LANES, 30) is None
    assert pareto([row("a", 1.0)], [lane("peer", 9.0, "gray")], 20) is None


@pytest.mark.parametrize(
    ("requirement", "model", "words"),
    [
        # p90 is 5 ms above p50: 15, 45, 46, 105 ms
        (Requirement(fps=20), "good", "20 frames per second"),
        (Requirement(fps=60), "fast", "60 frames per second"),
        (Requirement(latency_ms=45.0), "good", "45 ms"),
        (Requirement(latency_ms=44.9), "fast", "44.9 ms"),
        (Requirement(fps=1, latency_ms=20), "fast", "1 frames per second and 20 ms"),
        (Requirement(memory_limit=24 << 20), "best", "24 MiB"),
    ],
)
def test_the_best_picture_that_holds(requirement: Requirement, model: str, words: str) -> None:
    found = advice(pareto(ROWS, LANES, 20), requirement)
    assert found is not None
    assert found["model"] == model
    assert found["line"].startswith(f"Best that holds {words} at 720p")
    assert f": {model}, " in found["line"]


def test_advice_where_nothing_holds_or_nothing_is_asked() -> None:
    trade = pareto(ROWS, LANES, 20)
    found = advice(trade, Requirement(fps=100))
    assert found is not None and found["model"] is None
    assert "the fastest is fast with 15.0 ms, 66.7 frames per second" in found["line"]
    assert advice(trade, Requirement()) is None
    none = advice(None, Requirement(fps=30))
    assert none is not None and none["line"].startswith("No advice")
