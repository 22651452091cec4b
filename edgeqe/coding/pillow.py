"""JPEG and JPEG 2000 by Pillow: libjpeg-turbo and OpenJPEG."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np

from edgeqe.codecs import jpeg
from edgeqe.coding.coder import Frame, Layout


class JpegCoder:
    """Baseline JPEG with the IJG's tables, 4:2:0, one pass."""

    codec, unit = "jpeg", "quality"
    points = (10.0, 20.0, 40.0, 70.0, 85.0, 90.0)
    layouts = (Layout.GRAY, Layout.RGB)

    def encode(self, frame: Frame, value: float) -> bytes:
        """Code at an IJG quality, 1 to 100."""
        from PIL import Image

        return jpeg.encode(Image.fromarray(frame.planes[0]), round(value))

    def decode(self, data: bytes) -> Frame:
        """Luma of a gray file, planes as coded of a 4:2:0 one."""
        from PIL.JpegImagePlugin import JpegImageFile

        with JpegImageFile(io.BytesIO(data)) as picture:
            gray = picture.mode == "L"
        if gray:
            return Frame(Layout.GRAY, (jpeg.decode_luma(data),))
        return Frame(Layout.YUV420, jpeg.decode_420(data))

    def settings(self) -> Mapping[str, str]:
        """Encoder, its version, and its options."""
        from PIL import features

        version = str(features.version("libjpeg_turbo"))
        return {"encoder": "libjpeg-turbo", "version": version, "settings": "4:2:0, baseline"}


class Jpeg2000Coder:
    """JPEG 2000, irreversible (9/7 wavelet, colour transform), one quality layer at a rate.

    The rate is in bits per pixel. Pillow's `quality_layers` are ratios of the uncoded
    picture's bytes to the codestream's.
    """

    codec, unit = "jpeg2000", "rate"
    points = (0.08, 0.16, 0.24, 0.4, 0.6)
    layouts = (Layout.GRAY, Layout.RGB)

    def encode(self, frame: Frame, value: float) -> bytes:
        """Code at a rate, bits per pixel."""
        from PIL import Image

        samples = frame.planes[0]
        bits = 8 * (samples.shape[2] if samples.ndim == 3 else 1)
        stream = io.BytesIO()
        Image.fromarray(samples).save(
            stream,
            "JPEG2000",
            no_jp2=True,
            irreversible=True,
            mct=int(samples.ndim == 3),
            quality_mode="rates",
            quality_layers=[bits / value],
        )
        return stream.getvalue()

    def decode(self, data: bytes) -> Frame:
        """Gray or RGB samples."""
        from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

        with Jpeg2KImageFile(io.BytesIO(data)) as picture:
            samples = np.asarray(picture)
        return Frame(Layout.GRAY if samples.ndim == 2 else Layout.RGB, (samples,))

    def settings(self) -> Mapping[str, str]:
        """Encoder, its version, and its options."""
        from PIL import features

        version = str(features.version("jpg_2000"))
        return {"encoder": "OpenJPEG", "version": version, "settings": "9/7, one quality layer"}
