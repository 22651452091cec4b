"""Stages of clips: each runs over the clip's frames, and shares add up to the whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from click.testing import CliRunner

from edgeqe import Enhancer
from edgeqe.bench import frames, made_clip
from edgeqe.bench.data import PictureSet
from edgeqe.bench.video import format_video, measure_video
from edgeqe.cli import main
from edgeqe.runtimes.processor_time import Spent, processor_time
from edgeqe.video.reading import ClipFrame, ClipReader
from tests.fakes import noise

pytest.importorskip("av")
Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(cast(dict[str, tuple[int, int]], frames.SIZES), "720p", (96, 128))
    monkeypatch.setattr(made_clip, "FRAMES", 6)
    picture = tmp_path / "one.png"
    Image.fromarray(np.repeat(np.repeat(noise(10, 12, 3), 8, 0), 8, 1)).save(picture)
    return made_clip.make_clip(PictureSet("one", (picture,)), "720p", tmp_path)


def test_the_made_clip_is_of_the_size_and_pans(clip: Path) -> None:
    reader = ClipReader(str(clip), clip.name, pixel_limit=10**6)
    seen = [item.frame for item in reader.items() if isinstance(item, ClipFrame)]
    reader.close()
    assert len(seen) == 6 and reader.codec == "h264"
    first, second = (frame.to_ndarray()[:96].astype(int) for frame in seen[:2])
    assert first.shape == (96, 128)
    down, right = made_clip.PAN
    panned = abs(first[down:, right:] - second[:-down, :-right]).mean()
    assert panned < 0.5 * abs(first - second).mean()


@pytest.mark.parametrize("model", ["edgeqe-tiny", "edgeqe-nano"])  # nano does not serve H.264
def test_every_stage_has_its_frames_and_shares(clip: Path, model: str) -> None:
    with Enhancer(model, threads=2) as enhancer:
        entry = measure_video(enhancer, clip)
    stages = {one.stage: one for one in entry.stages}
    assert list(stages) == ["decode", "nv12 in place", "enhance", "encode", "whole"]
    assert (entry.width, entry.height, entry.codec, entry.encoder) == (128, 96, "h264", "libx264")
    for one in entry.stages:
        assert one.frames == 6 and one.frames_per_second > 0 and one.processor_ms > 0
        shares = one.runtime_share, one.conversion_share, one.other_share
        if one.stage in ("nv12 in place", "enhance"):
            assert all(share is not None for share in shares)
            assert sum(share or 0 for share in shares) == pytest.approx(1)
            assert one.runtime_share is not None and one.runtime_share > 0
        else:
            assert shares == (None, None, None)
    shown = format_video([entry])
    assert "128x96 h264, libx264, 2 threads" in shown and "nv12 in place" in shown


def test_json_and_what_does_not_go_together(clip: Path) -> None:
    words = ["bench", "--source", "video", "-m", "edgeqe-tiny", "--data", str(clip)]
    report = json.loads(CliRunner().invoke(main, [*words, "--json"]).stdout)
    assert report["kind"] == "edgeqe-video"
    (found,) = report["clips"]
    assert [stage["frames"] for stage in found["stages"]] == [6] * 5
    refused = CliRunner().invoke(main, [*words, "--qp", "32"])
    assert refused.exit_code == 2 and "leave out --qp" in refused.output
    sized = CliRunner().invoke(main, [*words, "--size", "1080p"])
    assert sized.exit_code == 2 and "--size" in sized.output
    missing = CliRunner().invoke(main, [*words[:-1], str(clip.with_name("none.mp4"))])
    assert missing.exit_code == 2 and "none.mp4" in missing.output


def test_time_is_counted_inside_the_block_alone() -> None:
    def work() -> None:
        with Spent("window"):
            sum(range(200_000))

    work()
    with processor_time() as outer:
        work()
        with processor_time() as inner:
            work()
        work()
    work()
    assert 0 < inner["window"] < outer["window"]
    assert outer["runtime"] == 0
