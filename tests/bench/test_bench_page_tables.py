"""The tables of the page: every row, rounded right."""

from __future__ import annotations

import pytest

from edgeqe.bench.page.html import page_html
from tests.bench.html_page import Page
from tests.bench.made_up_report import OURS, PEER, made_up_report

NAMES = [*(name for name, *_ in OURS), PEER]


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for the plots."""
    for name in ("pareto_png", "quality_png", "rate_png"):
        monkeypatch.setattr(f"edgeqe.bench.page.html.{name}", lambda *_: b"\x89PNG\r\n\x1a\n")


@pytest.fixture
def page() -> Page:
    """Page of the whole report, without pictures."""
    return Page(page_html(made_up_report(), []))


def test_the_trade_off_table(page: Page) -> None:
    table = page.table("Gain in protocol planes at JPEG quality 10; latency at 720p, whole path")
    assert table.headings == [
        "Model", "Frontier", "Gain dB", "p50 ms", "p90 ms", "Frames/s", "Mpx/s", "kMAC/px",
        "Parameters", "File KiB", "Measured MiB", "Planned MiB",
    ]  # fmt: skip
    rows = {row[0]: row[1:] for row in table.rows}
    # p90 is 1.06 * 41.2 = 43.672; 1000 / 41.2 = 24.27; 921.6 / 41.2 = 22.369; 110592 / 1024 = 108.
    assert rows["edgeqe-small:int8"] == [
        "yes", "+1.141", "41.20", "43.67", "24.3", "22.37", "14.66", "58,842", "108", "31.0", "45.0",
    ]  # fmt: skip
    # Nothing is known of what a foreign network costs.
    assert rows[PEER] == ["", "+0.712", "2154.00", "2431.00", "0.5", "0.43", *[""] * 5]
    assert list(rows) == NAMES  # the fastest first
    assert table.marked == [
        name for name in NAMES if name not in ("edgeqe-small:int8.tflite", PEER)
    ]


@pytest.mark.parametrize("protocol", ["gray", "planes"])
def test_the_quality_tables_hold_every_row(page: Page, protocol: str) -> None:
    table = page.table(f"Protocol {protocol}, 4 pictures:")
    measured = [row for row in made_up_report()["quality"] if row["protocol"] == protocol]
    assert [(row[0], row[1]) for row in table.rows] == [
        (row["model"], str(row["value"])) for row in measured
    ]
    gains = [row[table.headings.index("Gain dB")] for row in table.rows]
    assert [float(gain) for gain in gains] == pytest.approx(
        [row["gain_db"] for row in measured], abs=5e-4
    )
    assert ("Y PSNR JPEG" in table.headings) == (protocol == "planes")
    if protocol == "planes":  # 0.502 / 3 = 0.1673
        assert table.rows[0][2:4] == ["0.502", "0.167"]


def test_quality_is_rounded_right() -> None:
    report = made_up_report()
    report["quality"] = [report["quality"][0]]
    report["quality"][0] |= {
        "bits_per_pixel": 0.35449,
        "psnr_db_before": 27.76951,
        "psnr_db_after": 28.99999,
        "gain_db": 1.23048,
        "worst_gain_db": -0.0507,
        "ssim_before": 0.75936,
        "ssim_after": 0.99996,
        "psnr_b_db_before": 26.0004,
        "psnr_b_db_after": 26.0006,
    }
    (row,) = Page(page_html(report, [])).table("Protocol gray").rows
    assert row == [
        "edgeqe-tiny:int8", "10", "0.354", "27.770", "29.000", "+1.230", "-0.051", "bikes",
        "0.7594", "1.0000", "26.000", "26.001",
    ]  # fmt: skip


def test_the_bits_saved(page: Page) -> None:
    table = page.table("Against JPEG at qualities 10, 20, 40, 80")
    assert table.rows[0] == [
        "edgeqe-tiny:int8",
        "gray",
        "PSNR",
        "-12.25",
        "+0.751",
        "4",
        "-9.75",
        "caps",
    ]
    assert table.rows[-1] == [
        "edgeqe-base:int8",
        "planes",
        "Y PSNR",
        "-22.25",
        "+1.251",
        "4",
        "-19.75",
        "caps",
    ]
    assert len(table.rows) == 3 * len(OURS)


def test_deltas_that_cannot_be_had_are_empty_and_told() -> None:
    report = made_up_report()
    report["bd"] = [
        {
            **report["bd"][0],
            "bd_rate_percent": None,
            "worst_bd_rate_percent": None,
            "worst_picture": None,
            "left_out": ["flat"],
        }
    ]
    page = Page(page_html(report, []))
    # Not one rate is known: there is no column of them.
    assert page.table("Against JPEG").headings == [
        "Model", "Protocol", "Of", "BD-PSNR dB", "Pictures",
    ]  # fmt: skip
    assert "Left out somewhere, since its curves cannot be compared: flat" in page.words


def test_the_latency_table_holds_every_lane(page: Page) -> None:
    table = page.table("One picture after another, JPEG quality 20")
    assert len(table.rows) == 2 * len(OURS) + 1
    by_lane = {(row[0], row[1]): row[2:] for row in table.rows}
    assert by_lane[("edgeqe-tiny:int8", "whole path, RGB array")] == [
        "720p", "", "14.30", "14.16–14.44", "15.16", "18.73", "69.9", "64.45", "0.458",
        "0.454–0.463", "120",
    ]  # fmt: skip
    assert ("edgeqe-tiny:int8", "network alone") in by_lane
    peer = by_lane[(PEER, "whole path, RGB array")]
    assert peer[1] == "unsteady" and peer[5] == ""  # no 99th percentile
    assert table.column("Noise") == {**dict.fromkeys(NAMES, ""), PEER: "unsteady"}


def test_the_memory_table_judges_the_planner(page: Page) -> None:
    table = page.table("One call in MiB")
    assert table.column("Planner") == {
        name: "wrong" if name == "edgeqe-small:int8" else "right" for name, *_ in OURS
    }
    # 31 / 45 - 1 is -31 %.
    assert table.column("Off")["edgeqe-small:int8"] == "-31%"
    assert table.column("Measured")["edgeqe-base:int8"] == "43.0"


def test_an_unknown_peak_is_said() -> None:
    report = made_up_report()
    report["memory"] = [
        {**report["memory"][0], "peak_bytes": None, "planner_off": None, "codec_bytes": None}
    ]
    table = Page(page_html(report, [])).table("One call in MiB")
    assert table.column("Measured") == {"edgeqe-tiny:int8": "unknown"}
    assert {"Planner", "Codecs"} & set(table.headings) == set()


def test_work_on_another_provider_is_shown() -> None:
    report = made_up_report()
    shares = {"CUDAExecutionProvider": 0.9754, "CPUExecutionProvider": 0.0246}
    report["models"][0] |= {"provider": "CUDAExecutionProvider", "placement": shares}
    ways = Page(page_html(report, [])).table("How the models ran")
    cells = ways.column("MACs by provider")
    told = "CUDAExecutionProvider 97.5%, CPUExecutionProvider 2.5%"
    assert cells == {**dict.fromkeys(NAMES, ""), NAMES[0]: told}
