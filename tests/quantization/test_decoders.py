"""The decoders of the blame: only the DCT differs."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from PIL import Image

from edgeqe.codecs import jpeg
from edgeqe.errors import InputError
from edgeqe.quantization.drift import decoders
from tests.reference import photograph

PICTURE = photograph("coffee", 100, 150, 141, 155)  # odd sizes


def coded(gray: bool, quality: int) -> bytes:
    picture = Image.fromarray(PICTURE)
    return jpeg.encode(picture.convert("L") if gray else picture, quality)


@pytest.mark.parametrize("gray", [True, False])
@pytest.mark.parametrize("quality", [10, 80])
def test_with_the_accurate_dct_tensorflow_gives_pillows_bytes(gray: bool, quality: int) -> None:
    data = coded(gray, quality)
    with Image.open(io.BytesIO(data)) as opened:
        expected = np.asarray(opened.convert("L" if gray else "RGB"))
    np.testing.assert_array_equal(decoders.decoder_of("islow")(data, gray), expected)
    accurate = decoders._tensorflow("INTEGER_ACCURATE")
    np.testing.assert_array_equal(accurate(data, gray), expected)


@pytest.mark.parametrize("gray", [True, False])
def test_the_fast_dct_differs_by_a_few_levels(gray: bool) -> None:
    data = coded(gray, 60)
    fast, accurate = (decoders.decoder_of(name)(data, gray) for name in ("ifast", "islow"))
    assert fast.shape == accurate.shape == ((141, 155) if gray else (141, 155, 3))
    difference = np.abs(fast.astype(int) - accurate)
    # libjpeg's own note: the fast DCT loses accuracy in its 8-bit factors and is "least
    # accurate" at high quality. Measured here at quality 60: 2 levels of luma, 4 of RGB.
    assert 1 <= difference.max() <= 6
    assert 0.05 < (difference > 0).mean()


def test_an_unknown_decoder() -> None:
    with pytest.raises(InputError, match="decoder 'float' is none of islow, ifast"):
        decoders.decoder_of("float")


def test_without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(InputError, match=r"pip install 'edgeqe\[host\]'"):
        decoders.decoder_of("ifast")


def test_the_reference_decoder_has_a_version() -> None:
    assert decoders.islow_version().startswith("libjpeg")
