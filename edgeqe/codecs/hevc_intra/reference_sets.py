"""Reference pictures, which intra slices name but do not use: clauses 7.3.7 and 7.4.8."""

from __future__ import annotations

from collections.abc import Sequence as Sized
from dataclasses import dataclass

from edgeqe.codecs.hevc_intra.bits import SyntaxReader, damaged


@dataclass(frozen=True)
class ReferenceSets:
    """What a slice header's part on reference pictures depends on.

    Attributes
    ----------
    poc_bits : int
        Bits of slice_pic_order_cnt_lsb.
    sizes : tuple of int
        NumDeltaPocs of the sequence's short-term sets.
    long_term : bool
        long_term_ref_pics_present_flag.
    candidates : int
        num_long_term_ref_pics_sps.
    """

    poc_bits: int
    sizes: tuple[int, ...]
    long_term: bool
    candidates: int


def skip_reference_set(bits: SyntaxReader, sizes: Sized[int], index: int, in_slice: bool) -> int:
    """Pass over st_ref_pic_set(index), and return its NumDeltaPocs.

    Parameters
    ----------
    bits : SyntaxReader
    sizes : sequence of int
        NumDeltaPocs of the sets before it.
    index : int
        stRpsIdx: its number, or that behind the last for a set in a slice header.
    in_slice : bool
        Whether it lies in a slice header.
    """
    if index and bits.flag():  # inter_ref_pic_set_prediction_flag
        delta = 1 + bits.unsigned("delta_idx_minus1", index - 1) if in_slice else 1
        bits.u(1)  # delta_rps_sign
        bits.unsigned("abs_delta_rps_minus1", (1 << 15) - 1)
        size = 0
        for _ in range(sizes[index - delta] + 1):
            # used_by_curr_pic_flag, or else use_delta_flag
            size += bits.flag() or bits.flag()
    else:
        size = bits.unsigned("num_negative_pics", 16) + bits.unsigned("num_positive_pics", 16)
        for _ in range(size):
            bits.unsigned("delta_poc_minus1", (1 << 15) - 1)
            bits.u(1)  # used_by_curr_pic_flag
    if size > 16:
        raise damaged(f"a reference picture set of {size} pictures")
    return size


def skip_slice_references(bits: SyntaxReader, sets: ReferenceSets) -> None:
    """Pass over the order count and the reference pictures of a slice header (7.3.6.1)."""
    bits.u(sets.poc_bits)  # slice_pic_order_cnt_lsb
    count = len(sets.sizes)
    if not bits.flag():  # short_term_ref_pic_set_sps_flag
        skip_reference_set(bits, sets.sizes, count, in_slice=True)
    elif count > 1:
        bits.u((count - 1).bit_length())  # short_term_ref_pic_set_idx
    if not sets.long_term:
        return
    from_sequence = 0
    if sets.candidates:
        from_sequence = bits.unsigned("num_long_term_sps", sets.candidates)
    pictures = from_sequence + bits.unsigned("num_long_term_pics", 32)
    for index in range(pictures):
        if index >= from_sequence:
            bits.u(sets.poc_bits + 1)  # poc_lsb_lt, used_by_curr_pic_lt_flag
        elif sets.candidates > 1:
            bits.u((sets.candidates - 1).bit_length())  # lt_idx_sps
        if bits.flag():  # delta_poc_msb_present_flag
            bits.unsigned("delta_poc_msb_cycle_lt", (1 << 32) - 2)
