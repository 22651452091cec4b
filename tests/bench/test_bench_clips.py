"""Clips that are measured: found, read, coded, and scored as the mean of their frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeqe.bench.clips import ClipSet, references
from edgeqe.bench.data import PictureSet
from edgeqe.bench.quality import measure
from edgeqe.coding import Layout, RatePoint, coder
from edgeqe.coding.coder import Frame
from edgeqe.errors import ImageError, InputError
from edgeqe.metrics import psnr
from edgeqe.protocols import CodingProtocol
from edgeqe.protocols.clips import ReferenceClip
from edgeqe.typing import Array
from tests.clips import moving, studio_planes, write_mkv, write_y4m

pytest.importorskip("av")


class Brighter:
    """A network that adds a level to every sample."""

    takes_planes = True

    def enhance(self, image: Array, /, *, step: float, codec: str) -> Array:
        return (np.minimum(image, 254) + 1).astype(np.uint8)

    def enhance_planes(
        self, y: Array, u: Array, v: Array, /, *, step: float, codec: str
    ) -> tuple[Array, Array, Array]:
        return self.enhance(y, step=step, codec=codec), u, v


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_y4m(tmp_path / "film.y4m", [studio_planes(rgb) for rgb in moving()])


def test_clips_of_a_folder_or_a_file(film: Path, tmp_path: Path) -> None:
    write_mkv(tmp_path / "other.mkv", moving(1))
    found = references(tmp_path)
    assert isinstance(found, ClipSet) and len(found) == 2
    assert [clip.name for clip in found] == ["film", "other"]
    one = references(film)
    assert isinstance(one, ClipSet) and (one.name, len(one)) == ("film.y4m", 1)
    with pytest.raises(InputError, match="clips are measured as they are"):
        references(film, 0.5)
    # a folder's pictures are measured, whatever lies beside them
    Image.fromarray(moving(1)[0]).save(tmp_path / "picture.png")
    assert isinstance(references(tmp_path), PictureSet)
    with pytest.raises(InputError, match="is no folder"):
        references(tmp_path / "nothing")


@pytest.mark.parametrize("low_delay", [False, True])
@pytest.mark.parametrize("protocol", [CodingProtocol.GRAY, CodingProtocol.PLANES])
def test_a_clip_is_the_mean_of_its_frames(
    film: Path, protocol: CodingProtocol, low_delay: bool
) -> None:
    """Against the encoder and decoder themselves, on the film's own planes."""
    (row,) = measure(
        {"brighter": Brighter()}, references(film), protocol, RatePoint("hevc", 32),
        low_delay=low_delay,
    )  # fmt: skip
    (score,) = row.scores
    assert score.name == "film"
    planes = [studio_planes(rgb) for rgb in moving()]
    if protocol == CodingProtocol.GRAY:
        frames = [Frame(Layout.GRAY, planes_of[:1]) for planes_of in planes]
    else:
        frames = [Frame(Layout.YUV420, planes_of) for planes_of in planes]
    hevc = coder("hevc")
    packets = hevc.encode_clip(frames, 32, intra=not low_delay)  # type: ignore[attr-defined]
    decoded = hevc.decode_clip(packets)  # type: ignore[attr-defined]
    before = [psnr(f.planes[0], d.planes[0]) for f, d in zip(frames, decoded, strict=True)]
    after = [
        psnr(f.planes[0], (d.planes[0] + 1).astype(np.uint8))
        for f, d in zip(frames, decoded, strict=True)
    ]
    assert score.y_psnr == pytest.approx((np.mean(before), np.mean(after)), abs=1e-9)
    bits = 8 * sum(map(len, packets)) / (3 * 48 * 64)
    # an intra stream of its own may hold its parameter sets once more than a clip's packet
    assert score.bits_per_pixel == pytest.approx(bits, rel=0 if low_delay else 0.1)
    assert score.step == pytest.approx(2 ** (28 / 6))


def test_clips_of_gray_have_no_colour(tmp_path: Path) -> None:
    luma = [(studio_planes(rgb)[0],) for rgb in moving(1)]
    clips = references(write_y4m(tmp_path / "g.y4m", luma, "mono"))
    with pytest.raises(InputError, match=r"g\.y4m holds only gray"):
        list(measure({"b": Brighter()}, clips, CodingProtocol.PLANES, RatePoint("h264", 30)))


def test_frames_that_are_too_small_or_too_many(
    tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = write_y4m(tmp_path / "s.y4m", [studio_planes(moving(1, 48, 8)[0])])
    with pytest.raises(ImageError, match=r"is 8x48 pixels: clips of at least 16 each way"):
        list(ReferenceClip("s", small).frames())
    monkeypatch.setattr("edgeqe.protocols.clips.LARGEST_CLIP", 2 * 48 * 64 * 3)
    with pytest.raises(InputError, match="too long to be coded at once .3 frames of 64x48"):
        list(
            ReferenceClip("film", film).compressed(CodingProtocol.GRAY, 30, "hevc", low_delay=True)
        )
