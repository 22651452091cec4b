"""Enhance the frames of a camera, a video file or an MJPEG address with OpenCV.

    pip install 'edgeqe[ort,camera]'
    python examples/opencv_camera.py 0 --quality 20
    python examples/opencv_camera.py 0 --format mjpeg
    python examples/opencv_camera.py 0 --format nv12 --quality 40
    python examples/opencv_camera.py clip.mp4 --model hevc.onnx --qp 37

Frames in BGR do not say how strongly they were compressed: give the JPEG quality, or the QP of a
stream whose codec the model serves. With ``--format mjpeg`` a camera's own bytes come, and each
frame's quantization tables say it; with ``nv12`` its planes come, and are enhanced where they lie.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Any

import numpy as np

from edgeqe import EdgeqeError, Enhancer, InputError
from edgeqe.codecs.identify import strength_of

NO_WINDOWS = """\
--show needs an OpenCV with windows; edgeqe[camera] installs the one without, which runs everywhere:
    pip uninstall opencv-python-headless
    pip install opencv-python"""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("source", help="camera index, video file or address")
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--quality", type=int, help="JPEG quality, 1 to 100")
    one.add_argument("--qp", type=float, help="QP of the stream, 0 to 63")
    parser.add_argument("--codec", help="what the QP is of if not hevc")
    parser.add_argument("--format", choices=("bgr", "nv12", "mjpeg"), default="bgr",
                        help="what the camera shall give; nv12 and mjpeg need V4L2")  # fmt: skip
    parser.add_argument("--model", default="edgeqe-tiny")
    parser.add_argument("--memory-limit", default="64MiB")
    parser.add_argument("--frames", type=int, default=0, help="stop after so many; 0: never")
    parser.add_argument("--show", action="store_true", help="q ends; needs opencv-python")
    options = parser.parse_args()
    if (options.format == "mjpeg") == (options.quality is not None or options.qp is not None):
        parser.error("give --quality or --qp, or --format mjpeg, whose frames say it themselves")
    return options


def has_windows(cv2: Any) -> bool:
    """Whether this OpenCV can open a window here."""
    if sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        return False
    try:
        cv2.namedWindow("edgeqe")
    except cv2.error:
        return False
    return True


def opened(cv2: Any, source: str, form: str) -> Any:
    """Open the source, asking it for a format."""
    capture = cv2.VideoCapture(int(source) if source.isdigit() else source)
    if form != "bgr":
        code = {"nv12": "NV12", "mjpeg": "MJPG"}[form]
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*code))
        capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
    return capture


def enhanced(
    cv2: Any, enhancer: Enhancer, frame: Any, height: int, options: argparse.Namespace
) -> Any:
    """Enhance one frame of a capture of a height, in place where it is pixels."""
    strength = {"quality": options.quality, "qp": options.qp, "codec": options.codec}
    if options.format == "nv12":
        if frame.ndim != 2 or 2 * len(frame) != 3 * height:  # luma alone looks much the same
            raise InputError("this source gives no NV12: leave --format out.")
        return enhancer.enhance_nv12(frame, **strength, out=frame)
    if options.format == "mjpeg":
        coded = strength_of(frame.tobytes())
        if coded is None or coded.codec != "jpeg":
            raise InputError("this source gives no MJPEG: leave --format out and give --quality.")
        frame = cv2.imdecode(np.ravel(frame), cv2.IMREAD_COLOR)
        strength = {"step": coded.step, "codec": "jpeg"}
    return enhancer.enhance(frame, **strength, channels="bgr", out=frame)


def main() -> int:
    """Run the loop and print the frames per second."""
    options = arguments()
    try:
        import cv2
    except ImportError:
        print("this example needs OpenCV: pip install 'edgeqe[camera]'", file=sys.stderr)
        return 2
    if options.show and not has_windows(cv2):
        print(NO_WINDOWS, file=sys.stderr)
        return 2
    capture = opened(cv2, options.source, options.format)
    if not capture.isOpened():
        print(f"{options.source} cannot be opened: check index or path.", file=sys.stderr)
        return 2
    frames, busy = 0, 0.0
    height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    try:
        with Enhancer(options.model, memory_limit=options.memory_limit) as enhancer:
            while not options.frames or frames < options.frames:
                read, frame = capture.read()
                if not read:
                    break
                start = time.perf_counter()
                better = enhanced(cv2, enhancer, frame, height, options)
                busy += time.perf_counter() - start
                frames += 1
                if options.show:
                    if options.format == "nv12":
                        better = cv2.cvtColor(better, cv2.COLOR_YUV2BGR_NV12)
                    cv2.imshow("edgeqe", better)
                    if cv2.waitKey(1) == ord("q"):
                        break
    except KeyboardInterrupt:
        pass  # print what was measured
    except EdgeqeError as error:
        print(f"edgeqe: {error}", file=sys.stderr)
        return error.exit_code
    finally:
        capture.release()
    print(f"{frames} frames, {frames / busy if busy else 0.0:.1f} frames per second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
