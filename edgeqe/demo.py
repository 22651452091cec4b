"""The main job on one photograph: code it, enhance the file, show what changed."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeqe import metrics
from edgeqe.codecs import jpeg
from edgeqe.errors import InputError
from edgeqe.reports.output_file import written_whole
from edgeqe.reports.tables import counted
from edgeqe.typing import Rgb

if TYPE_CHECKING:
    from PIL import Image

    from edgeqe.enhancer import Enhancer

__all__ = ["DemoReport", "draw_panels", "format_report", "run_demo"]

#: JPEG quality of the compressed picture.
QUALITY = 15

#: Factor of the difference panel.
AMPLIFICATION = 8

#: All files carry this prefix, so that nothing else is ever overwritten.
PREFIX = "edgeqe-demo-"

#: Space around and above the panels, and the captions' size, in pixels.
MARGIN, CAPTION_HEIGHT, CAPTION_SIZE = 8, 24, 14


@dataclass(frozen=True)
class DemoReport:
    """What the demo made and measured."""

    photograph: str
    quality: int
    """IJG quality of the JPEG, coded 4:2:0."""

    psnr_before_db: float
    """RGB PSNR of the JPEG."""

    psnr_after_db: float
    """RGB PSNR of the enhanced file."""

    model: str
    runtime: str
    provider: str
    threads: int
    seconds: float
    """Of `enhance_file`: read, decode, enhance, encode, write."""

    jpeg: str
    """Path of the compressed picture."""

    enhanced: str
    """Path of the enhanced picture."""

    panels: str
    """Path of before, after and difference side by side."""

    @property
    def gain_db(self) -> float:
        """RGB PSNR after minus before."""
        return self.psnr_after_db - self.psnr_before_db

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"schema_version": 1, "kind": "edgeqe-demo", **self.__dict__,
                "gain_db": self.gain_db}  # fmt: skip


def run_demo(enhancer: Enhancer, name: str, photograph: Rgb, folder: Path) -> DemoReport:
    """Code a photograph as JPEG, enhance the file, and draw what changed.

    Parameters
    ----------
    enhancer : Enhancer
    name : str
        Of the photograph, for file names and the report.
    photograph : ndarray of uint8, shape (H, W, 3)
        RGB without compression artefacts.
    folder : Path
        Where the three files go; made if it is not there. Files of an earlier
        demo are replaced.

    Returns
    -------
    DemoReport

    Raises
    ------
    InputError
        If the folder cannot be made or written.
    """
    from PIL import Image

    damaged = folder / f"{PREFIX}{name}-q{QUALITY}.jpg"
    enhanced = folder / f"{PREFIX}{name}-enhanced.png"
    panels = folder / f"{PREFIX}{name}-before-after.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with written_whole(damaged) as temporary:
            temporary.write_bytes(jpeg.encode(Image.fromarray(photograph), QUALITY))
    except OSError as error:
        raise InputError(
            f"the folder {folder} cannot be written ({error.strerror}): give another with -o."
        ) from error
    start = time.perf_counter()
    enhancer.enhance_file(damaged, enhanced, overwrite=True)
    seconds = time.perf_counter() - start
    before, after = _read(damaged), _read(enhanced)
    drawing = draw_panels(before, after)
    temporary = panels.with_suffix(".part")
    try:
        drawing.save(temporary, "PNG")
        temporary.replace(panels)
    finally:
        temporary.unlink(missing_ok=True)
    info = enhancer.info
    return DemoReport(
        photograph=name,
        quality=QUALITY,
        psnr_before_db=metrics.psnr(photograph, before),
        psnr_after_db=metrics.psnr(photograph, after),
        model=info.model,
        runtime=f"{info.runtime} {info.runtime_version}",
        provider=info.provider,
        threads=info.threads,
        seconds=seconds,
        jpeg=os.fspath(damaged),
        enhanced=os.fspath(enhanced),
        panels=os.fspath(panels),
    )


def draw_panels(before: Rgb, after: Rgb) -> Image.Image:
    """Draw before, after and amplified difference side by side, each with a caption.

    Parameters
    ----------
    before, after : ndarray of uint8, shape (H, W, 3)

    Returns
    -------
    PIL.Image.Image
        The difference is after minus before, times `AMPLIFICATION`, on mid-gray.
    """
    from PIL import Image, ImageDraw

    signed = after.astype(np.int16) - before
    difference = np.clip(signed * AMPLIFICATION + 128, 0, 255).astype(np.uint8)
    captions = (
        f"JPEG quality {QUALITY}",
        "enhanced by edgeqe",
        f"what changed, {AMPLIFICATION} times amplified",
    )
    height, width = before.shape[:2]
    size = (3 * width + 4 * MARGIN, height + CAPTION_HEIGHT + MARGIN)
    drawing = Image.new("RGB", size, (255, 255, 255))
    pen = ImageDraw.Draw(drawing)
    font = _font()
    for index, (panel, caption) in enumerate(
        zip((before, after, difference), captions, strict=True)
    ):
        left = MARGIN + index * (width + MARGIN)
        drawing.paste(Image.fromarray(panel), (left, CAPTION_HEIGHT))
        pen.text((left, 4), caption, fill=(0, 0, 0), font=font)
    return drawing


def format_report(report: DemoReport) -> str:
    """Report as lines of text."""
    before, after = report.psnr_before_db, report.psnr_after_db
    lines = [
        f"{report.photograph}, JPEG quality {report.quality}, 4:2:0",
        f"RGB PSNR  {before:.2f} dB -> {after:.2f} dB, gain {report.gain_db:+.2f} dB",
        f"model     {report.model}, {report.runtime}, {report.provider}, "
        f"{counted(report.threads, 'thread')}",
        f"time      {report.seconds:.2f} s from file to file",
        f"JPEG      {report.jpeg}",
        f"enhanced  {report.enhanced}",
        f"picture   {report.panels}",
    ]
    return "\n".join(lines)


def _font() -> Any:
    """Pillow's default font; scalable only where Pillow was built with FreeType."""
    from PIL import ImageFont, features

    if features.check("freetype2"):
        try:
            return ImageFont.load_default(size=CAPTION_SIZE)
        except TypeError:  # Pillow 10.0 has no scalable default
            pass
    return ImageFont.load_default()


def _read(path: Path) -> Rgb:
    from edgeqe.files.folders import read_reference

    pixels = read_reference(path)
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)
