"""Packed NV12 and P010 frames: the same samples as their two planes, in place, padding untouched."""

import numpy as np
import pytest

from edgeqe import Enhancer, InputError, InputTypeError
from edgeqe.views.packed import unpacked
from tests.reference import photograph


@pytest.fixture(scope="module")
def enhancer() -> Enhancer:
    return Enhancer("edgeqe-nano", threads=1)


def packed(height: int, stride: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A buffer as a driver gives it: Y of a photograph, then chroma, rows of `stride` bytes."""
    return np.vstack([photograph("camera", 40, 60, height, stride),
                      photograph("moon", 10, 20, height // 2, stride)])  # fmt: skip


def test_a_packed_frame_equals_its_planes(enhancer: Enhancer) -> None:
    buffer = packed(48, 80)
    width = 70  # the driver pads each row to 80
    y, uv = buffer[:48, :width].copy(), buffer[48:, :width].copy().reshape(24, 35, 2)
    padding = buffer[:, width:].copy()
    better_y, better_uv = enhancer.enhance_nv12(y, uv, quality=20)
    assert (better_y != y).any() and (better_uv != uv).any()
    frame = buffer[:, :width]
    fresh = enhancer.enhance_nv12(frame, quality=20)
    np.testing.assert_array_equal(frame[:48], y)  # read alone
    assert enhancer.enhance_nv12(frame, quality=20, out=frame) is frame
    for got in (fresh, frame):
        np.testing.assert_array_equal(got[:48], better_y)
        np.testing.assert_array_equal(got[48:].reshape(24, 35, 2), better_uv)
    np.testing.assert_array_equal(buffer[:, width:], padding)


def test_a_packed_p010_frame_equals_its_planes(enhancer: Enhancer) -> None:
    frame = packed(48, 80).astype(np.uint16) << 8
    y, uv = enhancer.enhance_p010(frame[:48], frame[48:].reshape(24, 40, 2), quality=20)
    got = enhancer.enhance_p010(frame, quality=20)
    np.testing.assert_array_equal(got, np.vstack([y, uv.reshape(24, 80)]))


def test_views_and_no_copies() -> None:
    buffer = packed(8, 16)
    for frame in (buffer, buffer[:, :10], buffer[::-1], np.asfortranarray(buffer)):
        y, uv = unpacked(frame)
        assert np.shares_memory(y, frame) and np.shares_memory(uv, frame)
        assert y.shape == (8, frame.shape[1]) and uv.shape == (4, frame.shape[1] // 2, 2)
        assert uv[3, 1, 1] == frame[11, 3]


def test_what_is_no_packed_frame_is_refused(enhancer: Enhancer) -> None:
    frame = packed(8, 16)
    for strange in (frame[:10], frame[:, :15], frame[:0], frame[..., None]):
        with pytest.raises(InputError, match=r"H \* 3 / 2"):
            enhancer.enhance_nv12(strange, quality=20)
    with pytest.raises(InputTypeError, match="packed frame"):
        enhancer.enhance_nv12(frame.tolist(), quality=20)
    with pytest.raises(InputTypeError, match="uint8"):
        enhancer.enhance_nv12(frame.astype(np.uint16), quality=20)
    y, uv = unpacked(frame)
    with pytest.raises(InputError, match="one array"):
        enhancer.enhance_nv12(frame, quality=20, out=(y, uv))  # type: ignore[call-overload]
    with pytest.raises(InputError, match=r"\(y, uv\)"):
        enhancer.enhance_nv12(y, uv, quality=20, out=frame)  # type: ignore[call-overload]
    with pytest.raises(InputError, match="overlaps"):
        enhancer.enhance_nv12(frame[:9], quality=20, out=frame[3:])
