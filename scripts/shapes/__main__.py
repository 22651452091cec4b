"""Candidate shapes of edgeqe's networks: gain after a short training, against measured latency.

Usage: ``python scripts/shapes SHAPE... --data DATA [--steps N] [--batch N] [--crop N] [--out DIR]``.
A SHAPE is WIDTHxDEPTH, such as 32x4 for `zoo.plain.plain(width=32, depth=4)`, or a name of the
zoo. All are trained on the same batches; every one is written in float32 and INT8 for both
runtimes, and the files take turns enhancing 1280x720 planes on two threads. Prints a Markdown
table, whose INT8 loss is that on the calibration pictures, in dB at quality 10, 20, 40, 60, 80
and 90, the largest. Close all else first: latencies are what it is for.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edgeqe.runtimes.quiet import quiet_start

with quiet_start():
    from candidates import Candidate, built
    from latency import race
    from short_training import train_together

from edgeqe.errors import EdgeqeError

QUALITIES = (10, 40)


def main() -> int:
    """Train, write, race, print."""
    parser = argparse.ArgumentParser(prog="shapes", description=__doc__.partition("\n")[0])
    parser.add_argument("shapes", nargs="+", metavar="SHAPE", help="32x4, or a name of the zoo")
    parser.add_argument("--data", type=Path, required=True, help="data folder, with 'free' in it")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=16, help="crops a step")
    parser.add_argument("--crop", type=int, default=96, help="side of a crop, pixels")
    parser.add_argument("--out", type=Path, default=Path("runs/shapes"), help="for the files")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    try:
        trained = train_together(
            {shape: built(shape) for shape in given.shapes},
            given.data,
            given.out,
            given.steps,
            given.batch,
            given.crop,
            QUALITIES,
        )
        candidates = [
            Candidate.write(shape, found.model, given.data, given.out)
            for shape, found in trained.items()
        ]
        latencies = race([file for c in candidates for file in c.files.values()])
    except EdgeqeError as error:
        print(f"shapes: {error}", file=sys.stderr)
        return error.exit_code
    print_table(candidates, {shape: found.gains for shape, found in trained.items()}, latencies)
    return 0


def print_table(
    candidates: list[Candidate], gains: dict[str, dict[str, float]], latencies: dict[Path, float]
) -> None:
    """One row a shape."""
    files = list(candidates[0].files)
    protocols = [f"{p} q{q}" for q in QUALITIES for p in ("gray", "planes")]
    heads = ["shape", "kMAC/px", *protocols, "INT8 loss, dB", *(f"{file}, ms" for file in files)]
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    for candidate in candidates:
        gain = gains[candidate.shape]
        cells = [
            candidate.shape,
            f"{candidate.kmac:.1f}",
            *(f"{gain[protocol]:+.3f}" for protocol in protocols),
            f"{candidate.loss_db:.3f}",
            *(f"{latencies[candidate.files[file]]:.1f}" for file in files),
        ]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    sys.exit(main())
