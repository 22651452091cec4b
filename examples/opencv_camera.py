"""Enhance the frames of a camera, a video file or an MJPEG address with OpenCV.

    pip install 'edgeqe[ort,camera]'
    python examples/opencv_camera.py 0 --quality 20
    python examples/opencv_camera.py clip.mp4 --model hevc.onnx --qp 37 --show

OpenCV does not say how strongly a frame was compressed: give the JPEG quality of an
MJPEG camera, or the QP of a stream whose codec the model serves. The shipped models
serve JPEG; they refuse a QP.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from edgeqe import EdgeqeError, Enhancer


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("source", help="camera index, video file or address")
    one = parser.add_mutually_exclusive_group(required=True)
    one.add_argument("--quality", type=int, help="JPEG quality, 1 to 100")
    one.add_argument("--qp", type=float, help="QP of the stream, 0 to 63")
    parser.add_argument("--codec", help="what the QP is of if not hevc")
    parser.add_argument("--model", default="edgeqe-tiny")
    parser.add_argument("--memory-limit", default="64MiB")
    parser.add_argument("--frames", type=int, default=0, help="stop after so many; 0: never")
    parser.add_argument("--show", action="store_true", help="q ends; no headless OpenCV")
    return parser.parse_args()


def main() -> int:
    """Run the loop and print the frames per second."""
    options = arguments()
    try:
        import cv2
    except ImportError:
        print("this example needs OpenCV: pip install 'edgeqe[camera]'", file=sys.stderr)
        return 2
    strength = {"quality": options.quality, "qp": options.qp, "codec": options.codec}
    source = options.source
    capture = cv2.VideoCapture(int(source) if source.isdigit() else source)
    if not capture.isOpened():
        print(f"{source} cannot be opened: check index or path.", file=sys.stderr)
        return 2
    frames, busy, better = 0, 0.0, None
    try:
        with Enhancer(options.model, memory_limit=options.memory_limit) as enhancer:
            while not options.frames or frames < options.frames:
                read, frame = capture.read()
                if not read:
                    break
                if better is None:
                    better = np.empty_like(frame)  # made once, written by every frame
                start = time.perf_counter()
                enhancer.enhance(frame, **strength, channels="bgr", out=better)
                busy += time.perf_counter() - start
                frames += 1
                if options.show:
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
