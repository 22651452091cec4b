"""``edgeqe bench`` with a meter of energy, and without one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from edgeqe.bench import run as bench_run
from edgeqe.bench.conditions.energy import EnergyMeter
from tests.cli.conftest import Bench

WORDS = ("--no-quality", "--repeats", "2")


class Constant(EnergyMeter):
    """A meter that takes every second for six joules."""

    name = "made up"

    def joules_of(self, work: Callable[[], object]) -> float:
        work()
        return 6.0


def test_joules_a_megapixel(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, told_memory: list[Any]
) -> None:
    monkeypatch.setattr(bench_run, "find_meter", lambda: (Constant(), ""))
    monkeypatch.setattr(bench_run, "joules_a_run", lambda meter, run: meter.joules_of(run))
    latency = json.loads(bench(*WORDS, "--json").stdout)["latency"]
    assert latency["energy"] == "Energy: made up"
    for lane in latency["lanes"]:
        # six joules for 96x128 pixels
        assert lane["joules_per_megapixel"] == pytest.approx(6.0 / 0.012288, rel=1e-12)
    shown = bench(*WORDS).stdout
    assert "J/Mpx" in shown and "488.281" in shown


def test_without_a_meter_it_says_why(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, told_memory: list[Any]
) -> None:
    monkeypatch.setattr(bench_run, "find_meter", lambda: (None, "no meter here"))
    shown = bench(*WORDS).stdout
    assert "Energy: n/a, no meter here" in shown and "J/Mpx" not in shown
