"""Attack edgeqe with hostile model files and pictures, and with what happens to processes.

``python scripts/attack`` takes less than a minute, ``--full`` hours; ``--resume FILE --seconds 200``
makes pieces of it that go on where the last one ended. Everything runs in child processes. It prints
counts, and fails if a child crashed or hung, an exception was none of edgeqe's, a picture was lost or wrong,
memory grew, or a file was left. SECURITY.md says what is promised.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

#: How much of each part is tried, in a short run and with --full. Those of models are of all files
#: together. `card` and `structure` run what is accepted in sessions of its runtime.
SHARES = {
    "bytes": (400, 70_000),
    "card": (200, 20_000),
    "structure": (200, 20_000),
    "pictures": (400, 20_000),
    "kills": (8, 500),
    "signals": (12, 1_000),
    "fulldisk": (8, 500),
    "forks": (6, 500),
    "interrupts": (60, 5_000),
    "frames": (600, 100_000),
    "sizes": (40, 2_000),
}
#: Parts that are of a model file, and the files of a short run: both formats, floats and integers.
OF_MODELS = ("bytes", "card", "structure")
SHORT = ("nano.float32.onnx", "nano.int8.onnx", "nano.float16.tflite", "nano.int8.tflite")
#: Outcomes that fail the attack.
FAILURES = (
    "crashed", "hung", "foreign exception", "foreign exit", "lost", "wrong", "grown", "leftover",
)  # fmt: skip


def main() -> int:
    """Parse the options, attack, print; the exit code."""
    if sys.argv[1:2] == ["child"]:
        from child import work

        part, model, *numbers = sys.argv[2:]
        work(part, model, *map(int, numbers))
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="all shipped files, all of each part")
    parser.add_argument(
        "--part", action="append", choices=SHARES, help="repeatable; all if left out"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, help="stop after so many")
    parser.add_argument("--resume", type=Path, metavar="FILE",
                        help="keep what was done in FILE, and go on from there")  # fmt: skip
    options = parser.parse_args()
    from parent import attack
    from progress import Progress

    from edgeqe.model.catalogue import MODELS

    files = sorted(path for path in MODELS.iterdir() if path.suffix in (".onnx", ".tflite"))
    if not options.full:
        files = [path for path in files if path.name.endswith(SHORT)]
    progress = Progress(options.resume, options.seed, full=options.full)
    deadline = time.monotonic() + (options.seconds or (80_000.0 if options.full else 45.0))
    parts = options.part or list(SHARES)
    for place, part in enumerate(parts):
        # a short run gives each part its share of the time, a full one finishes them in order
        now = time.monotonic()
        until = deadline if options.full else now + (deadline - now) / (len(parts) - place)
        models = files if part in OF_MODELS else [Path("-")]
        share = -(-SHARES[part][options.full] // len(models))
        for model in models:
            first = progress.next(part, model.name)
            found, following = attack(part, str(model), options.seed, first, share, until)
            progress.add(part, model.name, found, following)
        print(progress.line(part, share * len(models)), flush=True)
    bad = sum(progress.total(name) for name in FAILURES)
    print(
        f"{progress.total('tried')} attacks on {len(files)} model files and the rest: {bad} failures"
    )
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
