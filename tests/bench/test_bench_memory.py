"""Peak memory by the operating system."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgeqe import Enhancer
from edgeqe.bench import memory
from edgeqe.errors import InputError
from edgeqe.model.catalogue import find_model
from tests import small_models

MIB = 1 << 20

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@linux
def test_the_mark_shows_what_came_and_went() -> None:
    if not memory.reset_peak():
        pytest.skip("this kernel does not reset VmHWM")
    before = memory.resident_bytes("VmRSS")
    block = np.ones(64 * MIB, np.uint8)
    del block
    after = memory.resident_bytes("VmHWM")
    assert before is not None and after is not None
    # The block, less the kernel's batched counting of pages, plus the interpreter's own.
    assert 60 * MIB <= after - before <= 72 * MIB
    assert memory.reset_peak()
    again = memory.resident_bytes("VmHWM")
    assert again is not None and again - before <= 8 * MIB


def test_unknown_where_the_system_cannot_tell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "CLEAR_REFS", tmp_path / "absent" / "clear_refs")
    monkeypatch.setattr(memory, "STATUS", tmp_path / "absent" / "status")
    assert not memory.reset_peak()
    assert memory.resident_bytes("VmRSS") is None


def test_a_fresh_process_measures_one_call() -> None:
    model = str(find_model("edgeqe-tiny:float32"))
    use = memory.measure("tiny", model, 64 * MIB, 1, "small", (300, 400, 3))
    with Enhancer(model, memory_limit="64MiB", threads=1) as enhancer:
        assert use.planned_bytes == enhancer.planned_bytes(300, 400)
    assert (use.shape, use.limit_bytes) == ((300, 400, 3), 64 * MIB)
    if use.peak_bytes is not None:
        # Six float planes at half size is the least that a 300x400 picture needs.
        assert 6 * 150 * 200 * 4 < use.peak_bytes <= use.limit_bytes


def test_a_failing_process_gives_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="memory of gone could not be measured.*gone.onnx"):
        memory.measure("gone", str(tmp_path / "gone.onnx"), 64 * MIB, 1, "tiny", (64, 64))


@pytest.mark.parametrize(
    ("peak", "off", "wrong"),
    [
        (80, -0.2, False),
        (79, -0.21, True),
        (121, 0.21, True),
        (100, 0.0, False),
        (None, None, False),
    ],
)
def test_the_planner_is_wrong_beyond_a_fifth(
    peak: int | None, off: float | None, wrong: bool
) -> None:
    use = memory.MemoryUse("any", "720p", (720, 1280), peak, 100, 200, None).entry()
    assert use.planner_off == (None if off is None else pytest.approx(off))
    assert use.planner_wrong is wrong
    assert (use.size, use.shape) == ("720p", [720, 1280])


@linux
def test_a_file_is_measured_for_models_of_other_codecs_too(tmp_path: Path) -> None:
    path = tmp_path / "theirs.onnx"
    small_models.write(small_models.strong_graph(), path, codecs=("vvc",))
    _, pictures = memory.probe_file(str(path), 64 * MIB, 1, (40, 60, 3))
    assert pictures == 2 * (40 * 60 + 2 * 20 * 30)  # decoded and enhanced 4:2:0 planes
