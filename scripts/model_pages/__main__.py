"""A page for each shipped model in docs/models/: crops before and after, gains, speed, memory, licences.

Usage: ``python scripts/model_pages [MODEL ...] [--out DIR]``. Without MODEL every shipped network's
page is written anew; with it those alone, and the overview. Speed is README's published figure:
nothing is timed. Needs ONNX Runtime, Pillow, scikit-image and matplotlib (for the fonts of what is
drawn); of a model that does not serve JPEG the extra ``codecs``. Run it when a shipped file changes; a
test says where a page is older than its model.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pictures import coding_of, measured, sheet
from text import ModelFacts, overview, page_of, published

from edgeqe import EdgeqeError, Enhancer, MemoryLimitError
from edgeqe.model.catalogue import find_model, shipped_files, shipped_models
from edgeqe.model.file import ModelFile

ROOT = Path(__file__).resolve().parents[2]


def least_memory(model: str) -> int:
    """Smallest limit that a model works in with one thread, bytes."""
    try:
        Enhancer(model, memory_limit=1, threads=1).close()
    except MemoryLimitError as error:
        return error.required_bytes
    raise AssertionError("a limit of one byte was enough")


def write_page(name: str, folder: Path) -> None:
    """Measure a model, and write its page and its sheet of crops."""
    model = f"{name}:int8"
    files = {
        full.partition(":")[2]: path.stat().st_size
        for full, path in shipped_files().items() if full.partition(":")[0] == name
    }  # fmt: skip
    with Enhancer(model, threads=1) as enhancer:
        coding = coding_of(enhancer.codecs)
        samples = measured(enhancer, coding)
    facts = ModelFacts(ModelFile(find_model(model)).card, files, least_memory(model))
    sheet(samples, coding).save(folder / f"{name}.webp", lossless=True, quality=100, method=6)
    text = page_of(facts, samples, coding, published(ROOT, name))
    (folder / f"{name}.md").write_text(text, encoding="utf-8")


def main() -> int:
    """Write pages and overview."""
    parser = argparse.ArgumentParser(prog="model_pages", description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help="a shipped network's name")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "models", help="the folder")
    given = parser.parse_args()
    try:
        for name in given.models or shipped_models():
            print(name, flush=True)
            write_page(name, given.out)
        cards = {name: ModelFile(find_model(f"{name}:int8")).card for name in shipped_models()}
    except EdgeqeError as error:
        print(f"model_pages: {error}", file=sys.stderr)
        return error.exit_code
    pages = {path.stem for path in given.out.glob("*.md")}
    rows = {name: published(ROOT, name) for name in cards}
    (given.out / "README.md").write_text(overview(cards, rows, pages), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
