"""Which shipped networks a run without --model measures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeqe.bench import choices
from edgeqe.bench.choices import shipped_on
from edgeqe.model.catalogue import shipped_models
from edgeqe.targets.profile import Backend, Profile
from edgeqe.targets.reading import read_profile

ORT = Backend("onnxruntime", "CPUExecutionProvider", ("int8", "float32"))
LITERT = Backend("litert", "XNNPACK", ("int8",))


def profile(*ways: Backend) -> Profile:
    return replace(read_profile("x86-cpu"), backends=ways)


def test_a_quick_run_takes_each_network_once() -> None:
    assert shipped_on(profile(ORT, LITERT), full=False) == shipped_models()


def test_a_full_run_takes_every_form_that_runs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "reason_absent", lambda way, features: "")
    found = shipped_on(profile(ORT, LITERT), full=True)
    assert found[:3] == ["edgeqe-nano:int8", "edgeqe-nano:float32", "edgeqe-nano:int8.tflite"]
    assert len(found) == len(set(found)) == 3 * len(shipped_models())


def test_a_full_run_leaves_out_what_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = {"litert": "LiteRT is not installed", "onnxruntime": ""}
    monkeypatch.setattr(choices, "reason_absent", lambda way, features: absent[way.runtime])
    found = shipped_on(profile(ORT, LITERT), full=True)
    assert len(found) == 2 * len(shipped_models())
    assert not [name for name in found if name.endswith(".tflite")]
    # with no way at all the names alone are opened, and the error says what is missing
    assert shipped_on(profile(LITERT), full=True) == shipped_models()
