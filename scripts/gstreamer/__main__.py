"""The element of GStreamer in real pipelines, compared with `Enhancer` byte for byte.

Usage: ``make gstreamer``, which installs what it needs and runs this by the system's Python.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
os.environ["GST_PLUGIN_PATH"] = str(ROOT / "edgeqe" / "gstreamer")
os.environ["GST_REGISTRY"] = str(Path(tempfile.mkdtemp()) / "registry.bin")

import gi  # noqa: E402

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import Gst, GstApp, GstVideo  # noqa: E402, F401

from edgeqe import Enhancer  # noqa: E402
from edgeqe.gstreamer.planes import planes_of  # noqa: E402

ELEMENT = "edgeqe model=edgeqe-nano threads=1 memory-limit=32MiB"
WIDTH, HEIGHT = 322, 242  # rows of 322 bytes, which GStreamer pads to 324
CODED = (
    "videotestsrc num-buffers=8 pattern=ball ! video/x-raw,format=I420,"
    f"width={WIDTH},height={HEIGHT} ! x264enc bitrate=150 bframes=2 ! avdec_h264"
)
WAIT = 60 * Gst.SECOND


def expected(enhancer: Enhancer, content: bytes, name: str, info: Any, quality: int) -> bytes:
    """What `Enhancer` makes of a frame's bytes; padding stays."""
    made = bytearray(content)
    planes = planes_of(made, name, info.width, info.height, info.stride, info.offset)
    call = {
        "NV12": enhancer.enhance_nv12,
        "P010_10LE": enhancer.enhance_p010,
        "I420": enhancer.enhance_planes,
    }[name]
    call(*planes, quality=quality, out=planes)
    return bytes(made)


def content_of(sample: Any) -> bytes:
    """Bytes of a sample's buffer."""
    buffer = sample.get_buffer()
    content: bytes = buffer.extract_dup(0, buffer.get_size())
    return content


def check(condition: bool, what: str) -> None:
    """End with exit code 1 unless a condition holds."""
    sys.stdout.write(f"{'ok    ' if condition else 'WRONG '} {what}\n")
    if not condition:
        sys.exit(1)


def decoded_frames(enhancer: Enhancer, name: str) -> None:
    """Frames of a decoder through the element, beside the same frames as they were."""
    pipeline = Gst.parse_launch(
        f"{CODED} ! videoconvert ! video/x-raw,format={name} ! tee name=t "
        "t. ! queue ! appsink name=before sync=false max-buffers=0 "
        f"t. ! queue ! {ELEMENT} quality=20 ! appsink name=after sync=false max-buffers=0"
    )
    pipeline.set_state(Gst.State.PLAYING)
    sinks = [pipeline.get_by_name(which) for which in ("before", "after")]
    same, changed = 0, 0
    while (before := sinks[0].try_pull_sample(WAIT)) is not None:
        after = sinks[1].try_pull_sample(WAIT)
        info = GstVideo.VideoInfo.new_from_caps(before.get_caps())
        content = content_of(before)
        same += content_of(after) == expected(enhancer, content, name, info, 20)
        changed += content_of(after) != content
    pipeline.set_state(Gst.State.NULL)
    check(same == changed == 8, f"{name}: {same} of 8 decoded frames equal Enhancer's")


def padded_frames(enhancer: Enhancer) -> None:
    """NV12 with the stride and offset of a camera, and a strength that changes while it runs."""
    stride, start, rows, width = 384, 64, 48, 100
    size = start + stride * rows * 3 // 2
    caps = f"video/x-raw,format=NV12,width={width},height={rows},framerate=30/1"
    pipeline = Gst.parse_launch(
        f"appsrc name=source format=time caps={caps} ! {ELEMENT} name=edgeqe "
        "! appsink name=sink sync=false"
    )
    pipeline.set_state(Gst.State.PLAYING)
    source, sink, element = (pipeline.get_by_name(n) for n in ("source", "sink", "edgeqe"))
    for quality in (15, 60):
        element.set_property("quality", quality)
        content = bytes((i * i // 97 + 13 * (i // stride)) % 256 for i in range(size))
        buffer = Gst.Buffer.new_wrapped(content)
        planes = [start, start + stride * rows, 0, 0], [stride, stride, 0, 0]
        meta = GstVideo.buffer_add_video_meta_full(
            buffer,
            GstVideo.VideoFrameFlags.NONE,
            GstVideo.VideoFormat.NV12,
            width,
            rows,
            2,
            *planes,
        )
        wanted = expected(enhancer, content, "NV12", meta, quality)
        source.push_buffer(buffer)
        got = content_of(sink.try_pull_sample(WAIT))
        check(got == wanted != content, f"padded NV12 at quality {quality} equals Enhancer's")
    pipeline.set_state(Gst.State.NULL)


def launched(element: str, words: str = "", *, fails: bool = False) -> None:
    """The pipeline by the command line, to its end or to an error that says why."""
    command = f"gst-launch-1.0 -q {CODED} ! {element} ! fakesink"
    done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
    right = (done.returncode != 0) == fails and words in done.stderr
    check(right and "Traceback" not in done.stderr, f"gst-launch-1.0 ... ! {element} ! fakesink")


def example() -> None:
    """The example with an appsink, on frames whose rows are padded."""
    program = ROOT / "examples" / "gstreamer_appsink.py"
    pipeline = f"videotestsrc num-buffers=3 ! video/x-raw,width={WIDTH},height={HEIGHT}"
    command = [sys.executable, str(program), "--model", "edgeqe-nano", "--quality", "40", pipeline]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    check((done.returncode, done.stdout) == (0, "3 frames\n"), f"{program.name}: 3 frames")


def main() -> None:
    """All checks, one after another."""
    Gst.init([])
    sys.stdout.write(f"{Gst.version_string()}, Python {sys.version.split()[0]}\n")
    with Enhancer("edgeqe-nano", threads=1, memory_limit="32MiB") as enhancer:
        for name in ("I420", "NV12", "P010_10LE"):
            decoded_frames(enhancer, name)
        padded_frames(enhancer)
    launched(f"{ELEMENT} quality=20")
    launched("edgeqe model=edgeqe-nanu quality=20", "no model 'edgeqe-nanu'", fails=True)
    launched(ELEMENT, "carries no strength", fails=True)
    launched(f"{ELEMENT} qp=37 codec=vvc", "vvc", fails=True)
    example()


if __name__ == "__main__":
    main()
