"""Cameras: planes where PyAV, picamera2 and OpenCV put them, strengths of MJPEG from its tables."""

import io
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from edgeqe import Enhancer, InputError
from edgeqe.codecs.strength import step_from_quality
from tests.examples.loading import example
from tests.reference import photograph


@pytest.fixture(scope="module")
def enhancer() -> Enhancer:
    return Enhancer("edgeqe-nano", threads=1)


def planes(height: int, width: int) -> list[Any]:
    half = (height // 2, width // 2)
    return [photograph("camera", 40, 60, height, width), photograph("moon", 0, 0, *half),
            photograph("moon", 50, 70, *half)]  # fmt: skip


def mjpeg(path: Path, qualities: list[int]) -> list[Any]:
    """A clip of one photograph as a camera with MJPEG gives it, and the frames' planes as decoded."""
    rgb = np.repeat(photograph("camera", 40, 60, 64, 80)[..., None], 3, 2)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 80, 64, "yuvj420p"
        for index, quality in enumerate(qualities):
            coded = io.BytesIO()
            Image.fromarray(rgb).save(coded, "JPEG", quality=quality, subsampling=2)
            packet = av.Packet(coded.getvalue())
            packet.stream, packet.pts, packet.dts = stream, index, index
            container.mux(packet)
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def test_mjpeg_has_the_strength_of_each_frame(tmp_path: Path, enhancer: Enhancer) -> None:
    camera = example("pyav_camera")
    decoded = mjpeg(tmp_path / "clip.mkv", [20, 75])
    with av.open(str(tmp_path / "clip.mkv")) as container:
        found = list(camera.frames_of(container, {}))
        assert [strength["codec"] for _, strength in found] == ["jpeg", "jpeg"]
        steps = [strength["step"] for _, strength in found]
        np.testing.assert_allclose(steps, [step_from_quality(20), step_from_quality(75)])
        for (frame, strength), before, quality in zip(found, decoded, (20, 75), strict=True):
            camera.enhance_frame(enhancer, frame, strength)
            flat = before.reshape(-1)
            y, u, v = (
                flat[:5120].reshape(64, 80),
                flat[5120:6400].reshape(32, 40),
                flat[6400:].reshape(32, 40),
            )
            wanted = enhancer.enhance_planes(y, u, v, quality=quality)
            np.testing.assert_array_equal(
                frame.to_ndarray().reshape(-1), np.concatenate([part.ravel() for part in wanted])
            )
            assert not np.array_equal(wanted[0], y)


def test_planes_of_pyav_with_padded_rows(enhancer: Enhancer) -> None:
    camera = example("pyav_camera")
    y, u, v = planes(48, 70)
    for name in ("yuv420p", "nv12"):
        frame = av.VideoFrame(70, 48, name)
        assert frame.planes[0].line_size > 70
        chroma = [np.stack([u, v], -1).reshape(24, 70)] if name == "nv12" else [u, v]
        for plane, samples in zip(frame.planes, [y, *chroma], strict=True):
            rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
            rows[: len(samples), : samples.shape[1]] = samples
        camera.enhance_frame(enhancer, frame, {"quality": 20})
        wanted = enhancer.enhance_planes(y, u, v, quality=20)
        assert not np.array_equal(wanted[0], y)
        got = frame.to_ndarray()
        np.testing.assert_array_equal(got[:48], wanted[0])
        if name == "nv12":
            np.testing.assert_array_equal(got[48:].reshape(24, 35, 2)[..., 1], wanted[2])


def test_a_stream_without_a_strength_is_refused(tmp_path: Path) -> None:
    camera = example("pyav_camera")
    with av.open(str(tmp_path / "clip.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for packet in [*stream.encode(av.VideoFrame(32, 32, "yuv420p")), *stream.encode()]:
            container.mux(packet)
    with av.open(str(tmp_path / "clip.mkv")) as container:
        with pytest.raises(InputError, match="ffv1"):
            next(camera.frames_of(container, {}))


def test_the_callback_of_picamera2(monkeypatch: pytest.MonkeyPatch, enhancer: Enhancer) -> None:
    height, width, stride = 48, 70, 96
    buffer = np.full(height * stride * 3 // 2, 7, np.uint8)
    y, u, v = planes(height, width)
    for samples, start, step in ((y, 0, 96), (u, 48 * 96, 48), (v, 48 * 96 + 24 * 48, 48)):
        for row, line in enumerate(samples):
            buffer[start + row * step :][: len(line)] = line

    class MappedArray:
        def __init__(self, request: object, stream: str, reshape: bool) -> None:
            assert (stream, reshape) == ("main", False)
            self.array = buffer

        def __enter__(self) -> "MappedArray":
            return self

        def __exit__(self, *_: object) -> None:
            pass

    module = ModuleType("picamera2")
    module.MappedArray = MappedArray  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)
    main = {"size": (width, height), "stride": stride, "format": "YUV420"}
    example("picamera2_camera").callback(enhancer, 20)(SimpleNamespace(config={"main": main}))
    wanted = enhancer.enhance_planes(y, u, v, quality=20)
    np.testing.assert_array_equal(buffer[: 48 * 96].reshape(48, 96)[:, :70], wanted[0])
    np.testing.assert_array_equal(buffer[48 * 96 : 60 * 96].reshape(24, 48)[:, :35], wanted[1])
    np.testing.assert_array_equal(buffer[60 * 96 :].reshape(24, 48)[:, :35], wanted[2])
    assert (buffer[: 48 * 96].reshape(48, 96)[:, 70:] == 7).all()
