"""Where a residual is to fade in, of gains whose best fade is known.

The script itself, ``scripts/fades``, takes minutes a codec.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FITTING = Path(__file__).resolve().parents[2] / "scripts" / "fades" / "fitting.py"


@pytest.fixture
def fitting(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Module of the script, whose folder is no package."""
    spec = importlib.util.spec_from_file_location("fitting", FITTING)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "fitting", module)
    spec.loader.exec_module(module)
    return module


def test_a_network_that_harms_nothing_needs_no_fade(fitting: ModuleType) -> None:
    found = [
        fitting.Gains("hevc", ("gray", qp), "a", key, (0.05, 0.1, 0.15, 0.2))
        for qp, key in ((27, 45), (22, 36), (17, 26))
    ]
    fade = fitting.fit(found)
    assert fade.keys is None
    assert fade.mean == pytest.approx(0.6) and fade.worst == pytest.approx(0.2)


def test_steps_that_lose_are_faded_out_and_the_others_kept_whole(fitting: ModuleType) -> None:
    losing, gaining = (-0.1, -0.2, -0.3, -0.4), (0.1, 0.2, 0.3, 0.4)
    found = [
        fitting.Gains("webp", ("gray", 80), "a", 42, gaining),
        fitting.Gains("webp", ("gray", 95), "a", 24, losing),
        fitting.Gains("webp", ("gray", 97), "a", 20, losing),
    ]
    first, last = fitting.fit(found).keys
    assert 24 <= first < last <= 42
    assert fitting.fit(found).mean == pytest.approx(0.4) and fitting.fit(found).worst == 0.0


def test_a_step_that_gains_most_by_half_gets_half(fitting: ModuleType) -> None:
    found = [
        fitting.Gains("vvc", ("gray", 32), "a", 60, (0.1, 0.2, 0.3, 0.4)),
        fitting.Gains("vvc", ("gray", 22), "a", 36, (0.1, 0.2, 0.1, 0.0)),
    ]
    fade = fitting.fit(found)
    first, last = fade.keys
    # the share at key 36 is (36 - first) / (last - first): a half, to a key of twelve
    assert (36 - first) / (last - first) == pytest.approx(0.5, abs=0.1)
    assert fade.mean == pytest.approx(0.6, abs=0.04)


def test_one_picture_that_loses_outweighs_the_mean(fitting: ModuleType) -> None:
    found = [fitting.Gains("h264", ("rgb", 22), name, 36, (0.2, 0.4, 0.6, 0.8)) for name in "abc"]
    found.append(fitting.Gains("h264", ("rgb", 22), "d", 36, (-0.05, -0.1, -0.15, -0.2)))
    fade = fitting.fit(found)
    assert fade.keys is not None and fade.worst >= -fitting.MOST
    # a share s loses 0.2 s of d: no more than MOST / 0.2 of the residual is made
    share = (36 - fade.keys[0]) / (fade.keys[1] - fade.keys[0])
    assert share <= fitting.MOST / 0.2 + 1e-9


def test_rows_weigh_the_same_however_many_pictures_they_have(fitting: ModuleType) -> None:
    found = [
        fitting.Gains("avif", ("gray", 20), str(n), 40, (0.0, 0.0, 0.0, 0.1)) for n in range(9)
    ]
    found.append(fitting.Gains("avif", ("rgb", 20), "a", 40, (0.0, 0.0, 0.0, 0.3)))
    assert fitting.fit(found).mean == pytest.approx(0.4)
