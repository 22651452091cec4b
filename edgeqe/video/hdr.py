"""Metadata of HDR10 (SMPTE ST 2086, CTA-861.3) from a frame, and as encoders take it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class HdrMetadata:
    """How a clip was mastered, and how bright it gets."""

    primaries: tuple[float, ...] = ()
    """CIE 1931 x and y of red, green and blue, six numbers; empty where they are not told."""
    white: tuple[float, ...] = ()
    """x and y of the white point; empty as `primaries`."""
    luminance: tuple[float, ...] = ()
    """Darkest and brightest of the mastering display, cd/m2; empty where they are not told."""
    light_level: tuple[int, ...] = ()
    """MaxCLL and MaxFALL, cd/m2; empty where they are not told."""

    @property
    def mastering(self) -> bool:
        """Whether the mastering display is told whole, as encoders want it."""
        return bool(self.primaries and self.luminance)

    def x265_words(self) -> dict[str, str]:
        """Options of x265, and of x264 by its own names: units of 1/50000 and 1/10000 cd/m2."""
        words = {}
        if self.mastering:
            x = [round(value * 50000) for value in (*self.primaries, *self.white)]
            dark, bright = (round(value * 10000) for value in self.luminance)
            words["master-display"] = (
                f"G({x[2]},{x[3]})B({x[4]},{x[5]})R({x[0]},{x[1]})WP({x[6]},{x[7]})"
                f"L({bright},{dark})"
            )
        if self.light_level:
            words["max-cll"] = ",".join(map(str, self.light_level))
        return words

    def svt_words(self) -> dict[str, str]:
        """Options of SVT-AV1: fractions and cd/m2."""
        words = {}
        if self.mastering:
            x = [f"{value:.5f}" for value in (*self.primaries, *self.white)]
            dark, bright = self.luminance
            words["mastering-display"] = (
                f"G({x[2]},{x[3]})B({x[4]},{x[5]})R({x[0]},{x[1]})WP({x[6]},{x[7]})"
                f"L({bright:.4f},{dark:.4f})"
            )
        if self.light_level:
            words["content-light"] = ",".join(map(str, self.light_level))
        return words


def hdr_of(frame: Any) -> HdrMetadata:
    """Metadata of a decoded frame, each part empty where the frame does not carry it."""
    found: dict[str, tuple[float, ...]] = {}
    light: tuple[int, ...] = ()
    mastering = frame.side_data.get("MASTERING_DISPLAY_METADATA")
    # FFmpeg's AVMasteringDisplayMetadata: ten fractions of two ints, then two flags
    if mastering is not None and len(bytes(mastering)) == struct.calcsize("=22i"):
        *parts, has_primaries, has_luminance = struct.unpack("=22i", bytes(mastering))
        values = tuple(
            over / under if under else 0.0
            for over, under in zip(parts[::2], parts[1::2], strict=True)
        )
        if has_primaries:
            found |= {"primaries": values[:6], "white": values[6:8]}
        if has_luminance:
            found["luminance"] = values[8:]
    level = frame.side_data.get("CONTENT_LIGHT_LEVEL")
    if level is not None and len(bytes(level)) >= struct.calcsize("=2I"):
        light = struct.unpack("=2I", bytes(level)[:8])
    return HdrMetadata(light_level=light, **found)
