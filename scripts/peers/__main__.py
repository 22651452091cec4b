"""Measures DnCNN-3, FFmpeg's deblock filter and jpegqs beside the shipped networks: docs/peers.md.

Usage: ``python scripts/peers --data LIVE1 [--dncnn DnCNN3.onnx] [--out docs/peers.md] [--quick]``.
Needs an environment with ONNX Runtime, Pillow, scikit-image, scipy and the converter's packages;
PyAV (``pip install av``) for FFmpeg's filter, and the program jpegqs. The pictures are references in colour. Takes
fifteen minutes on two cores; five with ``--quick``, which gives no BD-rate. Close all else first.
Exit codes: 0 done, 2 something is wrong or missing, 3 a runtime is absent.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from measuring import measure_all
from page import SHOWN, page

from edgeqe.bench.data import folder
from edgeqe.bench.latency import Effort
from edgeqe.bench.request import FULL_QUALITIES, FULL_SECONDS
from edgeqe.cli.progress import phases
from edgeqe.errors import EdgeqeError

REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> int:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(prog="peers", description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of pictures, as LIVE1")
    parser.add_argument("--dncnn", type=Path, help="ONNX file of DnCNN-3, gray, float 0 to 1")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "peers.md")
    parser.add_argument("--quick", action="store_true", help="qualities 10, 20 and 40 alone")
    given = parser.parse_args()
    if not given.out.parent.is_dir():
        parser.error(f"--out {given.out}: there is no folder {given.out.parent}")
    qualities = SHOWN if given.quick else FULL_QUALITIES
    effort = Effort() if given.quick else Effort(seconds=FULL_SECONDS)
    try:
        with phases(hide=False) as progress:
            figures = measure_all(folder(given.data), given.dncnn, qualities, effort, progress)
    except EdgeqeError as error:
        print(f"peers: {error}", file=sys.stderr)
        return error.exit_code
    given.out.write_text(page(figures), encoding="utf-8")
    print(f"{given.out}: {len(figures['networks'])} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
