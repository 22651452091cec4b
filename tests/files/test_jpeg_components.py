"""JPEGs that code R, G and B themselves: each component is enhanced at its own table's step."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from edgeqe import Enhancer
from edgeqe.codecs.strength import Strength, ijg_table, step_from_quality, step_from_table
from edgeqe.files.components import coded_components
from edgeqe.files.enhance import enhance_file, enhance_picture, read_picture
from edgeqe.metrics import psnr
from tests.files.jpegs import jpeg, photo, segment
from tests.files.test_files import Stand


class Planes(Stand):
    """Keeps the shapes too."""

    def __init__(self) -> None:
        super().__init__(add=1)
        self.shapes: list[tuple[int, ...]] = []

    def enhance(self, image: Any, **how: Any) -> Any:
        self.shapes.append(image.shape)
        return super().enhance(image, **how)


def test_each_component_is_a_gray_picture(tmp_path: Path) -> None:
    stand = Planes()
    content = jpeg(photo() // 2, keep_rgb=True, quality=40)
    report = enhance_file(stand, content, tmp_path / "out.png")
    assert (report.kind, report.quality) == ("RGB planes", 40)
    assert stand.shapes == 3 * [(96, 128)]
    assert stand.steps == pytest.approx(3 * [step_from_quality(40)])
    with Image.open(io.BytesIO(content)) as before, Image.open(tmp_path / "out.png") as after:
        np.testing.assert_array_equal(np.asarray(after), np.asarray(before) + 1)


def test_of_fine_steps_a_part_of_the_change_is_made(tmp_path: Path) -> None:
    stand = Planes()
    for quality in (30, 75, 83, 92, 95, 98, 100):
        enhance_file(stand, jpeg(keep_rgb=True, quality=quality), tmp_path / f"{quality}.png")
    shares = [amount for amount, _ in stand.manners[::3]]
    assert shares[:2] == pytest.approx([1.0, 1.0])
    assert 0.5 < shares[2] < 1.0
    assert shares[3] == pytest.approx(0.5)
    assert 0.25 < shares[4] < 0.45
    assert shares[5:] == pytest.approx([0.0, 0.0])


def with_green_table(content: bytes, table: tuple[int, ...]) -> bytes:
    """File whose second component has a table of its own, number 1."""
    from edgeqe.codecs.jpeg import ZIGZAG

    frame = content.index(b"\xff\xc0")
    content = content[: frame + 15] + b"\x01" + content[frame + 16 :]
    return (
        content[:frame] + segment(0xDB, b"\x01" + bytes(table[k] for k in ZIGZAG)) + content[frame:]
    )


def test_a_component_has_its_own_table(tmp_path: Path) -> None:
    stand = Planes()
    table = tuple(3 + k for k in range(64))
    content = with_green_table(jpeg(photo(), keep_rgb=True, quality=80), table)
    enhance_file(stand, content, tmp_path / "out.png")
    own = step_from_quality(80)
    assert stand.steps == pytest.approx([own, step_from_table(table), own])
    enhance_file(stand, content, tmp_path / "again.png", quality=80)  # the first, and the others so
    assert stand.steps[3:] == pytest.approx(stand.steps[:3])


def test_a_component_of_less_than_full_size_stays() -> None:
    content = jpeg(photo())  # 4:2:0, whose components an Adobe marker calls R, G, B
    jfif = 4 + int.from_bytes(content[4:6], "big")
    adobe = segment(0xEE, b"Adobe\0\x64" + bytes(5))
    found = read_picture(content[:2] + adobe + content[jfif:])
    assert found.component_steps == pytest.approx((step_from_table(ijg_table(60)), 0.0, 0.0))
    enhanced = enhance_picture(Stand(1), found, Strength(9.0, "jpeg"))
    np.testing.assert_array_equal(enhanced.pixels(), found.pixels() + np.array([1, 0, 0], np.uint8))


@pytest.mark.parametrize(
    ("strength", "origin", "by_components"),
    [
        (Strength(9.0, "jpeg"), "file", True),
        (Strength(9.0, "jpeg"), "argument", True),
        (Strength(9.0), "argument", True),
        (Strength(9.0, "hevc"), "argument", False),
        (Strength(9.0, "jpeg"), "pixels", False),
    ],
)
def test_another_coding_was_of_other_components(
    strength: Strength, origin: str, by_components: bool
) -> None:
    found = coded_components(read_picture(jpeg(keep_rgb=True)), strength, origin)
    assert (found.component_steps is not None) is by_components
    assert found.kind == ("RGB planes" if by_components else "RGB")
    assert dataclasses.replace(found, component_steps=None).kind == "RGB"


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_other_jpegs_have_no_such_components(mode: str) -> None:
    for subsampling in (0, 1, 2):
        assert read_picture(jpeg(mode=mode, subsampling=subsampling)).component_steps is None


@pytest.mark.parametrize("quality", [30, 60, 75, 90, 95])
def test_the_network_gains_on_components(tmp_path: Path, quality: int) -> None:
    """Taken for YCbCr it loses from quality 75 on: -0.08, -0.31 and -0.23 dB."""
    astronaut: Any = data.astronaut
    original = astronaut()[:192, 160:352]
    content = jpeg(original, keep_rgb=True, quality=quality)
    with Enhancer("edgeqe-nano", threads=1) as enhancer:
        enhancer.enhance_file(content, tmp_path / "out.png")
    gain = psnr(read_picture(tmp_path / "out.png").pixels(), original) - psnr(
        read_picture(content).pixels(), original
    )
    assert gain > (0.2 if quality <= 90 else 0.0)  # 0.4 to 1.2 dB on the whole picture up to 90


def test_what_an_earlier_coding_left_stays_at_fine_steps(tmp_path: Path) -> None:
    """A network takes the errors of a coding before for those of this one: all of it loses 1.2 dB."""
    astronaut: Any = data.astronaut
    before = read_picture(jpeg(astronaut()[:192, 160:352], quality=85), as_coded=False).pixels()
    content = jpeg(before, keep_rgb=True, quality=95)
    with Enhancer("edgeqe-nano", threads=1) as enhancer:
        enhancer.enhance_file(content, tmp_path / "out.png")
    gain = psnr(read_picture(tmp_path / "out.png").pixels(), before) - psnr(
        read_picture(content).pixels(), before
    )
    assert gain > -0.05
