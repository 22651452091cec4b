"""The OpenCV example with an OpenCV of the test's own: formats, --show, and what it refuses."""

import io
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeqe import Enhancer
from tests.examples.loading import example
from tests.reference import photograph


class Capture:
    """A camera that gives the frames it was made with."""

    def __init__(self, frames: list[Any]) -> None:
        self.frames, self.settings, self.released = list(frames), {}, False  # type: ignore[var-annotated]

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def set(self, key: str, value: object) -> None:
        self.settings[key] = value

    def get(self, key: str) -> float:
        assert key == "height"
        return 40.0

    def read(self) -> tuple[bool, Any]:
        return (True, self.frames.pop(0)) if self.frames else (False, None)

    def release(self) -> None:
        self.released = True


def fake_cv2(monkeypatch: pytest.MonkeyPatch, capture: Capture, *, windows: bool) -> list[Any]:
    """Put an OpenCV in place; what it shows goes to the list."""
    shown: list[Any] = []
    module: Any = ModuleType("cv2")
    module.error = type("error", (Exception,), {})

    def window(_name: str) -> None:
        if not windows:
            raise module.error("The function is not implemented")

    module.namedWindow = window
    module.VideoCapture = lambda source: capture
    module.VideoWriter = type("VideoWriter", (), {"fourcc": staticmethod(lambda *c: "".join(c))})
    module.CAP_PROP_FOURCC, module.CAP_PROP_CONVERT_RGB = "fourcc", "convert"
    module.CAP_PROP_FRAME_HEIGHT = "height"
    module.IMREAD_COLOR, module.COLOR_YUV2BGR_NV12 = 1, 90
    module.imdecode = lambda data, _: np.array(Image.open(io.BytesIO(data.tobytes())))[
        ..., ::-1
    ].copy()
    module.cvtColor = lambda frame, _: frame
    module.imshow = lambda _, frame: shown.append(frame.copy())
    module.waitKey = lambda _: -1
    monkeypatch.setitem(sys.modules, "cv2", module)
    monkeypatch.setenv("DISPLAY", ":0")
    return shown


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(
        sys, "argv", ["opencv_camera.py", "0", "--model", "edgeqe-nano", *arguments]
    )
    code: int = example("opencv_camera").main()
    return code


def test_bgr_frames_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = np.stack([photograph("camera", 0, k, 40, 60) for k in (0, 5, 9)], -1)
    shown = fake_cv2(monkeypatch, Capture([frame.copy(), frame.copy()]), windows=True)
    assert run(monkeypatch, "--quality", "20", "--show") == 0
    with Enhancer("edgeqe-nano") as enhancer:
        wanted = enhancer.enhance(frame, quality=20, channels="bgr")
    assert len(shown) == 2
    np.testing.assert_array_equal(shown[1], wanted)


def test_show_without_windows_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_cv2(monkeypatch, Capture([]), windows=False)
    assert run(monkeypatch, "--quality", "20", "--show") == 2
    assert "pip install opencv-python" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere windows need no display server")
def test_show_without_a_display_opens_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_cv2(monkeypatch, Capture([]), windows=True)
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert run(monkeypatch, "--quality", "20", "--show") == 2
    assert "--show" in capsys.readouterr().err


def test_nv12_is_enhanced_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = photograph("camera", 0, 0, 60, 80)
    before, capture = frame.copy(), Capture([frame])
    fake_cv2(monkeypatch, capture, windows=False)
    assert run(monkeypatch, "--format", "nv12", "--quality", "20") == 0
    assert capture.settings == {"fourcc": "NV12", "convert": 0} and capture.released
    with Enhancer("edgeqe-nano") as enhancer:
        np.testing.assert_array_equal(frame, enhancer.enhance_nv12(before, quality=20))


def test_luma_alone_is_no_nv12(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = photograph("camera", 0, 0, 40 // 2 * 3 + 3, 80)  # a row count that could be NV12's
    fake_cv2(monkeypatch, Capture([frame.copy()]), windows=False)
    assert run(monkeypatch, "--format", "nv12", "--quality", "20") == 2
    assert "gives no NV12" in capsys.readouterr().err


def test_mjpeg_says_its_own_strength(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    coded = io.BytesIO()
    rgb = np.stack([photograph("camera", 0, k, 40, 64) for k in (0, 5, 9)], -1)
    Image.fromarray(rgb).save(coded, "JPEG", quality=30)
    row = np.frombuffer(coded.getvalue(), np.uint8)[None]  # as OpenCV gives it: one row
    shown = fake_cv2(monkeypatch, Capture([row]), windows=True)
    assert run(monkeypatch, "--format", "mjpeg", "--show") == 0
    decoded = np.array(Image.open(io.BytesIO(coded.getvalue())))
    with Enhancer("edgeqe-nano") as enhancer:
        wanted = enhancer.enhance(decoded, quality=30)
    np.testing.assert_array_equal(shown[0][..., ::-1], wanted)
    fake_cv2(monkeypatch, Capture([np.zeros((1, 64), np.uint8)]), windows=False)
    assert run(monkeypatch, "--format", "mjpeg") == 2
    assert "gives no MJPEG" in capsys.readouterr().err


def test_no_opencv_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert run(monkeypatch, "--quality", "20") == 2
    assert "edgeqe[camera]" in capsys.readouterr().err
