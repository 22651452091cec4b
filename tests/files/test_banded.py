"""Pictures to Pillow's images band by band: as from the whole, and in how little memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeqe.files.banded import BAND_ROWS, image_of
from edgeqe.files.picture import Picture
from tests.source_tree import ROOT

#: Rows of one band, of several, and of one row more than whole bands.
HEIGHTS = (1, 7, BAND_ROWS, 2 * BAND_ROWS + 1, 3 * BAND_ROWS - 2)
WIDTH = 9
PROGRAM = """
import sys
import PIL.JpegImagePlugin, PIL.PngImagePlugin, PIL.Image
from edgeqe import Enhancer
from edgeqe.bench.memory import resident_bytes, reset_peak
import edgeqe.files.enhance, edgeqe.runtimes.ort, onnxruntime
before = resident_bytes("VmRSS")
if before is None or not reset_peak():
    sys.exit(9)
with Enhancer("edgeqe-nano:float32", memory_limit="24MiB") as enhancer:
    enhancer.enhance_file(sys.argv[1], sys.argv[2])
print((resident_bytes("VmHWM") - before) / 1e6)
"""


def noise(*shape: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("height", HEIGHTS)
def test_planes(height: int) -> None:
    half = ((height + 1) // 2, (WIDTH + 1) // 2)
    y, cb, cr = noise(height, WIDTH), noise(*half), noise(*half)[::-1]
    picture = Picture((y, cb, cr))
    np.testing.assert_array_equal(np.asarray(image_of(picture)), picture.pixels())
    coded = image_of(picture, as_coded=True)
    assert coded.mode == "YCbCr"
    # each chroma sample stands for the four places of its square
    rows, columns = np.arange(height) // 2, np.arange(WIDTH) // 2
    for plane, wanted in zip(
        np.moveaxis(np.asarray(coded), -1, 0),
        (y, cb[rows][:, columns], cr[rows][:, columns]),
        strict=True,
    ):
        np.testing.assert_array_equal(plane, wanted)


@pytest.mark.parametrize("height", HEIGHTS)
@pytest.mark.parametrize(("channels", "alpha"), [(1, False), (1, True), (3, False), (3, True)])
def test_samples(channels: int, alpha: bool, height: int) -> None:
    shape = (height, WIDTH) if channels == 1 else (height, WIDTH, 3)
    picture = Picture((noise(*shape),), noise(height, WIDTH)[:, ::-1] if alpha else None)
    made = np.asarray(image_of(picture))
    wanted = (
        picture.planes[0] if picture.alpha is None else np.dstack((*picture.planes, picture.alpha))
    )
    np.testing.assert_array_equal(made, wanted)
    np.testing.assert_array_equal(made.shape[:2], (height, WIDTH))


def test_gray_of_16_bits() -> None:
    values = noise(8, 9).astype(np.uint16) * 257
    np.testing.assert_array_equal(np.asarray(image_of(Picture((values,)))), values)


def test_twelve_megapixels_stay_under_80_mb_above_the_imports(tmp_path: Path) -> None:
    given, made = tmp_path / "in.jpg", tmp_path / "out.png"
    ramp = np.add.outer(np.arange(3000) // 12, np.arange(4000) // 16).astype(np.uint8) // 2
    Image.merge("RGB", [Image.fromarray(ramp)] * 3).save(given, quality=40)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(given), str(made)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    if done.returncode == 9:
        pytest.skip("the system does not tell a process's peak")
    assert done.returncode == 0, done.stderr
    # 18 of planes, 25 of the limit, and what strips, encoder and heap take
    assert float(done.stdout) < 80.0
    with Image.open(made) as opened:
        assert opened.size == (4000, 3000)
