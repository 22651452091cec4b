"""JUnit XML of a comparison: a test case for each row, so that CI names the row that regresses."""

from __future__ import annotations

from edgeqe.bench.baseline_check.comparison import Comparison
from edgeqe.reports.junit import Case, to_xml
from edgeqe.reports.tables import table


def to_junit(comparison: Comparison) -> bytes:
    """JUnit XML, UTF-8; a row that cannot be compared is a skipped test."""
    cases = [
        Case(
            classname=f"edgeqe.bench.{row.KIND}",
            name=row.name,
            failure=row.failure,
            details="\n".join(table([row.HEADERS, row.cells()], range(row.LEFT))),
        )
        for row in comparison.rows
    ]
    cases += [
        Case(classname=f"edgeqe.bench.{row.kind}", name=row.name, skipped=row.why)
        for row in comparison.not_compared
    ]
    facts = {
        "baseline": comparison.baseline,
        "machine": comparison.machine,
        "max-drop": f"{comparison.limits.max_drop:g} dB",
        "max-slowdown": f"{comparison.limits.max_slowdown:g} %",
    }
    for difference in comparison.differences:
        facts[f"{'unlike' if difference.refused else 'changed'}: {difference.field}"] = (
            difference.words
        )
    return to_xml("edgeqe bench", facts, cases, comparison.to_text())
