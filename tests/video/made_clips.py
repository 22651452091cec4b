"""Small clips made by PyAV's encoders, with everything that a clip may carry, and their listing."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.reference import photograph

av = pytest.importorskip("av", reason="clips need PyAV")

WIDTH, HEIGHT, COUNT = 160, 96, 20
RATE = Fraction(25)
#: x264 with B pictures, at a QP of its own for each type.
X264 = {"qp": "32", "x264-params": "keyint=10:bframes=3:b-adapt=0:scenecut=0:threads=1"}
#: x265 with HDR10's metadata.
DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
X265 = {
    "preset": "ultrafast",
    "x265-params": "qp=32:bframes=3:keyint=10:log-level=none:pools=1:frame-threads=1:hdr10=1:"
    f"master-display={DISPLAY}:max-cll=1000,400",
}
#: Numbers of ITU-T H.273: BT.2020, PQ, BT.2020 without constant luminance; 1 is BT.709.
HDR_COLOURS = (9, 16, 9)
SDR_COLOURS = (1, 1, 1)
#: One second of sound, and one subtitle.
SOUND_RATE = 48000


def planes(index: int, width: int = WIDTH, height: int = HEIGHT) -> tuple[Any, Any, Any]:
    """Y, U and V of a frame: a photograph that moves by two pixels a frame, beside a still half."""
    moving = photograph("astronaut", 20, 60 + 2 * index, height, width)
    still = photograph("coffee", 100, 200, height, width)
    rgb = np.hstack([moving[:, : width // 2], still[:, : width - width // 2]])
    luma = (16 + rgb[..., 1] * (219 / 255)).astype(np.uint8)
    return luma, 64 + rgb[::2, ::2, 2] // 2, 64 + rgb[::2, ::2, 0] // 2


def frame(index: int, form: str = "yuv420p", width: int = WIDTH, height: int = HEIGHT) -> Any:
    """The frame of `planes` in one of FFmpeg's formats; chroma as it fits."""
    made = av.VideoFrame(width, height, form)
    deep = made.format.components[0].bits > 8
    for target, source in zip(made.planes, planes(index, width, height), strict=False):
        rows = np.frombuffer(target, np.uint8).reshape(target.height, -1)
        if deep:
            rows.view(np.uint16)[:, : target.width] = _fitted(source, target).astype(np.uint16) << 2
        else:
            rows[:, : target.width] = _fitted(source, target)
    made.pts, made.time_base = index, 1 / RATE
    return made


def _fitted(source: Any, target: Any) -> Any:
    if source.shape == (target.height, target.width):
        return source
    down, across = -(-target.height // source.shape[0]), -(-target.width // source.shape[1])
    return source.repeat(down, 0).repeat(across, 1)[: target.height, : target.width]


def write(
    path: Path,
    encoder: str = "libx264",
    options: Mapping[str, str] = X264,
    *,
    form: str = "yuv420p",
    colours: tuple[int, int, int] = SDR_COLOURS,
    full_range: bool = False,
    aspect: Fraction | None = None,
    rotation: int = 0,
    sound: str = "",
    subtitles: str = "",
    chapters: bool = False,
    times: Sequence[int] | None = None,
    count: int = COUNT,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    container: str | None = None,
    muxer: Mapping[str, str] | None = None,
) -> Path:
    """Write a clip; `times` are those of the frames in milliseconds."""
    with av.open(str(path), "w", format=container, options=dict(muxer or {})) as output:
        video = output.add_stream(encoder, rate=RATE, options=dict(options))
        video.width, video.height = size
        video.pix_fmt = form
        context = video.codec_context
        context.color_primaries, context.color_trc, context.colorspace = colours
        context.color_range = 2 if full_range else 1
        if aspect:
            context.sample_aspect_ratio = aspect
        if times is not None:
            context.time_base = video.time_base = Fraction(1, 1000)
        if rotation:
            video.set_display_rotation(rotation)
        audio = output.add_stream(sound, rate=SOUND_RATE) if sound else None
        if audio is not None:
            audio.metadata["language"] = "fin"
        text = output.add_mux_stream(subtitles) if subtitles else None
        if chapters:
            output.set_chapters([
                {"id": 1, "start": 0, "end": 400, "time_base": Fraction(1, 1000),
                 "metadata": {"title": "One"}},
                {"id": 2, "start": 400, "end": 800, "time_base": Fraction(1, 1000),
                 "metadata": {"title": "Two"}},
            ])  # fmt: skip
            output.metadata["title"] = "A clip"
        for index in range(count):
            given = frame(index, form, *size)
            if times is not None:
                given.pts, given.time_base = times[index], Fraction(1, 1000)
            output.mux(video.encode(given))
        output.mux(video.encode(None))
        if audio is not None:
            for packet in _sound(audio):
                output.mux(packet)
        if text is not None:
            packet = av.Packet(b"\0\5Hello" if subtitles == "mov_text" else b"Hello")
            packet.stream, packet.time_base = text, Fraction(1, 1000)
            packet.pts = packet.dts = 100
            packet.duration = 300
            output.mux(packet)
    return path


def _sound(stream: Any) -> Iterator[Any]:
    context = stream.codec_context
    layout, form = context.layout.name, context.format.name
    seconds = np.arange(SOUND_RATE * COUNT // 25) / SOUND_RATE
    wave = np.vstack([np.sin(2 * math.pi * 440 * seconds)] * 2).astype(np.float32) / 4
    for start in range(0, wave.shape[1] - 1023, 1024):
        part = np.ascontiguousarray(wave[:, start : start + 1024])
        given = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
        given.sample_rate, given.pts = SOUND_RATE, start
        given.time_base = Fraction(1, SOUND_RATE)
        for ready in av.AudioResampler(form, layout, SOUND_RATE).resample(given):
            yield from stream.encode(ready)
    yield from stream.encode(None)


def listing(path: Path) -> dict[str, Any]:
    """What FFmpeg says of a clip, without what encoding alone changes: codec, format, sizes.

    Times are in milliseconds, which is what Matroska keeps.
    """
    found: dict[str, Any] = {"streams": []}
    with av.open(str(path)) as container:
        found["chapters"] = [
            (round(1000 * one["start"] * one["time_base"]), one["metadata"].get("title"))
            for one in container.chapters()
        ]
        found["title"] = container.metadata.get("title")
        video = container.streams.video[0]
        packets: dict[int, list[tuple[int, str]]] = {}
        frames = []
        wanted = [one for one in container.streams if one.type in ("video", "audio", "subtitle")]
        for packet in container.demux(wanted):
            if packet.stream is video:
                frames += packet.decode()
            elif packet.size:
                digest = hashlib.sha256(bytes(packet)).hexdigest()[:12]
                time = round(1000 * packet.pts * packet.time_base)
                packets.setdefault(packet.stream.index, []).append((time, digest))
        for stream in wanted:
            said: dict[str, Any] = {"type": stream.type, "language": stream.language or "und"}
            if stream is video:
                said |= _video(stream, frames)
            else:
                said |= {"codec": stream.codec_context.name, "packets": packets[stream.index]}
            found["streams"].append(said)
    return found


def _video(stream: Any, frames: Sequence[Any]) -> dict[str, Any]:
    first = frames[0]
    return {
        "size": (first.width, first.height),
        "bits": first.format.components[0].bits,
        "rate": stream.average_rate,
        "aspect": stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1,
        "duration": stream.duration and round(1000 * stream.duration * stream.time_base),
        "rotation": first.rotation,
        "range": int(first.color_range),
        "colours": tuple(map(int, (first.color_primaries, first.color_trc, first.colorspace))),
        "times": [round(1000 * one.pts * one.time_base) for one in frames],
        "side data": {
            str(one.type): bytes(one) for one in first.side_data
            if one.type.name in ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL",
                                 "DISPLAYMATRIX")
        },
    }  # fmt: skip
