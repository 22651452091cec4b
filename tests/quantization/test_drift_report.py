"""The three forms of the report."""

from __future__ import annotations

import dataclasses
import json
from xml.etree import ElementTree

import pytest

from edgeqe.coding import RatePoint
from edgeqe.protocols import CodingProtocol
from edgeqe.quantization.drift.drift import DriftRow, PictureDrift, Tile
from edgeqe.quantization.drift.limits import DriftLimits
from edgeqe.quantization.drift.report import DriftReport
from tests.drift_models import MODEL, STAMP

ENCODER = {"encoder": "libjpeg-turbo", "version": "3", "settings": "4:2:0"}


def picture(
    name: str, first: float, second: float, drop: float, step: float = 40.0
) -> PictureDrift:
    return PictureDrift(name, step, 30.0, first, second, Tile(128, 0, drop, 1.0))


def report(name: str = "sky.png") -> DriftReport:
    """Gray holds; in colour the mean and the worst tile fail."""
    rows = (
        DriftRow(
            "set",
            CodingProtocol.GRAY,
            RatePoint("jpeg", 10),
            (picture("a.png", 31.0, 30.99, 0.1), picture("b.png", 31.5, 31.5, 0.0)),
        ),
        DriftRow(
            "set",
            CodingProtocol.RGB,
            RatePoint("jpeg", 90),
            (picture(name, 31.0, 30.5, 2.25, 3.0),),
        ),
    )
    candidate = dataclasses.replace(MODEL, given="c.onnx", threads=1)
    return DriftReport(MODEL, candidate, DriftLimits(), rows, ("a note",), STAMP, ENCODER)


def test_the_table() -> None:
    assert report().to_text().splitlines() == [
        "reference  m.onnx: net, int8, 1000 bytes, sha256 0123456789abcdef; onnxruntime 1.2.3, "
        "CPUExecutionProvider, 2 threads",
        "candidate  c.onnx: net, int8, 1000 bytes, sha256 0123456789abcdef; onnxruntime 1.2.3, "
        "CPUExecutionProvider, 1 thread",
        "",
        "pictures of set",
        "gray: studio-range luma (gray pictures as they are), coded without chroma; gains in dB",
        "quality  n  JPEG dB  reference  candidate     loss   limit  worst picture  "
        "worst tile, row,column",
        "     10  2   30.000    +1.2500    +1.2450  +0.0050  0.0625  +0.0100 a.png  "
        "+0.1000 a.png 128,0     holds",
        "",
        "pictures of set",
        "rgb: RGB of the decoder, coded as 4:2:0; PSNR in RGB; gains in dB",
        "quality  n  JPEG dB  reference  candidate     loss   limit  worst picture    "
        "worst tile, row,column",
        "     90  1   30.000    +1.0000    +0.5000  +0.5000  0.0500  +0.5000 sky.png  "
        "+2.2500 sky.png 128,0   DRIFTS",
        "",
        "note: a note",
        "tiles of 128 pixels; PSNR of each of their 8x8 blocks counts up to 50 dB, and is the "
        "reference's where no pixel is more than 1 level from it; a tile that gains more than 1.2 dB may drop "
        "as much more",
        "coded by libjpeg-turbo (3), 4:2:0",
        "edgeqe 0.1.0, Python 3.11, numpy 2.4, Pillow 13.0 (libjpeg-turbo 3); unknown processor "
        "(no features known), Linux, arm64",
        "",
        "set, rgb JPEG quality 90: the mean gain loses 0.5 dB, at most 0.05 may go; the tile at row 128, "
        "column 0 of sky.png drops 2.25 dB of a gain of 1, at most 0.3 may go",
    ]


def test_sets_have_tables_and_verdicts_of_their_own() -> None:
    first = report()
    others = tuple(dataclasses.replace(row, data="drawn 1a") for row in first.rows)
    both = dataclasses.replace(first, rows=first.rows + others)
    assert both.data == "set, drawn 1a"
    lines = both.to_text().splitlines()
    assert [line for line in lines if line.startswith("pictures of")] == [
        *["pictures of set"] * 2,
        *["pictures of drawn 1a"] * 2,
    ]
    assert [failure.split(":")[0] for failure in both.failures()] == [
        "set, rgb JPEG quality 90",
        "drawn 1a, rgb JPEG quality 90",
    ]
    names = [
        case.attrib["name"] for case in ElementTree.fromstring(both.to_junit()).iter("testcase")
    ]
    assert len(set(names)) == len({(row.data, row.point) for row in both.rows}) * 2


def test_a_candidate_that_holds_says_so() -> None:
    good = dataclasses.replace(report(), limits=DriftLimits(max_drop=1.0, max_tile_drop=3.0))
    assert good.failures() == []
    assert good.to_text().splitlines()[-1] == "the candidate holds"
    assert good.to_dict()["holds"] is True


def test_json() -> None:
    found = json.loads(report().to_json())
    assert (found["schema_version"], found["kind"], found["holds"]) == (3, "edgeqe-drift", False)
    assert found["limits"] == {"max_drop": None, "max_gain_loss": None, "max_tile_drop": 0.3}
    assert found["reference"]["sha256"] == MODEL.sha256
    assert found["stamp"] == STAMP and found["encoder"] == ENCODER
    gray, colour = found["rows"]
    assert (gray["codec"], gray["unit"], gray["value"]) == ("jpeg", "quality", 10)
    assert found["data"] == gray["data"] == colour["data"] == "set"
    assert gray["reference_gain_db"] == pytest.approx(1.25, abs=1e-12)
    assert gray["losses_db"] == pytest.approx({"a.png": 0.01, "b.png": 0.0}, abs=1e-12)
    assert (gray["holds"], gray["failures"]) == (True, [])
    assert (colour["holds"], len(colour["failures"])) == (False, 2)
    assert colour["worst_tile"] == {"name": "sky.png", "row": 128, "column": 0, "drop_db": 2.25,
                                    "gain_db": 1.0}  # fmt: skip
    assert colour["worst_picture"] == {"name": "sky.png", "loss_db": 0.5}
    assert colour["limit_db"] == pytest.approx(0.05, abs=1e-12)


def test_junit() -> None:
    suites = ElementTree.fromstring(report().to_junit())
    assert suites.tag == "testsuites"
    (suite,) = suites.findall("testsuite")
    for element in (suites, suite):
        counts = [element.attrib[name] for name in ("tests", "failures", "errors")]
        assert counts == ["4", "2", "0"]
    properties = {p.attrib["name"]: p.attrib["value"] for p in suite.iter("property")}
    assert properties["candidate"].startswith("c.onnx: net, int8")
    cases = suite.findall("testcase")
    assert [(case.attrib["classname"], case.attrib["name"]) for case in cases] == [
        ("edgeqe.drift.gray", "net int8 on onnxruntime, set, JPEG quality 10: mean gain"),
        ("edgeqe.drift.gray", "net int8 on onnxruntime, set, JPEG quality 10: worst tile"),
        ("edgeqe.drift.rgb", "net int8 on onnxruntime, set, JPEG quality 90: mean gain"),
        ("edgeqe.drift.rgb", "net int8 on onnxruntime, set, JPEG quality 90: worst tile"),
    ]
    failures = [case.find("failure") for case in cases]
    assert failures[:2] == [None, None]
    assert failures[2] is not None and failures[3] is not None
    assert failures[2].attrib["message"] == "the mean gain loses 0.5 dB, at most 0.05 may go"
    assert failures[3].attrib["message"].startswith("the tile at row 128, column 0 of sky.png")
    assert "+0.5000 sky.png" in (failures[2].text or "")
    assert suite.findtext("system-out") == report().to_text()


def test_junit_of_a_name_that_xml_cannot_hold() -> None:
    content = report("a\x07<b>\udcff&.png").to_junit()
    failures = list(ElementTree.fromstring(content).iter("failure"))
    assert failures[1].attrib["message"].startswith("the tile at row 128, column 0 of a?<b>?&.png")
