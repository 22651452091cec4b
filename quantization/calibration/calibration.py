"""Calibration: activation ranges of a network on compressed pictures, per strength."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeqe.codecs.strength import step_from_quality, step_key
from edgeqe.converters.graph.graph import KEYS, Graph
from edgeqe.converters.onnx_io.session import GraphSession
from edgeqe.errors import InputError
from edgeqe.model.card import pixels_per_sample
from edgeqe.quantization.calibration.effective_range import (
    at_coarse_levels,
    effective_values,
    summands,
)
from edgeqe.quantization.calibration.ranges import Ranges
from edgeqe.quantization.calibration.samples import Photograph, ProgressCallback, inputs_at
from edgeqe.quantization.calibration.statistics import (
    PERCENTILE,
    MinMax,
    RangeStatistic,
    Statistic,
    range_finder,
)
from edgeqe.typing import Float, Rgb

#: JPEG qualities that calibration compresses pictures at.
QUALITIES = (5, 10, 20, 40, 60, 80, 90, 95)
#: Statistic that is used unless another is asked for.
STATISTIC = RangeStatistic.PERCENTILE
#: Bytes of the activations that one run keeps; a network with more is run several times.
MOST_BYTES = 192 * 2**20
#: Elements of an activation that a statistic takes of each window, spread over it.
MOST_ELEMENTS = 2**16


@dataclass(frozen=True)
class Calibration:
    """Activation ranges of a network, and the data that they were found on."""

    ranges: Ranges
    """Of every value that was asked for, at every measured strength."""
    summary: Mapping[str, Any]
    """For the card: statistic, pictures, windows, megapixels, qualities, the hash of the
    pictures, and codecs that JPEG stood in for."""


def calibrate(
    graph: Graph,
    values: Sequence[str],
    photographs: Sequence[Photograph],
    *,
    planes: str,
    codecs: Sequence[str] = ("jpeg",),
    statistic: RangeStatistic | str = STATISTIC,
    percentile: float = PERCENTILE,
    qualities: Sequence[int] = QUALITIES,
    progress: ProgressCallback | None = None,
) -> Calibration:
    """Find the ranges of a network's values on compressed pictures, one strength at a time.

    The pictures are coded as JPEG. For a network of another codec, JPEG of the same step
    stands in: its artefacts are others, of about the same size.

    Parameters
    ----------
    graph : Graph
        In the convention of the model file. It is set to each strength in turn.
    values : sequence of str
        Values of the graph, and perhaps inputs.
    photographs : sequence of Photograph
        From `samples.read_photographs`, checked by `representative.check_representative`.
    planes : str
        Layout of the network's planes, one of `card.LAYOUTS`.
    codecs : sequence of str
        Codecs of the network.
    statistic : RangeStatistic or str
        How a range is found: see `statistics`. "minmax" sees every element, the others at most
        `MOST_ELEMENTS` of each window. Only the ReLU-aware effective range counts, and at coarser
        resolutions it is "minmax" always: see `effective_range.py`.
    percentile : float
        Percent of the values that "percentile" keeps within a range at either end.
    qualities : sequence of int
        JPEG qualities, 1 to 100.
    progress : callable, optional
        Called with the windows done and their count.

    Returns
    -------
    Calibration
        The same for the same arguments.

    Raises
    ------
    InputError
        If there is no such statistic or percentile, no quality or no picture, or if the network cannot run
        or gives values that are not finite.
    """
    statistic = RangeStatistic(statistic)
    finder = range_finder(statistic, percentile)
    windows = [window for photograph in photographs for window in photograph.windows]
    if not windows or not qualities:
        raise InputError("calibration needs at least one picture and one quality: give some.")
    by_key = {
        step_key(step_from_quality(quality)) + block * len(KEYS): quality
        for block in range(graph.blocks)
        for quality in qualities
    }
    keys = tuple(sorted(by_key))
    parts = list(in_parts(graph, values, pixels_per_sample(planes), windows))
    others = {value: other for value, other in summands(graph).items() if value in values}
    coarse = at_coarse_levels(graph, values)
    finders = {value: MinMax if value in coarse else finder for value in values}
    low, high = ({value: np.zeros(len(keys)) for value in values} for _ in range(2))
    done, total = 0, len(keys) * len(parts) * len(windows)
    for row, key in enumerate(keys):
        for part in parts:
            found = {value: finders[value]() for value in part}
            read = dict.fromkeys([*part, *(others[value] for value in part if value in others)])
            wanted = [value for value in read if value not in graph.inputs]
            running = GraphSession(graph.at(key), wanted)
            given_all = inputs_at(photographs, planes, graph.inputs, by_key[key])
            for index, given in enumerate(given_all):
                computed = zip(wanted, running.run(given), strict=True)
                array = {**given, **dict(computed)}
                for value, other in others.items():
                    if value in found:
                        array[value] = effective_values(array[value], array[other])
                _observe(graph.name, array, found, index, by_key[key])
                done += 1
                if progress is not None:
                    progress(done, total)
            for value, seen in found.items():
                low[value][row], high[value][row] = seen.range()
    return Calibration(
        Ranges(keys, low, high),
        _summary(
            photographs, windows, codecs, _named(statistic, percentile), sorted(by_key.values())
        ),
    )


def in_parts(
    graph: Graph, values: Sequence[str], unit: int, windows: Sequence[Rgb]
) -> Iterator[list[str]]:
    """Split values into parts that fit in `MOST_BYTES`, in their order."""
    channels, scales = graph.channels(), graph.scales()
    pixels = max(window.shape[0] * window.shape[1] for window in windows) / unit**2
    part: list[str] = []
    taken = 0.0
    for value in values:
        if value not in channels:
            raise InputError(f"network '{graph.name}' has no value '{value}'.")
        needed = 4 * channels[value] * pixels * float(scales[value]) ** 2
        if part and taken + needed > MOST_BYTES:
            yield part
            part, taken = [], 0.0
        part.append(value)
        taken += needed
    yield part


def _observe(
    name: str,
    seen: Mapping[str, Float],
    found: Mapping[str, Statistic],
    index: int,
    quality: int,
) -> None:
    """Add the activations of a window to their statistics."""
    for value, statistic in found.items():
        array = seen[value]
        if not isinstance(statistic, MinMax):
            array = _thinned(array, index)
        try:
            statistic.add(array)
        except ValueError as error:
            raise InputError(
                f"network '{name}': '{value}' is not finite at quality {quality}: "
                "check the network's weights."
            ) from error


def _thinned(array: Float, index: int) -> Float:
    """Subsample rows and columns to at most `MOST_ELEMENTS` elements, others in each window.

    The distance is odd, so that no phase of the codec's blocks is left out.
    """
    step = math.ceil(math.sqrt(array.size / MOST_ELEMENTS))
    step += 1 - step % 2
    return array[:, :, index % step :: step, index // step % step :: step]


def _named(statistic: RangeStatistic, percentile: float) -> str:
    """Name of a statistic, with a percentile that is not the usual one."""
    usual = statistic != RangeStatistic.PERCENTILE or percentile == PERCENTILE
    return statistic.value if usual else f"{statistic.value} {percentile:g}"


def _summary(
    photographs: Sequence[Photograph],
    windows: Sequence[Rgb],
    codecs: Sequence[str],
    statistic: str,
    qualities: Sequence[int],
) -> dict[str, Any]:
    """Facts of the calibration, for the card."""
    together = hashlib.sha256("".join(sorted(p.sha256 for p in photographs)).encode())
    summary = {
        "statistic": statistic,
        "pictures": len(photographs),
        "windows": len(windows),
        "megapixels": round(sum(w.shape[0] * w.shape[1] for w in windows) / 1e6, 3),
        "qualities": sorted(set(qualities)),
        "sha256": together.hexdigest(),
    }
    others = [codec for codec in codecs if codec != "jpeg"]
    if others:
        summary["JPEG of the same step stands in for"] = others
    return summary
