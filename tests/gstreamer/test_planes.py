"""A mapped frame's planes by strides and offsets, against sums of bytes; what is outside is refused."""

from collections.abc import Sequence

import numpy as np
import pytest

from edgeqe import InputError
from edgeqe.gstreamer.planes import planes_of


def frame(size: int) -> bytearray:
    return bytearray(np.random.default_rng(4).integers(0, 256, size, np.uint8).tobytes())


def test_nv12_of_odd_size_with_padding() -> None:
    data = frame(7 + 3 * 8 + 5 + 2 * 16)
    y, uv = planes_of(data, "NV12", 5, 3, [8, 16, 0, 0], [7, 7 + 24 + 5, 0, 0])
    assert (y.shape, uv.shape) == ((3, 5), (2, 3, 2))
    assert y[2, 4] == data[7 + 2 * 8 + 4]
    assert uv[1, 2, 1] == data[36 + 16 + 5]
    uv[1, 2, 1] ^= 255
    y[0, 0] ^= 255
    again = frame(len(data))
    assert [i for i, (a, b) in enumerate(zip(data, again, strict=True)) if a != b] == [7, 57]


def test_i420_and_p010() -> None:
    data = frame(4 * 6 + 2 * 2 * 4)
    y, u, v = planes_of(data, "I420", 6, 4, [6, 4, 4], [0, 24, 32])
    assert [plane.shape for plane in (y, u, v)] == [(4, 6), (2, 3), (2, 3)]
    assert (u[1, 2], v[1, 2]) == (data[24 + 4 + 2], data[32 + 4 + 2])
    data = frame(2 * 12 + 12)
    y, uv = planes_of(data, "P010_10LE", 4, 2, [12, 12], [0, 24])
    assert y.dtype == uv.dtype == np.uint16
    assert y[1, 3] == data[12 + 6] + 256 * data[12 + 7]
    assert uv[0, 1, 1] == data[24 + 6] + 256 * data[24 + 7]


@pytest.mark.parametrize(
    ("strides", "offsets", "plane"),
    [([8, 8], [0, 33], 1), ([7, 8], [0, 32], 0), ([8, 8], [0, -1], 1), ([99, 8], [0, 32], 0)],
)
def test_a_plane_outside_its_buffer_is_refused(
    strides: Sequence[int], offsets: Sequence[int], plane: int
) -> None:
    planes_of(bytearray(48), "NV12", 8, 4, [8, 8], [0, 32])
    with pytest.raises(InputError, match=f"plane {plane} of NV12 8x4"):
        planes_of(bytearray(48), "NV12", 8, 4, strides, offsets)
