"""What became of one picture file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

__all__ = ["FileReport"]


@dataclass(frozen=True)
class FileReport:
    """What became of one picture file."""

    source: str
    destination: str
    width: int
    """Pixels, as stored."""
    height: int
    """Pixels, as stored."""
    kind: str
    """What was enhanced: ``4:2:0 planes``, ``gray``, ``RGB`` or ``RGB planes``; before it ``10-bit`` and the like
    where the file has more than 8, behind it ``+ alpha`` where there is one."""
    step: float
    """Strength that was asked for: quantization step, 8-bit sample values."""
    codec: str
    """What the strength is of; empty where a step alone was given."""
    scale: str
    """How the codec counts its strength: ``quality``, ``qp``, ``index`` or ``rate`` (bits per
    pixel); empty where a step was given."""
    number: float | None
    """The strength on that scale; None where a step was given."""
    amount: float
    """How much of the change was made, 0 to 1."""
    ensemble: int
    """8 where the change is the mean over the eight flips and rotations, else 1."""
    quality: int | None
    """Quality that was given, or the IJG quality nearest to a JPEG's table; else None."""
    quality_exact: bool | None
    """Whether that quality's table is the strength's table, entry for entry."""
    strength_from: str
    """``file`` where the file's own headers say it, ``pixels`` where it was estimated, else
    ``argument``."""
    residual_from: str
    """``file`` where the network got the prediction residual beside the luma before the loop
    filters, both decoded from the file's HEVC stream; empty where it takes none."""
    confidence: float | None
    """Of an estimate, 0 to 1."""
    stated_quality: float | None
    """What the headers of a JPEG say where an estimate found a coarser coding."""
    drawn: float | None
    """Share of the picture that is drawn, not photographed, 0 to 1; None unless it was looked at."""
    seconds: float
    """Wall time from reading to writing."""
    enhance_seconds: float
    """Wall time of the enhancement, with the encoding of what is written meanwhile (PNG and TIFF of
    8 bits)."""
    megapixels_per_second: float
    """Of the whole way, from file to file."""
    exact: bool
    """Whether the tiles equal the whole: not where the target has windows larger than the
    picture."""
    picture_bytes: int
    """Bytes of the decoded picture, and of the enhanced one as far as it is held, beside the
    enhancer's memory limit; the buffers of the file formats' own libraries are not counted."""
    present: float | None
    """Share of the picture that a file cut short held, 0 to 1, of a progressive JPEG at least
    coarsely; None of a whole file."""
    not_kept: tuple[str, ...]
    """What the source says beside its samples that the output does not hold, by name."""
    source_bytes: int
    """Of the file that was read."""
    destination_bytes: int
    """Of the file that was written."""
    output_quality: int | None
    """Quality of a JPEG or lossy WebP that was written; None of a lossless file."""

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain values."""
        return dataclasses.asdict(self)
