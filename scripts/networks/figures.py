"""What is measured of each network: gains in luma at one strength of three codecs, and milliseconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from edgeqe import Enhancer
from edgeqe.bench.data import folder, packaged
from edgeqe.bench.frames import frame_of_size
from edgeqe.bench.latency import enhancer_lanes
from edgeqe.bench.quality import measure
from edgeqe.bench.race import Race
from edgeqe.bench.stamp import machine_stamp
from edgeqe.coding import RatePoint
from edgeqe.errors import InputError
from edgeqe.model.card import Card
from edgeqe.model.catalogue import MODELS, find_model, reproduced_files, shipped_files
from edgeqe.model.file import ModelFile
from edgeqe.protocols import CodingProtocol
from edgeqe.reports.output_file import written_whole

RESULTS = Path(__file__).with_name("results.json")
#: Strengths at which the networks are compared.
POINTS = {
    "JPEG q20": RatePoint("jpeg", 20.0),
    "HEVC QP 32": RatePoint("hevc", 32.0),
    "VVC QP 37": RatePoint("vvc", 37.0),
}
SIZE, THREADS, QUALITY, ROUNDS = "720p", 2, 40, 15
#: Room for a 1280x720 picture of networks that take it whole.
MEMORY = "1GiB"


def networks() -> dict[str, Card]:
    """Cards of the float32 files by network: the shipped ones, then the papers'."""
    names = [name.partition(":")[0] for name in shipped_files()]
    names += [name for name in reproduced_files() if ":" not in name]
    return {name: ModelFile(find_model(name)).card for name in dict.fromkeys(names)}


def measured_gains(data: Path) -> None:
    """Mean gains in dB over a folder's pictures, luma, all intra, by the float32 files."""
    cards = networks()
    gains: dict[str, dict[str, float]] = {name: {} for name in cards}
    pictures = folder(data)
    for label, point in POINTS.items():
        with ExitStack() as stack:
            opened = {}
            for name, card in cards.items():
                if point.codec in card.codecs and "residual" not in card.inputs:
                    opened[name] = stack.enter_context(
                        Enhancer(find_model(name), memory_limit=MEMORY)
                    )
            for row in measure(opened, pictures, CodingProtocol.GRAY, point):
                gains[row.model][label] = round(row.gain, 3)
                print(f"{label:12} {row.model:28} {row.gain:+.3f} dB", flush=True)
    _keep({"pictures": f"{len(pictures)} pictures of {data.name}", "gains": gains})


def measured_times() -> None:
    """Median milliseconds of a gray 1280x720 picture, all files of one precision in one interleaved run."""
    times: dict[str, dict[str, float]] = {name: {} for name in networks()}
    frame = frame_of_size(packaged(), SIZE, QUALITY, colour=False)
    for form in ("float32", "int8", "int8.tflite"):
        with ExitStack() as stack:
            lanes = []
            for name in times:
                path = _file(name, form)
                if path is None:
                    continue
                enhancer = stack.enter_context(Enhancer(path, threads=THREADS, memory_limit=MEMORY))
                lanes += enhancer_lanes(name, enhancer, frame, ("gray",))
            race = Race([lambda _, run=lane.run: run() for lane in lanes])
            race.warm_up()
            for _ in range(ROUNDS):
                race.run_round()
            medians = 1e3 * np.median(np.array(race.seconds), axis=0)
        for lane, milliseconds in zip(lanes, medians, strict=True):
            times[lane.model][form] = round(float(milliseconds), 1)
            print(f"{form:12} {lane.model:28} {milliseconds:8.1f} ms", flush=True)
    stamp = machine_stamp()
    _keep({"machine": f"{stamp['cpu']}, {THREADS} threads", "times": times})


def _file(name: str, form: str) -> Path | None:
    """File of a network in a form, if it ships."""
    suffix = form if form.endswith(".tflite") else f"{form}.onnx"
    for place in (MODELS, MODELS / "reproduced"):
        if (place / f"{name}.{suffix}").is_file():
            return place / f"{name}.{suffix}"
    return None


def kept() -> dict[str, Any]:
    """What was measured.

    Raises
    ------
    InputError
        If nothing was.
    """
    if not RESULTS.is_file():
        raise InputError("nothing is measured: run 'networks measure gain' and 'measure time'.")
    values: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return values


def _keep(values: Mapping[str, Any]) -> None:
    """Write what was measured beside what was before."""
    before = kept() if RESULTS.is_file() else {}
    with written_whole(RESULTS) as path:
        path.write_text(json.dumps({**before, **values}, indent=1) + "\n", encoding="utf-8")
