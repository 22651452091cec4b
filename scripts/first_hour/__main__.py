"""Runs what README, docs and examples tell a new user to type, in an empty environment of the wheel.

Usage: ``python scripts/first_hour [--extras EXTRAS ...] [--only PAGE ...] [--limit SECONDS]``.
For each EXTRAS, ort,files and tflite,files if none is given, it makes a virtual environment with the
wheel of this checkout alone, and runs every shell block and the programs of README.md and docs/*.md in
order, each page in a folder of its own that holds a user's pictures, then every example. A command
that needs another package must say so in one line that names the command to install it. What is not
run is listed with the reason. Needs ``build`` and ``setuptools``, and a package index.
Exit codes: 0 all ran or said what they need, 1 something failed.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import environment
from pages import Step, example_steps, pages_of, steps_of
from rules import Outcome, judged, made_by, reason_not_to_run

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ("ort,files", "tflite,files")
#: Longest time of one step, in seconds.
LIMIT = 300.0


def main() -> int:
    """Run all of it and print a table for each environment."""
    parser = argparse.ArgumentParser(prog="first_hour", description=__doc__.partition("\n")[0])
    parser.add_argument("--extras", action="append", help="such as ort,files; repeatable")
    parser.add_argument("--only", action="append", metavar="PAGE",
                        help="such as README.md or examples; repeatable")  # fmt: skip
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds of one step")
    given = parser.parse_args()
    sys.path.insert(0, str(ROOT / "scripts"))
    from check_wheel import build_wheel

    failed = 0
    with tempfile.TemporaryDirectory(prefix="first-hour-") as name:
        wheel = build_wheel(Path(name))
        for extras in given.extras or EXTRAS:
            folder = Path(name) / extras.replace(",", "-")
            programs = environment.make(folder / "venv", wheel, extras)
            print(f"\nan environment of [{extras}]\n")
            failed += run_all(folder, programs, given.only or (), given.limit)
    return int(failed > 0)


def run_all(folder: Path, programs: Path, only: list[str] | tuple[()], limit: float) -> int:
    """Run all steps in one environment, a line each; how many failed."""
    groups = [steps_of(ROOT, page) for page in pages_of(ROOT)] + [example_steps(ROOT)]
    counts: dict[str, int] = {}
    for number, steps in enumerate(groups):
        steps = [step for step in steps if not only or step.page.startswith(tuple(only))]
        if not steps:
            continue
        place = folder / str(number)
        place.mkdir()
        if steps[0].page != "README.md":  # which makes its own
            environment.fill(place, programs)
        for example in (ROOT / "examples").glob("*.py") if steps[0].page.startswith("ex") else ():
            shutil.copy(example, place)
        missing, earlier = set[str](), ""
        for step in steps:
            start = time.monotonic()
            text = earlier + step.text if step.language == "python" else step.text
            outcome, status = run(step, text, place, programs, missing, limit)
            if outcome.verdict == "ran":
                earlier = text if step.language == "python" else earlier
            else:
                missing |= made_by(step)
            counts[outcome.verdict] = counts.get(outcome.verdict, 0) + 1
            where = f"{step.page}:{step.line}"
            seconds = "" if status is None else f"{time.monotonic() - start:.1f} s"
            shown = "" if status is None else str(status)
            print(f"{where:28} {shown:>4} {seconds:>8}  {outcome.verdict:8} {step.title[:80]}")
            if outcome.reason:
                print(f"{'':43} {outcome.reason}")
            sys.stdout.flush()
    print("\n" + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return counts.get("FAILED", 0)


def run(
    step: Step, text: str, place: Path, programs: Path, missing: set[str], limit: float
) -> tuple[Outcome, int | None]:
    """Run one step where nothing is against it; its outcome and exit status."""
    reason = reason_not_to_run(step, missing)
    if reason:
        return Outcome("not run", reason), None
    command = ["bash", "-c", text]
    if step.language == "python":
        program = place / "program.py"  # a file, as worker processes load it too
        program.write_text(text, encoding="utf-8")
        command = [str(programs / "python"), program.name]
    try:
        done = subprocess.run(
            command, cwd=place, env=environment.variables(programs), capture_output=True, text=True,
            check=False, stdin=subprocess.DEVNULL, timeout=limit,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Outcome("FAILED", f"took more than {limit:g} s"), None
    return judged(step, done.returncode, done.stdout, done.stderr), done.returncode


if __name__ == "__main__":
    sys.exit(main())
