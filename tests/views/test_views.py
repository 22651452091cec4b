"""Every layout of the planes from every kind of picture, against numpy by hand."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeqe import InputError
from edgeqe.typing import Double, Float
from edgeqe.views.full_size import VIEWS
from edgeqe.views.subsampled import Depth
from edgeqe.views.window import Window
from tests.fakes import FakeFile, enhancer_of, noise
from tests.reference import photograph

#: ITU-T T.871 (JFIF): Y, Cb, Cr of R, G, B.
YCC = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.299 / 1.772, -0.587 / 1.772, 0.5],
        [0.5, -0.587 / 1.402, -0.114 / 1.402],
    ]
)
ORDERS = {"rgb": [0, 1, 2], "bgr": [2, 1, 0]}
#: Heights and widths of pictures, and by how much a window sticks out of them.
SIZES = [(1, 1), (1, 7), (2, 2), (9, 4), (13, 22)]
OUTSIDE = [0, 1, 7, 70]


def picture(kind: str, height: int, width: int, dtype: Any = np.uint8) -> list[npt.NDArray[Any]]:
    if kind == "gray":
        return [noise(height, width, dtype=dtype)]
    if kind == "planes":
        half = (height + 1) // 2, (width + 1) // 2
        return [noise(*s, seed=i, dtype=dtype) for i, s in enumerate([(height, width), half, half])]
    return [noise(height, width, 4, dtype=dtype)]


def even(side: int) -> int:
    return side + side % 2


def padded(plane: Double, height: int, width: int) -> Double:
    return np.pad(plane, ((0, height - len(plane)), (0, width - plane.shape[1])), mode="edge")


def phases(luma: Double) -> list[Double]:
    return [luma[0::2, 0::2], luma[0::2, 1::2], luma[1::2, 0::2], luma[1::2, 1::2]]


def planes_by_hand(layout: str, kind: str, given: list[Double], height: int, width: int) -> Double:
    """Planes of a window from the origin; `given` in grey levels."""
    if kind == "gray":
        rgb = np.stack([padded(given[0], height, width)] * 3)
        luma, chroma = rgb[0], [np.full((height // 2, width // 2), 128.0)] * 2
    elif kind == "planes":
        luma = padded(given[0], height, width)
        halves = given[1:] if layout[0] == "4" else []
        chroma = [padded(c, height // 2, width // 2) for c in halves]
    else:
        rgb = np.stack([padded(given[0][..., k], height, width) for k in ORDERS[kind]])
        ycc = np.tensordot(YCC, rgb, 1)
        luma = ycc[0]
        pooled = [np.mean(phases(c), 0) for c in ycc[1:]] if layout[0] == "4" else []
        chroma = [128 + c for c in pooled]
    made: Double
    if layout == "y":
        made = luma[None]
    elif layout == "rgb":
        made = rgb
    else:
        made = np.stack([*phases(luma), *chroma])
    made = made - 128.0
    return made


def window_of(layout: str, height: int, width: int, outside: int) -> Window:
    height, width = height + outside, width + outside
    if layout[0] == "4":
        height, width = even(height), even(width)
    return Window(0, 0, height, width, (0, height), (0, width))


@pytest.mark.parametrize(("layout", "kind"), list(VIEWS))
@pytest.mark.parametrize("outside", OUTSIDE)
def test_a_window_beyond_the_picture_repeats_its_edges(
    layout: str, kind: str, outside: int
) -> None:
    view = VIEWS[layout, kind]
    for height, width in SIZES:
        sources = picture(kind, height, width)
        window = window_of(layout, height, width, outside)
        given = [source.astype(np.float64) for source in sources]
        expected = planes_by_hand(layout, kind, given, window.height, window.width)
        planes = np.full(expected.shape, np.nan, np.float32)
        view(sources, sources, Depth(8)).read(window, planes)
        # sums of three products of float32 up to 255: some 2e-5
        np.testing.assert_allclose(planes, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("layout", "kind"), list(VIEWS))
@pytest.mark.parametrize("depth", [Depth(10), Depth(16), Depth(10, 6)])
def test_deep_strided_pictures_are_the_same_planes(layout: str, kind: str, depth: Depth) -> None:
    whole = picture(kind, 24, 36, np.uint16)
    sources = [s & depth.peak for s in whole]
    strided = []
    for source in sources:
        buffer = np.zeros((len(source), source.shape[1] + 9, *source.shape[2:]), np.uint16)
        buffer[:, 4:-5] = source
        strided.append(buffer[:, 4:-5])
    window = window_of(layout, 24, 36, 2)
    given = [source / depth.unit for source in sources]
    expected = planes_by_hand(layout, kind, given, window.height, window.width)
    planes = np.full(expected.shape, np.nan, np.float32)
    VIEWS[layout, kind](strided, strided, depth).read(window, planes)
    np.testing.assert_allclose(planes, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("layout", "kind"), list(VIEWS))
@pytest.mark.parametrize("depth", [Depth(8), Depth(12)])
def test_a_window_inside_reads_and_writes_its_own_part(
    layout: str, kind: str, depth: Depth
) -> None:
    dtype = np.uint8 if depth.bits == 8 else np.uint16
    sources = [s & depth.peak for s in picture(kind, 33, 47, dtype)]
    view = VIEWS[layout, kind]
    window = Window(8, 16, 16, 24, (12, 20), (20, 32))
    given = [source / depth.unit for source in sources]
    whole = planes_by_hand(layout, kind, given, 34, 48)
    pixels = 2 if layout[0] == "4" else 1
    cut = np.s_[:, 8 // pixels : 24 // pixels, 16 // pixels : 40 // pixels]
    targets = [np.full_like(source, 7) for source in sources]
    made = view(sources, targets, depth)
    planes = np.full(whole[cut].shape, np.nan, np.float32)
    made.read(window, planes)
    np.testing.assert_allclose(planes, whole[cut], rtol=0, atol=1e-4)

    residual = np.random.default_rng(3).normal(0, 9, whole.shape).astype(np.float32)
    made.write(window, np.ascontiguousarray(residual[cut]))
    expected = added_by_hand(layout, kind, sources, residual.astype(np.float64), depth)
    for i in range(len(view.factors)):
        target, value = targets[i], expected[i]
        f = 2 if i else 1
        own = np.s_[12 // f : 20 // f, 20 // f : 32 // f]
        # float32 of deep samples: a value at .5 may round the other way
        assert np.abs(target[own].astype(float) - value[own]).max() <= 0.5 + 1e-2
        outside = target.copy()
        outside[own] = 7
        assert (outside == 7).all()


def added_by_hand(
    layout: str, kind: str, sources: list[npt.NDArray[Any]], residual: Double, depth: Depth
) -> list[Double]:
    """Unrounded result of a whole picture, sources' own units."""
    result = [source.astype(np.float64) for source in sources]
    height, width = sources[0].shape[:2]
    if layout == "rgb":
        gain = np.tensordot(YCC[0], residual, 1)[None] if kind == "gray" else residual
    elif layout == "y":
        gain = residual if kind in ("gray", "planes") else np.repeat(residual, 3, 0)
    else:
        luma = np.zeros((2 * residual.shape[1], 2 * residual.shape[2]))
        for phase, values in zip(phases(luma), residual, strict=False):
            phase[:] = values
        gain = luma[None]
        if kind in ORDERS:
            chroma = [np.repeat(np.repeat(c, 2, 0), 2, 1) for c in residual[4:]]
            gain = np.tensordot(np.linalg.inv(YCC), np.stack([luma, *chroma]), 1)
        elif kind == "planes":
            for plane, values in zip(result[1:], residual[4:], strict=True):
                plane += depth.unit * values
    if kind in ORDERS:
        for position, plane in zip(ORDERS[kind], gain, strict=True):
            result[0][..., position] += depth.unit * plane[:height, :width]
    else:
        result[0] += depth.unit * gain[0, :height, :width]
    return [np.clip(plane, 0, depth.peak) for plane in result]


def minus_a_third(planes: Float) -> Float:
    return planes * np.float32(-1 / 3)


def test_a_network_of_luma_leaves_chroma_planes_alone() -> None:
    y, u, v = picture("planes", 31, 45)
    expected = np.rint(y - (y.astype(float) - 128) / 3)
    with enhancer_of(FakeFile(minus_a_third), threads=2) as enhancer:
        made = enhancer.enhance_planes(y, u, v, qp=30)
        np.testing.assert_array_equal(made[0], expected)
        for given, copy in zip((u, v), made[1:], strict=True):
            np.testing.assert_array_equal(copy, given)
            assert not np.shares_memory(copy, given)
        uv = np.stack([u, v], -1)
        out = np.zeros_like(y), np.zeros_like(uv)
        enhancer.enhance_nv12(y, uv, qp=30, out=out)
        np.testing.assert_array_equal(out[0], expected)
        np.testing.assert_array_equal(out[1], uv)
        before = uv.copy()
        enhancer.enhance_nv12(y, uv, qp=30, out=(y, uv))
        np.testing.assert_array_equal(y, expected)
        np.testing.assert_array_equal(uv, before)


def test_a_network_of_rgb_refuses_planes_and_takes_files(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.fromarray(photograph("astronaut", 0, 100, 40, 50)).save(
        stream, "JPEG", quality=30, subsampling=2
    )
    with Image.open(stream) as opened:
        decoded = np.asarray(opened)
    network = FakeFile(minus_a_third, planes="rgb")
    with enhancer_of(network, threads=2) as enhancer:
        with pytest.raises(InputError, match=r"RGB pictures.*enhance\(\)"):
            enhancer.enhance_planes(*picture("planes", 8, 8), qp=30)
        report = enhancer.enhance_file(stream.getvalue(), tmp_path / "out.png")
    assert report.kind == "RGB"
    with Image.open(tmp_path / "out.png") as opened:
        result = np.asarray(opened)
    expected = decoded - (decoded.astype(float) - 128) / 3
    # 1/3 in float32: a value at .5 may round the other way, the rest is exact
    assert np.abs(result - expected).max() <= 0.5 + 1e-4


def test_a_file_of_planes_keeps_its_chroma_under_luma(tmp_path: Path) -> None:
    Image.fromarray(photograph("astronaut", 0, 100, 40, 50)).save(
        tmp_path / "in.jpg", quality=30, subsampling=2
    )
    with enhancer_of(FakeFile(minus_a_third), threads=2) as enhancer:
        report = enhancer.enhance_file(tmp_path / "in.jpg", tmp_path / "out.png")
    assert report.kind == "4:2:0 planes"


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.float32])
def test_the_prediction_residual_is_cut_with_the_picture(dtype: type[Any]) -> None:
    """The network returns its second input: zeros beyond the end, scaled as the samples are."""
    seen: list[Float] = []

    def second(planes: Float) -> Float:
        seen.append(planes[1].copy())
        return planes[1:] * 1.0

    file = FakeFile(second, inputs=("planes", "residual"), alignment=8, halo=8)
    given = np.random.default_rng(2).integers(-90, 90, (45, 51)).astype(dtype)
    image = np.full((45, 51), 120, np.uint8)
    with enhancer_of(file, memory_limit=(11 << 18) + 60000, threads=2) as enhancer:
        seen.clear()
        result = enhancer.enhance(image, qp=30, prediction_residual=given)
        assert len(seen) > 1  # tiled
        np.testing.assert_array_equal(result, 120.0 + given)
        np.testing.assert_array_equal(enhancer.enhance(image, qp=30, prediction_residual=given, out=image),
                                      result)  # fmt: skip
        deep = np.full((45, 51), 120 << 2, np.uint16)
        moved = enhancer.enhance(deep, qp=30, prediction_residual=given, bit_depth=10)
        np.testing.assert_array_equal(moved, (120 << 2) + given.astype(float))
        uv = np.zeros((23, 26, 2), np.uint16)
        y, _ = enhancer.enhance_p010(deep << 6, uv, qp=30, prediction_residual=given)
        np.testing.assert_array_equal(y >> 6, moved)
        seen.clear()
        enhancer.enhance(np.zeros((3, 5), np.uint8), qp=30, prediction_residual=given[:3, :5])
    (plane,) = seen
    np.testing.assert_array_equal(plane[:3, :5], given[:3, :5])
    assert plane.shape == (8, 8) and not plane[3:].any() and not plane[:, 5:].any()


def test_residuals_that_do_not_fit_are_refused() -> None:
    image, residual = np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.int16)
    with (
        enhancer_of(FakeFile(minus_a_third)) as plain,
        pytest.raises(InputError, match="takes no prediction residual"),
    ):
        plain.enhance(image, qp=30, prediction_residual=residual)
    file = FakeFile(lambda planes: planes[:1], inputs=("planes", "residual"))
    with enhancer_of(file) as enhancer:
        for wrong, message in [
            (None, "prediction_residual=.*decoder"),
            (residual.astype(np.uint8), "uint8.*int16"),
            (residual[1:], r"\(8, 8\), not \(7, 8\)"),
            (np.full((8, 8), np.nan, np.float32), "no finite"),
        ]:
            with pytest.raises(InputError, match=message):
                enhancer.enhance(image, qp=30, prediction_residual=wrong)
        with pytest.raises(InputError, match="overlaps prediction_residual"):
            enhancer.enhance(image, qp=30, prediction_residual=image.view(np.int8), out=image)
    file = FakeFile(lambda planes: planes[:3], inputs=("planes", "residual"), planes="rgb")
    with (
        enhancer_of(file) as enhancer,
        pytest.raises(InputError, match=r"RGB with a prediction residual.*enhance\(\)"),
    ):
        enhancer.enhance_file("missing.heic", "out.png")
