"""What is drawn, told from photographs, on pictures that the factors were not fitted to."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from edgeqe.errors import InputError
from edgeqe.estimation.content import drawn_share
from edgeqe.zoo.training.drawn.evaluation import drawn_set
from tests.estimation.test_jpeg_history import LUMA, Rgb


def shares(pictures: list[Rgb], quality: int) -> list[float]:
    """Drawn share of every picture, coded."""
    found = []
    for rgb in pictures:
        file = io.BytesIO()
        Image.fromarray(rgb).save(file, "JPEG", quality=quality)
        with Image.open(file) as coded:
            found.append(drawn_share(np.asarray(coded) @ LUMA))
    return found


@pytest.mark.parametrize("quality", [20, 80])
def test_photographs_and_drawn_pictures(quality: int) -> None:
    data = pytest.importorskip("skimage.data")
    photographs = [data.coffee(), data.chelsea(), data.astronaut(), data.rocket()]
    assert max(shares(photographs, quality)) < 0.5
    # a scan of grainy paper and a table of light gray lines at fine qualities say little
    drawn = shares(list(drawn_set().values()), quality)
    assert np.mean(drawn) > 0.7
    assert sum(share < 0.5 for share in drawn) <= 2


def test_half_and_half() -> None:
    data = pytest.importorskip("skimage.data")
    photograph, drawn = data.coffee()[:384, :512], drawn_set()["pen-7"]
    apart = [drawn_share(picture @ LUMA) for picture in (photograph, drawn)]
    together = drawn_share(np.concatenate([photograph, drawn]) @ LUMA)
    assert together == pytest.approx(np.mean(apart), abs=0.02)


def test_even_ground_is_nothing() -> None:
    assert drawn_share(np.full((300, 300), 200.0)) == 0.0


def test_what_is_no_luma() -> None:
    for shape in ((4, 300), (8, 8, 3)):
        with pytest.raises(InputError, match=r"is not of two dimensions"):
            drawn_share(np.zeros(shape))
    with pytest.raises(InputError, match="not finite"):
        drawn_share(np.full((32, 32), np.inf))
