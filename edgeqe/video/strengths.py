"""The strength of each picture of a video stream, from the headers in its packets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from edgeqe.codecs import av1, h264, hevc, hevc_nal, jpeg, vvc
from edgeqe.codecs.coded import CodedStrength, Scale
from edgeqe.codecs.nal import SET_LIMIT, split_annex_b
from edgeqe.errors import ImageError
from edgeqe.video.pyav import load
from edgeqe.video.smoothing import ShownStep

#: Codecs by FFmpeg's names of them and of their decoders.
CODECS = {
    "h264": "h264",
    "hevc": "hevc",
    "vvc": "vvc",
    "av1": "av1",
    "libdav1d": "av1",
    "libaom-av1": "av1",
    "mjpeg": "jpeg",
}


@dataclass(frozen=True)
class PictureStrength:
    """How strongly a picture of a stream was coded."""

    codec: str
    """A name of `edgeqe.codecs.strength.STATED_BY`."""
    scale: Scale
    """What `number` counts."""
    number: float
    """The codec's own number, the mean over the picture's slices."""
    step: float
    """Quantization step in 8-bit sample values; 0 where nothing was quantized."""
    shown_step: float | None
    """Step at which what it shows was coded, with what is copied from other pictures; None where no
    picture so far has one."""
    place: int
    """In coding order, from 1."""


@dataclass(frozen=True)
class _Read:
    """What a packet says."""

    codec: str
    scale: Scale
    number: float
    step: float
    coded: list[tuple[float, int, bool]]
    """Of all pictures in it, those that are not shown too: step, bytes, whether it refers to none."""


class StrengthReader:
    """Reads the strength of one picture after another, in coding order.

    Parameters
    ----------
    codec : str
        One of the values of `CODECS`.
    stream : av.VideoStream, optional
        Whose packets are read; None for packets of a byte stream.
    """

    def __init__(self, codec: str, stream: Any = None) -> None:
        self._shown, self._place = ShownStep(), 0
        self._read: Callable[[bytes], _Read | None]
        if codec == "av1":
            self._read = _Av1(bytes(stream.codec_context.extradata or b"") if stream else b"")
        elif codec == "jpeg":
            self._read = lambda packet: _single(jpeg.strength(packet), packet, alone=True)
        else:
            self._read = _NalUnits(codec, stream)

    def read(self, packet: bytes) -> PictureStrength | None:
        """Strength of the picture that a packet shows.

        Parameters
        ----------
        packet : bytes
            As the container has it: everything that is coded for one picture.

        Returns
        -------
        PictureStrength or None
            None where the headers are damaged or of an unknown kind, or nothing is shown.
        """
        av = load()
        try:
            found = self._read(packet)
        except (ImageError, av.FFmpegError):
            return None
        if found is None:
            return None
        self._place += 1
        for step, coded_bytes, alone in found.coded:
            self._shown.take(step, coded_bytes, alone=alone)
        return PictureStrength(
            found.codec, found.scale, found.number, found.step, self._shown.step, self._place
        )


def _single(found: CodedStrength, packet: bytes, *, alone: bool) -> _Read:
    """A packet with one picture, which refers to no other where it stands alone."""
    step = 0.0 if found.lossless else found.step
    return _Read(found.codec, found.scale, found.number, step, [(step, len(packet), alone)])


@dataclass(frozen=True)
class _NalCodec:
    to_byte_stream: str
    """FFmpeg's filter that puts start codes and parameter sets in."""
    strength: Callable[[Iterable[bytes]], CodedStrength]
    is_set: Callable[[bytes], bool]
    """Whether a unit is a parameter set that slices need."""
    is_key: Callable[[bytes], bool]
    """Whether it is a slice of a picture at which a decoder may begin."""


_NAL = {
    "h264": _NalCodec(
        "h264_mp4toannexb",
        h264.strength,
        lambda unit: unit[0] & 31 in (h264.SPS, h264.PPS),
        lambda unit: unit[0] & 31 == h264.IDR_SLICE,
    ),
    "hevc": _NalCodec(
        "hevc_mp4toannexb",
        hevc.strength,
        lambda unit: hevc_nal.unit_kind(unit) in (hevc_nal.SPS, hevc_nal.PPS),
        lambda unit: hevc_nal.unit_kind(unit) in hevc_nal.IRAP,
    ),
    "vvc": _NalCodec(
        "vvc_mp4toannexb",
        vvc.strength,
        lambda unit: len(unit) > 1 and not unit[0] and unit[1] >> 3 in (vvc.SPS, vvc.PPS),
        lambda unit: len(unit) > 1 and not unit[0] and vvc.IDR_W_RADL <= unit[1] >> 3 < vvc.GDR,
    ),
}


class _NalUnits:
    """Pictures of H.264, HEVC and VVC: the parameter sets so far, and the packet's slices."""

    def __init__(self, codec: str, stream: Any) -> None:
        self._codec = _NAL[codec]
        self._filter: Any = None
        if stream is not None:
            self._filter = load().BitStreamFilterContext(self._codec.to_byte_stream, stream)
        self._sets: dict[bytes, None] = {}
        """In the order in which they came last, because a later one replaces an earlier."""

    def __call__(self, packet: bytes) -> _Read | None:
        slices: list[bytes] = []
        for unit in split_annex_b(self._byte_stream(packet)):
            if self._codec.is_set(unit):
                self._sets.pop(unit, None)
                self._sets[unit] = None
                if len(self._sets) > SET_LIMIT:
                    del self._sets[next(iter(self._sets))]
            else:
                slices.append(unit)
        if not slices:
            return None
        found = self._codec.strength([*self._sets, *slices])
        return _single(found, packet, alone=any(map(self._codec.is_key, slices)))

    def _byte_stream(self, packet: bytes) -> bytes:
        if self._filter is None:
            return packet
        return b"".join(map(bytes, self._filter.filter(load().Packet(packet))))


class _Av1:
    """Pictures of AV1: the frame that a temporal unit shows, be it one that came hidden before."""

    def __init__(self, extradata: bytes) -> None:
        self._frames = av1.Av1Frames()
        if extradata[:1] == b"\x81":  # a configuration record: version 1, then units
            self._take(extradata[4:])

    def __call__(self, packet: bytes) -> _Read | None:
        frames = self._frames
        frames.shown.clear()
        frames.indices.clear()
        frames.coded.clear()
        self._take(packet)
        if frames.sequence is None or not frames.shown:
            return None
        depth, index = frames.sequence.bit_depth, frames.shown[-1]

        def step(index: int) -> float:
            return av1.step_from_index(index, depth) if index else 0.0

        coded = [
            (step(own), *sized) for own, sized in zip(frames.indices, frames.coded, strict=True)
        ]
        return _Read("av1", Scale.INDEX, float(index), step(index), coded)

    def _take(self, data: bytes) -> None:
        for kind, payload in av1.split(data):
            self._frames.take(kind, payload)
