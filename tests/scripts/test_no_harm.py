"""Whether a model harms pictures: what is measured, and what is called harm.

The script itself, ``scripts/no_harm``, takes minutes a model.
"""

from __future__ import annotations

import importlib.util
import io
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeqe.codecs.strength import resolve_strength
from edgeqe.coding import CODECS, RatePoint
from edgeqe.protocols import ReferencePicture
from edgeqe.views.colour import studio_luma
from tests.reference import photograph

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "no_harm"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """Modules of the script, whose folder is no package: they find each other by bare names."""
    found = {}
    for file in ("measuring", "ruling", "__main__"):
        name = file.strip("_")
        spec = importlib.util.spec_from_file_location(name, SCRIPT / f"{file}.py")
        assert spec is not None and spec.loader is not None
        found[name] = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, found[name])
        spec.loader.exec_module(found[name])
    return found


class Brighter:
    """A network that adds a grey level, and remembers what it was asked."""

    takes_planes = False

    def __init__(self) -> None:
        self.asked: list[tuple[Any, str, float]] = []

    def enhance(self, image: Any, *, step: float, codec: str) -> Any:
        self.asked.append((image, codec, step))
        return np.clip(image.astype(np.int16) + 1, 0, 255).astype(np.uint8)


class Still(Brighter):
    """A network that leaves a picture as it is."""

    def enhance(self, image: Any, *, step: float, codec: str) -> Any:
        return image.copy()


def by_hand(pixels: Any, quality: int, subsampling: int) -> tuple[Any, float]:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality, subsampling=subsampling)
    with Image.open(stream) as opened:
        shown = np.asarray(opened)
    error = np.square(shown.astype(float) - pixels).mean()
    return shown, float(10 * np.log10(255**2 / error))


def test_drawn_pictures_are_coded_in_both_samplings(
    script: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = photograph("coffee", 40, 60, 64, 80)
    monkeypatch.setattr(
        script["measuring"], "drawn_set", lambda: {"cup": pixels, "cup too": pixels}
    )
    networks = {"still": Still(), "brighter": Brighter()}
    points = [RatePoint("jpeg", 20), RatePoint("jpeg", 80)]
    rows = script["measuring"].measure(networks, ("drawn",), None, points, lambda *_: None)
    keys = [(row.model, str(row.coding), row.point.value) for row in rows]
    assert sorted(keys) == sorted(
        (model, coding, quality)
        for model in networks
        for coding in ("RGB", "RGB 4:4:4")
        for quality in (20, 80)
    )
    for row in rows:
        subsampling = {"RGB": 2, "RGB 4:4:4": 0}[str(row.coding)]
        shown, before = by_hand(pixels, int(row.point.value), subsampling)
        assert row.before == pytest.approx(before, abs=1e-9)
        assert set(row.gains) == {"cup", "cup too"}
        if row.model == "still":
            assert row.mean == 0.0
        else:
            better = np.clip(shown.astype(int) + 1, 0, 255)
            after = 10 * np.log10(255**2 / np.square(better - pixels.astype(float)).mean())
            assert row.mean == pytest.approx(after - before, abs=1e-9)
            asked = [
                (codec, step)
                for image, codec, step in networks["brighter"].asked
                if np.array_equal(image, shown)
            ]
            # of both pictures; the strength of the headers is that of the stated quality
            step = resolve_strength(quality=row.point.value).step
            assert [codec for codec, _ in asked] == ["jpeg", "jpeg"]
            assert [given for _, given in asked] == pytest.approx([step, step], rel=1e-6)


@pytest.mark.parametrize("codec", ["webp", "jpeg2000"])
def test_photographs_of_another_codec_are_coded_as_luma_and_as_colour(
    script: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, codec: str
) -> None:
    pixels = photograph("coffee", 40, 60, 64, 80)
    cup = ReferencePicture("cup", pixels)
    monkeypatch.setattr(script["measuring"], "_pictures", lambda *_: [cup])
    network = Brighter()
    points = [RatePoint(codec, value) for value in {"webp": (80, 20), "jpeg2000": (2, 0.5)}[codec]]
    rows = script["measuring"].measure(
        {"brighter": network}, ("photographs",), None, points, lambda *_: None
    )
    assert [(str(row.coding), row.point) for row in rows] == [
        (coding, point) for point in points for coding in ("luma", "RGB")
    ]
    assert [image.ndim for image, _, _ in network.asked] == [2, 3, 2, 3]
    assert {asked for _, asked, _ in network.asked} == {codec}
    # every row is what its own coded samples say, and the finer strength is nearer to the reference
    luma = studio_luma(pixels).astype(float)
    for row, (image, _, _) in zip(rows, network.asked, strict=True):
        reference = luma if image.ndim == 2 else pixels.astype(float)
        assert row.before == pytest.approx(
            10 * np.log10(255**2 / np.square(image - reference).mean()), abs=1e-9
        )
    assert rows[0].before > rows[2].before and rows[1].before > rows[3].before
    fine, coarse = network.asked[0][2], network.asked[2][2]
    assert fine < coarse


def test_every_codec_that_a_shipped_network_serves_has_strengths(
    script: dict[str, ModuleType],
) -> None:
    strengths = script["measuring"].STRENGTHS
    # BPG and AV1 are other wrappings of HEVC's and AVIF's pictures
    assert set(strengths) == set(CODECS) - {"bpg", "av1"}
    for codec, values in strengths.items():
        assert len({RatePoint(codec, value) for value in values}) == len(values)
        serving = script["main"]._serving(codec)
        assert {"edgeqe-tiny:float32", "edgeqe-small:float32"} <= set(serving)
        assert ("edgeqe-base:float32" in serving) == (codec == "jpeg")


def test_photographs_are_whole_and_downscaled(
    script: dict[str, ModuleType], tmp_path: Path
) -> None:
    pixels = photograph("astronaut", 0, 100, 100, 120)
    Image.fromarray(pixels).save(tmp_path / "face.png")
    Image.fromarray(pixels[..., 0]).save(tmp_path / "gray.png")
    found = {
        picture.name: picture for picture in script["measuring"]._pictures("photographs", tmp_path)
    }
    # five colour photographs of scikit-image, twice, and the folder's one that has colour
    assert len(found) == 11
    assert found["astronaut"].pixels.shape == (512, 512, 3)
    assert found["astronaut x0.7"].pixels.shape == (358, 358, 3)
    assert found["face x0.7"].pixels.shape == (70, 84, 3)


def row(script: dict[str, ModuleType], kind: str, **gains: float) -> Any:
    return script["measuring"].HarmRow(
        "m", kind, script["measuring"].Coding.COLOUR, RatePoint("hevc", 22), 30.0, gains
    )


def test_what_breaks_a_rule(script: dict[str, ModuleType]) -> None:
    failures = script["ruling"].failures
    assert failures([row(script, "photographs", a=-0.05, b=-0.01)]) == []
    assert failures([row(script, "drawn", a=-0.1, b=0.11)]) == []
    assert failures([row(script, "photographs", a=-0.06, b=-0.07, c=1.0)]) == [
        "photographs RGB, HEVC QP 22: 2 of 3 pictures lose more than 0.05 dB, b 0.070"
    ]
    assert failures([row(script, "drawn", a=-0.1, b=0.05)]) == [
        "drawn RGB, HEVC QP 22: the mean loses 0.025 dB"
    ]
    assert failures([row(script, "drawn", a=-0.2, b=0.0)]) == [
        "drawn RGB, HEVC QP 22: 1 of 2 pictures lose more than 0.1 dB, a 0.200",
        "drawn RGB, HEVC QP 22: the mean loses 0.100 dB",
    ]


@pytest.mark.parametrize(("gain", "status"), [(1.0, 0), (-1.0, 1)])
def test_harm_is_exit_status_1(
    script: dict[str, ModuleType],
    gain: float,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def measured(networks: Any, *_: Any) -> list[Any]:
        assert list(networks) == ["edgeqe-tiny:float32"]
        made = script["measuring"].HarmRow
        full, point = script["measuring"].Coding.FULL, RatePoint("jpeg", 85)
        return [made("edgeqe-tiny:float32", "drawn", full, point, 30.0, {"page-0": gain})]

    monkeypatch.setattr(script["main"], "measure", measured)
    monkeypatch.setattr(sys, "argv", ["no_harm", "edgeqe-tiny:float32", "--only", "drawn"])
    assert script["main"].main() == status
    lines = capsys.readouterr().out.splitlines()
    assert f"{gain:+.3f}  page-0" in lines[2]
    assert lines[4].startswith(
        "edgeqe-tiny:float32: "
        + ("no harm: no picture of drawn" if gain > 0 else "drawn RGB 4:4:4, JPEG quality 85")
    )


def test_an_unknown_model_is_exit_status_2(
    script: dict[str, ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["no_harm", "none.onnx"])
    assert script["main"].main() == 2
    assert capsys.readouterr().err.startswith("no_harm: no model 'none.onnx'")
