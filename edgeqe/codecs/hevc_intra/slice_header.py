"""The slice segment header: clause 7.3.6.1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgeqe.codecs.bits import BitReader
from edgeqe.codecs.coded import damaged
from edgeqe.codecs.hevc_intra.units import NalUnit, outside_profiles
from edgeqe.codecs.hevc_nal import IDR, IRAP
from edgeqe.codecs.hevc_pps import HevcPps
from edgeqe.codecs.hevc_references import read_slice_references
from edgeqe.codecs.hevc_sps import HevcSps

SLICE_TYPES = ("B", "P", "I")


@dataclass(frozen=True)
class SliceHeader:
    """A slice segment's header; names as in 7.4.7.1.

    Attributes
    ----------
    address : int
        Of its first coding tree block, in raster scan.
    slice_address : int
        SliceAddrRs: that of the slice which it belongs to.
    data : int
        Byte of the RBSP at which slice_segment_data() begins.
    """

    first_in_picture: bool
    picture: HevcPps
    sequence: HevcSps
    dependent: bool
    address: int
    slice_address: int
    sao_luma: bool
    sao_chroma: bool
    qp: int
    chroma_qp_offsets: tuple[int, int]
    data: int


def read_slice_header(
    unit: NalUnit,
    sequences: Mapping[int, HevcSps],
    pictures: Mapping[int, HevcPps],
    previous: SliceHeader | None,
) -> SliceHeader:
    """The header of a slice segment.

    Parameters
    ----------
    unit : NalUnit
    sequences, pictures : mapping of int
        Parameter sets by their identifiers.
    previous : SliceHeader or None
        Header of the slice segment before it in the same picture.

    Raises
    ------
    ImageError
        If it breaks the standard, or the slice is not intra.
    """
    bits = BitReader(unit.rbsp, "HEVC slice header")
    first = bits.flag()
    if unit.kind in IRAP:
        bits.u(1)  # no_output_of_prior_pics_flag
    identifier = bits.ue(63, "slice_pic_parameter_set_id")
    picture = pictures.get(identifier)
    sequence = sequences.get(picture.sps) if picture else None
    if picture is None or sequence is None:
        raise damaged(f"an HEVC slice needs parameter set {identifier}, which is missing")
    dependent, address = False, 0
    if not first:
        columns, rows = sequence.size_in_ctbs
        dependent = picture.dependent_slices and bits.flag()
        address = bits.u((columns * rows - 1).bit_length())
        if address >= columns * rows:
            raise damaged(
                f"an HEVC slice says address {address} in a picture of {columns * rows} blocks"
            )
    if dependent:
        if previous is None:
            raise damaged("a dependent slice segment of an HEVC stream comes without its slice")
        header = replace(previous, first_in_picture=False, dependent=True, address=address)
    else:
        header = _independent(bits, unit, first, address, picture, sequence)
    if picture.tiles or picture.wavefronts:
        _skip_entry_points(bits, sequence)
    if picture.has_slice_extension:
        bits.u(8 * bits.ue(256, "slice_segment_header_extension_length"))
    if not bits.flag():
        raise damaged("an HEVC slice header does not end with a one bit")
    bits.align()
    return replace(header, data=bits.position >> 3)


def _independent(
    bits: BitReader,
    unit: NalUnit,
    first: bool,
    address: int,
    picture: HevcPps,
    sequence: HevcSps,
) -> SliceHeader:
    bits.u(picture.extra_bits)
    slice_type = bits.ue(2, "slice_type")
    if SLICE_TYPES[slice_type] != "I":
        raise outside_profiles(f"{SLICE_TYPES[slice_type]} slices (inter prediction)")
    if picture.has_output_flag:
        bits.u(1)  # pic_output_flag
    if unit.kind not in IDR:
        read_slice_references(bits, sequence.references)
        if sequence.has_temporal_vectors:
            bits.u(1)  # slice_temporal_mvp_enabled_flag
    sao_luma = sequence.has_sao and bits.flag()
    sao_chroma = sequence.has_sao and sequence.has_chroma and bits.flag()
    lowest_qp = -6 * (sequence.bit_depth - 8)
    qp = picture.qp + bits.se(-128, 127, "slice_qp_delta")
    if not lowest_qp <= qp <= 51:
        raise damaged(f"an HEVC slice says QP {qp}, {lowest_qp} to 51 is allowed")
    cb, cr = picture.chroma_qp_offsets
    if picture.has_slice_chroma_qp_offsets:
        cb += bits.se(-12, 12, "slice_cb_qp_offset")
        cr += bits.se(-12, 12, "slice_cr_qp_offset")
        if not (-12 <= cb <= 12 and -12 <= cr <= 12):
            raise damaged(f"an HEVC slice says chroma QP offsets of {cb} and {cr}")
    deblocking_disabled = picture.deblocking_off
    if picture.has_deblocking_override and bits.flag():  # deblocking_filter_override_flag
        deblocking_disabled = bits.flag()
        if not deblocking_disabled:
            bits.se(-6, 6, "slice_beta_offset_div2")
            bits.se(-6, 6, "slice_tc_offset_div2")
    if picture.loop_filter_across_slices and (sao_luma or sao_chroma or not deblocking_disabled):
        bits.u(1)  # slice_loop_filter_across_slices_enabled_flag
    return SliceHeader(
        first_in_picture=first,
        picture=picture,
        sequence=sequence,
        dependent=False,
        address=address,
        slice_address=address,
        sao_luma=sao_luma,
        sao_chroma=sao_chroma,
        qp=qp,
        chroma_qp_offsets=(cb, cr),
        data=0,
    )


def _skip_entry_points(bits: BitReader, sequence: HevcSps) -> None:
    # Substreams lie one behind the other, so each begins where the one before it ends.
    columns, rows = sequence.size_in_ctbs
    count = bits.ue(columns * rows - 1, "num_entry_point_offsets")
    if count:
        bits.u(count * (1 + bits.ue(31, "offset_len_minus1")))
