"""Layout of a JPEG file: its frame, components and scans, and what of it edgeqe does not read."""

from __future__ import annotations

from dataclasses import dataclass

from edgeqe.codecs.coded import UnsupportedCodingError, damaged
from edgeqe.codecs.jpeg_segments import (
    DHP,
    DRI,
    EOI,
    FRAME_MARKERS,
    RESTARTS,
    SOS,
    JpegSegment,
    end_of_scan,
    segments,
)

#: Frames by marker (ITU-T T.81, table B.1).
PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
HIERARCHICAL = (0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF)
ARITHMETIC = (0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
#: Samples in all scans that any file may have, and how often they may be a picture's own, and the
#: limit of pixels. Usual progressive files pass over theirs 5 times, 4:4:4 14 times over the pixels.
FREE_SAMPLES, LARGEST_PASSES, PASSES_OF_LIMIT = 2**26, 16, 16


@dataclass(frozen=True)
class JpegComponent:
    """A component of a frame."""

    number: int
    horizontal: int
    """Sampling factors, 1 to 4."""
    vertical: int
    table: int


@dataclass(frozen=True)
class JpegScan:
    """One scan: what it codes, and where its entropy-coded data lies."""

    components: tuple[int, ...]
    """Indices into those of the frame."""
    first: int
    """Coefficients, first and last in zigzag order."""
    last: int
    high: int
    """Bit that an earlier scan came to; 0 in the first scan of these coefficients."""
    low: int
    """Bit that it comes to: 0 if it completes them."""
    start: int
    stop: int
    restart: int
    """MCUs between restarts; 0 without them."""
    restarts: int
    """Restart markers in the data."""


@dataclass(frozen=True)
class JpegLayout:
    """Frame and scans of a JPEG."""

    marker: int
    depth: int
    """Bits of a sample."""
    width: int
    height: int
    components: tuple[JpegComponent, ...]
    scans: tuple[JpegScan, ...]
    end: int | None
    """Where the end of the image stands; None in a file that is cut short."""
    hierarchical: bool

    @property
    def progressive(self) -> bool:
        """Whether scans refine one another."""
        return self.marker in PROGRESSIVE

    @property
    def arithmetic(self) -> bool:
        """Whether it is coded by the arithmetic coder."""
        return self.marker in ARITHMETIC

    @property
    def mcu(self) -> tuple[int, int]:
        """Columns and rows of an MCU of all components, pixels."""
        return (
            8 * max((c.horizontal for c in self.components), default=1),
            8 * max((c.vertical for c in self.components), default=1),
        )

    def blocks(self, component: int) -> int:
        """8x8 blocks of a component that hold a part of the picture."""
        one = self.components[component]
        across, down = self.mcu
        columns = _pieces(_pieces(self.width * 8 * one.horizontal, across), 8)
        return columns * _pieces(_pieces(self.height * 8 * one.vertical, down), 8)

    def unsupported(self) -> str:
        """What kind of JPEG it is that is not read, in the plural; empty if it is read."""
        if self.hierarchical or self.marker in HIERARCHICAL:
            return "hierarchical JPEGs (ITU-T T.81, annex J)"
        if self.marker in LOSSLESS:
            return "lossless JPEGs (ITU-T T.81, annex H)"
        if self.depth != 8:
            return f"JPEGs of {self.depth} bits a sample"
        if len(self.components) not in (1, 3, 4):
            return f"JPEGs of {len(self.components)} components"
        if self.height == 0:
            return "JPEGs that state their height behind the picture (DNL)"
        across, down = (side // 8 for side in self.mcu)
        if any(across % c.horizontal or down % c.vertical for c in self.components):
            return "JPEGs whose components have sizes that are no whole parts of each other"
        return ""

    def intervals(self, scan: JpegScan) -> int:
        """Pieces of a scan between restarts that its header promises; 1 without restarts."""
        if not scan.restart:
            return 1
        across, down = self.mcu
        units = _pieces(self.width, across) * _pieces(self.height, down)
        if len(scan.components) == 1:
            units = self.blocks(scan.components[0])
        return _pieces(units, scan.restart)

    def scan_samples(self) -> int:
        """Samples that all scans pass over."""
        return sum(64 * self.blocks(c) for scan in self.scans for c in scan.components)

    def most_scan_samples(self, pixel_limit: int) -> int:
        """Samples that all scans may pass over: the picture's own some times, within the limit."""
        own = sum(64 * self.blocks(c) for c in range(len(self.components)))
        return max(FREE_SAMPLES, min(LARGEST_PASSES * own, PASSES_OF_LIMIT * pixel_limit))

    def complete(self) -> bool:
        """Whether the scans give every coefficient of every component to its last bit."""
        missing = {(c, k) for c in range(len(self.components)) for k in range(64)}
        for scan in self.scans:
            if scan.low == 0 or not self.progressive:
                last = scan.last if self.progressive else 63
                missing -= {(c, k) for c in scan.components for k in range(scan.first, last + 1)}
        return not missing

    def shows_all(self) -> bool:
        """Whether every component has a scan with its mean values."""
        coarse = {c for scan in self.scans if scan.first == 0 for c in scan.components}
        return len(coarse) == len(self.components)


def read_layout(data: bytes) -> JpegLayout | None:
    """Layout of a JPEG; None if it ends in front of its first scan.

    Raises
    ------
    ImageError
        If a segment is damaged.
    """
    frame: JpegSegment | None = None
    components: tuple[JpegComponent, ...] = ()
    scans: list[JpegScan] = []
    restart, end, hierarchical = 0, None, False
    for segment in segments(data):
        if segment.marker in FRAME_MARKERS and frame is None:
            frame, components = segment, _components(segment.content)
        elif segment.marker == DRI and len(segment.content) >= 2:
            restart = int.from_bytes(segment.content[:2], "big")
        elif segment.marker == DHP:
            hierarchical = True
        elif segment.marker == SOS and frame is not None:
            scans.append(_scan(data, segment, components, restart))
        elif segment.marker == EOI:
            end = segment.start
    if frame is None or not scans:
        return None
    height, width = (int.from_bytes(frame.content[at : at + 2], "big") for at in (1, 3))
    return JpegLayout(
        frame.marker, frame.content[0], width, height, components, tuple(scans), end, hierarchical
    )


def has_several_scans(data: bytes) -> bool:
    """Whether the first scan of a JPEG leaves components or bits to others.

    Its decoder then holds all coefficients at once (libjpeg, ``jdinput.c``).

    Raises
    ------
    ImageError
        If a segment is damaged.
    """
    components, progressive = 0, False
    for segment in segments(data):
        if segment.marker in FRAME_MARKERS:
            components, progressive = (
                len(_components(segment.content)),
                segment.marker in PROGRESSIVE,
            )
        elif segment.marker == SOS:
            return progressive or segment.content[:1] < bytes((components,))
    return False


def refused(kind: str) -> UnsupportedCodingError:
    """Error for an intact file of a kind that is not read, in the plural."""
    return UnsupportedCodingError(
        f"{kind} are not read: convert it to an 8-bit JPEG or a PNG with the program that made it."
    )


def _pieces(length: int, size: int) -> int:
    """Pieces of a size that cover a length."""
    return (length + size - 1) // size


def _components(content: bytes) -> tuple[JpegComponent, ...]:
    if len(content) < 6 or len(content) < 6 + 3 * content[5]:
        raise damaged("the frame header of a JPEG ends too early")
    found = []
    for at in range(6, 6 + 3 * content[5], 3):
        number, factors, table = content[at : at + 3]
        if not (1 <= factors >> 4 <= 4 and 1 <= factors & 15 <= 4):
            raise damaged(f"a component of a JPEG has the sampling factors {factors:#04x}")
        found.append(JpegComponent(number, factors >> 4, factors & 15, table))
    return tuple(found)


def _scan(
    data: bytes, segment: JpegSegment, components: tuple[JpegComponent, ...], restart: int
) -> JpegScan:
    content = segment.content
    count = content[0] if content else 0
    if not 1 <= count <= 4 or len(content) < 4 + 2 * count:
        raise damaged("the scan header of a JPEG ends too early")
    numbers = [component.number for component in components]
    named = [content[1 + 2 * place] for place in range(count)]
    if not set(named) <= set(numbers):
        raise damaged("a scan of a JPEG names a component that its frame has not")
    first, last, bits = content[1 + 2 * count : 4 + 2 * count]
    stop = end_of_scan(data, segment.stop)
    restarts = sum(data.count(b"\xff" + bytes((m,)), segment.stop, stop) for m in RESTARTS)
    return JpegScan(
        tuple(numbers.index(name) for name in named), first, last, bits >> 4, bits & 15,
        segment.stop, stop, restart, restarts,
    )  # fmt: skip
