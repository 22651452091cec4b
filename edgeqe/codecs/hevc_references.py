"""Reference pictures that HEVC's headers list (ITU-T H.265, 7.3.6.1 and 7.3.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeqe.codecs.bits import BitReader
from edgeqe.codecs.coded import damaged

#: Distance in output order, and whether it is used, of each short-term reference.
ReferenceSet = tuple[tuple[int, bool], ...]
#: Pictures that a decoder may hold.
MOST_REFERENCES = 16


@dataclass(frozen=True)
class HevcReferences:
    """What a sequence parameter set says of reference pictures."""

    order_bits: int
    """Of an output order count."""
    short_term: tuple[ReferenceSet, ...]
    has_long_term: bool
    long_term: tuple[bool, ...]
    """Whether each listed long-term reference is used."""


def read_references(bits: BitReader, order_bits: int) -> HevcReferences:
    """Read what a sequence parameter set says of reference pictures.

    Raises
    ------
    ImageError
        If it is damaged.
    """
    short_term: list[ReferenceSet] = []
    for index in range(bits.ue(64, "num_short_term_ref_pic_sets")):
        short_term.append(read_reference_set(bits, index, short_term))
    has_long_term = bits.flag()
    long_term = []
    for _ in range(bits.ue(32, "num_long_term_ref_pics_sps") if has_long_term else 0):
        bits.skip(order_bits)
        long_term.append(bits.flag())
    return HevcReferences(order_bits, tuple(short_term), has_long_term, tuple(long_term))


def read_slice_references(bits: BitReader, listed: HevcReferences) -> int:
    """Read the output order count and the references of a slice; how many of them are used.

    Raises
    ------
    ImageError
        If it is damaged.
    """
    bits.skip(listed.order_bits)  # slice_pic_order_cnt_lsb
    used = sum(is_used for _, is_used in _short_term(bits, listed.short_term))
    return used + (_long_term(bits, listed) if listed.has_long_term else 0)


def read_reference_set(
    bits: BitReader, index: int, before: Sequence[ReferenceSet], in_slice: bool = False
) -> ReferenceSet:
    """Read a set of short-term references.

    Parameters
    ----------
    bits : BitReader
    index : int
        Of the set; the number of sets of the SPS for one in a slice.
    before : sequence of ReferenceSet
        Sets that it may be predicted from.
    in_slice : bool
        Whether it says by itself which one that is.

    Raises
    ------
    ImageError
        If it is damaged.
    """
    if index and bits.flag():
        back = 1 + (bits.ue(index - 1, "delta_idx_minus1") if in_slice else 0)
        negative = bits.flag()
        shift = 1 + bits.ue(32767, "abs_delta_rps_minus1")
        shift = -shift if negative else shift
        found = []
        for distance in (*(entry[0] for entry in before[index - back]), 0):
            used = bits.flag()
            if (used or bits.flag()) and distance + shift:
                found.append((distance + shift, used))
    else:
        counts = (bits.ue(16, "num_negative_pics"), bits.ue(16, "num_positive_pics"))
        found = []
        for count, sign in zip(counts, (-1, 1), strict=True):
            distance = 0
            for _ in range(count):
                distance += sign * (1 + bits.ue(32767, "delta_poc_minus1"))
                found.append((distance, bits.flag()))
    if len(found) > MOST_REFERENCES:
        raise damaged(f"an HEVC header lists {len(found)} references")
    # the nearest first, those before the picture before those after it
    return tuple(sorted(found, key=lambda entry: (entry[0] > 0, abs(entry[0]))))


def _short_term(bits: BitReader, listed: Sequence[ReferenceSet]) -> ReferenceSet:
    """Short-term references of a slice."""
    if not bits.flag():
        return read_reference_set(bits, len(listed), listed, in_slice=True)
    index = bits.u((len(listed) - 1).bit_length()) if listed else 0
    if index >= len(listed):
        raise damaged("an HEVC slice names a reference set that the SPS does not have")
    return listed[index]


def _long_term(bits: BitReader, listed: HevcReferences) -> int:
    """Pass over the long-term references; how many of them are used."""
    count = len(listed.long_term)
    from_sps = bits.ue(count, "num_long_term_sps") if count else 0
    used = 0
    for index in range(from_sps + bits.ue(33, "num_long_term_pics")):
        if index < from_sps:
            chosen = bits.u((count - 1).bit_length())
            used += chosen < count and listed.long_term[chosen]
        else:
            bits.skip(listed.order_bits)
            used += bits.flag()
        if bits.flag():
            bits.ue()  # delta_poc_msb_cycle_lt
    return used
