"""Packets of a JPEG 2000 tile in their order (ITU-T T.800, B.12), up to what luma needs."""

from __future__ import annotations

from collections.abc import Callable

from edgeqe.codecs.coded import unsupported
from edgeqe.codecs.jpeg2000_codestream import (
    Codestream,
    Segment,
    TilePart,
    part_header,
)
from edgeqe.codecs.jpeg2000_geometry import Resolution, resolutions
from edgeqe.codecs.jpeg2000_packets import Blocks, read_packet
from edgeqe.codecs.jpeg2000_styles import Styles, read_styles

#: Layer, component, resolution and precinct.
Packet = tuple[int, int, int, int]
#: Header segments of a tile, and of the codestream, that are looked at.
SEGMENT_LIMIT = 2000


class CodedTile:
    """A tile: its styles, and its components' resolutions."""

    def __init__(self, codestream: Codestream, index: int, parts: list[TilePart]) -> None:
        """Read the headers of a tile.

        Parameters
        ----------
        codestream : Codestream
        index : int
            Of the tile.
        parts : list of TilePart
            The tile's, in their order.

        Raises
        ------
        ImageError
            If they are damaged or hold what is not supported.
        """
        data, size = codestream.data, codestream.size
        segments: list[Segment] = []
        packets = []
        for part in parts:
            of_part, start = part_header(data, part)
            segments += of_part
            if max(len(segments), len(codestream.header)) > SEGMENT_LIMIT:
                raise unsupported(f"more than {SEGMENT_LIMIT} header segments of JPEG 2000")
            packets.append(data[start : part.stop])
        self.styles: Styles = read_styles(data, codestream.header, segments, len(size.components))
        self._packets = b"".join(packets)
        bounds = size.tile(index)
        self._grids = [
            resolutions(bounds, component, coding)
            for component, coding in zip(size.components, self.styles.coding, strict=True)
        ]

    @property
    def work(self) -> int:
        """Resolutions; and code-blocks and packets, each once in each layer."""
        return sum(
            1 + self.styles.layers * (resolution.blocks + resolution.precincts)
            for grid in self._grids
            for resolution in grid
        )

    def blocks(self, components: int) -> list[list[Blocks]]:
        """Code-blocks of each of the first components, with what their packets say.

        Parameters
        ----------
        components : int
            How many.

        Raises
        ------
        ImageError
            If a packet is damaged.
        """
        order = self._order()
        while order and order[-1][1] >= components:
            order.pop()  # what comes behind their last packet
        found: dict[tuple[int, int, int], list[Blocks]] = {}
        at = 0
        for layer, component, index, precinct in order:
            resolution = self._grids[component][index]
            key = component, index, precinct
            if key not in found:
                found[key] = [Blocks(resolution, precinct, band) for band in resolution.bands]
            coding = self.styles.coding[component]
            at = read_packet(self._packets, at, layer, found[key], coding)
        return [
            [part for key, parts in found.items() if key[0] == component for part in parts]
            for component in range(components)
        ]

    def _order(self) -> list[Packet]:
        """Packets by the tile's progression."""
        packets = [
            (layer, component, resolution.index, precinct)
            for layer in range(self.styles.layers)
            for component, grid in enumerate(self._grids)
            for resolution in grid
            for precinct in range(resolution.precincts)
        ]
        packets.sort(key=_KEYS[self.styles.progression](self._grids))
        return packets


Grids = list[list[Resolution]]
Key = Callable[[Packet], tuple[int, ...]]


def _by_layer(grids: Grids) -> Key:
    return lambda packet: (packet[0], packet[2], packet[1], packet[3])


def _by_resolution(grids: Grids) -> Key:
    return lambda packet: (packet[2], packet[0], packet[1], packet[3])


def _by_resolution_and_place(grids: Grids) -> Key:
    def key(packet: Packet) -> tuple[int, ...]:
        layer, component, resolution, precinct = packet
        place = grids[component][resolution].place(precinct)
        return (resolution, *place, component, precinct, layer)

    return key


def _by_place(grids: Grids) -> Key:
    def key(packet: Packet) -> tuple[int, ...]:
        layer, component, resolution, precinct = packet
        place = grids[component][resolution].place(precinct)
        return (*place, component, resolution, precinct, layer)

    return key


def _by_component(grids: Grids) -> Key:
    def key(packet: Packet) -> tuple[int, ...]:
        layer, component, resolution, precinct = packet
        place = grids[component][resolution].place(precinct)
        return (component, *place, resolution, precinct, layer)

    return key


#: LRCP, RLCP, RPCL, PCRL and CPRL.
_KEYS = (_by_layer, _by_resolution, _by_resolution_and_place, _by_place, _by_component)
