"""Enhance the planes of a camera, a stream or a file with PyAV, where the decoder put them.

    pip install 'edgeqe[ort]' av
    python examples/pyav_camera.py /dev/video0 --input-format mjpeg
    python examples/pyav_camera.py rtsp://camera/stream --qp 32 --model h264.onnx --codec h264

The strength of MJPEG comes from each frame's own quantization tables.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from edgeqe import EdgeqeError, Enhancer, InputError
from edgeqe.codecs.identify import strength_of

#: Formats whose planes are enhanced as they are: bytes a sample, planes.
I420, NV12 = ("yuv420p", "yuvj420p"), ("nv12",)


def plane_of(plane: Any, samples: int = 1) -> Any:
    """View of a plane of 8 bits, its rows' padding left out; written to, the frame changes."""
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height]
    found = rows[:, : plane.width * samples]
    return found if samples == 1 else found.reshape(plane.height, plane.width, samples)


def enhance_frame(enhancer: Enhancer, frame: Any, strength: dict[str, Any]) -> Any:
    """Enhance a frame in place; one of another chroma format comes back as RGB.

    Decoders keep frames as references for those that follow: such a frame must not be written to,
    so `frame` is one of MJPEG, of raw video, or a copy.
    """
    if frame.format.name in I420:
        planes = [plane_of(plane) for plane in frame.planes]
        enhancer.enhance_planes(*planes, **strength, out=planes)
        return frame
    if frame.format.name in NV12:
        y, uv = plane_of(frame.planes[0]), plane_of(frame.planes[1], 2)
        enhancer.enhance_nv12(y, uv, **strength, out=(y, uv))
        return frame
    return enhancer.enhance(frame.to_ndarray(format="rgb24"), **strength)


def frames_of(container: Any, given: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Frames of the first video stream, each with its strength, free to be written to."""
    stream = container.streams.video[0]
    name = stream.codec_context.name
    if name != "mjpeg" and not given:
        raise InputError(
            f"frames of {name} do not say their strength here: give --quality or --qp."
        )
    for packet in container.demux(stream):
        strength = given
        if name == "mjpeg" and packet.size:
            coded = strength_of(bytes(packet))
            assert coded is not None
            strength = {"step": coded.step, "codec": "jpeg"}
        for frame in packet.decode():
            if name not in ("mjpeg", "rawvideo"):  # a reference of the decoder: copied
                frame = frame.reformat(format="nv12")
            yield frame, strength


def main() -> int:
    """Enhance every frame and count them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("source", help="device, file or address")
    parser.add_argument("--input-format", help="of V4L2: mjpeg or nv12")
    parser.add_argument("--quality", type=int, help="JPEG quality, 1 to 100")
    parser.add_argument("--qp", type=float, help="QP of the stream, 0 to 63")
    parser.add_argument("--codec", help="what the QP is of if not hevc")
    parser.add_argument("--model", default="edgeqe-tiny")
    options = parser.parse_args()
    try:
        import av
    except ImportError:
        print("this example needs PyAV: pip install av", file=sys.stderr)
        return 2
    given = {name: getattr(options, name) for name in ("quality", "qp", "codec")}
    given = {name: value for name, value in given.items() if value is not None}
    how = {}
    if options.input_format:
        how = {"format": "v4l2", "options": {"input_format": options.input_format}}
    count = 0
    try:
        with av.open(options.source, **how) as container, Enhancer(options.model) as enhancer:
            for frame, strength in frames_of(container, given):
                enhance_frame(enhancer, frame, strength)
                count += 1
    except KeyboardInterrupt:
        pass
    except EdgeqeError as error:
        print(f"edgeqe: {error}", file=sys.stderr)
        return error.exit_code
    except (OSError, av.FFmpegError) as error:
        print(f"{options.source}: {error}", file=sys.stderr)
        return 2
    print(f"{count} frames")
    return 0


if __name__ == "__main__":
    sys.exit(main())
