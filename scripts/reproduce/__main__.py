"""Trains the papers' systems, reduced, measures them, and writes docs/REPRODUCTION.md of what was measured.

Usage::

    python scripts/reproduce train GROUP --data DATA [--out runs] [--published]
    python scripts/reproduce measure GROUP --data PICTURES [--out runs]
    python scripts/reproduce try GROUP --data DATA [--steps N] [--batch N]
    python scripts/reproduce ledger

GROUP is one of those of ``systems.py``. `train` runs the group's trainings one after another; what
is done is left out, what was begun goes on, so it may be stopped and started at any time.
`measure` prints the figures and keeps them beside this script, where `ledger` reads them; `try` does so with
the first steps of the published trainings. Of mvgl and hgrdn, all of whose weights ship, `measure` prints
without a training.
Exit codes: 0 done, 2 something is wrong or missing, 130 stopped.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from systems import GROUPS

from edgeqe.errors import EdgeqeError


def parser() -> argparse.ArgumentParser:
    """What may be given."""
    made = argparse.ArgumentParser(prog="reproduce", description=__doc__.partition("\n")[0])
    verbs = made.add_subparsers(dest="verb", required=True)
    training = verbs.add_parser("train", help="run the trainings of a group that are not done")
    training.add_argument("group", choices=list(GROUPS))
    training.add_argument("--data", type=Path, required=True, help="as of 'edgeqe train'")
    training.add_argument("--out", type=Path, default=Path("runs"), help="folder of the trainings")
    training.add_argument("--published", action="store_true", help="as the paper has them")
    trying = verbs.add_parser("try", help="run the first steps of a group's published trainings")
    trying.add_argument("group", choices=list(GROUPS))
    trying.add_argument("--data", type=Path, required=True, help="as of 'edgeqe train'")
    trying.add_argument("--steps", type=int, default=10, help="of each (%(default)s)")
    trying.add_argument(
        "--batch", type=int, help="at most so many crops a step, on a small machine"
    )
    measuring = verbs.add_parser("measure", help="measure what a group's trainings reached")
    measuring.add_argument("group", choices=list(GROUPS))
    measuring.add_argument("--data", type=Path, required=True, help="folder of test pictures")
    measuring.add_argument("--out", type=Path, default=Path("runs"), help="folder of the trainings")
    measuring.add_argument("--freeze-on", type=Path, metavar="PICTURES",
                           help="freeze ASQE-CNN's channel attention on these, and measure that too")  # fmt: skip
    verbs.add_parser("ledger", help="write docs/REPRODUCTION.md")
    return made


def main() -> int:
    """Train, measure or write the ledger."""
    given = parser().parse_args()
    try:
        if given.verb == "train":
            from training import train

            train(GROUPS[given.group], given.data, given.out, reduced=not given.published)
        elif given.verb == "try":
            from trying import try_out

            try_out(GROUPS[given.group], given.data, given.steps, given.batch)
        elif given.verb == "measure":
            from measuring import measure

            measure(given.group, given.data, given.out, given.freeze_on)
        else:
            from ledger import write_ledger

            write_ledger()
    except KeyboardInterrupt:
        print("reproduce: stopped; the same command goes on.", file=sys.stderr)
        return 130
    except EdgeqeError as error:
        print(f"reproduce: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
