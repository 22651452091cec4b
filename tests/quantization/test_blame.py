"""The blame names what was swapped."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeqe import runtimes
from edgeqe.errors import InputError
from edgeqe.files.folders import list_pictures
from edgeqe.protocols import CodingProtocol
from edgeqe.quantization.drift import blame as module
from edgeqe.quantization.drift.blame import Blame, BlameRow, blame
from edgeqe.typing import Float
from tests import small_models
from tests.drift_models import MODEL, STAMP, TINY, doubled, photographs


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, ...]:
    return list_pictures(photographs(tmp_path / "pictures"))


def adds_up(found: Blame) -> None:
    for row in found.rows:
        assert sum(row.losses.values()) == pytest.approx(row.drift, abs=1e-12)


def test_a_doubled_scale_is_quantization(files: tuple[Path, ...], tmp_path: Path) -> None:
    broken = doubled(tmp_path / "broken.onnx")
    found = blame(TINY, broken, files, data="pictures", qualities=(10, 80))
    adds_up(found)
    assert found.largest == "quantization"
    assert [(row.protocol, row.quality, row.pictures) for row in found.rows] == [
        ("gray", 10, 2), ("gray", 80, 2), ("rgb", 10, 1), ("rgb", 80, 1)
    ]  # fmt: skip
    for row in found.rows:
        assert row.losses["quantization"] > 0.3
        # One level in at most 1 of 10,000 samples: below 0.001 dB at these 25 to 40 dB.
        assert abs(row.losses["runtime"]) < 1e-3
        assert row.losses["decoder"] == 0.0


def test_another_dct_is_the_decoder(files: tuple[Path, ...]) -> None:
    found = blame(TINY, TINY, files, data="pictures", qualities=(60, 90), decoder="ifast")
    adds_up(found)
    assert found.largest == "decoder"
    assert found.losses()["decoder"] > 0.05
    for row in found.rows:
        assert row.losses["quantization"] == 0.0
        assert abs(row.losses["runtime"]) < 1e-3
        assert row.losses["decoder"] > 0.0


def test_planes_are_blamed_too_but_no_decoder_gives_them(
    files: tuple[Path, ...], tmp_path: Path
) -> None:
    broken = doubled(tmp_path / "broken.onnx")
    found = blame(TINY, broken, files, data="pictures", protocols=("planes",), qualities=(40,))
    adds_up(found)
    assert [(row.protocol, row.pictures) for row in found.rows] == [("planes", 1)]
    assert found.largest == "quantization"
    assert abs(found.rows[0].losses["runtime"]) < 1e-3
    with pytest.raises(InputError, match="decoder ifast gives no planes"):
        blame(TINY, TINY, files, data="pictures", protocols=("planes",), decoder="ifast")


def test_a_runtime_that_saturates_is_the_runtime(
    files: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What x86 without VNNI does to INT8: large sums are cut, in the runtime alone."""
    plain = runtimes.open_session

    def saturating(*arguments: Any) -> Any:
        session = plain(*arguments)
        run = session.run

        def clipped(planes: Float, out: Float | None = None, place: Hashable = None) -> Float:
            return np.clip(run(planes), -2.0, 2.0, out=out)

        session.run = clipped  # type: ignore[method-assign]
        return session

    monkeypatch.setattr(runtimes, "open_session", saturating)
    found = blame(TINY, TINY, files, data="pictures", qualities=(10,))
    adds_up(found)
    assert found.largest == "runtime"
    assert found.losses()["runtime"] > 0.3
    assert found.losses()["quantization"] == 0.0


def test_half_precision_is_told_by_format(files: tuple[Path, ...], tmp_path: Path) -> None:
    """Random weights in float16: the difference is theirs, not LiteRT's."""
    graph = small_models.strong_graph()
    small_models.write(graph, tmp_path / "small.onnx")
    small_models.write(graph, tmp_path / "half.tflite", float16=True)
    found = blame(
        tmp_path / "small.onnx", tmp_path / "half.tflite", files, data="pictures", qualities=(40,)
    )
    adds_up(found)
    assert found.candidate.precision == "float16"
    for row in found.rows:
        assert abs(row.losses["runtime"]) < 1e-3 < abs(row.losses["quantization"])


def test_a_file_does_not_blame_itself(files: tuple[Path, ...]) -> None:
    found = blame(TINY, TINY, files[1:], data="pictures", qualities=(40,))
    assert found.largest == "none"
    assert found.notes == ("all pictures are gray: protocol rgb was left out",)
    assert [row.protocol for row in found.rows] == ["gray"]


def row(*psnr: float) -> BlameRow:
    return BlameRow(CodingProtocol.GRAY, 10, 1, 28.0, psnr)


@pytest.mark.parametrize(
    ("rows", "losses", "largest"),
    [
        # A step that gains is not to blame, however large.
        ((row(30, 30.5, 30.25, 30.125),), (-0.5, 0.25, 0.125), "runtime"),
        ((row(30, 29.5, 29.25, 29.25), row(30, 30, 29, 29)), (0.25, 0.625, 0.0), "runtime"),
        ((row(30, 30, 30, 29.9995),), (0.0, 0.0, 0.0005), "none"),
        ((row(30, 31, 32, 33),), (-1.0, -1.0, -1.0), "none"),
    ],
)
def test_the_largest_of_the_means(
    rows: tuple[BlameRow, ...], losses: tuple[float, ...], largest: str
) -> None:
    found = Blame(MODEL, MODEL, "ifast", "set", rows, (), STAMP)
    assert list(found.losses()) == list(module.SOURCES)
    assert tuple(found.losses().values()) == pytest.approx(losses, abs=1e-12)
    assert found.largest == largest
