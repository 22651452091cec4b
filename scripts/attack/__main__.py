"""Attack the readers and runtimes with mutants of the shipped model files.

``python scripts/attack`` takes less than a minute, ``--full`` hours. Every mutant is read in a child
process, the structured ones run in sessions of their runtime too. It prints counts, and fails if a
child crashed or hung, or an exception was none of edgeqe's. SECURITY.md says what is promised.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

#: Mutants of all files together, by kind: in a short run, and with --full.
SHARES = {"bytes": (600, 70_000), "card": (250, 20_000), "structure": (250, 20_000)}
#: Files of a short run: both formats, floats and integers.
SHORT = ("nano.float32.onnx", "nano.int8.onnx", "nano.float16.tflite", "nano.int8.tflite")


def main() -> int:
    """Parse the options, attack, print; the exit code."""
    if sys.argv[1:2] == ["child"]:
        from child import work

        model, kind, *numbers = sys.argv[2:]
        found = work(Path(model), kind, *map(int, numbers), sessions=kind != "bytes")
        print("\n".join(f"{name}={count}" for name, count in found.items()))
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="all shipped files, 110,000 mutants")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, help="stop after so many")
    options = parser.parse_args()
    from parent import attack

    from edgeqe.model.catalogue import MODELS

    files = sorted(path for path in MODELS.iterdir() if path.suffix in (".onnx", ".tflite"))
    if not options.full:
        files = [path for path in files if path.name.endswith(SHORT)]
    seconds = options.seconds or (40_000.0 if options.full else 45.0)
    deadline, total = time.monotonic() + seconds, Counter[str]()
    for kind, counts in SHARES.items():
        found = Counter[str]()
        for path in files:
            share = -(-counts[options.full] // len(files))
            found += attack(path, kind, options.seed, share, deadline)
        print(f"{kind}: " + ", ".join(f"{count} {name}" for name, count in sorted(found.items())))
        total += found
    bad = total["crashed"] + total["hung"] + total["foreign exception"]
    print(f"{total['mutants']} mutants of {len(files)} files: {bad} failures")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
