"""JUnit XML as CI systems read it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from edgeqe.errors import CheckError, ModelError
from edgeqe.reports.junit import Case, error_case, to_xml

CASES = (
    Case("gate.first", "passes"),
    Case("gate.first", "fails", failure="too <large>", details="3 > 2\n& so on"),
    Case("gate.second", "left out", skipped="nothing to compare"),
)


def test_the_whole_file() -> None:
    expected = """\
<?xml version='1.0' encoding='utf-8'?>
<testsuites tests="3" failures="1" errors="0" skipped="1">
  <testsuite name="gate" tests="3" failures="1" errors="0" skipped="1">
    <properties>
      <property name="machine" value="a &amp; b" />
    </properties>
    <testcase classname="gate.first" name="passes" />
    <testcase classname="gate.first" name="fails">
      <failure message="too &lt;large&gt;">3 &gt; 2
&amp; so on</failure>
    </testcase>
    <testcase classname="gate.second" name="left out">
      <skipped message="nothing to compare" />
    </testcase>
    <system-out>all of it</system-out>
  </testsuite>
</testsuites>"""
    assert to_xml("gate", {"machine": "a & b"}, CASES, "all of it").decode() == expected


def test_what_xml_cannot_hold_is_a_question_mark_wherever_it_stands() -> None:
    bad = "a\x07\udcff\ufffeb"
    content = to_xml(bad, {bad: bad}, [Case(bad, bad, bad, bad), Case(bad, bad, "", "", bad)], bad)
    texts = [value for element in ElementTree.fromstring(content).iter()
             for value in (*element.attrib.values(), element.text or "") if "a" in value]  # fmt: skip
    assert texts == ["a???b"] * 11


def test_letters_beyond_the_first_plane_stay() -> None:
    content = to_xml("größe \U0001f600", {}, [])
    assert ElementTree.fromstring(content)[0].attrib["name"] == "größe \U0001f600"


def test_an_error_is_a_case_of_its_own(tmp_path: Path) -> None:
    path, case = tmp_path / "a.xml", Case("gate", "candidate")
    with pytest.raises(ModelError), error_case(path, "gate", case):
        raise ModelError("cannot\nbe opened")
    suites = ElementTree.parse(path).getroot()
    assert {key: suites.attrib[key] for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "1",
        "failures": "0",
        "errors": "1",
        "skipped": "0",
    }
    (error,) = suites.iter("error")
    assert error.attrib["message"] == "cannot be opened"
    path.unlink()
    with pytest.raises(CheckError), error_case(path, "gate", case):
        raise CheckError("it ran and failed, and its verdicts are written")
    with pytest.raises(ModelError), error_case(None, "gate", case):
        raise ModelError("no file was asked for")
    assert not path.exists()
