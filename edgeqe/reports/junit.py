"""JUnit XML of a gate's verdicts, which CI systems show."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

#: What XML 1.0 cannot hold, not even escaped.
_NO_XML = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Case:
    """One verdict. With neither `failure` nor `skipped` it passes."""

    classname: str
    """Group that it is shown under, with dots."""
    name: str
    failure: str = ""
    """Why it fails, in a line."""
    details: str = ""
    """Text below the failure."""
    skipped: str = ""
    """Why it was not judged, in a line."""


def to_xml(
    name: str, properties: Mapping[str, str], cases: Sequence[Case], output: str = ""
) -> bytes:
    """JUnit XML of one suite, UTF-8.

    A character that XML cannot hold becomes a question mark.

    Parameters
    ----------
    name : str
        Of the suite.
    properties : mapping of str to str
        What a reader should know of the run.
    cases : sequence of Case
    output : str
        Text of the whole report, kept as the suite's output.
    """
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(suites, "testsuite", name=_clean(name))
    listed = ElementTree.SubElement(suite, "properties")
    for key, value in properties.items():
        ElementTree.SubElement(listed, "property", name=_clean(key), value=_clean(value))
    for case in cases:
        element = ElementTree.SubElement(
            suite, "testcase", classname=_clean(case.classname), name=_clean(case.name)
        )
        if case.failure:
            failure = ElementTree.SubElement(element, "failure", message=_clean(case.failure))
            failure.text = _clean(case.details)
        elif case.skipped:
            ElementTree.SubElement(element, "skipped", message=_clean(case.skipped))
    ElementTree.SubElement(suite, "system-out").text = _clean(output)
    counts = {
        "tests": len(cases),
        "failures": sum(bool(case.failure) for case in cases),
        "errors": 0,
        "skipped": sum(bool(case.skipped and not case.failure) for case in cases),
    }
    for element in (suites, suite):
        element.attrib.update({key: str(count) for key, count in counts.items()})
    ElementTree.indent(suites)
    content: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return content


def _clean(text: str) -> str:
    return _NO_XML.sub("?", text)
