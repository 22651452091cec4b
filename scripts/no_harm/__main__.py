"""Shows whether a model harms pictures, at many strengths of a codec: photographs and drawn pictures.

Usage: ``python scripts/no_harm [MODEL ...] [--codec CODEC] [--data DIR] [--only photographs|drawn] [--threads N]``.
A MODEL is a name of a shipped one or a path; the shipped networks in float32 that serve the codec if
none is given. Photographs are scikit-image's colour ones, as they are and downscaled by 0.7, and those of
DIR downscaled by 0.7, as luma and as RGB. Drawn pictures are twenty that no training draws, as RGB, of JPEG
as 4:2:0 and as 4:4:4. Everything is 8 bits in and out, on the device's own way.
Needs an environment with ONNX Runtime, Pillow, scikit-image, for codecs other than JPEG and JPEG 2000 their
encoders and, for the drawn pictures' fonts, matplotlib. Exit codes: 0 no harm, 1 harm, 2 something is
wrong or missing, 3 a runtime is absent.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from measuring import KINDS, STRENGTHS, measure
from ruling import failures, rules, table_of

from edgeqe import Enhancer
from edgeqe.cli.progress import phases
from edgeqe.coding import RatePoint
from edgeqe.errors import EdgeqeError
from edgeqe.model.serving import serving_models


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(prog="no_harm", description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help="name of a shipped one, or path")
    parser.add_argument(
        "--codec", choices=tuple(STRENGTHS), default="jpeg", help="jpeg if left out"
    )
    parser.add_argument("--data", type=Path, help="folder of more photographs, downscaled by 0.7")
    parser.add_argument("--only", choices=KINDS, help="photographs, or drawn pictures alone")
    parser.add_argument("--threads", type=int, help="all processors if left out")
    given = parser.parse_args()
    names = given.models or _serving(given.codec)
    points = [RatePoint(given.codec, value) for value in STRENGTHS[given.codec]]
    kinds = (given.only,) if given.only else KINDS
    broken = 0
    try:
        with ExitStack() as stack, phases(hide=False) as progress:
            networks = {
                name: stack.enter_context(Enhancer(name, threads=given.threads)) for name in names
            }
            rows = measure(networks, kinds, given.data, points, progress)
    except EdgeqeError as error:
        print(f"no_harm: {error}", file=sys.stderr)
        return error.exit_code
    for name in names:
        own = [row for row in rows if row.model == name]
        print(f"{name}: {networks[name].info.runtime} {networks[name].info.runtime_version}")
        print("\n".join(table_of(own)), end="\n\n")
        found = failures(own)
        broken += len(found)
        for line in found or [f"no harm: {rules(kinds)}"]:
            print(f"{name}: {line}")
        print()
    return 1 if broken else 0


def _serving(codec: str) -> list[str]:
    """Shipped networks that serve a codec, in float32."""
    return [f"{name}:float32" for name in serving_models(codec)]


if __name__ == "__main__":
    sys.exit(main())
