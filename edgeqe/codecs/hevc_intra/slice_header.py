"""The slice segment header: clause 7.3.6.1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgeqe.codecs.hevc_intra.bits import NalUnit, SyntaxReader, damaged, unsupported
from edgeqe.codecs.hevc_intra.pictures import PictureParameters
from edgeqe.codecs.hevc_intra.reference_sets import skip_slice_references
from edgeqe.codecs.hevc_intra.sequence import SequenceParameters

IDR = (19, 20)
#: Kinds of NAL units with intra random access pictures (table 7-1).
RANDOM_ACCESS = range(16, 24)
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
    picture: PictureParameters
    sequence: SequenceParameters
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
    sequences: Mapping[int, SequenceParameters],
    pictures: Mapping[int, PictureParameters],
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
    bits = SyntaxReader(unit.rbsp)
    first = bits.flag()
    if unit.kind in RANDOM_ACCESS:
        bits.u(1)  # no_output_of_prior_pics_flag
    identifier = bits.unsigned("slice_pic_parameter_set_id", 63)
    picture = pictures.get(identifier)
    sequence = sequences.get(picture.sequence) if picture else None
    if picture is None or sequence is None:
        raise damaged(f"a slice needs parameter set {identifier}, which is missing")
    dependent, address = False, 0
    if not first:
        columns, rows = sequence.size_in_ctbs
        dependent = picture.dependent_slice_segments and bits.flag()
        address = bits.u((columns * rows - 1).bit_length())
        if address >= columns * rows:
            raise damaged(f"slice address {address} in a picture of {columns * rows} blocks")
    if dependent:
        if previous is None:
            raise damaged("a dependent slice segment without its slice")
        header = replace(previous, first_in_picture=False, dependent=True, address=address)
    else:
        header = _independent(bits, unit, first, address, picture, sequence)
    if picture.tiles_enabled or picture.entropy_coding_sync:
        _skip_entry_points(bits, sequence)
    if picture.slice_header_extension:
        bits.u(8 * bits.unsigned("slice_segment_header_extension_length", 256))
    return replace(header, data=bits.byte_alignment())


def _independent(
    bits: SyntaxReader,
    unit: NalUnit,
    first: bool,
    address: int,
    picture: PictureParameters,
    sequence: SequenceParameters,
) -> SliceHeader:
    bits.u(picture.extra_slice_header_bits)
    slice_type = bits.unsigned("slice_type", 2)
    if SLICE_TYPES[slice_type] != "I":
        raise unsupported(f"{SLICE_TYPES[slice_type]} slices (inter prediction)")
    if picture.output_flag_present:
        bits.u(1)  # pic_output_flag
    if unit.kind not in IDR:
        skip_slice_references(bits, sequence.references)
        if sequence.temporal_mvp:
            bits.u(1)  # slice_temporal_mvp_enabled_flag
    sao_luma = sequence.sao and bits.flag()
    sao_chroma = sequence.sao and sequence.chroma and bits.flag()
    lowest_qp = -6 * (sequence.bit_depth - 8)
    qp = picture.init_qp + bits.signed("slice_qp_delta", -128, 127)
    if not lowest_qp <= qp <= 51:
        raise damaged(f"the slice's QP is {qp}, and {lowest_qp} to 51 is allowed")
    cb, cr = picture.chroma_qp_offsets
    if picture.slice_chroma_qp_offsets:
        cb += bits.signed("slice_cb_qp_offset", -12, 12)
        cr += bits.signed("slice_cr_qp_offset", -12, 12)
        if not (-12 <= cb <= 12 and -12 <= cr <= 12):
            raise damaged(f"chroma QP offsets of {cb} and {cr}")
    deblocking_disabled = picture.deblocking_disabled
    if picture.deblocking_override and bits.flag():  # deblocking_filter_override_flag
        deblocking_disabled = bits.flag()
        if not deblocking_disabled:
            bits.signed("slice_beta_offset_div2", -6, 6)
            bits.signed("slice_tc_offset_div2", -6, 6)
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


def _skip_entry_points(bits: SyntaxReader, sequence: SequenceParameters) -> None:
    # Substreams lie one behind the other, so each begins where the one before it ends.
    columns, rows = sequence.size_in_ctbs
    count = bits.unsigned("num_entry_point_offsets", columns * rows - 1)
    if count:
        bits.u(count * (1 + bits.unsigned("offset_len_minus1", 31)))
