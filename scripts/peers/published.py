"""What papers, or the tables they publish, make of LIVE1 as JPEG: not measured by `scripts/peers`."""

from __future__ import annotations

from dataclasses import dataclass

#: Papers that the figures are taken from, by the name that a row gives.
PAPERS = {
    "ASQE-CNN": "I. Schiopu, A. Munteanu, Deep Learning Post-Filtering Using Multi-Head Attention and "
    "Multiresolution Feature Fusion for Image and Intra-Video Quality Enhancement, Sensors 22 (4), "
    "1353, 2022: tables 3 to 5; kMAC/px and the gray network's parameters follow from its layers",
    "FBCNN": "J. Jiang, K. Zhang, R. Timofte, Towards Flexible Blind JPEG Artifacts Removal, ICCV "
    "2021",
    "ShiftLUT": "X. Zeng et al., ShiftLUT: Spatial Shift Enhanced Look-Up Tables for Efficient Image "
    "Restoration, CVPR 2026: not its own figures, since it prints PSNR-B where others print PSNR, but "
    "its repository's tables of ShiftLUT-L for quality 10, run in NumPy, mean over four turns",
    "SwinIR": "J. Liang et al., SwinIR: Image Restoration Using Swin Transformer, ICCV workshops "
    "2021: table 4; DnCNN-3's kMAC/px follows from its layers",
}

Three = tuple[float | None, float | None, float | None]


@dataclass(frozen=True)
class Published:
    """One network's figures in a paper, at qualities 10, 20 and 40; None where it has none."""

    network: str
    source: str
    """Key of `PAPERS`; not always the paper that the network is from, nor what it prints."""
    psnr: Three
    """LIVE1's luma, dB."""
    models: str = ""
    """Whether there is one model for all qualities, or one for each."""
    kmac_per_pixel: float | None = None
    parameters: str = ""
    ssim: Three = (None, None, None)
    psnr_b: Three = (None, None, None)
    bd_rate_percent: float | None = None
    """Of luma, over qualities 10, 20, 40, 70, 85 and 90."""
    bd_rate_rgb_percent: float | None = None


ONE, EACH = "one for all", "one a quality"

JPEG = Published("JPEG itself", "ASQE-CNN", (27.77, 30.07, 32.35))
DNCNN = Published(
    "DnCNN-3",
    "SwinIR",
    (29.19, 31.59, 33.96),
    ONE,
    665,
    ssim=(0.8123, 0.8802, 0.9247),
    psnr_b=(28.90, 31.07, 33.28),
)
PUBLISHED = (
    JPEG,
    Published(
        "AR-CNN",
        "SwinIR",
        (28.96, 31.29, 33.63),
        EACH,
        ssim=(0.8076, 0.8733, 0.9198),
        psnr_b=(28.77, 30.79, 33.14),
    ),
    Published(
        "ShiftLUT-L",
        "ShiftLUT",
        (29.15, None, None),
        "quality 10 alone",
        parameters="61,133 table entries",
        psnr_b=(28.97, None, None),
    ),
    Published("AR-CNN", "ASQE-CNN", (28.73, 30.89, 33.63), EACH),
    DNCNN,
    Published("DRRN", "ASQE-CNN", (29.21, 31.19, None)),
    Published("ARN", "ASQE-CNN", (29.27, 31.34, 33.13)),
    Published("RED30", "ASQE-CNN", (29.32, 31.69, None)),
    Published("STRNN", "ASQE-CNN", (29.38, 31.72, 34.06)),
    Published(
        "ASQE-CNN",
        "ASQE-CNN",
        (29.42, 31.79, 34.16),
        EACH,
        434,
        "881,943",
        bd_rate_percent=-24.29,
        bd_rate_rgb_percent=-26.59,
    ),
    Published("QGAC", "FBCNN", (29.51, 31.83, 34.16), ONE),
    Published("FBCNN", "FBCNN", (29.75, 32.13, 34.53), ONE, 2700, "71.9 million"),
    Published(
        "SwinIR",
        "SwinIR",
        (29.86, 32.25, 34.67),
        EACH,
        parameters="11.5 million",
        ssim=(0.8287, 0.8909, 0.9317),
        psnr_b=(29.50, 31.70, 33.88),
    ),
)
