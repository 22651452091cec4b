"""What was done to a clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ClipReport:
    """A clip that was enhanced."""

    source: str
    destination: str
    width: int
    height: int
    pixel_format: str
    """FFmpeg's name of the format of the frames that were decoded."""
    codec: str
    """Of the strength: the clip's, or the stated one; empty where a step alone was given."""
    scale: str
    """What `numbers` count, such as ``qp``; empty where the strength was stated."""
    numbers: tuple[tuple[float, int], ...]
    """The codec's own numbers in rising order, to a tenth, and how many frames have each."""
    encoder: str
    """FFmpeg's name of it, or ``y4m``."""
    frames: int
    seconds: float
    """Of the whole: decoding, enhancement and encoding overlap."""
    reuse: str
    """``exact`` or ``off``."""
    reused: float
    """Share of the pixels of all frames whose result was kept from the frame before, 0 to 1."""
    frames_without_memory: int
    """Frames that were enhanced whole because what is kept does not fit in the memory limit."""
    damaged: int
    """Packets that were damaged, as container or decoder noticed it, or of which no frame came; what the
    decoder conceals without a word is not among them."""
    left_out: tuple[str, ...]
    """What of the source the container has no place for."""
    psnr_y_before: float | None
    """Mean over the frames against the reference, dB, before they are encoded again; None without
    a reference."""
    psnr_y_after: float | None
    compared: int
    """Frames that have a reference."""

    @property
    def frames_per_second(self) -> float:
        """Speed of the whole."""
        return self.frames / self.seconds if self.seconds else 0.0

    @property
    def mean_number(self) -> float | None:
        """Mean of `numbers` over the frames."""
        count = sum(frames for _, frames in self.numbers)
        total = sum(number * frames for number, frames in self.numbers)
        return total / count if count else None

    @property
    def gain(self) -> float | None:
        """PSNR-Y after less before, dB."""
        if self.psnr_y_before is None or self.psnr_y_after is None:
            return None
        return self.psnr_y_after - self.psnr_y_before

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        mean = self.mean_number
        numbers = {
            "least": self.numbers[0][0],
            "mean": round(mean, 3),
            "largest": self.numbers[-1][0],
            "frames": {f"{number:g}": frames for number, frames in self.numbers},
        } if mean is not None else None  # fmt: skip
        return {
            "source": self.source,
            "destination": self.destination,
            "width": self.width,
            "height": self.height,
            "pixel_format": self.pixel_format,
            "codec": self.codec,
            "scale": self.scale,
            "numbers": numbers,
            "encoder": self.encoder,
            "frames": self.frames,
            "seconds": round(self.seconds, 3),
            "frames_per_second": round(self.frames_per_second, 3),
            "reuse": self.reuse,
            "reused": round(self.reused, 4),
            "frames_without_memory": self.frames_without_memory,
            "damaged": self.damaged,
            "left_out": list(self.left_out),
            "psnr_y_before": self.psnr_y_before,
            "psnr_y_after": self.psnr_y_after,
            "gain": self.gain,
            "compared": self.compared,
        }
