"""Where a network ran: read from a session's own record of a run, never from a list."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: ONNX Runtime's operators that multiply and add: their names hold one of these.
_CONVOLUTIONS = ("Conv", "Gemm", "MatMul")
#: Taps of a kernel whose shape the record does not show, because it was packed.
_USUAL_TAPS = 9


@dataclass(frozen=True)
class Placement:
    """Multiply-accumulates by provider, as a run was recorded."""

    macs: Mapping[str, float]
    """Share of the network's MACs, by provider; together 1."""

    @property
    def provider(self) -> str:
        """Provider of most of the MACs."""
        return max(self.macs, key=lambda name: self.macs[name])

    def share_elsewhere(self, providers: Iterable[str]) -> float:
        """Share of the MACs that ran on none of these."""
        return max(0.0, 1.0 - sum(self.macs.get(name, 0.0) for name in set(providers)))


def placement_of(events: Sequence[Mapping[str, Any]], macs: float) -> Placement:
    """Placement from ONNX Runtime's profile of one run.

    A convolution's MACs follow from the shapes in its event. A provider that compiles a part
    of the graph, as TensorRT does, shows one node for it: it has what the others lack of the
    network's MACs.

    Parameters
    ----------
    events : sequence of dict
        The profile's events; those of the category "Node" count.
    macs : float
        MACs of the network at the size that ran.
    """
    nodes: dict[str, int] = {}
    counted: dict[str, float] = {}
    compiled: set[str] = set()
    for event in events:
        found = event.get("args", {})
        provider, operator = found.get("provider"), str(found.get("op_name", ""))
        if event.get("cat") != "Node" or not provider:
            continue
        nodes[provider] = nodes.get(provider, 0) + 1
        if any(name in operator for name in _CONVOLUTIONS):
            counted[provider] = counted.get(provider, 0.0) + _macs(found)
        elif "_" in operator:  # no operator of ONNX has one: a part that was compiled
            compiled.add(provider)
    missing = macs - sum(counted.values())
    for provider in compiled:
        counted[provider] = counted.get(provider, 0.0) + max(0.0, missing) / len(compiled)
    total = sum(counted.values())
    if not total:  # nothing multiplies: the nodes tell
        counted, total = {name: float(count) for name, count in nodes.items()}, sum(nodes.values())
    return Placement({name: value / total for name, value in counted.items()})


def _macs(found: Mapping[str, Any]) -> float:
    """MACs of a convolution's event: output values times weights per value."""
    inputs, outputs = (_shapes(found.get(f"{side}_type_shape", ())) for side in ("input", "output"))
    if not inputs or not outputs or len(outputs[0]) != 4:
        return 0.0
    kernels = [shape for shape in inputs[1:] if len(shape) == 4]
    if kernels:
        return math.prod(outputs[0]) * math.prod(kernels[0][1:])
    channels = min(inputs[0][1], inputs[0][3])  # NCHW or NHWC: pictures are larger
    return math.prod(outputs[0]) * channels * float(_USUAL_TAPS)


def _shapes(typed: Iterable[Mapping[str, Sequence[int]]]) -> list[Sequence[int]]:
    return [shape for one in typed for shape in one.values()]
