"""AV1's sequence header, as far as frame headers need it (AV1 specification, 5.5)."""

from __future__ import annotations

from dataclasses import dataclass

from edgeqe.codecs.bits import BitReader
from edgeqe.codecs.coded import check_size


@dataclass(frozen=True)
class Av1Sequence:
    """Sequence header."""

    reduced: bool
    """Whether the stream is one still picture with short headers."""
    width: int
    height: int
    width_bits: int
    height_bits: int
    presentation_bits: int
    """Bits of a shown frame's presentation time; 0 if it has none."""
    removal_bits: int
    """Bits of a frame's buffer removal time; 0 if there are none."""
    timed_points: tuple[int, ...]
    """Layers of each operating point that has buffer times; 0 for all layers."""
    frame_id_bits: int
    delta_id_bits: int
    large_blocks: bool
    """Whether superblocks have 128 pixels a side."""
    screen_content: int
    """0 or 1 for all frames, 2 where each frame says it."""
    integer_vectors: int
    """As `screen_content`."""
    order_bits: int
    has_vector_projection: bool
    has_superres: bool
    bit_depth: int


def read_sequence(bits: BitReader) -> Av1Sequence:
    """Read a sequence header.

    Raises
    ------
    ImageError
        If it is damaged.
    """
    profile = bits.u(3)
    bits.skip(1)  # still_picture
    reduced = bits.flag()
    presentation, removal, points = (0, 0, ()) if reduced else _timing(bits)
    if reduced:
        bits.skip(5)
    width_bits, height_bits = 1 + bits.u(4), 1 + bits.u(4)
    width, height = 1 + bits.u(width_bits), 1 + bits.u(height_bits)
    check_size(width, height)
    id_bits, delta_bits = 0, 0
    if not reduced and bits.flag():
        delta_bits = 2 + bits.u(4)
        id_bits = delta_bits + 1 + bits.u(3)
    large_blocks = bits.flag()
    bits.skip(2)
    screen, vectors, order_bits, projection = 2, 2, 0, False
    if not reduced:
        bits.skip(4)
        has_order = bits.flag()
        if has_order:
            bits.skip(1)
            projection = bits.flag()
        screen = 2 if bits.flag() else bits.u(1)
        if screen:
            vectors = 2 if bits.flag() else bits.u(1)
        order_bits = 1 + bits.u(3) if has_order else 0
    superres = bits.flag()
    bits.skip(2)
    depth = 8
    if bits.flag():
        depth = 12 if profile == 2 and bits.flag() else 10
    return Av1Sequence(
        reduced, width, height, width_bits, height_bits, presentation, removal, points, id_bits,
        delta_bits, large_blocks, screen, vectors, order_bits, projection, superres, depth,
    )  # fmt: skip


def _timing(bits: BitReader) -> tuple[int, int, tuple[int, ...]]:
    """Bits of a presentation time and of a removal time, and the points that have the latter."""
    equal_interval, has_model = False, False
    delay, removal, presentation = 0, 0, 0
    if bits.flag():
        bits.skip(64)
        equal_interval = bits.flag()
        if equal_interval:
            bits.ue()
        has_model = bits.flag()
        if has_model:
            delay = 1 + bits.u(5)
            bits.skip(32)
            removal, presentation = 1 + bits.u(5), 1 + bits.u(5)
    has_display_delay = bits.flag()
    points = []
    for _ in range(1 + bits.u(5)):
        layers = bits.u(12)
        if bits.u(5) > 7:
            bits.skip(1)
        if has_model and bits.flag():
            bits.skip(2 * delay + 1)
            points.append(layers)
        if has_display_delay and bits.flag():
            bits.skip(4)
    return 0 if equal_interval else presentation, removal, tuple(points)
