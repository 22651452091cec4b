"""Clips of reference frames: the samples that were written, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeqe.coding import Layout
from edgeqe.coding.clips import read_clip
from edgeqe.errors import ImageError
from tests.clips import moving, studio_planes, write_mkv, write_y4m

pytest.importorskip("av")


def test_planes_of_a_y4m_are_as_written(tmp_path: Path) -> None:
    frames = [studio_planes(rgb) for rgb in moving()]
    found = list(read_clip(write_y4m(tmp_path / "clip.y4m", frames)))
    assert [frame.layout for frame in found] == [Layout.YUV420] * 3
    for frame, planes in zip(found, frames, strict=True):
        for read, written in zip(frame.planes, planes, strict=True):
            np.testing.assert_array_equal(read, written)


def test_gray_and_rgb_films(tmp_path: Path) -> None:
    luma = [(studio_planes(rgb)[0],) for rgb in moving()]
    gray = list(read_clip(write_y4m(tmp_path / "a.y4m", luma, "mono")))
    assert [frame.layout for frame in gray] == [Layout.GRAY] * 3
    np.testing.assert_array_equal(gray[2].planes[0], luma[2][0])
    rgb = list(read_clip(write_mkv(tmp_path / "b.mkv", moving())))
    assert [frame.layout for frame in rgb] == [Layout.RGB] * 3
    for frame, written in zip(rgb, moving(), strict=True):
        np.testing.assert_array_equal(frame.planes[0], written)


@pytest.mark.parametrize("kept", [0, 3, 60])
def test_a_damaged_film_is_one_line(tmp_path: Path, kept: int) -> None:
    whole = write_y4m(tmp_path / "whole.y4m", [studio_planes(moving(1)[0])]).read_bytes()
    for name in ("cut.y4m", "cut.mkv"):
        (tmp_path / name).write_bytes(whole[:kept])
        with pytest.raises(ImageError, match="cut"):
            list(read_clip(tmp_path / name))


def test_deep_and_full_chroma_is_refused(tmp_path: Path) -> None:
    planes = (np.zeros((48, 64), np.uint8),) * 3
    with pytest.raises(ImageError, match="frames of yuv444p: reference frames are gray, 4:2:0"):
        list(read_clip(write_y4m(tmp_path / "c.y4m", [planes], "444")))
