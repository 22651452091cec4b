"""In a program with asyncio: `asyncio.to_thread`, with as many calls at once as are worth it.

    pip install 'edgeqe[ort,files]'
    python examples/service_asyncio.py enhanced/ photo1.jpg photo2.jpg

There is no `await enhancer.aenhance(...)`: it could only do what the line below does, on a pool of
threads that nobody could choose. An `Enhancer` may be called by any thread, and the runtimes let
go of Python's lock, so `to_thread` keeps the loop free. A call whose task is cancelled runs to its
end on its thread: its picture is written whole or not at all.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from edgeqe import EdgeqeError, Enhancer

#: Calls at once: one call uses all threads of the `Enhancer`, a second reads and writes files meanwhile.
AT_ONCE = 2


async def enhance_all(
    enhancer: Enhancer, sources: Sequence[Path], folder: Path
) -> dict[Path, EdgeqeError | None]:
    """Enhance files side by side, while the loop does other things.

    Returns
    -------
    dict
        Each source, and why it failed, if it did.
    """
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(source: Path) -> EdgeqeError | None:
        async with turns:
            try:
                target = folder / f"{source.stem}.png"
                await asyncio.to_thread(enhancer.enhance_file, source, target, overwrite=True)
            except EdgeqeError as error:
                return error
            return None

    found = await asyncio.gather(*(one(source) for source in sources))
    return dict(zip(sources, found, strict=True))


def main() -> int:
    """Enhance the files that are named into a folder."""
    if len(sys.argv) < 3:
        print("usage: service_asyncio.py FOLDER FILE...", file=sys.stderr)
        return 2
    folder, *sources = (Path(name) for name in sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    with Enhancer("edgeqe-small") as enhancer:
        found = asyncio.run(enhance_all(enhancer, sources, folder))
    for source, error in found.items():
        print(f"{source}: {error or 'enhanced'}")
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main())
