"""Packs a training into one folder, and runs it on a machine with a GPU, inside given seconds.

Usage::

    python scripts/accelerated pack RECIPE --data DATA -o FOLDER [--wheels] [--checkpoint TRAINING]
    python scripts/accelerated run FOLDER --out OUT --seconds N [--backend jax|torch|tensorflow]

`pack` needs what `edgeqe train` needs. `run` needs this repository, the folder, Python 3.10 or
later with NumPy, Pillow and JAX or PyTorch; Keras and the rest come from the folder's wheels
where they are not installed; TensorFlow is not needed. What `run` wrote, ``OUT/RECIPE``, goes on
anywhere by ``edgeqe train RECIPE --resume --out OUT``, on any backend.
Exit codes: 0 done, 1 ended by the clock before it had finished, 2 something is wrong or missing.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
if str(REPOSITORY) not in sys.path:  # that machine has nothing installed
    sys.path.insert(0, str(REPOSITORY))

from bound import Bound, TimeUp  # noqa: E402  # behind the path above
from contents import LIMIT, MEGABYTE  # noqa: E402
from wheels import PYTHON, unpacked  # noqa: E402

from edgeqe.errors import EdgeqeError  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """What may be given."""
    made = argparse.ArgumentParser(prog="accelerated", description=__doc__.partition("\n")[0])
    verbs = made.add_subparsers(dest="verb", required=True)
    packing = verbs.add_parser("pack", help="put what a training needs into one folder")
    packing.add_argument("recipe", help="a shipped recipe's name or a TOML file")
    packing.add_argument("--data", type=Path, required=True, help="as of 'edgeqe train'")
    packing.add_argument("-o", "--folder", type=Path, required=True, help="where to write")
    packing.add_argument("--checkpoint", type=Path, metavar="TRAINING",
                         help="folder of a training of this recipe, to go on with")  # fmt: skip
    packing.add_argument("--trainings", type=Path, default=Path("runs"),
                         help="folder of the training that the recipe starts from (%(default)s)")  # fmt: skip
    packing.add_argument("--wheels", nargs="?", const=PYTHON, metavar="PYTHON",
                         help="add Keras, optree and Pillow for Linux on x86-64 with this version "
                              f"of Python ({PYTHON} if none is named)")  # fmt: skip
    packing.add_argument("--megabytes", type=float, default=LIMIT / MEGABYTE,
                         help="most that the folder may take, wheels included (%(default)g)")  # fmt: skip
    running = verbs.add_parser("run", help="run a packed training")
    running.add_argument("folder", type=Path, help="what pack wrote")
    running.add_argument("--out", type=Path, required=True,
                         help="folder of the trainings; this one gets a sub-folder, and goes on "
                              "with the checkpoint there, else with the packed one")  # fmt: skip
    running.add_argument("--seconds", type=float, required=True, help="it ends inside these")
    running.add_argument("--backend", choices=["jax", "torch", "tensorflow"], default="jax",
                         help="what Keras runs on (%(default)s)")  # fmt: skip
    running.add_argument("--workers", type=int, default=max(1, _cores() - 1),
                         help="processes that make batches (%(default)s); with another number come "
                              "other batches")  # fmt: skip
    return made


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> int:
    """Pack or run."""
    options = parser()
    given = options.parse_args()
    try:
        if given.verb == "pack":
            limit = int(given.megabytes * MEGABYTE)
            if not 0 < limit <= LIMIT:
                options.error(f"--megabytes must be above 0, at most {LIMIT // MEGABYTE}.")
            from packing import pack

            packed = pack(
                given.recipe,
                given.data,
                given.folder,
                checkpoint=given.checkpoint,
                python=given.wheels,
                limit=limit,
                trainings=given.trainings,
            )
            print("\n".join(packed.lines()))
            return 0
        if given.workers < 1:
            options.error("--workers must be at least 1.")
        bound = Bound(given.seconds)
        os.environ["KERAS_BACKEND"] = given.backend
        with unpacked(given.folder), bound.enforced():
            from running import run  # what it imports may come from the wheels

            run(given.folder, given.out, bound, given.workers, print)
    except TimeUp:
        print(
            f"accelerated: {given.seconds:g} s are over: what was saved last is in '{given.out}'.",
            file=sys.stderr,
        )
        return 1
    except EdgeqeError as error:
        print(f"accelerated: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
