"""How a JPEG 2000 tile is coded: its COD, COC, QCD and QCC segments (ITU-T T.800, A.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgeqe.codecs.boxes import ByteReader
from edgeqe.codecs.coded import damaged, unsupported
from edgeqe.codecs.jpeg2000_codestream import Segment

COD, COC, QCD, QCC = 0xFF52, 0xFF53, 0xFF5C, 0xFF5D
#: Segments that change what packets hold, or where, in words.
REFUSED = {
    0xFF50: "extended capabilities (CAP) of JPEG 2000",
    0xFF5E: "regions of interest (RGN) of JPEG 2000",
    0xFF5F: "changes of the progression (POC) of JPEG 2000",
    0xFF60: "packet headers in the main header (PPM) of JPEG 2000",
    0xFF61: "packet headers in tile-part headers (PPT) of JPEG 2000",
}
LEVEL_LIMIT = 32
_ALL = -1


@dataclass(frozen=True)
class Coding:
    """Coding style of a component."""

    levels: int
    """Decomposition levels, 0 to 32."""
    block_width: int
    """Of a code-block, as a power of two."""
    block_height: int
    bypass: bool
    """Whether some passes skip the arithmetic coder, in segments of their own."""
    terminated: bool
    """Whether every pass is a segment of its own."""
    reversible: bool
    """5/3 wavelet; if not, 9/7."""
    precincts: tuple[tuple[int, int], ...]
    """Width and height of each resolution's, as powers of two."""


@dataclass(frozen=True)
class SubbandSteps:
    """Quantization of a component."""

    style: int
    """0 none, 1 derived from the first step, 2 a step for each subband."""
    guard_bits: int
    steps: tuple[tuple[int, int], ...]
    """Exponent and mantissa of each subband, LL first, then HL, LH, HH of each resolution."""

    def step(self, band: int) -> tuple[int, int]:
        """Exponent and mantissa of a subband by its place, LL being 0 and three a resolution.

        Raises
        ------
        ImageError
            If it has none.
        """
        if self.style == 1:
            exponent, mantissa = self.steps[0]
            return exponent - max(band - 1, 0) // 3, mantissa
        if band >= len(self.steps):
            raise damaged("a JPEG 2000 codestream has fewer quantization steps than subbands")
        return self.steps[band]


@dataclass(frozen=True)
class Styles:
    """Coding of a tile."""

    progression: int
    """0 LRCP, 1 RLCP, 2 RPCL, 3 PCRL, 4 CPRL."""
    layers: int
    colour_transform: bool
    """Whether the first three components are luma and two of chroma, made from RGB."""
    coding: tuple[Coding, ...]
    """Of each component."""
    quantization: tuple[SubbandSteps, ...]
    """Of each component."""


def read_styles(
    data: bytes, main: Sequence[Segment], tile: Sequence[Segment], components: int
) -> Styles:
    """Coding of a tile from the main header's segments and the tile's own.

    A component's own segment counts more than one for all, and a tile's more than the main
    header's.

    Parameters
    ----------
    data : bytes
    main, tile : sequence of Segment
    components : int

    Raises
    ------
    ImageError
        If a segment is missing or damaged, or stands for what is not supported.
    """
    general: tuple[int, int, int] | None = None
    coding: dict[int, Coding] = {}
    quantization: dict[int, SubbandSteps] = {}
    index_bytes = 1 if components < 257 else 2
    for segments in (main, tile):
        markers = {segment.marker for segment in segments}
        for marker, name in REFUSED.items():
            if marker in markers:
                raise unsupported(name)
        # what is said for all components first, so that a component's own counts more
        for segment in sorted(segments, key=lambda segment: segment.marker in (COC, QCC)):
            reader = ByteReader(data, segment.start, segment.stop, "JPEG 2000 coding style")
            if segment.marker == COD:
                flags = reader.u(1)
                general = reader.u(1), reader.u(2), reader.u(1)
                coding = {_ALL: _coding(reader, flags)}
            elif segment.marker == COC:
                component = reader.u(index_bytes)
                coding[component] = _coding(reader, reader.u(1))
            elif segment.marker == QCD:
                quantization = {_ALL: _quantization(reader)}
            elif segment.marker == QCC:
                component = reader.u(index_bytes)
                quantization[component] = _quantization(reader)
    if general is None or _ALL not in coding or _ALL not in quantization:
        raise damaged("a JPEG 2000 codestream does not say how it is coded")
    progression, layers, transform = general
    if progression > 4 or not layers:
        raise damaged(f"a JPEG 2000 codestream has progression {progression}, {layers} layers")
    if (quantization[_ALL].style == 0) != coding[_ALL].reversible:
        raise unsupported("quantization styles of the other wavelet in JPEG 2000")
    if transform > 1:
        raise unsupported("other colour transforms in JPEG 2000")
    return Styles(
        progression,
        layers,
        bool(transform),
        tuple(coding.get(component, coding[_ALL]) for component in range(components)),
        tuple(quantization.get(component, quantization[_ALL]) for component in range(components)),
    )


def _coding(reader: ByteReader, flags: int) -> Coding:
    """Coding style from the number of levels on."""
    levels, width, height, style, wavelet = reader.take(5)
    width, height = (width & 15) + 2, (height & 15) + 2
    if levels > LEVEL_LIMIT or width > 10 or height > 10 or width + height > 12 or wavelet > 1:
        raise damaged(
            f"a JPEG 2000 codestream says {levels} levels of wavelet {wavelet} in code-blocks of "
            f"{2**width}x{2**height}"
        )
    if style & 0xC0:
        raise unsupported("high-throughput code-blocks of JPEG 2000")
    found = Coding(levels, width, height, bool(style & 1), bool(style & 4), bool(wavelet), ())
    sizes = [(15, 15)] * (levels + 1)
    if flags & 1:
        sizes = [(value & 15, value >> 4) for value in reader.take(levels + 1)]
        if any(min(size) == 0 for size in sizes[1:]):
            raise damaged("a JPEG 2000 codestream has precincts of no size")
    return replace(found, precincts=tuple(sizes))


def _quantization(reader: ByteReader) -> SubbandSteps:
    """Quantization from its style on."""
    value = reader.u(1)
    style, guard_bits = value & 31, value >> 5
    if style > 2:
        raise damaged(f"a JPEG 2000 codestream has quantization of style {style}")
    if style == 0:
        steps = [(exponent >> 3, 0) for exponent in reader.take(reader.left)]
    else:
        numbers = [reader.u(2) for _ in range(reader.left // 2)]
        steps = [(number >> 11, number & 2047) for number in numbers]
    if not steps:
        raise damaged("a JPEG 2000 codestream has no quantization steps")
    return SubbandSteps(style, guard_bits, tuple(steps))
