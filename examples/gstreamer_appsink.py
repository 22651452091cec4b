r"""Take frames out of a GStreamer pipeline, NV12, with the strides that it states, and enhance them.

    make gstreamer        # or by hand: docs/cameras.md#gstreamer
    python3 examples/gstreamer_appsink.py --quality 40 "v4l2src ! videoconvert"
    python3 examples/gstreamer_appsink.py --quality 40 \
        "rtspsrc location=rtsp://camera/stream ! rtph264depay ! h264parse ! nvv4l2decoder ! nvvidconv"

The second line is a Jetson's: nvvidconv copies from the decoder's memory (NVMM) into the system's,
where NV12 has the strides of the sample's GstVideoMeta. The element `edgeqe` does the same inside
a pipeline; an appsink is for programs that go on with arrays.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

try:
    import gi
except ImportError:
    sys.exit("this example needs GStreamer's bindings for Python: make gstreamer")

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import GLib, Gst, GstApp, GstVideo  # noqa: E402, F401

from edgeqe import EdgeqeError, Enhancer  # noqa: E402
from edgeqe.gstreamer.planes import planes_of  # noqa: E402


def samples(pipeline: Any) -> Iterator[Any]:
    """Samples of the pipeline's appsink up to its end; SystemExit with the error of an element."""
    sink, bus = pipeline.get_by_name("sink"), pipeline.get_bus()
    pipeline.set_state(Gst.State.PLAYING)
    try:
        while True:
            sample = sink.try_pull_sample(Gst.SECOND)
            if sample is not None:
                yield sample
            elif sink.is_eos():
                return
            if message := bus.pop_filtered(Gst.MessageType.ERROR):
                raise SystemExit(f"{message.src.get_name()}: {message.parse_error()[0].message}")
    finally:
        pipeline.set_state(Gst.State.NULL)


def enhanced(enhancer: Enhancer, sample: Any, quality: int) -> tuple[Any, Any]:
    """Y and UV of a sample, enhanced, as arrays of their own."""
    buffer = sample.get_buffer()
    info = GstVideo.VideoInfo.new_from_caps(sample.get_caps())
    layout = GstVideo.buffer_get_video_meta(buffer) or info
    mapped, content = buffer.map(Gst.MapFlags.READ)
    if not mapped:
        raise SystemExit("a frame cannot be read: put videoconvert, or nvvidconv, at the end")
    try:
        size = (info.width, info.height)
        y, uv = planes_of(content.data, "NV12", *size, layout.stride, layout.offset)
        return enhancer.enhance_nv12(y, uv, quality=quality)
    finally:
        y = uv = None
        buffer.unmap(content)


def main() -> int:
    """Enhance every frame and count them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("pipeline", help="everything before the appsink, as of gst-launch-1.0")
    parser.add_argument("--quality", type=int, required=True, help="JPEG quality, 1 to 100")
    parser.add_argument("--model", default="edgeqe-tiny")
    options = parser.parse_args()
    Gst.init([])
    tail = "capsfilter caps=video/x-raw,format=NV12 ! appsink name=sink max-buffers=2"
    count = 0
    try:
        pipeline = Gst.parse_launch(f"{options.pipeline} ! {tail}")
        with Enhancer(options.model) as enhancer:
            for sample in samples(pipeline):
                enhanced(enhancer, sample, options.quality)
                count += 1
    except KeyboardInterrupt:
        pass
    except EdgeqeError as error:
        print(f"edgeqe: {error}", file=sys.stderr)
        return error.exit_code
    except GLib.Error as error:
        print(f"this is no pipeline: {error.message}", file=sys.stderr)
        return 2
    print(f"{count} frames")
    return 0


if __name__ == "__main__":
    sys.exit(main())
