"""Speed: lanes that run in turns (A B A B ...), so that all see the same machine.

A lane is one model with one kind of input, or its network alone, or a peer. In
each round every lane runs over all pictures, picture by picture in turns. A
lane's figure is its median over the rounds, and a ratio of two lanes is the median
of the rounds' ratios, so that a slow minute of the machine weighs on both.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeqe import jpeg
from edgeqe.bench.data import Picture, Uint8, pillow_image
from edgeqe.bench.quality import file_step
from edgeqe.planes import studio_luma

if TYPE_CHECKING:
    from edgeqe.bench.peer import Peer
    from edgeqe.enhancer import Enhancer

#: Relative standard deviation from which on a figure is called unsteady.
UNSTEADY = 0.1

#: Inputs of the whole path that each protocol times.
INPUTS = {"gray": ("gray",), "colour": ("planes", "rgb"), "rgb": ("rgb",)}


@dataclass(frozen=True)
class Frame:
    """One decoded picture in the layouts that are timed, with room for the output."""

    pixels: int
    height: int
    width: int
    step: float
    gray: Uint8
    rgb: Uint8 | None
    planes: tuple[Uint8, Uint8, Uint8] | None
    gray_out: Uint8
    rgb_out: Uint8 | None
    planes_out: tuple[Uint8, Uint8, Uint8] | None


@dataclass(frozen=True)
class Lane:
    """Something to time, over frames by their index."""

    name: str
    what: str
    """``gray``, ``planes``, ``rgb`` (whole path, uint8 to uint8) or ``network``."""

    run: Callable[[int], object]


@dataclass(frozen=True)
class Timing:
    """A lane's result."""

    name: str
    what: str
    megapixels_per_second: float
    """Median over the rounds."""

    lowest: float
    highest: float
    rounds: int
    unsteady: bool
    """Whether the rounds' standard deviation is 10 % of their mean or more."""

    ratio: float | None
    """Median ratio to the same input of the base lane; None without one."""

    base: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a report."""
        return dict(self.__dict__)


def decoded_frame(picture: Picture, quality: int) -> Frame:
    """Frame of a picture after JPEG: luma, and for colour RGB and 4:2:0 planes."""
    image = pillow_image()
    luma = picture.pixels if picture.gray else studio_luma(picture.pixels)
    data = jpeg.encode(image.fromarray(luma), quality)
    gray = np.ascontiguousarray(jpeg.decode_luma(data))
    rgb = planes = None
    if not picture.gray:
        coded = jpeg.encode(image.fromarray(picture.pixels), quality)
        with image.open(io.BytesIO(coded)) as opened:
            rgb = np.array(opened.convert("RGB"))
        y, cb, cr = (np.ascontiguousarray(plane) for plane in jpeg.decode_420(coded))
        planes = (y, cb, cr)
    return Frame(
        pixels=gray.size,
        height=gray.shape[0],
        width=gray.shape[1],
        step=file_step(data),
        gray=gray,
        rgb=rgb,
        planes=planes,
        gray_out=np.zeros_like(gray),
        rgb_out=None if rgb is None else np.zeros_like(rgb),
        planes_out=None
        if planes is None
        else (np.zeros_like(planes[0]), np.zeros_like(planes[1]), np.zeros_like(planes[2])),
    )


def enhancer_lanes(
    name: str, enhancer: Enhancer, frames: Sequence[Frame], inputs: Sequence[str]
) -> list[Lane]:
    """Lanes of an enhancer: its whole path for each input, and its network alone."""

    def gray(index: int) -> object:
        frame = frames[index]
        return enhancer.enhance(frame.gray, step=frame.step, out=frame.gray_out)

    def rgb(index: int) -> object:
        frame = frames[index]
        assert frame.rgb is not None
        return enhancer.enhance(frame.rgb, step=frame.step, out=frame.rgb_out)

    def planes(index: int) -> object:
        frame = frames[index]
        assert frame.planes is not None
        return enhancer.enhance_planes(*frame.planes, step=frame.step, out=frame.planes_out)

    def network(index: int) -> object:
        frame = frames[index]
        enhancer.network_pass(frame.height, frame.width, step=frame.step)
        return None

    runs: dict[str, Callable[[int], object]] = {"gray": gray, "planes": planes, "rgb": rgb}
    possible = [what for what in inputs if what != "planes" or enhancer.takes_planes]
    lanes = [Lane(name, what, runs[what]) for what in possible]
    return [*lanes, Lane(name, "network", network)]


def peer_lane(peer: Peer, frames: Sequence[Frame]) -> Lane:
    """Lane of a plain ONNX network on whole gray pictures, uint8 to uint8."""

    def gray(index: int) -> npt.NDArray[np.uint8]:
        return peer.enhance(frames[index].gray, out=frames[index].gray_out)

    return Lane(peer.name, "gray", gray)


class Race:
    """Rounds of all lanes in turns, with what was measured kept after each round."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        pixels: Sequence[int],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Take the lanes and the frames' numbers of pixels.

        Parameters
        ----------
        lanes : sequence of Lane
            The first lane of each input is the base of its ratios: a peer's comes first.
        pixels : sequence of int
            Pixels of each frame.
        clock : callable
            Seconds; rises.
        """
        self.lanes = list(lanes)
        self.pixels = list(pixels)
        self._clock = clock
        #: Seconds of each lane, a list a finished round.
        self.seconds: list[list[float]] = []

    def warm_up(self) -> None:
        """Run each lane once over every frame, untimed, so that sessions exist."""
        for index in range(len(self.pixels)):
            for lane in self.lanes:
                lane.run(index)

    def run_round(self) -> None:
        """One round; an interrupted one leaves no trace."""
        spent = [0.0] * len(self.lanes)
        for index in range(len(self.pixels)):
            for number, lane in enumerate(self.lanes):
                start = self._clock()
                lane.run(index)
                spent[number] += self._clock() - start
        self.seconds.append(spent)

    def timings(self) -> list[Timing]:
        """Sum up each lane over the finished rounds; nothing before the first."""
        if not self.seconds:
            return []
        megapixels = sum(self.pixels) / 1e6
        timings = []
        for number, lane in enumerate(self.lanes):
            rates = [megapixels / spent[number] for spent in self.seconds]
            mean = statistics.fmean(rates)
            deviation = statistics.stdev(rates) if len(rates) > 1 else 0.0
            base = next(i for i, other in enumerate(self.lanes) if other.what == lane.what)
            ratios = [spent[base] / spent[number] for spent in self.seconds]
            timings.append(
                Timing(
                    name=lane.name,
                    what=lane.what,
                    megapixels_per_second=statistics.median(rates),
                    lowest=min(rates),
                    highest=max(rates),
                    rounds=len(rates),
                    unsteady=deviation >= UNSTEADY * mean,
                    ratio=None if base == number else statistics.median(ratios),
                    base=None if base == number else self.lanes[base].name,
                )
            )
        return timings
