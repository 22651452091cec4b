"""A folder with several processes, each with an `Enhancer` of its own.

    pip install 'edgeqe[ort,files]'
    python examples/pool_multiprocessing.py photos/ enhanced/ --workers 4

Threads that share one `Enhancer` need less memory and do as well in most programs. Processes are for
those that decode or change pictures in Python at length, or where one that dies shall not take the
others with it. Each takes its own limit and runtime: N workers are N times the memory.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from pathlib import Path

from edgeqe import EdgeqeError, Enhancer

SUFFIXES = {".jpg", ".jpeg"}


@cache
def own_enhancer(model: str, memory_limit: str) -> Enhancer:
    """The one of this process, made by its first picture; one thread: the processes are the threads."""
    return Enhancer(model, memory_limit=memory_limit, threads=1)


def enhance(model: str, memory_limit: str, source: Path, target: Path) -> str:
    """Enhance one file; the reason if that fails, else nothing."""
    try:
        own_enhancer(model, memory_limit).enhance_file(source, target)
    except EdgeqeError as error:
        return str(error)
    return ""


def main() -> int:
    """Enhance a folder's JPEGs into another; 1 if some failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--model", default="edgeqe-small")
    parser.add_argument("--memory-limit", default="32MiB", help="of each worker")
    options = parser.parse_args()
    if not options.source.is_dir():
        parser.error(f"{options.source} is no folder")
    files = sorted(p for p in options.source.iterdir() if p.suffix.lower() in SUFFIXES)
    if not files:
        parser.error(f"{options.source} holds no JPEGs")
    options.target.mkdir(parents=True, exist_ok=True)
    failed = 0
    # Spawned, not forked: a process that is forked from one with threads may find locks taken.
    with ProcessPoolExecutor(options.workers, multiprocessing.get_context("spawn")) as pool:
        how = (options.model, options.memory_limit)
        found = {
            path: pool.submit(enhance, *how, path, options.target / f"{path.stem}.png")
            for path in files
        }
        for path, future in found.items():
            try:
                reason = future.result()
            except BrokenProcessPool:
                print(f"{path.name}: a worker died", file=sys.stderr)
                return 1
            failed += bool(reason)
            print(f"{path.name}: {reason or 'enhanced'}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
