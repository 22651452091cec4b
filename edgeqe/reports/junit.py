"""JUnit XML of a gate's verdicts, which CI systems show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

from edgeqe.errors import CheckError, EdgeqeError
from edgeqe.reports.output_file import write

#: What XML 1.0 cannot hold, not even escaped.
_NO_XML = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Case:
    """One verdict. With none of `failure`, `skipped` and `error` it passes."""

    classname: str
    """Group that it is shown under, with dots."""
    name: str
    failure: str = ""
    """Why it fails, in a line."""
    details: str = ""
    """Text below the failure."""
    skipped: str = ""
    """Why it was not judged, in a line."""
    error: str = ""
    """Why it could not be judged, though it should, in a line."""


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
        if case.error:
            ElementTree.SubElement(element, "error", message=_clean(case.error))
        elif case.failure:
            failure = ElementTree.SubElement(element, "failure", message=_clean(case.failure))
            failure.text = _clean(case.details)
        elif case.skipped:
            ElementTree.SubElement(element, "skipped", message=_clean(case.skipped))
    ElementTree.SubElement(suite, "system-out").text = _clean(output)
    counts = {
        "tests": len(cases),
        "failures": sum(bool(case.failure) for case in cases),
        "errors": sum(bool(case.error) for case in cases),
        "skipped": sum(bool(case.skipped and not case.failure) for case in cases),
    }
    for element in (suites, suite):
        element.attrib.update({key: str(count) for key, count in counts.items()})
    ElementTree.indent(suites)
    content: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return content


@contextmanager
def error_case(path: Path | None, suite: str, case: Case) -> Iterator[None]:
    """Write a suite of one error where the block raises one, so that CI has a file to show.

    A gate that ran and failed is none: its verdicts are written already.

    Parameters
    ----------
    path : Path, optional
        Nothing is written without one.
    suite : str
    case : Case
        Its error is the message.
    """
    try:
        yield
    except CheckError:
        raise
    except EdgeqeError as error:
        if path is not None:
            told = " ".join(str(error).split())
            write(to_xml(suite, {}, [replace(case, error=told)], told), path)
        raise


def _clean(text: str) -> str:
    return _NO_XML.sub("?", text)
