"""What a plan's report says, from made-up tables."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from edgeqe.bench.planning.programs import best_single, joint, two_step
from edgeqe.bench.planning.report import PlanNetwork, PlanReport
from edgeqe.bench.planning.tables import ChoiceTables, PlanLimits
from edgeqe.coding import RatePoint


@pytest.fixture
def report() -> PlanReport:
    """Two pictures: the first gains by the network, the second by a finer QP."""
    tables = ChoiceTables(
        np.array([[900, 300], [800, 200]]),
        np.array([[0, 500_000], [0, 500_000]]),
        np.array([[[30.0, 33.0], [29.0, 32.0]], [[40.0, 40.5], [31.0, 31.5]]]),
    )
    limits = PlanLimits(1200, 500_000, 20_000)
    return PlanReport(
        data="photos",
        out="OUT",
        scale=1.0,
        points=(RatePoint("jpeg", 60), RatePoint("jpeg", 20)),
        networks=(PlanNetwork("edgeqe-tiny", "int8", "litert", "XNNPACK", 2),),
        limits=limits,
        size_limit="0.48bpp",
        pictures=("a", "b"),
        sizes=((100, 100), (100, 100)),
        tables=tables,
        single=best_single(tables, limits),
        two_step=two_step(tables, limits),
        joint=joint(tables, limits),
        solving_seconds=0.25,
        stripped=0,
        notes=(),
        stamp={"edgeqe": "0"},
    )


def test_the_three_plans_and_what_they_take(report: PlanReport) -> None:
    text = report.to_text()
    lines = {line.split("  ")[0]: line.split() for line in text.splitlines() if line}
    # quality 20 for both is all that fits, and the network's time only for one: 29 and 31 dB
    assert lines["best single quality and network"][-7:-3] == ["30.000", "500", "0.2000", "0.000"]
    # the second picture finer, the first by the network: (32 + 40) / 2
    assert lines["qualities, then networks"][-4:] == ["36.000", "1100", "0.4400", "0.500"]
    assert lines["qualities and networks at once"][-4:] == ["36.000", "1100", "0.4400", "0.500"]
    assert "limits: 0.48bpp (1200 bytes), 0.5 s" in text
    assert "edgeqe-tiny       1.000 s  +1.750 dB" in text
    for words in ("not proven", "do not hold", "times:"):
        assert words not in text


def test_json_has_all_tables(report: PlanReport) -> None:
    values = json.loads(json.dumps(report.to_dict()))
    assert values["joint"]["networks"] == ["edgeqe-tiny", None]
    assert values["joint"]["values"] == [20, 60]
    assert values["encoder"]["encoder"] == "libjpeg-turbo"
    first = values["pictures"][0]
    assert first["bytes"] == [900, 300] and first["seconds"] == [0, 0.5]
    assert first["psnr_db"] == [[30.0, 33.0], [29.0, 32.0]]


def test_what_is_not_as_it_should_be_is_said(report: PlanReport) -> None:
    text = replace(
        report,
        single=None,
        joint=replace(report.joint, gap=0.0125),
        stripped=2,
        size_limit="1200",
        notes=("other programs kept 3 processors busy",),
    ).to_text()
    for words in ("none fits", "may have up to 0.0125 dB more", "2 pictures have alpha",
                  "times: other programs", "limits: 1200 bytes, 0.5 s"):  # fmt: skip
        assert words in text
    assert replace(report, single=None).to_dict()["single"] is None
