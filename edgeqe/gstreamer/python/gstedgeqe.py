"""Plugin `gstedgeqe` of GStreamer: the element `edgeqe`, which enhances frames in place.

GStreamer's own loader imports this file, in its own Python, when it looks for plugins; edgeqe
itself is imported when a pipeline starts.
"""

from __future__ import annotations

from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstBase", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import GLib, GObject, Gst, GstBase, GstVideo  # noqa: E402

_CAPS = Gst.Caps.from_string(
    "video/x-raw,format={NV12,I420,P010_10LE},width=[1,max],height=[1,max],framerate=[0/1,2147483647/1]"
)
_LATER = GObject.ParamFlags.READWRITE
_AT_START = _LATER | Gst.PARAM_MUTABLE_READY
_LIVE = _LATER | Gst.PARAM_MUTABLE_PLAYING | Gst.PARAM_CONTROLLABLE

_PROPERTIES: dict[str, Any] = {
    "model": (str, "model", "Shipped model's name, or a model file", "edgeqe-small", _AT_START),
    "quality": (int, "quality", "JPEG quality, 1 to 100; 0: not given", 0, 100, 0, _LIVE),
    "qp": (float, "qp", "QP of the codec, 0 to 63; -1: not given", -1.0, 63.0, -1.0, _LIVE),
    "codec": (str, "codec", "What quality or qp is of; empty: jpeg, or hevc of qp", "", _LIVE),
    "memory-limit": (str, "memory limit", "Most that it allocates", "64MiB", _AT_START),
    "threads": (int, "threads", "0: the target's own", 0, 256, 0, _AT_START),
}


class EdgeqeElement(GstBase.BaseTransform):  # type: ignore[misc]
    """One `Enhancer`, made when the pipeline starts and closed when it stops."""

    __gstmetadata__ = (
        "edgeqe",
        "Filter/Effect/Video",
        "Removes the artefacts of compression from frames, in place",
        "edgeqe",
    )
    __gsttemplates__ = (
        Gst.PadTemplate.new("sink", Gst.PadDirection.SINK, Gst.PadPresence.ALWAYS, _CAPS),
        Gst.PadTemplate.new("src", Gst.PadDirection.SRC, Gst.PadPresence.ALWAYS, _CAPS),
    )
    __gproperties__ = _PROPERTIES

    def __init__(self) -> None:
        super().__init__()
        self._given = {name: given[-2] for name, given in _PROPERTIES.items()}
        self._enhancer: Any = None
        self._info: Any = None
        self.set_in_place(True)

    def do_get_property(self, prop: Any) -> Any:
        """Value of a property."""
        return self._given[prop.name]

    def do_set_property(self, prop: Any, value: Any) -> None:
        """Take a property; strengths count from the next frame on."""
        self._given[prop.name] = value

    def do_start(self) -> bool:
        """Open the model."""
        try:
            from edgeqe import EdgeqeError, Enhancer
        except ImportError as error:
            return self._fail(
                f"{error}: GStreamer's Python does not find edgeqe and what it needs; set PYTHONPATH "
                "to the site-packages that hold them, of the same Python version"
            )
        try:
            self._enhancer = Enhancer(
                self._given["model"],
                memory_limit=self._given["memory-limit"],
                threads=self._given["threads"] or None,
            )
        except EdgeqeError as error:
            return self._fail(str(error))
        if not self._enhancer.takes_planes:
            self.do_stop()
            return self._fail("this model enhances RGB alone: name one that takes planes")
        return True

    def do_stop(self) -> bool:
        """Close the model."""
        if self._enhancer is not None:
            self._enhancer.close()
            self._enhancer = None
        return True

    def do_set_caps(self, incaps: Any, _outcaps: Any) -> bool:
        """Keep the layout of the frames that come."""
        self._info = GstVideo.VideoInfo.new_from_caps(incaps)
        if self._info.interlace_mode != GstVideo.VideoInterlaceMode.PROGRESSIVE:
            return self._fail("interlaced frames hold two fields: put deinterlace before edgeqe")
        return True

    def do_transform_ip(self, buffer: Any) -> Any:
        """Enhance a frame where it lies."""
        from edgeqe import EdgeqeError
        from edgeqe.gstreamer.planes import planes_of

        given, info = self._given, self._info
        meta = GstVideo.buffer_get_video_meta(buffer)
        layout = info if meta is None else meta
        mapped, content = buffer.map(Gst.MapFlags.READ | Gst.MapFlags.WRITE)
        if not mapped:
            self._fail("the frame cannot be mapped for writing: put videoconvert before edgeqe")
            return Gst.FlowReturn.ERROR
        planes = None
        try:
            planes = planes_of(
                content.data, info.finfo.name, info.width, info.height, layout.stride, layout.offset
            )
            enhance = {
                "NV12": self._enhancer.enhance_nv12,
                "P010_10LE": self._enhancer.enhance_p010,
                "I420": self._enhancer.enhance_planes,
            }[info.finfo.name]
            enhance(
                *planes,
                quality=given["quality"] or None,
                qp=given["qp"] if given["qp"] >= 0 else None,
                codec=given["codec"] or None,
                out=planes,
            )
        except EdgeqeError as error:
            self._fail(str(error))
            return Gst.FlowReturn.ERROR
        finally:
            del planes  # views of what is unmapped now
            buffer.unmap(content)
        return Gst.FlowReturn.OK

    def _fail(self, text: str) -> bool:
        """Tell the pipeline why it ends."""
        error = GLib.Error.new_literal(
            Gst.library_error_quark(), f"edgeqe: {text}", int(Gst.LibraryError.FAILED)
        )
        self.post_message(Gst.Message.new_error(self, error, text))
        return False


GObject.type_register(EdgeqeElement)
__gstelementfactory__ = ("edgeqe", Gst.Rank.NONE, EdgeqeElement)
