"""What the page of peers needs, measured in one go and kept as plain values."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import deblock
import jpegqs
import numpy as np

from edgeqe import Enhancer
from edgeqe.bench import bd
from edgeqe.bench.choices import shipped_on
from edgeqe.bench.conditions.snapshot import read_conditions, warnings
from edgeqe.bench.data import PictureSet, packaged
from edgeqe.bench.entries import plain
from edgeqe.bench.frames import SIZES, TimedFrame, frame_of_size
from edgeqe.bench.latency import (
    Effort,
    Lane,
    LatencyRun,
    ProgressCallback,
    enhancer_lanes,
    peer_lane,
)
from edgeqe.bench.peer import Peer
from edgeqe.bench.quality import QualityRow, measure
from edgeqe.bench.reference import ReferenceNetwork
from edgeqe.bench.stamp import machine_stamp
from edgeqe.codecs.strength import step_from_quality
from edgeqe.coding import RatePoint
from edgeqe.errors import MissingPackageError
from edgeqe.model.serving import serving_models
from edgeqe.protocols import CodingProtocol, MeasuredNetwork
from edgeqe.runtimes.quiet import quiet_start
from edgeqe.runtimes.selection import profile_for
from edgeqe.targets.reading import read_profile

#: FFmpeg's filter and the plain session run on the processor, so all do.
TARGET, THREADS = "cpu", 2
SIZE, TIMED_QUALITY = "720p", 20
PRECISIONS = ("float32", "int8")
CONVERTED, PLAIN = "DnCNN-3, converted", "DnCNN-3, plain ONNX Runtime"
OWN, TUNED = "FFmpeg deblock", "FFmpeg deblock, tuned"


def measure_all(
    pictures: PictureSet,
    dncnn: Path | None,
    qualities: tuple[int, ...],
    effort: Effort,
    progress: ProgressCallback,
) -> dict[str, Any]:
    """Measure edgeqe's networks and their peers on the processor.

    Parameters
    ----------
    pictures : PictureSet
        References; the first one gives the timed frame.
    dncnn : Path or None
        ONNX file of DnCNN-3.
    qualities : tuple of int
        IJG qualities.
    effort : Effort
        How long to time.
    progress : callable
        Gets progress.

    Returns
    -------
    dict
        Plain values, for `page.page`.

    Raises
    ------
    EdgeqeError
        If a picture or a file is wrong, or a package is missing.
    """
    before = read_conditions()
    with ExitStack() as stack:
        ours = {name: stack.enter_context(_open(name)) for name in shipped_forms()}
        opened, peers = dict(ours), []
        if dncnn is not None:
            opened[CONVERTED] = stack.enter_context(converted(dncnn))
            peers = [stack.enter_context(closing(Peer(dncnn, THREADS)))]
        chosen = _tuned(qualities, progress) if deblock.version() else {}
        filters = _filters(chosen)
        gray: dict[str, MeasuredNetwork] = {**opened, **filters}
        rows: list[QualityRow] = []
        for protocol, networks in ((CodingProtocol.GRAY, gray), (CodingProtocol.PLANES, ours)):
            for quality in qualities:
                rows += measure(networks, pictures, protocol, RatePoint("jpeg", quality), progress)
        smoothed = jpegqs.LEVELS if jpegqs.version() else ()
        if smoothed:
            for quality in qualities:
                rows += jpegqs.rows(pictures, quality, progress)
        frame = frame_of_size(pictures, SIZE, TIMED_QUALITY, colour=False)
        programs = stack.enter_context(jpegqs.timed(frame.gray, TIMED_QUALITY, THREADS, smoothed))
        lanes = _timed(opened, filters, peers, programs, frame, effort, progress)
        differs = [_difference(peer, opened[CONVERTED], frame) for peer in peers]
        entries = [_entry(name, enhancer) for name, enhancer in opened.items()]
    entries += [_peer_entry(peer, entries[-1]) for peer in peers]
    entries += [_without_network(name, f"{deblock.version()}, 1 thread") for name in filters]
    entries += [_without_network(name, _process(name)) for name in programs]
    return {
        "stamp": machine_stamp(),
        "data": {"name": pictures.name, "pictures": len(pictures)},
        "threads": THREADS,
        "timed_quality": TIMED_QUALITY,
        "qualities": list(qualities),
        "networks": entries,
        "quality": plain([row.entry() for row in rows]),
        "bd": [one.to_dict() for one in bd.deltas(rows)],
        "lanes": lanes,
        "differs": differs[0] if differs else None,
        "deblock": _settings(chosen) if filters else None,
        "left_out": [
            *(["DnCNN-3, no file of which was given"] if dncnn is None else []),
            *([] if filters else ["FFmpeg's filter, since PyAV (`av`) is not installed"]),
            *([] if programs else [jpegqs.ABSENT]),
        ],
        "notes": warnings(before, read_conditions()),
    }


def shipped_forms() -> list[str]:
    """Shipped networks that serve JPEG, in float32 and in INT8, as the processor's profile runs them first."""
    firsts: dict[tuple[str, str], str] = {}
    serving = serving_models("jpeg")
    for name in shipped_on(profile_for(TARGET), full=True):
        network, _, form = name.partition(":")
        if network in serving:
            firsts.setdefault((network, form.removesuffix(".tflite")), name)
    return [name for (_, precision), name in firsts.items() if precision in PRECISIONS]


def _open(model: str | Path) -> Enhancer:
    return Enhancer(model, target=TARGET, threads=THREADS)


@contextmanager
def converted(dncnn: Path) -> Iterator[Enhancer]:
    """DnCNN-3 as ``edgeqe convert`` makes it of another tool's file, opened."""
    try:
        with quiet_start():
            from edgeqe.converters.export import export
            from edgeqe.converters.onnx_io.sources import from_onnx
    except ImportError as error:
        raise MissingPackageError(
            f"converting DnCNN-3 needs the host's packages ({error}): run pip install "
            "'edgeqe[host,ort]', or leave out --dncnn."
        ) from error
    with tempfile.TemporaryDirectory(prefix="edgeqe-") as folder:
        path = Path(folder) / "dncnn3.onnx"
        export(from_onnx(dncnn), path)
        with _open(path) as enhancer:
            yield enhancer


def _tuned(qualities: tuple[int, ...], progress: ProgressCallback) -> dict[int, deblock.Settings]:
    """Settings of FFmpeg's filter for each quality, chosen on pictures that are not measured."""
    chosen = {}
    for number, quality in enumerate(qualities, 1):
        chosen[quality] = deblock.tuned(packaged(), quality)
        progress("FFmpeg's thresholds", number, len(qualities))
    return chosen


def _filters(chosen: Mapping[int, deblock.Settings]) -> dict[str, deblock.Deblock]:
    if not chosen:
        return {}
    steps = {step_from_quality(quality): settings for quality, settings in chosen.items()}
    return {OWN: deblock.Deblock({1.0: deblock.Settings()}), TUNED: deblock.Deblock(steps)}


def _settings(chosen: Mapping[int, deblock.Settings]) -> dict[str, Any]:
    return {
        "own": deblock.Settings().arguments,
        "tuned": {
            quality: "off" if settings == deblock.OFF else settings.arguments
            for quality, settings in chosen.items()
        },
        "tuned_on": packaged().name,
        "tried": len(deblock.GRID),
    }


def _timed(
    opened: Mapping[str, Enhancer],
    filters: Mapping[str, deblock.Deblock],
    peers: list[Peer],
    programs: Mapping[str, Callable[[], object]],
    frame: TimedFrame,
    effort: Effort,
    progress: ProgressCallback,
) -> list[dict[str, Any]]:
    """Time all in turns on one frame."""
    lanes: list[Lane] = []
    for name, enhancer in opened.items():
        lanes += enhancer_lanes(name, enhancer, frame, ["gray"])
    lanes += [Lane(PLAIN, "gray", peer_lane(peer, frame).run) for peer in peers]
    for name, network in filters.items():
        lanes.append(Lane(name, "gray", _filtering(network, frame)))
    lanes += [Lane(name, "gray", run) for name, run in programs.items()]
    first = next(iter(opened.values())).info
    with closing(
        ReferenceNetwork(read_profile(first.profile), first.runtime, THREADS)
    ) as reference:
        latency_run = LatencyRun(lanes, reference, SIZE, *SIZES[SIZE])
        latency_run.run(effort, progress)
    return [plain(timing.entry()) for timing in latency_run.timings()]


def _filtering(network: deblock.Deblock, frame: TimedFrame) -> Any:
    return lambda: network.enhance(frame.gray, step=frame.step, out=frame.gray_out)


def _difference(peer: Peer, enhancer: Enhancer, frame: TimedFrame) -> int:
    """Largest difference of the two ways to run DnCNN-3, grey levels."""
    ours = enhancer.enhance(frame.gray, step=frame.step).astype(np.int16)
    return int(np.abs(ours - peer.enhance(frame.gray)).max())


def _entry(name: str, enhancer: Enhancer) -> dict[str, Any]:
    info = enhancer.info
    window = "x".join(map(str, info.window))
    return {
        "name": name,
        "dncnn": name == CONVERTED,
        "kmac_per_pixel": info.kmac_per_pixel,
        "parameters": info.parameters,
        "runs_on": f"{info.runtime} {info.runtime_version}, {info.provider}, "
        f"{info.threads} threads, windows of up to {window} in {info.memory_limit >> 20} MiB",
    }


def _peer_entry(peer: Peer, converted: dict[str, Any]) -> dict[str, Any]:
    """The same network in the file that it came in."""
    return {
        **converted,
        "name": PLAIN,
        "runs_on": f"onnxruntime {peer.runtime_version}, {peer.provider}, {peer.threads} threads, "
        "the whole picture",
    }


def _process(name: str) -> str:
    """How a program of its own is run."""
    return (
        f"{jpegqs.version()}, `{name} -t {THREADS}`; the time is that of the whole process, from a "
        "JPEG file to another, whose tables are ones; the figures are those of that file, decoded"
    )


def _without_network(name: str, runs_on: str) -> dict[str, Any]:
    return {
        "name": name,
        "dncnn": False,
        "kmac_per_pixel": None,
        "parameters": None,
        "runs_on": runs_on,
    }
