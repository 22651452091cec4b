"""What a new user types: the shell and Python blocks of the pages, and the examples."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

#: How each example is run. Without the package that it names it must say which, in one line.
EXAMPLES = {
    "opencv_camera.py": "in.mp4 --quality 40 --frames 2",
    "pyav_camera.py": "in.mp4 --quality 40",
    "gstreamer_appsink.py": "'videotestsrc num-buffers=2' --quality 40",
    "picamera2_camera.py": "--quality 40",
    "service_fastapi.py": "",
    "service_asyncio.py": "enhanced in.jpg",
    "pool_multiprocessing.py": "photos pooled",
}


@dataclass(frozen=True)
class Step:
    """One command, or one block of Python, as it stands on a page."""

    page: str
    """The file, from the root of the checkout."""
    line: int
    """Where it begins, from 1."""
    text: str
    """A command without the remark behind it, or the lines of a program."""
    language: str
    """``sh`` or ``python``."""

    @property
    def title(self) -> str:
        """The command, or the first line of a program that says something."""
        lines = self.text.splitlines()
        if self.language == "sh":
            return " ".join(lines[0].split())
        said = [line for line in lines if line.startswith(("with ", "report ", "if "))]
        return (said or lines)[0]


def steps_of(root: Path, page: Path) -> list[Step]:
    """Steps of a page, in its order.

    Parameters
    ----------
    root : Path
        Of the checkout.
    page : Path
        Markdown. Blocks of ``sh`` hold commands, one a line or continued by a backslash.
    """
    name, found = page.relative_to(root).as_posix(), list[Step]()
    text = page.read_text(encoding="utf-8")
    for block in re.finditer(r"^```(sh|python)\n(.*?)^```", text, re.M | re.S):
        language, body = block.groups()
        line = text.count("\n", 0, block.start()) + 2
        if language == "python":
            found.append(Step(name, line, body, language))
            continue
        for command in re.finditer(r"^(?:.*\\\n)*.*$", body, re.M):
            typed = re.sub(r"\\\n\s*", "", command[0])
            typed = re.sub(r"\s+#\s.*$", "", typed).strip()
            if typed:
                at = line + body.count("\n", 0, command.start())
                found.append(Step(name, at, typed, "sh"))
    return found


def pages_of(root: Path) -> list[Path]:
    """README and the pages of docs; the reference of names has signatures, no programs."""
    pages = sorted((root / "docs").glob("*.md"))
    return [root / "README.md", *(page for page in pages if page.name != "api.md")]


def example_steps(root: Path) -> list[Step]:
    """Every example of the folder, run as its first lines say."""
    names = sorted(path.name for path in (root / "examples").glob("*.py"))
    return [
        Step(f"examples/{name}", 1, f"python {name} {EXAMPLES[name]}".strip(), "sh")
        for name in names
    ]
