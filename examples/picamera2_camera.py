"""Enhance the frames of picamera2 in its callback, in place, before anything else sees them.

    sudo apt install python3-picamera2
    python examples/picamera2_camera.py --quality 60

The main stream in YUV420 lies in one buffer: H rows of `stride` bytes of Y, then H / 2 rows of
`stride / 2` bytes of U, then as many of V. A sensor's own frames were never compressed, so this is
for streams that come over a codec; try ``--quality`` and look.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np

from edgeqe import Enhancer


def planes_of(buffer: Any, width: int, height: int, stride: int) -> tuple[Any, Any, Any]:
    """Views of Y, U and V of a YUV420 buffer, H and W even."""
    flat = np.frombuffer(buffer, np.uint8)
    y, half = height * stride, height * stride // 4
    parts = flat[:y], flat[y : y + half], flat[y + half : y + 2 * half]
    strides = (stride, stride // 2, stride // 2)
    widths = (width, width // 2, width // 2)
    views = [p.reshape(-1, s)[:, :w] for p, s, w in zip(parts, strides, widths, strict=True)]
    return views[0], views[1], views[2]


def callback(enhancer: Enhancer, quality: int) -> Any:
    """Make a callback of picamera2 that enhances the main stream."""
    from picamera2 import MappedArray

    def enhance(request: Any) -> None:
        config = request.config["main"]
        width, height = config["size"]
        with MappedArray(request, "main", reshape=False) as mapped:
            planes = planes_of(mapped.array, width, height, config["stride"])
            enhancer.enhance_planes(*planes, quality=quality, out=planes)

    return enhance


def main() -> int:
    """Show the camera, enhanced, until Enter is pressed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quality", type=int, required=True, help="JPEG quality, 1 to 100")
    parser.add_argument("--model", default="edgeqe-nano")
    options = parser.parse_args()
    try:
        from picamera2 import Picamera2
    except ImportError:
        print("this example needs picamera2: sudo apt install python3-picamera2", file=sys.stderr)
        return 2
    with Enhancer(options.model) as enhancer, Picamera2() as camera:
        main_stream = {"size": (1280, 720), "format": "YUV420"}
        camera.configure(camera.create_video_configuration(main=main_stream))
        camera.pre_callback = callback(enhancer, options.quality)
        camera.start(show_preview=True)
        input("Enter ends.\n")
        camera.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
