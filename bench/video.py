"""Clips, stage by stage: decoding, enhancement and encoding apart, and all of them overlapped.

Of the enhancement it is told what its processor time is spent on: the runtime's own calls, which are
the network; the conversions of samples around them; and the rest: copies, locks, handing windows over
to threads, Python. Shares of processor time stay true where other programs slow the machine.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeqe.bench.entries import plain
from edgeqe.bench.latency import ProgressCallback
from edgeqe.codecs.strength import Strength
from edgeqe.enhancer import Enhancer
from edgeqe.reports.tables import table
from edgeqe.runtimes.processor_time import processor_time
from edgeqe.typing import Uint8
from edgeqe.video.clip import ClipOptions, enhance_clip
from edgeqe.video.containers import output_container
from edgeqe.video.encoders import Encoding
from edgeqe.video.frame_enhancer import FrameEnhancer
from edgeqe.video.frames import PIXEL_LIMIT
from edgeqe.video.planes import PixelFormat, arrays, pixel_format
from edgeqe.video.reading import ClipFrame, ClipReader
from edgeqe.video.writing import ClipWriter

#: Most frames that are held at a time, so of stages apart.
HELD = 60
#: What is written.
SUFFIX = ".mp4"
#: Stages, for the progress.
STAGES = 5
#: Those that enhance and do nothing else.
ENHANCES = ("nv12 in place", "enhance")


@dataclass(frozen=True)
class StageEntry:
    """One stage of a clip."""

    stage: str
    """``decode``, ``enhance``, ``nv12 in place``, ``encode`` or ``whole``."""
    frames: int
    frames_per_second: float
    processor_ms: float
    """Processor time of the whole process, of a frame."""
    runtime_share: float | None = None
    """Of that time, in calls of the runtime; None where nothing is enhanced apart."""
    conversion_share: float | None = None
    """In reading windows and writing their results."""
    other_share: float | None = None


@dataclass(frozen=True)
class VideoEntry:
    """A clip with one model."""

    model: str
    clip: str
    width: int
    height: int
    codec: str
    encoder: str
    threads: int
    stages: tuple[StageEntry, ...]


def measure_video(
    enhancer: Enhancer,
    clip: Path,
    *,
    model: str = "",
    progress: ProgressCallback = lambda what, done, length: None,
) -> VideoEntry:
    """Time the stages of a clip, then all of them as ``edgeqe enhance CLIP -o OUT.mp4`` runs them.

    The stages apart are of its first `HELD` frames. A clip that does not say its strength, or whose
    codec the model does not serve, is enhanced at the model's default step: speed is that of any.

    Parameters
    ----------
    enhancer : Enhancer
    clip : Path
    model : str
        For the report; the card's name if left out.
    progress : callable
        Gets what was done, the stages done, and their number.

    Raises
    ------
    ImageError, InputError
        As of `edgeqe.video.enhance_frames`.
    """
    reader = ClipReader(str(clip), str(clip), pixel_limit=PIXEL_LIMIT)
    try:
        served = reader.codec in enhancer.codecs
        given = None if served else Strength(enhancer.info.card.default_step)
        made = _Stages(enhancer, reader, given)
        with tempfile.TemporaryDirectory(prefix="edgeqe-") as folder:
            stages = []
            for name, run in made.in_order(clip, Path(folder)):
                stages.append(_timed(name, run))
                progress(f"{clip.name}, {name}", len(stages), STAGES)
        context = reader.stream.codec_context
        return VideoEntry(
            model=model or enhancer.info.model,
            clip=clip.name,
            width=context.width,
            height=context.height,
            codec=reader.codec or reader.format_name,
            encoder=made.encoder,
            threads=enhancer.info.threads,
            stages=tuple(stages),
        )
    finally:
        reader.close()


def format_video(entries: Sequence[VideoEntry]) -> str:
    """Tables for a console."""
    lines: list[str] = []
    for entry in entries:
        lines += [
            f"{entry.model}, {entry.clip}: {entry.width}x{entry.height} {entry.codec}, "
            f"{entry.encoder}, {entry.threads} threads",
            "",
        ]
        rows = [["stage", "frames", "frames/s", "CPU ms/frame", "runtime", "conversions", "rest"]]
        for one in entry.stages:
            shares = (one.runtime_share, one.conversion_share, one.other_share)
            rows.append(
                [
                    one.stage,
                    str(one.frames),
                    f"{one.frames_per_second:.1f}",
                    f"{one.processor_ms:.1f}",
                    *("" if share is None else f"{100 * share:.0f} %" for share in shares),
                ]
            )
        lines += [*table(rows, range(1)), ""]
    return "\n".join(lines[:-1])


def video_report(
    entries: Sequence[VideoEntry], stamp: dict[str, Any], notes: Sequence[str]
) -> dict[str, Any]:
    """Report as JSON takes it, with the machine's stamp and what spoilt the run."""
    return {
        "schema_version": 1,
        "kind": "edgeqe-video",
        "stamp": stamp,
        "notes": list(notes),
        "clips": [plain(asdict(entry)) for entry in entries],
    }


class _Stages:
    """The stages of a clip: each takes what the one before has left."""

    def __init__(self, enhancer: Enhancer, reader: ClipReader, given: Strength | None) -> None:
        self._enhancer, self._reader, self._given = enhancer, reader, given
        self._frames = FrameEnhancer(enhancer, reader, given, amount=1.0, ensemble=1, reuse="off")
        self._held: list[ClipFrame] = []
        self.encoder = ""

    def in_order(self, clip: Path, folder: Path) -> Iterator[tuple[str, Callable[[], int]]]:
        """Names of the stages and what runs them and counts the frames, made ready one by one."""
        yield "decode", self._decode
        self._warm_up()
        copies = self._nv12()
        if copies:
            yield "nv12 in place", lambda: self._enhance_nv12(copies)
        copies.clear()
        yield "enhance", self._enhance
        yield "encode", lambda: self._encode(folder / f"apart{SUFFIX}")
        self._held.clear()
        yield "whole", lambda: self._whole(clip, folder / f"whole{SUFFIX}")

    def _decode(self) -> int:
        for item in self._reader.items():
            if isinstance(item, ClipFrame):
                self._held.append(item)
            if len(self._held) == HELD:
                break
        return len(self._held)

    def _step(self) -> float:
        """Step of the first frame that has one."""
        own = (item.strength.step for item in self._held if item.strength is not None)
        step = next(own, 0.0) if self._given is None else self._given.step
        return step or self._enhancer.info.card.default_step

    def _warm_up(self) -> None:
        frame = self._held[0].frame
        self._enhancer.network_pass(frame.height, frame.width, step=self._step())

    def _nv12(self) -> list[tuple[Uint8, Uint8]]:
        """Copies of the held frames as cameras give them; none of gray and of more than 8 bits."""
        if pixel_format(self._held[0].frame.format.name) != PixelFormat("planes", 8, "yuv420p"):
            return []
        planes = (arrays(item.frame) for item in self._held)
        return [(y.copy(), np.stack([u, v], axis=2)) for y, u, v in planes]

    def _enhance_nv12(self, copies: list[tuple[Uint8, Uint8]]) -> int:
        step = self._step()
        for y, uv in copies:
            self._enhancer.enhance_nv12(y, uv, step=step, out=(y, uv))
        return len(copies)

    def _enhance(self) -> int:
        done = [one for item in self._held for one in self._frames.take(item)]
        self._held = [one for one in (*done, *self._frames.flush()) if isinstance(one, ClipFrame)]
        return len(self._held)

    def _encode(self, path: Path) -> int:
        with path.open("wb") as file:
            writer = ClipWriter(file, output_container(path.name), Encoding(), self._reader)
            for item in self._held:
                writer.take(item)
            writer.finish()
        self.encoder = writer.encoder
        return writer.frames

    def _whole(self, clip: Path, path: Path) -> int:
        wanted = ClipOptions(given=self._given, reuse="off")
        return enhance_clip(str(clip), str(path), self._enhancer, wanted).frames


def _timed(stage: str, run: Callable[[], int]) -> StageEntry:
    """Run a stage; of those that enhance and do nothing else, what the time is spent on."""
    with processor_time() as spent:
        processor, begun = time.process_time(), time.perf_counter()
        frames = run()
        seconds = time.perf_counter() - begun
        processor = time.process_time() - processor
    shares: tuple[float | None, ...] = (None, None, None)
    if stage in ENHANCES:
        runtime, window = spent["runtime"] / processor, spent["window"] / processor
        shares = (runtime, window - runtime, 1 - window)
    return StageEntry(stage, frames, frames / seconds, 1e3 * processor / frames, *shares)
