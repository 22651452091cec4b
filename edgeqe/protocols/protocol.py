"""`CodingProtocol`: how a reference picture is coded, decoded and enhanced."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from edgeqe.errors import InputError

__all__ = ["CodingProtocol", "protocols_of", "protocols_with"]


class CodingProtocol(str, enum.Enum):
    """How a reference picture is coded, decoded and enhanced. A member equals its name."""

    meaning: str
    """What is done, in half a sentence."""

    def __new__(cls, name: str, meaning: str = "") -> CodingProtocol:
        """Member of a name and its meaning."""
        member = str.__new__(cls, name)
        member._value_, member.meaning = name, meaning
        return member

    def __str__(self) -> str:
        return str(self.value)

    GRAY = "gray", "studio-range luma (gray pictures as they are), coded without chroma"
    """Luma from 16 to 235, decoded as one plane, enhanced as (H, W): the field's "LIVE1 gray"."""
    PLANES = "planes", "4:2:0 planes as coded, enhanced and then upsampled; PSNR in RGB"
    """RGB coded as 4:2:0, decoded as planes as they are coded, enhanced as planes, upsampled with
    libjpeg's triangle filter. A network of RGB enhances what the decoder shows, as in `RGB`."""
    RGB = "rgb", "RGB of the decoder, coded as 4:2:0; PSNR in RGB"
    """RGB coded as 4:2:0, decoded to RGB by the decoder, enhanced as (H, W, 3)."""


def protocols_of(names: Iterable[str]) -> tuple[CodingProtocol, ...]:
    """Protocols by their names, each once.

    Raises
    ------
    InputError
        If a name is none of them.
    """
    known = {protocol.value: protocol for protocol in CodingProtocol}
    for name in names:
        if name not in known:
            renamed = " (colour is planes, what bench measured, or rgb, what drift and blame did)"
            raise InputError(
                f"protocol {str(name)!r} is not known: give one of {', '.join(known)}"
                f"{renamed if name == 'colour' else ''}."
            )
    return tuple(dict.fromkeys(known[name] for name in names))


def protocols_with(codec: str) -> tuple[CodingProtocol, ...]:
    """Protocols that pictures of a codec have: JPEG 2000 codes RGB, so it has no planes of 4:2:0."""
    planes = () if codec == "jpeg2000" else (CodingProtocol.PLANES,)
    return (CodingProtocol.GRAY, *planes, CodingProtocol.RGB)
