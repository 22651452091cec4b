"""A roofline: how long a network takes at the peaks of a device.

A round of windows takes as long as its arithmetic or its traffic, whichever is longer::

    arithmetic = MACs of a window / (peak * share of it that small convolutions reach)
    traffic    = bytes that all layers of its windows move, and weights / bytes a second

A picture takes so long for each round, cut as the planner cuts it, halo included.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeqe.engine.blocks import SHIFT, grid
from edgeqe.engine.tiling import fixed_plan, least_side, plan
from edgeqe.errors import InputError
from edgeqe.model.card import Card
from edgeqe.model.file import ModelFile
from edgeqe.runtimes.ort import VIEW_BYTES
from edgeqe.targets.profile import Peak, Profile

#: Memory limit of the plan on a processor, bytes: what an Enhancer takes if nothing is said.
LIMIT = 64 << 20
#: Limit where windows are not chosen by their memory.
NO_LIMIT = 1 << 62
GIGA = 1e9


@dataclass(frozen=True)
class Cut:
    """How a picture is cut."""

    height: int
    """Of the picture, pixels."""
    width: int
    window: tuple[int, int]
    """Height and width of every window, pixels."""
    windows: int
    at_once: int
    """Windows that run side by side."""

    @property
    def overhead(self) -> float:
        """Pixels that are computed for each one of the picture, less 1: the halo's share."""
        return self.windows * math.prod(self.window) / (self.height * self.width) - 1


@dataclass(frozen=True)
class FrameEstimate:
    """A picture's estimate."""

    cut: Cut
    arithmetic_seconds: float
    """Of a round of windows, were its traffic free."""
    traffic_seconds: float
    """The same, were its arithmetic free."""

    @property
    def seconds(self) -> float:
        """Of the whole picture."""
        rounds = -(-self.cut.windows // self.cut.at_once)
        return rounds * max(self.arithmetic_seconds, self.traffic_seconds)

    @property
    def megapixels_per_second(self) -> float:
        """Of the picture, halo not counted."""
        return self.cut.height * self.cut.width / 1e6 / self.seconds

    @property
    def limit(self) -> str:
        """Side of the roof: ``arithmetic`` or ``traffic``."""
        return "arithmetic" if self.arithmetic_seconds >= self.traffic_seconds else "traffic"

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "picture": [self.cut.height, self.cut.width],
            "window": list(self.cut.window),
            "windows": self.cut.windows,
            "windows_at_once": self.cut.at_once,
            "halo_overhead": self.cut.overhead,
            "limit": self.limit,
            "estimated_seconds": self.seconds,
            "estimated_megapixels_per_second": self.megapixels_per_second,
            "estimated_frames_per_second": 1 / self.seconds,
        }


def frame_on(
    model: ModelFile, profile: Profile, peak: Peak, cores: int, height: int, width: int
) -> FrameEstimate:
    """Roofline of a picture on a device.

    Parameters
    ----------
    model : ModelFile
    profile : Profile
    peak : Peak
        One of the profile's.
    cores : int
        Processors of the device.
    height, width : int
        Of the picture, pixels.

    Raises
    ------
    InputError
        If the peak has no figure for what the model runs in, or the profile's windows are too
        small for it.
    MemoryLimitError
        If the model does not fit in `LIMIT`.
    """
    per_pixel = seconds_per_pixel(model, profile, peak)
    cut = cut_of(model.card, profile, height, width, threads_of(profile, peak, cores))
    area = math.prod(cut.window)
    # a device's peak is shared by the windows that run at once, a core's is not
    sharing = 1 if peak.per_core else cut.at_once
    moved = bytes_per_pixel(model.card, profile)
    number = 1 if model.card.precision == "int8" else _float_bytes(model.card, profile)
    weights = number * model.card.parameters if moved else 0
    traffic = cut.at_once * (area * moved + weights) / (peak.gigabytes * GIGA)
    return FrameEstimate(cut, sharing * area * per_pixel, traffic)


def seconds_per_pixel(model: ModelFile, profile: Profile, peak: Peak) -> float:
    """Seconds of arithmetic a computed pixel, on a core or on the device, as the peak is."""
    seconds = 0.0
    for precision, kmac in arithmetic(model, profile).items():
        if precision not in peak.gigamacs:
            raise InputError(
                f"target '{profile.name}' has no peak for {precision}, which '{model.path.name}' "
                f"runs in there: give a model in {' or '.join(peak.gigamacs)}, or a profile whose "
                f"peak.gigamacs has {precision}."
            )
        share = peak.assumed.get(precision, 1.0)
        seconds += 1000 * kmac / (peak.gigamacs[precision] * share * GIGA)
    return seconds


def bytes_per_pixel(card: Card, profile: Profile) -> float:
    """Bytes that all layers read and write a computed pixel; 0 where the card does not say."""
    return _float_bytes(card, profile) * card.traffic_floats_per_pixel


def arithmetic(model: ModelFile, profile: Profile) -> dict[str, float]:
    """Thousand multiply-accumulates per picture pixel, by the precision they run in.

    A processor computes float16 files in float32. The real convolutions of an INT8 file run in
    float32, on an accelerator in float16. Integers whose zeros are 0 are TensorRT's.

    Raises
    ------
    InputError
        If the card counts none.
    """
    card = model.card
    if not card.kmac_per_pixel:
        raise InputError(f"'{model.path.name}' does not say how much it computes: export it again.")
    if card.precision != "int8":
        runs_in = card.precision if profile.on_accelerator else "float32"
        return {runs_in: card.kmac_per_pixel}
    with_zeros = any(tensor.dtype == np.uint8 for tensor in model.outline.initializers.values())
    trt = profile.on_accelerator and model.format == "onnx" and not with_zeros
    # files from before the traffic was counted do not tell integers and reals apart either
    counted = card.traffic_floats_per_pixel > 0
    integers = card.integer_kmac_per_pixel if counted else card.kmac_per_pixel
    real = card.kmac_per_pixel - integers
    found = {"int8-trt" if trt else "int8": integers}
    found["float16" if profile.on_accelerator else "float32"] = real
    return {precision: kmac for precision, kmac in found.items() if kmac > 0}


def _float_bytes(card: Card, profile: Profile) -> int:
    """Bytes of a number that is no integer."""
    return 2 if card.precision == "float16" and profile.on_accelerator else 4


def threads_of(profile: Profile, peak: Peak, cores: int) -> int:
    """Windows that may run at once; where each needs a core, no more than there are."""
    threads = profile.threads or cores
    return min(threads, cores) if peak.per_core else threads


def cut_of(card: Card, profile: Profile, height: int, width: int, threads: int) -> Cut:
    """Windows of a picture, as the engine plans them."""
    bounds = profile.window
    if card.tiling == "blocks":
        count = sum(len(row) for s in (0, SHIFT) for row in grid(height, width, card.block, s))
        return Cut(height, width, (card.block, card.block), count, min(threads, count))
    per_pixel = 4.0 * card.peak_floats_per_pixel + VIEW_BYTES
    if card.tiling == "exact" and bounds.fixed:
        least = least_side(card.halo, card.alignment)
        side = bounds.largest // card.alignment * card.alignment
        if side < least:
            raise InputError(
                f"windows of {bounds.largest} pixels a side are too small for '{card.name}', whose "
                f"halo is {card.halo}: give a profile with window.largest of at least {least}."
            )
        chosen = fixed_plan(
            height,
            width,
            side,
            halo=card.halo,
            alignment=card.alignment,
            bytes_per_pixel=per_pixel,
            limit=NO_LIMIT,
            threads=threads,
        )
    else:
        whole = card.tiling == "whole"
        chosen = plan(
            height,
            width,
            halo=card.halo,
            alignment=card.alignment,
            bytes_per_pixel=per_pixel,
            limit=NO_LIMIT if whole else LIMIT,
            threads=threads,
            whole=whole,
            smallest_side=bounds.smallest,
            largest_side=bounds.largest,
        )
    return Cut(height, width, chosen.window, chosen.count, chosen.workers)
