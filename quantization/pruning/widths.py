"""Width selection: which channels to remove for a MAC budget, least important per MAC first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeqe.converters.graph.graph import Graph
from edgeqe.errors import InputError
from edgeqe.quantization.pruning.coupling import Bools, Coupling
from edgeqe.quantization.pruning.importance import Importance

#: Widths are multiples of these, the first that meets the ratio within `CLOSE`: the kernels
#: of runtimes compute 8 channels at once (AVX, two NEON registers) and pad what is short.
MULTIPLES = (8, 4)
#: Share of the multiply-accumulates by which the ratio may be passed with a coarse multiple.
CLOSE = 0.03
#: Smallest share of its width that a group keeps: a layer that is nearly gone blocks the rest.
FLOOR = 0.25
#: Tolerance of shares, for rounding.
ROUNDING = 1e-9

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ChosenWidths:
    """Selected widths: which classes are kept."""

    kept: Bools
    """By class."""
    macs: float
    """Multiply-accumulates per input pixel that are left."""
    multiple: int
    """Of the widths."""


class MacCount:
    """MACs of a graph as a function of the groups' widths.

    Parameters
    ----------
    graph : Graph
    coupling : Coupling
        Of this graph.
    """

    def __init__(self, graph: Graph, coupling: Coupling) -> None:
        scales = graph.scales()
        places = np.full(coupling.count, -1)
        for index, group in enumerate(coupling.groups):
            places[group] = index
        sizes = np.array([len(group) for group in coupling.groups])
        costs, fixed, slopes = [], [], []
        for node in graph.nodes:
            if node.op not in ("Conv", "ConvTranspose"):
                continue
            kernel = graph.constants[node.inputs[1]]
            at = node.output if node.op == "Conv" else node.inputs[0]
            cost, fix, slope = float(scales[at] ** 2), [], []
            for axis, length in enumerate(kernel.shape):
                classes = coupling.axes.get((node.inputs[1], axis))
                if classes is None:
                    cost *= length
                    continue
                where = places[classes]
                counts = np.bincount(where[where >= 0], minlength=len(sizes))
                fix.append(np.count_nonzero(where < 0))
                slope.append(counts / sizes)
            costs.append(cost)
            # a depthwise kernel has one axis of channels: the other counts 1
            fixed.append([*fix, 1, 1][:2])
            slopes.append([*slope, np.zeros(len(sizes)), np.zeros(len(sizes))][:2])
        self._costs, self._fixed, self._slopes = map(np.array, (costs, fixed, slopes))
        self.widths: Counts = sizes
        """Widths of the groups as they are."""

    def macs(self, widths: Counts) -> float:
        """Multiply-accumulates per input pixel at some widths of the groups."""
        sides = self._fixed + self._slopes @ widths
        return float(self._costs @ sides.prod(axis=1))


def choose(graph: Graph, coupling: Coupling, importance: Importance, ratio: float) -> ChosenWidths:
    """Select the channels to keep when a share of the MACs is removed.

    The least important of a group are removed first, a whole multiple of channels at once, from
    the group where a MAC costs least importance. What was removed beyond the ratio is restored
    where it fits. At least the ratio is removed.

    Parameters
    ----------
    graph : Graph
    coupling : Coupling
        Of this graph.
    importance : ndarray, shape (classes,)
        A group with a NaN keeps its width.
    ratio : float
        Share of the MACs to remove, between 0 and 1.

    Raises
    ------
    InputError
        If so much cannot be removed.
    """
    arithmetic = MacCount(graph, coupling)
    best: tuple[float, int, Counts] | None = None
    for multiple in MULTIPLES:
        widths = _widths(arithmetic, coupling, importance, ratio, multiple)
        gone = 1 - arithmetic.macs(widths) / arithmetic.macs(arithmetic.widths)
        off = gone - ratio if gone >= ratio - ROUNDING else 1 + ratio - gone
        if best is None or off < best[0]:
            best = (off, multiple, widths)
        if off <= CLOSE:
            break
    assert best is not None
    _, multiple, widths = best
    left = arithmetic.macs(widths)
    largest = 1 - left / arithmetic.macs(arithmetic.widths)
    if largest < ratio - ROUNDING:
        if largest <= 0:
            raise InputError(
                f"'{graph.name}' has nothing to prune: every channel is tied to an input or output."
            )
        raise InputError(
            f"'{graph.name}' cannot lose {ratio:g} of its MACs: at most "
            f"{int(1000 * largest) / 1000:g} with this importance, layers keep a quarter of their "
            "channels. Give a smaller --ratio."
        )
    kept = np.ones(coupling.count, bool)
    for group, width in zip(coupling.groups, widths, strict=True):
        if width < len(group):
            ranked = group[np.argsort(-importance[group], kind="stable")]
            kept[ranked[width:]] = False
    return ChosenWidths(kept, left, multiple)


def _widths(
    arithmetic: MacCount,
    coupling: Coupling,
    importance: Importance,
    ratio: float,
    multiple: int,
) -> Counts:
    widths = arithmetic.widths.copy()
    ranked = [np.sort(importance[group])[::-1] for group in coupling.groups]
    floors = [
        len(values) if np.isnan(values).any() else multiple * -(-FLOOR * len(values) // multiple)
        for values in ranked
    ]
    target = (1 - ratio) * arithmetic.macs(widths)
    taken: list[tuple[float, int]] = []
    while (now := arithmetic.macs(widths)) > target:
        offers = []
        for index, values in enumerate(ranked):
            width = int(widths[index])
            less = multiple * ((width - 1) // multiple)
            if less < max(floors[index], 1):
                continue
            widths[index] = less
            saved = now - arithmetic.macs(widths)
            widths[index] = width
            if saved > 0:
                # what goes against what is left, so that a layer gets dearer as it gets narrow
                price = np.log(values[:width].sum() / values[:less].sum()) / saved
                offers.append((float(price), index, less))
        if not offers:
            break
        price, index, less = min(offers)
        widths[index] = less
        taken.append((price, index))
    for _, index in sorted(taken, reverse=True):  # the most important first
        less = int(widths[index])
        widths[index] = min(less + multiple, len(ranked[index]))
        if arithmetic.macs(widths) > target:
            widths[index] = less
    return widths
