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


def gains(
    fitting: ModuleType, row: tuple[str, float], picture: str, key: int, *at_shares: float
) -> object:
    """A picture that gains the same however much of its chroma is made."""
    return fitting.Gains("hevc", row, picture, key, (at_shares,) * len(fitting.CHROMA))


def test_a_network_that_harms_nothing_keeps_all_of_its_residual(fitting: ModuleType) -> None:
    found = [
        gains(fitting, ("gray", qp), "a", key, 0.05, 0.1, 0.15, 0.2)
        for qp, key in ((27, 45), (22, 36), (17, 26))
    ]
    fade = fitting.fit(found)
    assert (fade.whole, fade.chroma, fade.keys) == (1.0, 1.0, None)
    assert fade.mean == pytest.approx(0.2) and fade.worst == pytest.approx(0.2)


def test_steps_that_lose_are_faded_out_and_the_others_kept_whole(fitting: ModuleType) -> None:
    losing, gaining = (-0.1, -0.2, -0.3, -0.4), (0.1, 0.2, 0.3, 0.4)
    found = [
        gains(fitting, ("gray", 80), "a", 42, *gaining),
        gains(fitting, ("gray", 95), "a", 24, *losing),
        gains(fitting, ("gray", 97), "a", 20, *losing),
    ]
    fade = fitting.fit(found)
    first, last = fade.keys
    assert 24 <= first < last <= 42 and fade.whole == 1.0
    assert fade.mean == pytest.approx(0.4 / 3) and fade.worst == 0.0


def test_a_step_that_gains_most_by_half_gets_half(fitting: ModuleType) -> None:
    found = [
        gains(fitting, ("gray", 32), "a", 60, 0.1, 0.2, 0.3, 0.4),
        gains(fitting, ("gray", 22), "a", 36, 0.1, 0.2, 0.1, 0.0),
    ]
    fade = fitting.fit(found)
    first, last = fade.keys
    # the share at key 36 is (36 - first) / (last - first): a half, to a key of twelve
    assert (36 - first) / (last - first) == pytest.approx(0.5, abs=0.1)
    assert fade.mean == pytest.approx(0.3, abs=0.02)


def test_one_picture_that_loses_outweighs_the_mean(fitting: ModuleType) -> None:
    found = [gains(fitting, ("rgb", 22), name, 36, 0.2, 0.4, 0.6, 0.8) for name in "abc"]
    found.append(gains(fitting, ("rgb", 22), "d", 36, -0.05, -0.1, -0.15, -0.2))
    fade = fitting.fit(found)
    assert fade.keys is not None and fade.worst >= -fitting.MOST
    # a share s loses 0.2 s of d: no more than MOST / 0.2 of the residual is made
    share = fade.whole * (36 - fade.keys[0]) / (fade.keys[1] - fade.keys[0])
    assert share <= fitting.MOST / 0.2 + 1e-9


def test_chroma_that_loses_is_lessened_and_luma_kept(fitting: ModuleType) -> None:
    # luma gains 0.2 s; chroma, c of it, takes 0.3 s c (c - 0.8): most at c = 0.4
    shares = (0.25, 0.5, 0.75, 1.0)
    table = tuple(tuple(0.2 * s - 0.3 * s * c * (c - 0.8) for s in shares) for c in fitting.CHROMA)
    found = [fitting.Gains("vvc", ("rgb", qp), "a", key, table) for qp, key in ((32, 56), (22, 36))]
    fade = fitting.fit(found)
    assert (fade.whole, fade.chroma, fade.keys) == (1.0, 0.4, None)
    assert fade.mean == pytest.approx(0.2 + 0.3 * 0.16)


def test_rows_weigh_the_same_however_many_pictures_they_have(fitting: ModuleType) -> None:
    found = [gains(fitting, ("gray", 20), str(n), 40, 0.0, 0.0, 0.0, 0.1) for n in range(9)]
    found.append(gains(fitting, ("rgb", 20), "a", 40, 0.0, 0.0, 0.0, 0.3))
    assert fitting.fit(found).mean == pytest.approx(0.2)
