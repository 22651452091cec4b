"""H.264: the QP of each picture from the headers of its slices (ITU-T H.264, clause 7.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from edgeqe.codecs.bits import BitReader
from edgeqe.codecs.coded import (
    CodedStrength,
    Scale,
    check_size,
    damaged,
    mean_strength,
    unsupported,
)
from edgeqe.codecs.nal import ParameterSets, split_annex_b, unescape

SLICE, PARTITION_A, IDR_SLICE, SPS, PPS = 1, 2, 5, 7, 8
#: Profiles whose SPS says the chroma format and the bit depths.
HIGH_PROFILES = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)
#: Operations on references of a slice: one for each of 32 fields, and as many to keep them.
MOST_OPERATIONS = 66
P_SLICE, B_SLICE, _, SP_SLICE, _ = range(5)


@dataclass(frozen=True)
class AvcSps:
    """Sequence parameter set, as far as slice headers need it."""

    width: int
    height: int
    bit_depth: int
    has_chroma: bool
    separate_planes: bool
    frame_num_bits: int
    order_type: int
    order_bits: int
    order_always_zero: bool
    frames_only: bool


@dataclass(frozen=True)
class AvcPps:
    """Picture parameter set, as far as slice headers need it."""

    sps: int
    cabac: bool
    bottom_order: bool
    references: tuple[int, int]
    weighted: bool
    weighted_b: int
    qp: int
    redundant: bool


def strength(units: Iterable[bytes], codec: str = "h264") -> CodedStrength:
    """Strength of a stream: mean QP over the slices of each picture.

    Parameters
    ----------
    units : iterable of bytes
        NAL units in decoding order, with the parameter sets before the slices.
    codec : str
        Codec to report, where a container has a name of its own.

    Raises
    ------
    ImageError
        If there is no slice, or a header is damaged or of an unknown kind.
    """
    sets: ParameterSets[AvcSps] = ParameterSets()
    pictures: ParameterSets[AvcPps] = ParameterSets()
    slices: list[list[int]] = []
    shape: AvcSps | None = None
    for unit in units:
        kind = unit[0] & 31
        if kind == SPS:
            bits = BitReader(unescape(unit[1:]), "H.264 SPS")
            sets.take(unit, partial(read_sps, bits))
        elif kind == PPS:
            bits = BitReader(unescape(unit[1:]), "H.264 PPS")
            pictures.take(unit, partial(read_pps, bits))
        elif kind in (SLICE, PARTITION_A, IDR_SLICE):
            bits = BitReader(unescape(unit[1:]), "H.264 slice header")
            first, qp, shape = _read_slice(bits, kind, unit[0] >> 5 & 3, sets, pictures)
            if first == 0 or not slices:
                slices.append([])
            slices[-1].append(qp)
    if shape is None:
        raise damaged("the H.264 stream holds no slice")
    qps = [sum(group) / len(group) for group in slices]
    steps = [2.0 ** ((qp - 4) / 6) for qp in qps]
    return mean_strength(codec, Scale.QP, qps, steps, (shape.width, shape.height), shape.bit_depth)


def strength_of_stream(data: bytes) -> CodedStrength:
    """As `strength`, of a byte stream with start codes (annex B)."""
    return strength(split_annex_b(data))


def read_sps(bits: BitReader) -> tuple[int, AvcSps]:
    """Read a sequence parameter set: its identifier and its content."""
    profile = bits.u(8)
    bits.skip(16)  # constraints, level
    number = bits.ue(31, "seq_parameter_set_id")
    chroma, separate, depth = 1, False, 8
    if profile in HIGH_PROFILES:
        chroma = bits.ue(3, "chroma_format_idc")
        separate = chroma == 3 and bits.flag()
        depth = 8 + bits.ue(6, "bit_depth_luma_minus8")
        bits.ue(6, "bit_depth_chroma_minus8")
        bits.skip(1)  # qpprime_y_zero_transform_bypass_flag
        if bits.flag():
            for index in range(12 if chroma == 3 else 8):
                if bits.flag():
                    _skip_scaling_list(bits, 16 if index < 6 else 64)
    frame_num_bits = 4 + bits.ue(12, "log2_max_frame_num_minus4")
    order_type, order_bits, always_zero = bits.ue(2, "pic_order_cnt_type"), 0, False
    if order_type == 0:
        order_bits = 4 + bits.ue(12, "log2_max_pic_order_cnt_lsb_minus4")
    elif order_type == 1:
        always_zero = bits.flag()
        bits.se()
        bits.se()
        for _ in range(bits.ue(255, "num_ref_frames_in_pic_order_cnt_cycle")):
            bits.se()
    bits.ue()  # max_num_ref_frames
    bits.skip(1)
    width = 16 * (1 + bits.ue())
    rows = 16 * (1 + bits.ue())
    frames_only = bits.flag()
    height = rows if frames_only else 2 * rows
    check_size(width, height)
    return number, AvcSps(width, height, depth, chroma != 0 and not separate, separate,
                          frame_num_bits, order_type, order_bits, always_zero, frames_only)  # fmt: skip


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def read_pps(bits: BitReader) -> tuple[int, AvcPps]:
    """Read a picture parameter set: its identifier and its content."""
    number = bits.ue(255, "pic_parameter_set_id")
    sps = bits.ue(31, "seq_parameter_set_id")
    cabac, bottom_order = bits.flag(), bits.flag()
    if bits.ue(7, "num_slice_groups_minus1"):
        raise unsupported("slice groups of H.264")
    references = (1 + bits.ue(31, "references"), 1 + bits.ue(31, "references"))
    weighted, weighted_b = bits.flag(), bits.u(2)
    qp = 26 + bits.se()
    bits.se()
    bits.se()
    bits.skip(2)
    return number, AvcPps(
        sps, cabac, bottom_order, references, weighted, weighted_b, qp, bits.flag()
    )


def _read_slice(
    bits: BitReader,
    kind: int,
    reference: int,
    sets: dict[int, AvcSps],
    pictures: dict[int, AvcPps],
) -> tuple[int, int, AvcSps]:
    """First macroblock and QP of a slice, and its sequence parameter set."""
    first = bits.ue()
    slice_type = bits.ue(9, "slice_type") % 5
    pps = pictures.get(bits.ue(255, "pic_parameter_set_id"))
    sps = sets.get(pps.sps) if pps else None
    if pps is None or sps is None:
        raise damaged("an H.264 slice names parameter sets that did not come before it")
    if sps.separate_planes:
        bits.skip(2)
    bits.skip(sps.frame_num_bits)
    field = False
    if not sps.frames_only:
        field = bits.flag()
        bits.skip(int(field))
    if kind == IDR_SLICE:
        bits.ue(65535, "idr_pic_id")
    if sps.order_type == 0:
        bits.skip(sps.order_bits)
        if pps.bottom_order and not field:
            bits.se()
    elif sps.order_type == 1 and not sps.order_always_zero:
        bits.se()
        if pps.bottom_order and not field:
            bits.se()
    if pps.redundant:
        bits.ue(127, "redundant_pic_cnt")
    references = pps.references
    if slice_type == B_SLICE:
        bits.skip(1)  # direct_spatial_mv_pred_flag
    if slice_type in (P_SLICE, SP_SLICE, B_SLICE) and bits.flag():
        references = (1 + bits.ue(31, "references"), references[1])
        if slice_type == B_SLICE:
            references = (references[0], 1 + bits.ue(31, "references"))
    lists = {P_SLICE: 1, SP_SLICE: 1, B_SLICE: 2}.get(slice_type, 0)
    for _ in range(lists):
        if bits.flag():
            _skip_operations(bits, {0: 1, 1: 1, 2: 1, 3: 0}, last=3)
    if (pps.weighted and slice_type in (P_SLICE, SP_SLICE)) or (
        pps.weighted_b == 1 and slice_type == B_SLICE
    ):
        _skip_weights(bits, references[:lists], sps.has_chroma)
    if reference:
        _skip_marking(bits, kind)
    if pps.cabac and lists:
        bits.ue(2, "cabac_init_idc")
    qp = pps.qp + bits.se()
    if not -6 * (sps.bit_depth - 8) <= qp <= 51:
        raise damaged(f"an H.264 slice says QP {qp}")
    return first, qp, sps


def _skip_weights(bits: BitReader, references: tuple[int, ...], has_chroma: bool) -> None:
    bits.ue(7, "luma_log2_weight_denom")
    if has_chroma:
        bits.ue(7, "chroma_log2_weight_denom")
    for count in references:
        for _ in range(count):
            for numbers in (2, 4) if has_chroma else (2,):
                if bits.flag():
                    for _ in range(numbers):
                        bits.se()


def _skip_marking(bits: BitReader, kind: int) -> None:
    if kind == IDR_SLICE:
        bits.skip(2)
    elif bits.flag():
        _skip_operations(bits, {0: 0, 1: 1, 2: 1, 3: 2, 4: 1, 5: 0, 6: 1}, last=0)


def _skip_operations(bits: BitReader, numbers: dict[int, int], last: int) -> None:
    """Pass over operations on references, each with some numbers, up to the last one."""
    for _ in range(MOST_OPERATIONS):
        operation = bits.ue(len(numbers) - 1, "an operation on references")
        for _ in range(numbers[operation]):
            bits.ue()
        if operation == last:
            return
    raise damaged(f"an H.264 slice has more than {MOST_OPERATIONS} operations on references")
