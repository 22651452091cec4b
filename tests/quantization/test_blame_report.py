"""The two forms of a blame."""

from __future__ import annotations

import dataclasses
import json

import pytest

from edgeqe.protocols import CodingProtocol
from edgeqe.quantization.drift.blame import Blame, BlameRow
from edgeqe.quantization.drift.blame_report import to_json, to_text
from tests.drift_models import MODEL, STAMP

ROWS = (
    BlameRow(CodingProtocol.GRAY, 10, 2, 28.0, (30.0, 29.75, 29.75, 29.5)),
    BlameRow(CodingProtocol.RGB, 90, 1, 36.0, (36.5, 36.25, 36.25, 36.25)),
)
FOUND = Blame(MODEL, MODEL, "ifast", "set", ROWS, ("a note",), STAMP)


def test_the_table() -> None:
    line = MODEL.line()
    assert to_text(FOUND).splitlines() == [
        f"reference  {line}",
        f"candidate  {line}",
        "decoder    ifast, instead of islow",
        "",
        "gray: studio-range luma (gray pictures as they are), coded without chroma; gains and "
        "losses of gain in dB",
        "quality  n  JPEG dB  reference  candidate    drift  quantization  runtime  decoder",
        "     10  2   28.000    +2.0000    +1.5000  +0.5000       +0.2500  +0.0000  +0.2500",
        "",
        "rgb: RGB of the decoder, coded as 4:2:0; PSNR in RGB; gains and losses of gain in dB",
        "quality  n  JPEG dB  reference  candidate    drift  quantization  runtime  decoder",
        "     90  1   36.000    +0.5000    +0.2500  +0.2500       +0.2500  +0.0000  +0.0000",
        "",
        "note: a note",
        "pictures of set",
        "edgeqe 0.1.0, Python 3.11, numpy 2.4, Pillow 13.0 (libjpeg-turbo 3); unknown processor "
        "(no features known), Linux, arm64",
        "",
        "largest: quantization (mean of the rows: quantization +0.2500 dB, runtime +0.0000 dB, "
        "decoder +0.1250 dB)",
    ]


def test_nothing_to_blame() -> None:
    same = BlameRow(CodingProtocol.GRAY, 10, 1, 28.0, (30.0, 30.0, 30.0, 30.0))
    text = to_text(dataclasses.replace(FOUND, rows=(same,), decoder="islow"))
    assert "decoder    islow, not swapped" in text
    assert text.endswith("nothing costs 0.001 dB in the mean")


def test_json() -> None:
    found = json.loads(to_json(FOUND))
    assert (found["schema_version"], found["kind"]) == (2, "edgeqe-blame")
    assert (found["largest"], found["decoder"]) == ("quantization", "ifast")
    expected = {"quantization": 0.25, "runtime": 0.0, "decoder": 0.125}
    assert found["losses_db"] == pytest.approx(expected, abs=1e-12)
    gray = found["rows"][0]
    assert (gray["reference_gain_db"], gray["candidate_gain_db"], gray["drift_db"]) == (2, 1.5, 0.5)
    assert gray["losses_db"] == {"quantization": 0.25, "runtime": 0.0, "decoder": 0.25}
