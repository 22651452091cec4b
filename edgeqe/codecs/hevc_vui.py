"""HEVC's video usability information, which lies before an SPS's extensions (ITU-T H.265, E.2)."""

from __future__ import annotations

from edgeqe.codecs.bits import BitReader

EXTENDED_SAR = 255


def skip_vui(bits: BitReader, sub_layers: int) -> None:
    """Pass over vui_parameters().

    Parameters
    ----------
    bits : BitReader
    sub_layers : int
        sps_max_sub_layers_minus1.

    Raises
    ------
    ImageError
        If it is damaged.
    """
    if bits.flag() and bits.u(8) == EXTENDED_SAR:  # aspect_ratio_idc
        bits.u(32)
    if bits.flag():  # overscan_info_present_flag
        bits.u(1)
    if bits.flag():  # video_signal_type_present_flag
        bits.u(4)
        if bits.flag():  # colour_description_present_flag
            bits.u(24)
    if bits.flag():  # chroma_loc_info_present_flag
        bits.ue(5, "chroma_sample_loc_type_top_field")
        bits.ue(5, "chroma_sample_loc_type_bottom_field")
    bits.u(3)  # neutral_chroma_indication_flag, field_seq_flag, frame_field_info_present_flag
    if bits.flag():  # default_display_window_flag
        for _ in range(4):
            bits.ue(name="def_disp_win_offset")
    if bits.flag():  # vui_timing_info_present_flag
        bits.u(64)
        if bits.flag():  # vui_poc_proportional_to_timing_flag
            bits.ue(name="vui_num_ticks_poc_diff_one_minus1")
        if bits.flag():  # vui_hrd_parameters_present_flag
            _skip_hrd(bits, sub_layers)
    if bits.flag():  # bitstream_restriction_flag
        bits.u(3)
        for _ in range(5):  # min_spatial_segmentation_idc to log2_max_mv_length_vertical
            bits.ue(name="bitstream_restriction")


def _skip_hrd(bits: BitReader, sub_layers: int) -> None:
    """hrd_parameters(1, sub_layers) (E.2.2)."""
    nal, vcl = bits.flag(), bits.flag()
    sub_pictures = False
    if nal or vcl:
        sub_pictures = bits.flag()
        if sub_pictures:
            bits.u(19)
        bits.u(8)  # bit_rate_scale, cpb_size_scale
        if sub_pictures:
            bits.u(4)
        bits.u(15)
    for _ in range(sub_layers + 1):
        fixed_in_general = bits.flag()
        fixed = fixed_in_general or bits.flag()  # fixed_pic_rate_within_cvs_flag
        low_delay = False
        if fixed:
            bits.ue(2047, "elemental_duration_in_tc_minus1")
        else:
            low_delay = bits.flag()
        count = 1 if low_delay else 1 + bits.ue(31, "cpb_cnt_minus1")
        for _ in range(count * (nal + vcl)):  # sub_layer_hrd_parameters (E.2.3)
            for _ in range(4 if sub_pictures else 2):
                bits.ue(name="bit_rate_value_minus1, cpb_size_value_minus1")
            bits.u(1)  # cbr_flag
