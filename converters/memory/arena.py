"""Simulation of ONNX Runtime's BFC arena: total size of a run, fragmentation included.

References
----------
ONNX Runtime, ``bfc_arena.cc``: the smallest free chunk that is large enough serves a request;
it is split only if it is twice as large or more; free neighbours of one extension join; where
none fits, the arena grows by what is asked for (``kSameAsRequested``).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(eq=False)
class Chunk:
    """A chunk of one arena extension, free or in use."""

    size: float
    free: bool = False
    region: list[Chunk] = field(default_factory=list, repr=False)


class Arena:
    """Best-fit allocator with coalescing, as in the arena; sizes in any unit."""

    def __init__(self) -> None:
        self.total = 0.0
        """Size of all extensions."""
        self._regions: list[list[Chunk]] = []

    def take(self, size: float) -> Chunk:
        """Allocate a chunk of at least a size."""
        free = [chunk for region in self._regions for chunk in region if chunk.free]
        fitting = [chunk for chunk in free if chunk.size >= size]
        if not fitting:
            region: list[Chunk] = []
            chunk = Chunk(size, region=region)
            region.append(chunk)
            self._regions.append(region)
            self.total += size
            return chunk
        chunk = min(fitting, key=lambda candidate: candidate.size)
        if chunk.size >= 2 * size:
            rest = Chunk(chunk.size - size, True, chunk.region)
            chunk.region.insert(chunk.region.index(chunk) + 1, rest)
            chunk.size = size
        chunk.free = False
        return chunk

    def give_back(self, chunk: Chunk) -> None:
        """Free a chunk and coalesce it with free neighbours."""
        chunk.free = True
        region, at = chunk.region, chunk.region.index(chunk)
        if at + 1 < len(region) and region[at + 1].free:
            chunk.size += region.pop(at + 1).size
        if at > 0 and region[at - 1].free:
            region[at - 1].size += chunk.size
            region.pop(at)
