"""BPG: x265's still picture in the container of `edgeqe.codecs.bpg`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from edgeqe.codecs import bpg
from edgeqe.coding import pyav
from edgeqe.coding.coder import Frame, Layout, Plane
from edgeqe.coding.video import HevcCoder
from edgeqe.errors import InputError


class BpgCoder:
    """BPG: HEVC by x265 as of `HevcCoder`, QP exactly, of any size; full range and BT.601."""

    codec, unit = "bpg", "qp"
    points = HevcCoder.points
    layouts = HevcCoder.layouts

    def __init__(self) -> None:
        self._hevc = HevcCoder()

    def encode(self, frame: Frame, value: float) -> bytes:
        """Code one picture at a QP."""
        return self.encode_file(frame, value)

    def encode_file(
        self,
        frame: Frame,
        qp: float,
        *,
        alpha: Plane | None = None,
        extensions: Iterable[tuple[int, bytes]] = (),
        color_space: int = 0,
        limited_range: bool = False,
    ) -> bytes:
        """Code one picture with all that a file may hold beside it.

        Parameters
        ----------
        frame : Frame
            Gray or 4:2:0, 8 or 10 bits, at least 16 pixels a side.
        qp : float
            0 to 51, of alpha too.
        alpha : ndarray of the planes' type, shape (H, W), optional
            Straight alpha, coded as a gray picture of its own.
        extensions, color_space, limited_range
            As of `edgeqe.codecs.bpg.write`; samples are taken as they are.

        Raises
        ------
        InputError
            If alpha does not fit, or the encoder refuses the picture.
        """
        height, width = frame.size
        transparency = b""
        if alpha is not None:
            if alpha.shape != (height, width) or alpha.dtype != frame.planes[0].dtype:
                raise InputError(
                    f"alpha has shape {alpha.shape} and dtype {alpha.dtype}: give "
                    f"{(height, width)} and {frame.planes[0].dtype}, as the picture has."
                )
            transparency = self._stream(Frame(Layout.GRAY, (alpha,), frame.bit_depth), qp)
        return bpg.write(
            self._stream(frame, qp),
            width,
            height,
            alpha=transparency,
            extensions=extensions,
            color_space=color_space,
            limited_range=limited_range,
        )

    def _stream(self, frame: Frame, qp: float) -> bytes:
        """Stream of a picture; x265 takes no odd sides, so the last line stands twice there."""
        luma = frame.planes[0]
        more = [(0, side % 2) for side in luma.shape]
        even = Frame(frame.layout, (np.pad(luma, more, "edge"), *frame.planes[1:]), frame.bit_depth)
        return self._hevc.encode(even, qp)

    def decode(self, data: bytes) -> Frame:
        """Decode a picture, without its alpha."""
        file = bpg.read(data)
        (found,) = pyav.decode(self._hevc.decoder, [file.stream])
        half = (file.height + 1) // 2, (file.width + 1) // 2
        sizes = [(file.height, file.width), half, half]
        cut = zip(found.planes, sizes, strict=False)
        planes = tuple(
            np.ascontiguousarray(plane[:rows, :columns]) for plane, (rows, columns) in cut
        )
        return Frame(found.layout, planes, found.bit_depth)

    def settings(self) -> Mapping[str, str]:
        """Encoder, its version, and its options."""
        found = self._hevc.settings()
        return {**found, "settings": f"BPG, {found['settings']}"}
