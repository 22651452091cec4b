"""A run beside its baseline: verdicts, text, plain values and JUnit."""

from __future__ import annotations

import json
import math
from pathlib import Path
from textwrap import dedent
from typing import Any
from xml.etree import ElementTree

import pytest

from edgeqe.bench.baseline_check.baseline import check_like, compare, read_baseline
from edgeqe.bench.baseline_check.comparison import Comparison
from edgeqe.bench.baseline_check.junit import to_junit
from edgeqe.errors import InputError
from tests.bench.made_up_report import made_up_report
from tests.bench.small_report import MIB, PEER, SMALL, lane, quality, report, saved


def baseline() -> dict[str, Any]:
    return {**report(), "file": "base.json"}


def run(max_drop: float = 0.05, max_slowdown: float = 10.0, **changes: Any) -> Comparison:
    """Compare a run that differs from the baseline in whole keys of the report."""
    return compare(baseline(), {**report(), **changes}, max_drop, max_slowdown)


def lanes(*found: dict[str, Any]) -> dict[str, Any]:
    return {"reference_ms": 30.0, "reference_balance": 1.2, "lanes": list(found)}


def memory(peak: int | None) -> list[dict[str, Any]]:
    return [{"name": SMALL, "size": "720p", "peak_bytes": peak, "limit_bytes": 64 * MIB}]


def test_the_same_report_again_holds() -> None:
    same = run()
    assert same.failures() == [] == same.notes()
    assert [row.verdict for row in same.rows] == [
        "holds",
        "holds",
        "no significant difference",
        "no significant difference",
        "holds",
    ]
    assert same.to_dict()["holds"] is True


def test_a_report_with_all_that_one_may_hold_is_its_own_baseline(tmp_path: Path) -> None:
    whole = made_up_report()
    before = read_baseline(saved(tmp_path, whole))
    check_like(before, whole, accept_unlike=False)
    same = compare(before, whole, 0.0, 0.0)
    counts = len(whole["quality"]), len(whole["latency"]["lanes"]), len(whole["memory"])
    assert (len(same.quality), len(same.latency), len(same.memory)) == counts
    assert same.failures() == []
    assert same.not_compared == ()
    assert same.differences == ()


def test_a_loss_of_02_db_is_named() -> None:
    # one picture loses 0.1 dB, the other 0.3
    worse = run(quality=[quality("gray", 10, 1.15, 0.7), quality("planes", 40, 0.75, 0.5)])
    assert worse.failures() == [
        f"gain of {SMALL}, gray, JPEG quality 10: 0.200 dB lost (1.125, now 0.925), at most 0.05 dB "
        "may go; sky loses 0.300 dB"
    ]
    first, second = worse.quality
    assert (first.verdict, second.verdict) == ("REGRESSES", "holds")


@pytest.mark.parametrize(
    ("now", "max_drop", "fails"),
    # 0.625 - 0.575 is a little more than 0.05 in floating point, and still at its limit
    [(0.575, 0.05, False), (0.574, 0.05, True), (0.625, 0.0, False), (0.7, 0.0, False)],
)
def test_a_loss_at_its_limit_holds(now: float, max_drop: float, fails: bool) -> None:
    made = run(max_drop, quality=[quality("planes", 40, now, now)])
    assert bool(made.failures()) is fails


def test_a_slowdown_of_30_percent_is_named() -> None:
    slower = run(latency=lanes(lane(SMALL, "rgb", 1.95), lane(PEER, "gray", 20.0)))
    (failure,) = slower.failures()
    # widths of 1 % each add to 1.41 %; of 1.3 that is 1.8 % either way
    assert failure == (
        f"latency of {SMALL}, rgb, 720p: 30.0 % slower beside the reference network (interval "
        "28.2 to 31.9 %), at most 10 % is allowed"
    )
    assert run(max_slowdown=40.0, latency=slower_lanes()).failures() == []


def slower_lanes() -> dict[str, Any]:
    return lanes(lane(SMALL, "rgb", 1.95))


def test_a_slow_machine_slows_the_reference_too() -> None:
    """Milliseconds are not compared, only ratios."""
    current = lanes(lane(SMALL, "rgb", 1.5))
    current["reference_ms"] = 300.0
    assert run(latency=current).failures() == []


@pytest.mark.parametrize(
    ("ratio", "width", "verdict"),
    [
        (1.5 * 1.04, 0.001, "no significant difference"),  # what another start may bring
        (1.5 * 1.3, 0.4, "no significant difference"),  # 30 %, known to 40 % only
        (1.5 * 1.08, 0.001, "holds"),  # slower, and less than is allowed
        (1.5 * 1.3, 0.05, "REGRESSES"),
        (1.5 * 0.8, 0.01, "faster"),
    ],
)
def test_verdicts_of_latency(ratio: float, width: float, verdict: str) -> None:
    made = run(latency=lanes(lane(SMALL, "rgb", ratio, width)))
    (row,) = made.latency
    assert row.verdict == verdict
    assert bool(made.failures()) is (verdict == "REGRESSES")


def test_a_slowdown_that_noise_hides_is_noted() -> None:
    made = run(latency=lanes(lane(SMALL, "rgb", 1.95, 0.4)))
    assert made.notes() == [
        f"latency of {SMALL}, rgb, 720p: 30.0 % slower would be too much, but the two runs are "
        "too unsteady to tell: measure again with more --repeats"
    ]


def test_a_limit_finer_than_two_runs_can_tell_is_noted() -> None:
    (note,) = run(max_slowdown=2.0).notes()
    assert note == (
        "two runs are told apart from 5% on, so that a slowdown between 2 and 5 % is not found"
    )


def test_memory_must_keep_the_limit() -> None:
    above = run(memory=memory(65 * MIB))
    assert above.failures() == [
        f"memory of {SMALL}, 720p: the peak of 65.0 MiB is above the limit of 64.0 MiB"
    ]
    assert run(memory=memory(64 * MIB)).failures() == []


@pytest.mark.parametrize(("peak", "noted"), [(48 * MIB, False), (48 * MIB + 1, True)])
def test_memory_that_grew_by_more_than_a_fifth_is_noted(peak: int, noted: bool) -> None:
    made = run(memory=memory(peak))
    assert made.failures() == []
    grew = [f"memory of {SMALL}, 720p: the peak grew from 40.0 to 48.0 MiB"]
    assert made.notes() == grew * noted


def test_memory_that_the_system_does_not_tell() -> None:
    untold = run(memory=memory(None))
    assert untold.memory == ()
    (left,) = untold.not_compared
    assert (left.kind, left.why) == ("memory", "the system does not tell the peak")
    before = baseline()
    before["memory"] = memory(None)
    made = compare(before, {**report(), "memory": memory(65 * MIB)}, 0.05, 10.0)
    assert len(made.failures()) == 1
    assert "unknown" in made.to_text()


def test_rows_of_one_report_alone_are_listed() -> None:
    made = run(
        quality=[quality("gray", 10, 1.25, 1.0), quality("gray", 20, 1.0, 1.0)],
        latency=lanes(),
    )
    assert [(row.kind, row.name, row.why) for row in made.not_compared] == [
        ("quality", f"gain of {SMALL}, planes, JPEG quality 40", "only the baseline has it"),
        ("quality", f"gain of {SMALL}, gray, JPEG quality 20", "the baseline has it not"),
        ("latency", f"latency of {SMALL}, rgb, 720p", "only the baseline has it"),
        ("latency", f"latency of {PEER}, gray, 720p", "only the baseline has it"),
    ]
    assert made.failures() == []


def test_many_rows_alone_are_counted() -> None:
    before = baseline()
    before["quality"] += [quality("gray", value, 1.0, 1.0) for value in range(50, 56)]
    text = compare(before, report(), 0.05, 10.0).to_text()
    names = [f"gain of {SMALL}, gray, JPEG quality {value}" for value in range(50, 54)]
    assert f"not compared, only the baseline has it: {'; '.join(names)}; and 2 more" in text


def test_nothing_in_common_is_refused() -> None:
    current = report()
    current |= {"quality": [], "latency": lanes(lane("other", "rgb", 1.0)), "memory": []}
    current["models"] = [{**current["models"][0], "name": "other"}]
    with pytest.raises(InputError) as caught:
        compare(baseline(), current, 0.05, 10.0)
    assert str(caught.value) == (
        f"nothing of the baseline 'base.json' was measured now ({SMALL}, {PEER}; now other): "
        "measure the same models, strengths and sizes."
    )


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_limits_are_numbers_of_0_or_more(value: float) -> None:
    with pytest.raises(InputError, match="max-drop .* is no number of 0 or more"):
        run(max_drop=value)
    with pytest.raises(InputError, match="max-slowdown .* is no number of 0 or more"):
        run(max_slowdown=value)


def worse() -> Comparison:
    """A loss, a slowdown, a row alone, an interrupted baseline and differences of both kinds."""
    before, current = baseline(), report()
    before["interrupted"] = True
    before["quality"].append(quality("gray", 20, 1.0, 1.0))
    current["stamp"] |= {"cpu": "Other\x07 CPU", "edgeqe": "0.6.0"}
    current["quality"][0] = quality("gray", 10, 1.15, 0.7)
    current["latency"] = slower_lanes()
    return compare(before, current, 0.05, 10.0)


def test_the_whole_text() -> None:
    expected = """\
        Compared with base.json

        Quality: mean gains in dB, at most 0.05 dB may go

        model              protocol  coded            gain before     now    lost    loses most
        edgeqe-small:int8  gray      JPEG quality 10       +1.125  +0.925  +0.200    +0.300 sky  REGRESSES
        edgeqe-small:int8  planes    JPEG quality 40       +0.625  +0.625  +0.000  +0.000 bikes      holds

        Latency as a ratio to the reference network of the same run: at most 10 % slower; interval of 95 %

        model              what  size  x reference before    now  slower by        interval
        edgeqe-small:int8  rgb   720p               1.500  1.950    +30.0 %  +28.2 to +31.9  REGRESSES

        Memory: the peak of one call must keep its limit

        model              size  peak MiB before   now  limit
        edgeqe-small:int8  720p             40.0  40.0   64.0  holds

        not compared, only the baseline has it: gain of edgeqe-small:int8, gray, JPEG quality 20; latency of DnCNN3, gray, 720p
        unlike, and compared all the same: cpu (Some CPU, now Other? CPU)
        changed since: edgeqe (0.5.0, now 0.6.0)
        note: the baseline was interrupted: it has only what was measured by then
        gain of edgeqe-small:int8, gray, JPEG quality 10: 0.200 dB lost (1.125, now 0.925), at most 0.05 dB may go; sky loses 0.300 dB
        latency of edgeqe-small:int8, rgb, 720p: 30.0 % slower beside the reference network (interval 28.2 to 31.9 %), at most 10 % is allowed"""  # noqa: E501  # a table's lines are as long as they are
    assert worse().to_text() == dedent(expected)


def test_the_last_line_where_nothing_regresses() -> None:
    assert run().to_text().splitlines()[-1] == "nothing regresses in 5 rows"


def test_plain_values() -> None:
    found = json.loads(json.dumps(worse().to_dict(), allow_nan=False))
    assert (found["file"], found["interrupted"], found["holds"]) == ("base.json", True, False)
    assert (found["max_drop_db"], found["max_slowdown_percent"]) == (0.05, 10.0)
    assert len(found["failures"]) == 2
    gray = found["quality"][0]
    assert gray["drop_db"] == pytest.approx(0.2, abs=1e-12)
    assert (gray["worst_picture"], gray["verdict"]) == ("sky", "REGRESSES")
    (slow,) = found["latency"]
    assert slow["slowdown_percent"] == pytest.approx(30.0, abs=1e-9)
    assert (slow["significant"], slow["verdict"]) == (True, "REGRESSES")
    assert found["memory"][0]["peak_bytes"] == 40 * MIB
    assert [row["kind"] for row in found["not_compared"]] == ["quality", "latency"]
    assert found["differences"][0] == {
        "field": "cpu",
        "baseline": "Some CPU",
        "current": "Other\x07 CPU",
        "refused": True,
    }


def test_junit() -> None:
    made = worse()
    suites = ElementTree.fromstring(to_junit(made))
    (suite,) = suites.findall("testsuite")
    for element in (suites, suite):
        counts = [element.attrib[name] for name in ("tests", "failures", "errors", "skipped")]
        assert counts == ["6", "2", "0", "2"]
    cases = {case.attrib["name"]: case for case in suite.findall("testcase")}
    assert [(name, case.attrib["classname"]) for name, case in cases.items()] == [
        (f"gain of {SMALL}, gray, JPEG quality 10", "edgeqe.bench.quality"),
        (f"gain of {SMALL}, planes, JPEG quality 40", "edgeqe.bench.quality"),
        (f"latency of {SMALL}, rgb, 720p", "edgeqe.bench.latency"),
        (f"memory of {SMALL}, 720p", "edgeqe.bench.memory"),
        (f"gain of {SMALL}, gray, JPEG quality 20", "edgeqe.bench.quality"),
        (f"latency of {PEER}, gray, 720p", "edgeqe.bench.latency"),
    ]
    outcomes = [[child.tag for child in case] for case in cases.values()]
    assert outcomes == [["failure"], [], ["failure"], [], ["skipped"], ["skipped"]]
    messages = [failure.attrib["message"] for failure in suite.iter("failure")]
    assert messages == made.failures()
    assert "REGRESSES" in (next(suite.iter("failure")).text or "")
    properties = {p.attrib["name"]: p.attrib["value"] for p in suite.iter("property")}
    assert properties["baseline"] == "base.json"
    assert properties["unlike: cpu"] == "cpu (Some CPU, now Other? CPU)"
    assert properties["changed: edgeqe"] == "edgeqe (0.5.0, now 0.6.0)"
    assert suite.findtext("system-out") == made.to_text()
