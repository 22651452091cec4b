"""Encoders of clips: which one, how fine, and their options by FFmpeg's names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeqe.errors import InputError
from edgeqe.video.containers import ContainerFormat
from edgeqe.video.hdr import HdrMetadata
from edgeqe.video.pyav import load

_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower",
            "veryslow", "placebo")  # fmt: skip
#: Those that round no side of subsampled chroma up.
_EVEN = ("libx264", "libx265")


@dataclass(frozen=True)
class Encoder:
    """What is known of an encoder."""

    codec: str
    """What it writes, as `edgeqe.codecs` names it."""
    crf: float | None
    """Constant rate factor where none is asked for: so fine that most of the gain is kept, as far as
    docs/video.md has it. None of a lossless one."""
    largest_crf: int = 0
    presets: tuple[str, ...] = ()
    tuning: Mapping[str, str] = field(default_factory=dict)
    """Options against what an encoder does for the eye, or averages: it moves frames away from those
    that it is given."""


#: By FFmpeg's names; ``y4m`` is ours, frames without coding.
ENCODERS = {
    "libx264": Encoder("h264", 10.0, 51, _PRESETS, {"tune": "psnr"}),
    "libx265": Encoder("hevc", 8.0, 51, _PRESETS),
    "libsvtav1": Encoder(
        "av1", 3.0, 63, tuple(map(str, range(14))), {"svtav1-params": "enable-tf=0"}
    ),
    "ffv1": Encoder("ffv1", None),
    "y4m": Encoder("y4m", None),
}


@dataclass(frozen=True)
class Encoding:
    """How the user wants a clip to be encoded; None where it is left to us."""

    encoder: str | None = None
    crf: float | None = None
    preset: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no encoder takes."""
        known = [name for name in ENCODERS if name != "y4m"]
        if self.encoder is not None and self.encoder not in known:
            raise InputError(f"encoder '{self.encoder}' is none of {', '.join(known)}.")
        if self.crf is not None and not 0 <= self.crf <= 63:
            raise InputError(f"crf {self.crf:g} is not from 0 to 63.")


def choose(asked: str | None, container: ContainerFormat, source_codec: str, bits: int) -> str:
    """Name of the encoder for a clip.

    Parameters
    ----------
    asked : str or None
    container : ContainerFormat
    source_codec : str
        Of the clip: its encoder is taken where the container allows it and prefers no other.
    bits : int
        Of a sample: x265 takes those of more than 8, which players of H.264 lack.

    Raises
    ------
    InputError
        If the container cannot hold what the asked one writes.
    """
    if asked is not None:
        if asked not in container.encoders:
            raise InputError(
                f"a file of this suffix does not take {asked}: it takes "
                f"{', '.join(container.encoders)}; .mkv takes all."
            )
        return asked
    first = container.encoders[0]
    if first != "libx264" or len(container.encoders) == 1:
        return first
    for name in container.encoders:
        if ENCODERS[name].codec == source_codec:
            return name
    return "libx265" if bits > 8 or source_codec == "vvc" else first


def options(name: str, wanted: Encoding, hdr: HdrMetadata) -> dict[str, str]:
    """Options of an encoder.

    Raises
    ------
    InputError
        If it does not take the wanted factor or preset.
    """
    encoder = ENCODERS[name]
    if encoder.crf is None:
        for what, value in (("crf", wanted.crf), ("preset", wanted.preset)):
            if value is not None:
                raise InputError(f"{name} is lossless and takes no {what}: leave it out.")
        return {"level": "3", "slicecrc": "1"} if name == "ffv1" else {}
    crf = encoder.crf if wanted.crf is None else wanted.crf
    if crf > encoder.largest_crf:
        raise InputError(f"crf {crf:g} is not from 0 to {encoder.largest_crf}, as {name} counts.")
    found = {"crf": f"{crf:g}", **encoder.tuning}
    if wanted.preset is not None:
        if wanted.preset not in encoder.presets:
            raise InputError(
                f"preset '{wanted.preset}' of {name} is none of {', '.join(encoder.presets)}."
            )
        found["preset"] = wanted.preset
    words = hdr.svt_words() if name == "libsvtav1" else hdr.x265_words()
    if name == "libx264":
        ours = {"master-display": "mastering-display", "max-cll": "cll"}
        words = {ours[word]: value for word, value in words.items()}
    if name == "libx265":
        words = {"log-level": "none", **words}
    if words:
        own = {"libx264": "x264-params", "libx265": "x265-params", "libsvtav1": "svtav1-params"}
        stated = [found[own[name]]] if own[name] in found else []
        found[own[name]] = ":".join(
            [*stated, *(f"{word}={value}" for word, value in words.items())]
        )
    return found


def check_format(name: str, pixel_format: str, width: int, height: int) -> None:
    """Refuse frames that an encoder would convert, or does not take.

    Raises
    ------
    InputError
        If so, or if this PyAV lacks the encoder.
    """
    av = load()
    try:
        formats = [one.name for one in av.Codec(name, "w").video_formats or ()]
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"this PyAV has no {name}: choose another encoder.") from error
    if pixel_format not in formats:
        raise InputError(
            f"{name} does not take frames of {pixel_format}: choose another encoder, such as "
            "libx265 or ffv1."
        )
    odd = width % 2 or height % 2
    if odd and name in _EVEN and not pixel_format.startswith("gray"):
        raise InputError(
            f"{name} takes 4:2:0 frames of even width and height alone, and these are of "
            f"{width}x{height}: choose ffv1, which .mkv has if none is named, or libsvtav1."
        )
