"""JUnit XML as CI systems read it."""

from __future__ import annotations

from xml.etree import ElementTree

from edgeqe.reports.junit import Case, to_xml

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
