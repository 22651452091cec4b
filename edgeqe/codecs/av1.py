"""AV1: the quantizer index of each frame from its header (AV1 specification, 5.9)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from edgeqe.codecs.av1_sequence import Av1Sequence, read_sequence
from edgeqe.codecs.av1_tables import AC_STEPS
from edgeqe.codecs.bits import BitReader
from edgeqe.codecs.coded import (
    CodedStrength,
    Scale,
    check_size,
    damaged,
    mean_strength,
    unsupported,
)
from edgeqe.codecs.nal import HEADER_BYTES, UNIT_LIMIT

SEQUENCE_HEADER, FRAME_HEADER, FRAME = 1, 3, 6
KEY, INTER, INTRA_ONLY, SWITCH = range(4)
#: Samples of the widest tile, and of the largest.
TILE_WIDTH, TILE_AREA = 4096, 4096 * 2304
#: Largest quantizer of the encoders' scale.
LARGEST_QUANTIZER = 63


def step_from_index(index: float, bit_depth: int = 8) -> float:
    """Step of a quantizer index, in 8-bit sample values.

    A transform of AV1 is 8 times the orthonormal one, so is its table of steps. SVT-AV1's luma
    errs as much as x265's, all intra, at 1.02 to 1.09 times that step (mean of eight pictures).

    Parameters
    ----------
    index : float
        0 to 255; between whole ones the step is interpolated.
    bit_depth : int
        8, 10 or 12: each depth has a table of its own.
    """
    table = AC_STEPS[bit_depth]
    low = min(int(index), 254)
    value = table[low] + (index - low) * (table[low + 1] - table[low])
    return value / 8 / (1 << bit_depth - 8)


def index_from_quantizer(quantizer: float) -> float:
    """Index of the quantizer that libaom and SVT-AV1 count from 0 to 63.

    Four indices a quantizer; the last two take the rest up to 255.
    """
    if quantizer <= 61:
        return 4 * quantizer
    if quantizer <= 62:
        return 244 + 5 * (quantizer - 61)
    return 249 + 6 * (quantizer - 62)


def split(data: bytes, limit: int = UNIT_LIMIT) -> Iterator[tuple[int, bytes]]:
    """Kinds and payloads of the first units (OBU) of a low-overhead stream.

    Raises
    ------
    ImageError
        If a unit goes beyond the data.
    """
    at = 0
    for _ in range(limit):
        if at >= len(data):
            return
        header = data[at]
        at += 2 if header & 4 else 1
        length = len(data) - at
        if header & 2:
            length, at = _leb128(data, at)
        if header & 128 or length < 0 or length > len(data) - at:
            raise damaged(f"an AV1 unit says that it has {length} bytes, {len(data) - at} are left")
        yield header >> 3 & 15, data[at : at + length]
        at += length


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(data[at : at + 8]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise damaged("the length of an AV1 unit does not end")


def strength(
    data: bytes, codec: str = "av1", before: bytes = b"", limit: int = UNIT_LIMIT
) -> CodedStrength:
    """Strength of a stream: the base index of each frame, hidden ones too.

    Parameters
    ----------
    data : bytes
        Units (OBU) with their sizes.
    codec : str
        Codec to report, where a container has a name of its own.
    before : bytes
        Units that the container keeps elsewhere.
    limit : int
        Units that are looked at.

    Raises
    ------
    ImageError
        If there is no frame, or a header is damaged or of an unknown kind.
    """
    frames = Av1Frames()
    for part in (before, data):
        for kind, payload in split(part, limit):
            frames.take(kind, payload)
    sequence = frames.sequence
    if not frames.indices or sequence is None:
        raise damaged("the AV1 stream holds no frame")
    depth = sequence.bit_depth
    steps = [step_from_index(index, depth) for index in frames.indices]
    size = frames.size
    found = mean_strength(codec, Scale.INDEX, frames.indices, steps, size, depth)
    return replace(found, step=0.0, lossless=True) if frames.lossless else found


@dataclass(frozen=True)
class _Stored:
    """What a later frame may take from an earlier one."""

    kind: int
    width: int
    upscaled: int
    height: int
    index: int = 0


class Av1Frames:
    """Reads the frames of a stream one after another."""

    def __init__(self) -> None:
        self.sequence: Av1Sequence | None = None
        self.indices: list[int] = []
        self.coded: list[tuple[int, bool]] = []
        """Bytes of the same frames, in coding order, and whether they refer to no other."""
        self.shown: list[int] = []
        """Indices of the frames that a decoder gives out, in that order."""
        self.size = (0, 0)
        self.lossless = True
        """Whether no frame so far has a quantizer in its luma."""
        self._stored: list[_Stored | None] = [None] * 8

    def take(self, kind: int, payload: bytes) -> None:
        """Read a unit.

        Raises
        ------
        ImageError
            If its header is damaged or of an unknown kind.
        """
        if kind == SEQUENCE_HEADER:
            self.sequence = read_sequence(BitReader(payload[:HEADER_BYTES], "AV1 sequence header"))
        elif kind in (FRAME_HEADER, FRAME):
            if self.sequence is None:
                raise damaged("an AV1 frame comes before the sequence header")
            bits = BitReader(payload[:HEADER_BYTES], "AV1 frame header")
            self._frame(bits, self.sequence, len(payload))

    def _frame(self, bits: BitReader, seq: Av1Sequence, coded_bytes: int) -> None:
        kind, shown, resilient = KEY, True, True
        if not seq.reduced:
            if bits.flag():  # show_existing_frame
                self._show_again(bits.u(3))
                return
            kind, shown = bits.u(2), bits.flag()
            if shown:
                bits.skip(seq.presentation_bits)
            else:
                bits.skip(1)
            resilient = kind == SWITCH or (kind == KEY and shown) or bits.flag()
        intra = kind in (KEY, INTRA_ONLY)
        no_cdf_update = bits.flag()
        screen = bits.flag() if seq.screen_content == 2 else seq.screen_content == 1
        whole_vectors = False
        if screen:
            whole_vectors = bits.flag() if seq.integer_vectors == 2 else seq.integer_vectors == 1
        bits.skip(seq.frame_id_bits)
        other_size = kind == SWITCH or (not seq.reduced and bits.flag())
        bits.skip(seq.order_bits)
        if not intra and not resilient:
            bits.skip(3)  # primary_ref_frame
        if seq.removal_bits and bits.flag():
            # the times of all operating points that have one; layers need those of this frame
            if any(point for point in seq.timed_points):
                raise unsupported("AV1 streams of several layers with buffer times")
            bits.skip(seq.removal_bits * len(seq.timed_points))
        refresh = 255 if kind == SWITCH or (kind == KEY and shown) else bits.u(8)
        if (not intra or refresh != 255) and resilient and seq.order_bits:
            bits.skip(8 * seq.order_bits)
        if intra:
            frame = self._own_size(bits, seq, kind, other_size)
            if screen and frame.width == frame.upscaled:
                bits.skip(1)  # allow_intrabc
        else:
            frame = self._inter(bits, seq, kind, other_size, resilient, whole_vectors)
        if not seq.reduced and not no_cdf_update:
            bits.skip(1)
        _skip_tiles(bits, frame.width, frame.height, seq.large_blocks)
        index = bits.u(8)
        frame = replace(frame, index=index)
        self.indices.append(index)
        self.coded.append((coded_bytes, intra))
        self.shown += [index] * shown
        self.lossless &= index == 0 and not bits.flag()
        if self.size == (0, 0):
            self.size = (frame.upscaled, frame.height)
        for place in range(8):
            if refresh >> place & 1:
                self._stored[place] = frame

    def _show_again(self, place: int) -> None:
        frame = self._stored[place]
        if frame is None:
            return
        self.shown.append(frame.index)
        if frame.kind == KEY:
            self._stored = [frame] * 8

    def _own_size(self, bits: BitReader, seq: Av1Sequence, kind: int, other: bool) -> _Stored:
        """Size that a frame says itself, and the size to show it at."""
        width, height = seq.width, seq.height
        if other:
            width, height = 1 + bits.u(seq.width_bits), 1 + bits.u(seq.height_bits)
        frame = _superres(bits, seq, _Stored(kind, width, width, height))
        if bits.flag():
            bits.skip(32)
        check_size(width, height)
        return frame

    def _inter(
        self,
        bits: BitReader,
        seq: Av1Sequence,
        kind: int,
        other_size: bool,
        resilient: bool,
        whole_vectors: bool,
    ) -> _Stored:
        """Size of an inter frame, and all that it says before its tiles."""
        short = seq.order_bits > 0 and bits.flag()
        bits.skip(6 if short else 0)
        references = []
        for _ in range(7):
            references.append(0 if short else bits.u(3))
            bits.skip(seq.delta_id_bits)
        frame = None
        if other_size and not resilient:
            if short:
                raise unsupported("AV1 frames of other sizes with derived references")
            for place in references:
                if bits.flag():
                    found = self._stored[place]
                    if found is None:
                        raise damaged("an AV1 frame takes its size from a frame that is not there")
                    frame = replace(found, kind=kind, width=found.upscaled)
                    frame = _superres(bits, seq, frame)
                    break
        if frame is None:
            frame = self._own_size(bits, seq, kind, other_size)
        if not whole_vectors:
            bits.skip(1)
        if not bits.flag():
            bits.skip(2)  # interpolation_filter
        bits.skip(1)
        if not resilient and seq.has_vector_projection:
            bits.skip(1)
        return frame


def _superres(bits: BitReader, seq: Av1Sequence, frame: _Stored) -> _Stored:
    """Width as coded of a frame that may be scaled up."""
    if not (seq.has_superres and bits.flag()):
        return frame
    divisor = 9 + bits.u(3)
    return replace(frame, width=(8 * frame.upscaled + divisor // 2) // divisor)


def _skip_tiles(bits: BitReader, width: int, height: int, large_blocks: bool) -> None:
    """Pass over the layout of the tiles (5.9.15)."""
    log2 = 7 if large_blocks else 6
    blocks = [-(-8 * -(-side // 8) >> log2) for side in (width, height)]
    most_width, most_area = TILE_WIDTH >> log2, TILE_AREA >> 2 * log2
    fewest = max(_log2(most_width, blocks[0]), _log2(most_area, blocks[0] * blocks[1]))
    logs = []
    if bits.flag():
        least = _log2(most_width, blocks[0])
        for side in blocks:
            log = least
            while log < _log2(1, min(side, 64)) and bits.flag():
                log += 1
            logs.append(log)
            least = max(fewest - log, 0)
    else:
        widest = most_width
        area = blocks[0] * blocks[1] >> (fewest + 1 if fewest else 0)
        for side in blocks:
            sizes = _tile_sizes(bits, side, widest)
            widest = max(area // max(sizes), 1)
            logs.append(_log2(1, len(sizes)))
    if any(logs):
        bits.skip(sum(logs) + 2)


def _tile_sizes(bits: BitReader, side: int, most: int) -> Sequence[int]:
    sizes = []
    while side > 0:
        choices = min(side, most)
        length = choices.bit_length()
        value = bits.u(length - 1)
        short = (1 << length) - choices
        if value >= short:
            value = (value << 1) - short + bits.u(1)
        sizes.append(value + 1)
        side -= value + 1
    return sizes


def _log2(unit: int, target: int) -> int:
    """Smallest power that `unit` must be doubled by to reach `target`."""
    log = 0
    while unit << log < target:
        log += 1
    return log
