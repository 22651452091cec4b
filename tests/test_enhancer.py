"""`Enhancer`: against numpy by hand, tiles against the whole, layouts, threads, refusals."""

import math
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe import Enhancer, InputError, MemoryLimitError, ModelError, ProviderError
from edgeqe.codecs.strength import step_from_quality, step_key
from edgeqe.model.file import ModelFile
from tests.reference import luma_residual, photograph, plain_network, weights_of

MODELS = ["edgeqe-tiny", "edgeqe-small"]
Bytes = npt.NDArray[np.uint8]


@pytest.fixture(scope="module", params=MODELS)
def enhancer(request: pytest.FixtureRequest) -> Enhancer:
    return Enhancer(f"{request.param}:float32", threads=2)


def colourful(height: int, width: int, seed: int = 3) -> Bytes:
    """Ramps, waves and noise at full swing in three channels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    base = 128 + 90 * np.sin(columns / 9 + rows / 23) + rng.normal(0, 12, (height, width))
    picture = np.stack([base, base[::-1] * 0.7 + rows % 64, 255 - base], -1)
    result: Bytes = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return result


@pytest.mark.parametrize("model", MODELS)
def test_gray_equals_the_network_by_hand(model: str) -> None:
    image = photograph("camera", 100, 200, 48, 64)
    with Enhancer(f"{model}:float32", threads=1) as enhancer:
        result = enhancer.enhance(image, quality=20)
        path = Path(enhancer.info.path)
    file = ModelFile(path)
    weights = weights_of(file.at(step_key(step_from_quality(20))))
    expected = image + luma_residual(lambda planes: plain_network(planes, weights), image)
    # float32 against float64: 1e-3 levels, so equal but where a value rounds at .5
    assert np.abs(result - np.clip(expected, 0, 255)).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 3), (31, 17), (96, 96), (301, 407)])
@pytest.mark.parametrize("channels", [0, 3])
def test_tiled_equals_whole(enhancer: Enhancer, shape: tuple[int, int], channels: int) -> None:
    image = colourful(*shape)
    image = image if channels else image[..., 0]
    name = enhancer.info.model
    with (
        Enhancer(name, memory_limit="4GiB", threads=1) as whole,
        Enhancer(name, memory_limit=smallest_limit(name), threads=2) as tiny,
    ):
        expected, tiled = whole.enhance(image, quality=10), tiny.enhance(image, quality=10)
    different = np.abs(expected.astype(int) - tiled)
    # DESIGN's bound for float32: one level at most, in at most 1 of 10,000 samples
    assert different.max() <= 1
    assert np.count_nonzero(different) <= image.size / 10_000


def smallest_limit(name: str) -> str:
    with pytest.raises(MemoryLimitError) as caught:
        Enhancer(name, memory_limit="1KiB")
    return str(caught.value).split()[-1].rstrip(".")


def test_it_removes_jpeg_artefacts(enhancer: Enhancer) -> None:
    import io

    from PIL import Image

    clean = photograph("astronaut", 0, 100, 256, 256)
    stream = io.BytesIO()
    Image.fromarray(clean).save(stream, "JPEG", quality=15)
    with Image.open(stream) as opened:
        decoded = np.asarray(opened)
    better = enhancer.enhance(decoded, quality=15)

    def error(shown: Bytes) -> float:
        return float(np.square(shown.astype(float) - clean).mean())

    # 0.5 dB in RGB is what the packaged demo promises
    assert 10 * math.log10(error(decoded) / error(better)) > 0.5


def test_a_stronger_step_changes_more(enhancer: Enhancer) -> None:
    image = colourful(64, 64)
    changes = [
        np.abs(enhancer.enhance(image, quality=q).astype(int) - image).mean() for q in (95, 50, 10)
    ]
    assert changes[0] < changes[1] < changes[2]


def test_quality_and_step_name_the_same_strength(enhancer: Enhancer) -> None:
    image = colourful(40, 40)
    by_quality = enhancer.enhance(image, quality=30)
    np.testing.assert_array_equal(enhancer.enhance(image, step=step_from_quality(30)), by_quality)


def test_bgr_is_rgb_reversed_and_alpha_is_copied(enhancer: Enhancer) -> None:
    image = colourful(33, 50)
    rgb = enhancer.enhance(image, quality=20)
    bgr = enhancer.enhance(image[..., ::-1], quality=20, channels="bgr")
    # the sums over R, G, B run in another order: a value at .5 may round the other way
    assert np.count_nonzero(bgr[..., ::-1] != rgb) <= image.size / 1000
    alpha = np.random.default_rng(1).integers(0, 256, (33, 50, 1), dtype=np.uint8)
    rgba = enhancer.enhance(np.concatenate([image, alpha], -1), quality=20)
    np.testing.assert_array_equal(rgba[..., 3:], alpha)
    np.testing.assert_array_equal(rgba[..., :3], rgb)


def test_deeper_pictures_are_the_same_picture(enhancer: Enhancer) -> None:
    gray = colourful(30, 41)[..., 0]
    eight = enhancer.enhance(gray, quality=20).astype(float)
    for bits in (10, 12, 16):
        deep = enhancer.enhance(gray.astype(np.uint16) << (bits - 8), quality=20, bit_depth=bits)
        assert deep.dtype == np.uint16 and deep.max() < 2**bits
        # the deeper result is the same number with more places; clipping moves the top
        assert np.abs(deep / 2 ** (bits - 8) - eight).max() <= 1.0


def test_p010_is_ten_bit_at_the_top(enhancer: Enhancer) -> None:
    image = colourful(36, 52)
    y = image[..., 0].astype(np.uint16) << 2
    u, v = (image[::2, ::2, k].astype(np.uint16) << 2 for k in (1, 2))
    expected = enhancer.enhance_planes(y, u, v, step=45.0, bit_depth=10)
    y10, uv10 = enhancer.enhance_p010(y << 6, np.stack([u, v], -1) << 6, step=45.0)
    assert not (y10 & 63).any() and not (uv10 & 63).any()
    # scaling by another power of two is exact in binary floating point
    np.testing.assert_array_equal(y10 >> 6, expected[0])
    np.testing.assert_array_equal(uv10[..., 0] >> 6, expected[1])
    np.testing.assert_array_equal(uv10[..., 1] >> 6, expected[2])


@pytest.mark.parametrize("limit", ["64MiB", "3MiB"])
def test_in_place_on_strided_nv12_views(enhancer: Enhancer, limit: str) -> None:
    height, width = 203, 301
    rng = np.random.default_rng(8)
    buffer = rng.integers(0, 256, (height, 384), dtype=np.uint8)
    chroma = rng.integers(0, 256, ((height + 1) // 2, 200, 2), dtype=np.uint8)
    y, uv = buffer[:, 5 : 5 + width], chroma[:, 7 : 7 + (width + 1) // 2]
    padding = buffer[:, :5].copy(), buffer[:, 5 + width :].copy()
    with Enhancer(f"{enhancer.info.model}:int8", memory_limit=limit, threads=2) as limited:
        fresh = limited.enhance_nv12(y, uv, quality=20)
        assert not np.array_equal(fresh[0], y)
        limited.enhance_nv12(y, uv, quality=20, out=(y, uv))
    np.testing.assert_array_equal(y, fresh[0])
    np.testing.assert_array_equal(uv, fresh[1])
    np.testing.assert_array_equal(buffer[:, :5], padding[0])
    np.testing.assert_array_equal(buffer[:, 5 + width :], padding[1])


@pytest.mark.parametrize("shape", [(64, 64, 3), (203, 301), (5, 400, 4)])
def test_in_place_equals_fresh(enhancer: Enhancer, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)
    with Enhancer(f"{enhancer.info.model}:int8", memory_limit="3MiB", threads=2) as limited:
        fresh = limited.enhance(image, quality=30)
        assert limited.enhance(image, quality=30, out=image) is image
    np.testing.assert_array_equal(image, fresh)


def test_four_threads_give_the_bytes_of_one(enhancer: Enhancer) -> None:
    pictures = [colourful(40 + i, 60 + 2 * i, seed=i) for i in range(24)]
    qualities = [10 + 5 * (i % 7) for i in range(24)]
    with Enhancer(f"{enhancer.info.model}:int8", memory_limit="4MiB", threads=2) as shared:
        alone = [shared.enhance(p, quality=q) for p, q in zip(pictures, qualities, strict=True)]
        together: dict[int, Bytes] = {}

        def work(first: int) -> None:
            for i in range(first, len(pictures), 4):
                together[i] = shared.enhance(pictures[i], quality=qualities[i])

        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for i, expected in enumerate(alone):
        np.testing.assert_array_equal(together[i], expected)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_thousand_calls_leave_nothing_behind() -> None:
    """In a fresh process, after 100 calls of warm-up, at two strengths in turn."""
    script = """
import numpy as np
from edgeqe import Enhancer
from edgeqe.bench.memory import resident_bytes
frame = np.random.default_rng(1).integers(0, 256, (120, 160, 3), dtype=np.uint8)
out = np.empty_like(frame)
with Enhancer("edgeqe-tiny", threads=2) as enhancer:
    for call in range(1100):
        if call == 100:
            before = resident_bytes("VmRSS")
        enhancer.enhance(frame, quality=20 + 10 * (call % 2), out=out)
    print(resident_bytes("VmRSS") - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    # The heap breathes by some pages. A second window's memory in the arena and in the second thread's
    # heap, 1.4 MiB each, comes when both threads are first at their peaks at once, which on a busy
    # machine is after the warm-up; a leak of one frame a call would be 57 MB.
    assert int(done.stdout) < 4 << 20


def test_pictures_of_many_sizes_share_interpreters_and_equal_the_whole() -> None:
    """LiteRT's integers, to the byte: windows of many sizes in the places of a few."""
    model, rng = "edgeqe-tiny:int8.tflite", np.random.default_rng(11)
    with Enhancer(model, memory_limit="12MiB", threads=2) as shared:
        for number in range(12):
            height, width = rng.integers(1, 420, 2)
            image = colourful(int(height), int(width), seed=number)
            with Enhancer(model, memory_limit="4GiB", threads=1) as whole:
                expected = whole.enhance(image, quality=20)
            np.testing.assert_array_equal(shared.enhance(image, quality=20), expected)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    "model",
    ["edgeqe-tiny:float32", "edgeqe-tiny:int8", "edgeqe-small:int8", "edgeqe-small:int8.tflite"],
)
def test_the_limit_holds_over_many_sizes_strengths_and_threads(model: str) -> None:
    """In a fresh process: 80 pictures of 80 sizes, four strengths, four threads, 12 MiB."""
    script = """
import sys
import threading
import numpy as np
from edgeqe import Enhancer
from edgeqe.bench.memory import reset_peak, resident_bytes
shapes = [(200 + 10 * (i % 37), 300 + i % 50, 3) for i in range(80)]
pictures = [np.full(shape, 90, np.uint8) for shape in shapes]
outs = [np.full(shape, 1, np.uint8) for shape in shapes]
with Enhancer(sys.argv[1], memory_limit="12MiB", threads=2) as enhancer:
    for quality in (10, 20, 40, 80):
        enhancer.enhance(pictures[0][:32, :32], quality=quality)
    def work(first):
        for i in range(first, 80, 4):
            quality = (10, 20, 40, 80)[i // 4 % 4]
            enhancer.enhance(pictures[i], quality=quality, out=outs[i])
    measured = reset_peak()
    before = resident_bytes("VmRSS")
    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(resident_bytes("VmHWM") - before if measured else 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, model], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) <= 12 << 20


@pytest.mark.parametrize("form", ["float32", "int8", "float32.tflite", "int8.tflite"])
@pytest.mark.parametrize("model", MODELS)
def test_the_memory_limit_holds_by_the_operating_system(model: str, form: str) -> None:
    from edgeqe.bench.memory import measure
    from edgeqe.model.catalogue import find_model

    path = str(find_model(f"{model}:{form}"))
    use = measure(model, path, 24 << 20, 2, "3 MP", (1500, 2000, 3))
    if use.peak_bytes is None:
        pytest.skip("the operating system does not tell")
    assert use.peak_bytes <= use.planned_bytes <= use.limit_bytes
    # On x86 it is 0.85 at least, where real numbers lie in planes, as on ARM, a seventh less; half of
    # it where a busy machine never has both threads at their peaks at once.
    assert use.peak_bytes >= 0.4 * use.planned_bytes


def test_self_test_and_info(enhancer: Enhancer) -> None:
    result = enhancer.self_test()
    assert result.passed and result.max_error <= result.tolerance
    info = enhancer.info
    assert info.provider == "CPUExecutionProvider" and info.planned_bytes <= info.memory_limit
    assert info.halo == {"edgeqe-tiny": 10, "edgeqe-small": 12}[info.model]


def test_wrong_arrays_are_refused_with_what_they_are(enhancer: Enhancer) -> None:
    good = np.zeros((8, 8), np.uint8)
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: enhancer.enhance(good), "quality=.*qp=.*step="),
        (lambda: enhancer.enhance(good, quality=10, qp=32), r"\['quality', 'qp'\]"),
        (lambda: enhancer.enhance(good, quality=0), "quality 0"),
        (lambda: enhancer.enhance(good, quality=101), "quality 101"),
        (lambda: enhancer.enhance(good, qp=64), "QP 64"),
        (lambda: enhancer.enhance(good, step=float("nan")), "step nan"),
        (lambda: enhancer.enhance(good.astype(float), quality=10), "float64"),
        (lambda: enhancer.enhance(good[:0], quality=10), "empty"),
        (lambda: enhancer.enhance(good[0], quality=10), r"\(8,\)"),
        (lambda: enhancer.enhance(good, quality=10, out=np.zeros((8, 9), np.uint8)), r"\(8, 9\)"),
        (lambda: enhancer.enhance(good, quality=10, bit_depth=10), "does not fit in uint8"),
        (lambda: enhancer.enhance(good, quality=10, channels="yuv"), "'yuv'"),
        (lambda: enhancer.enhance_planes(good, good, good, quality=10), r"\(4, 4\)"),
        (lambda: enhancer.enhance_nv12(good, good, quality=10), "uv must have shape"),
    ]
    for call, message in cases:
        with pytest.raises(InputError, match=message):
            call()


def test_out_that_overlaps_otherwise_is_refused(enhancer: Enhancer) -> None:
    buffer = np.zeros((9, 8), np.uint8)
    with pytest.raises(InputError, match="overlaps"):
        enhancer.enhance(buffer[:8], quality=10, out=buffer[1:])


def test_the_picture_is_not_written_to(enhancer: Enhancer) -> None:
    image = colourful(50, 70)
    before = image.copy()
    image.flags.writeable = False
    enhancer.enhance(image, quality=10)
    np.testing.assert_array_equal(image, before)


def test_refused_at_the_start() -> None:
    with pytest.raises(ModelError, match="edgeqe-tiny"):
        Enhancer("edgeqe-tinny")
    with pytest.raises(ProviderError, match="CPUExecutionProvider"):
        Enhancer("edgeqe-tiny", target="jetson")
    with pytest.raises(InputError, match="'moon'"):
        Enhancer("edgeqe-tiny", target="moon")
    with pytest.raises(InputError, match="threads 0"):
        Enhancer("edgeqe-tiny", threads=0)
    with Enhancer("edgeqe-tiny", target="cuda", allow_fallback=True) as fallen:
        assert fallen.info.fallback == "cpu"
        assert fallen.info.target in ("x86-cpu", "arm-cpu")


def test_closed_is_closed() -> None:
    with Enhancer("edgeqe-tiny") as enhancer:
        pass
    with pytest.raises(InputError, match="closed"):
        enhancer.enhance(np.zeros((8, 8), np.uint8), quality=10)
