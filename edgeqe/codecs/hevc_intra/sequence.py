"""A sequence's parameters as far as this decoder takes them: clause 7.4.3.2."""

from __future__ import annotations

from edgeqe.codecs.bits import BitReader
from edgeqe.codecs.coded import damaged
from edgeqe.codecs.hevc_intra.units import outside_profiles
from edgeqe.codecs.hevc_sps import HevcSps, read_sps
from edgeqe.codecs.hevc_vui import skip_vui

#: MaxLumaPs of level 7.2, the largest of annex A: no picture has more luma samples.
MAX_LUMA_SAMPLES = 142_606_336

RANGE_TOOLS = (
    "transform_skip_rotation",
    "transform_skip_context",
    "implicit_rdpcm",
    "explicit_rdpcm",
    "extended_precision_processing",
    "intra_smoothing_disabled",
    "high_precision_offsets",
    "persistent_rice_adaptation",
    "cabac_bypass_alignment",
)


def read_sequence(rbsp: bytes) -> tuple[int, HevcSps]:
    """A sequence parameter set whose pictures can be decoded, and its identifier.

    Raises
    ------
    ImageError
        If it breaks the standard, or needs a tool that is not there.
    """
    bits = BitReader(rbsp, "HEVC SPS")
    identifier, sps = read_sps(bits)
    _check_samples(sps)
    _check_blocks(sps)
    if sps.has_vui:
        skip_vui(bits, sps.sub_layers)
    _check_extensions(bits)
    return identifier, sps


def luma_window(sps: HevcSps) -> tuple[int, int, int, int]:
    """Conformance window in luma samples: left, right, top, bottom (ends exclusive).

    Raises
    ------
    ImageError
        If it is empty.
    """
    left, right, top, bottom = (value << sps.has_chroma for value in sps.window)
    if left + right >= sps.width or top + bottom >= sps.height:
        raise damaged("the conformance window of an HEVC SPS is empty")
    return left, sps.width - right, top, sps.height - bottom


def _check_samples(sps: HevcSps) -> None:
    if sps.sub_layers > 6:
        raise damaged(f"an HEVC SPS says {sps.sub_layers} for sps_max_sub_layers_minus1")
    if sps.chroma_format > 1:
        raise outside_profiles(f"{'4:2:2' if sps.chroma_format == 2 else '4:4:4'} chroma")
    luma_window(sps)
    if sps.bit_depth not in (8, 10):
        raise outside_profiles(f"{sps.bit_depth} bit luma")
    if sps.has_chroma and sps.chroma_bit_depth != sps.bit_depth:
        raise outside_profiles(f"{sps.bit_depth} bit luma with {sps.chroma_bit_depth} bit chroma")
    if (sps.width | sps.height) & (1 << sps.log2_smallest_block) - 1:
        raise damaged(
            f"the size {sps.width}x{sps.height} of an HEVC SPS is no multiple of the smallest "
            "coding block"
        )
    if sps.width * sps.height > MAX_LUMA_SAMPLES:
        raise outside_profiles(f"a picture of {sps.width}x{sps.height}, which no level allows")


def _check_blocks(sps: HevcSps) -> None:
    block, ctb = sps.log2_smallest_block, sps.log2_ctb
    if not 4 <= ctb <= 6:
        raise damaged(f"an HEVC SPS says coding tree blocks of {1 << ctb} samples")
    smallest, largest = sps.log2_smallest_transform, sps.log2_largest_transform
    if smallest >= block or largest > min(ctb, 5):
        raise damaged(f"an HEVC SPS says transform blocks of {1 << smallest} to {1 << largest}")
    if sps.intra_depth > ctb - smallest:
        raise damaged(f"an HEVC SPS says {sps.intra_depth} for max_transform_hierarchy_depth_intra")
    pcm = sps.pcm
    if pcm is None:
        return
    if max(pcm.luma_bits, pcm.chroma_bits) > sps.bit_depth:
        raise damaged(f"an HEVC SPS says PCM of {max(pcm.luma_bits, pcm.chroma_bits)} bits")
    if pcm.log2_smallest < min(block, 5) or pcm.log2_largest > min(ctb, 5):
        sides = f"{1 << pcm.log2_smallest} to {1 << pcm.log2_largest}"
        raise damaged(f"an HEVC SPS says PCM blocks of {sides} samples")


def _check_extensions(bits: BitReader) -> None:
    if not bits.flag():  # sps_extension_present_flag
        return
    in_range, multilayer, three_d, screen = (bits.flag() for _ in range(4))
    others = bits.u(4)
    for present, name in ((multilayer, "multilayer"), (three_d, "3D"), (screen, "screen content")):
        if present:
            raise outside_profiles(f"the {name} extension")
    if others:
        raise outside_profiles("an extension of a later edition (sps_extension_4bits)")
    if in_range:
        for tool in RANGE_TOOLS:
            if bits.flag():
                raise outside_profiles(f"{tool} of the range extensions")
