"""The drift gate for teams that live in pytest: the fixture ``edgeqe_drift``.

::

    def test_int8_does_not_drift(edgeqe_drift):
        edgeqe_drift("float.onnx", "int8.onnx", data="pictures", qualities=(10, 40))

pytest loads this module in every run on a machine that has edgeqe, so it imports
nothing heavier than `edgeqe` itself until the gate is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from edgeqe.quantization.drift.report import DriftReport


@pytest.fixture(scope="session")
def edgeqe_drift() -> Callable[..., DriftReport]:
    """Gate that fails a test where a model drifts: `edgeqe.quantization.drift.pytest_plugin.gate`."""
    return gate


def gate(
    reference: str | os.PathLike[str],
    candidate: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    qualities: Sequence[int] | None = None,
    protocols: Sequence[str] | None = None,
    threads: int | None = None,
    **limits: float,
) -> DriftReport:
    """Fail the test, with the table, if a candidate drifts from a reference.

    Parameters
    ----------
    reference, candidate : str or path
        Names of shipped models or model files, ONNX or TFLite. A network's name alone is its
        float32 file as reference, and what this device runs as candidate.
    data : str or path, or sequence of them
        Folders of reference pictures, each judged by itself; ``drawn`` is twenty drawn ones: text,
        line art and screens.
    qualities : sequence of int, optional
        JPEG qualities; 10, 20, 40, 60, 80 and 90 if left out.
    protocols : sequence of str, optional
        Some of ``gray``, ``planes`` and ``rgb``, see `edgeqe.protocols`; gray and rgb if left out.
    threads : int, optional
        Threads of each; all processors if left out.
    **limits : float
        ``max_drop`` in dB, ``max_gain_loss`` in percent, ``max_tile_drop`` in dB, as of
        ``edgeqe drift``; its rule holds for what is left out.

    Returns
    -------
    DriftReport
        What was measured, where the candidate holds.

    Raises
    ------
    InputError
        If a model, a picture, or another argument cannot be used.
    """
    from edgeqe.quantization.drift.drift import QUALITIES
    from edgeqe.quantization.drift.gate import check
    from edgeqe.quantization.drift.limits import DriftLimits
    from edgeqe.quantization.drift.picture_sets import picture_sets
    from edgeqe.quantization.drift.references import PROTOCOLS

    with picture_sets([data] if isinstance(data, str | os.PathLike) else data) as sets:
        report = check(
            reference,
            candidate,
            sets,
            protocols=PROTOCOLS if protocols is None else protocols,
            values=QUALITIES if qualities is None else qualities,
            limits=DriftLimits(**limits),
            threads=threads,
        )
    if report.failures():
        pytest.fail(report.to_text(), pytrace=False)
    return report
