"""The Dockerfile by the rules of hadolint that can be checked without it, and what it copies is there."""

import fnmatch
import json
import re
from pathlib import Path

from tests.examples.loading import EXAMPLES
from tests.source_tree import ROOT

FILE = EXAMPLES / "docker" / "Dockerfile"
KNOWN = {*("FROM", "RUN", "COPY", "WORKDIR", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "CMD")}


def instructions(text: str) -> list[tuple[str, str]]:
    """Instructions with their arguments, comments left out and continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(word, rest.strip()) for line in joined.splitlines() if line.strip()
            for word, _, rest in [line.partition(" ")]]  # fmt: skip


def complaints(text: str) -> list[str]:
    """What is wrong, each by hadolint's number."""
    found, user, shells = [], "root", ("CMD", "ENTRYPOINT")
    for word, rest in instructions(text):
        if word == "FROM":
            image = rest.split()[0]
            user = "root"
            if ":" not in image or image.endswith(":latest"):
                found.append(f"DL3006/DL3007: {image} has no version")
            if "--platform" in rest:
                found.append("DL3029: a fixed platform")
        elif word == "USER":
            user = rest
        elif word == "ADD":
            found.append("DL3020: ADD instead of COPY")
        elif word == "WORKDIR" and not rest.startswith("/"):
            found.append("DL3000: WORKDIR is relative")
        elif word == "RUN":
            if re.search(r"pip install|pip wheel", rest) and "--no-cache-dir" not in rest:
                found.append("DL3042: pip keeps a cache")
            if "apt-get install" in rest and not {"--no-install-recommends", "rm"} <= set(
                rest.split()
            ):
                found.append("DL3009/DL3015: apt keeps lists or recommends")
            if re.search(r"\bsudo\b|apt-get upgrade|\bcd /", rest):
                found.append("DL3003/DL3004/DL3005: sudo, upgrade or cd")
            if "|" in rest.replace("||", ""):
                found.append("DL4006: a pipe without pipefail")
            for package in re.findall(r'"([a-z]+)"', rest):
                found.append(f"DL3013: {package} has no version")
        elif word in shells or (word == "HEALTHCHECK" and "CMD" in rest):
            try:
                json.loads(rest[rest.index("[") :])
            except ValueError:
                found.append(f"DL3025: {word} is no JSON")
        if word not in KNOWN and word != "ADD":
            found.append(f"{word} is not known here")
    if user in ("root", "0"):
        found.append("DL3002: the last user is root")
    return found


def test_the_dockerfile_is_clean() -> None:
    assert complaints(FILE.read_text(encoding="utf-8")) == []


def test_the_rules_find_what_is_wrong() -> None:
    bad = (
        'FROM python\nWORKDIR app\nADD . .\nRUN pip install uvicorn "fastapi" | cat\nCMD uvicorn\n'
    )
    assert [line.split(":")[0] for line in complaints(bad)] == [
        "DL3006/DL3007", "DL3000", "DL3020", "DL3042", "DL4006", "DL3013", "DL3025", "DL3002",
    ]  # fmt: skip


def test_what_is_copied_is_there_and_not_ignored() -> None:
    ignore = (EXAMPLES / "docker" / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    taken = [line[1:] for line in ignore.splitlines() if line.startswith("!")]
    assert all((ROOT / name).exists() for name in taken)
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    rooms = re.findall(r'^"edgeqe\.\w+" = "(\w+)"$', pyproject, re.M)
    assert rooms and {*rooms, "edgeqe", "pyproject.toml", "README.md", "LICENSE"} <= set(taken)
    for word, rest in instructions(FILE.read_text(encoding="utf-8")):
        if word == "COPY" and "--from" not in rest and not rest.startswith(". "):
            source = rest.split()[0]
            assert (ROOT / source).is_file()
            assert any(fnmatch.fnmatch(source, name) for name in taken)


def test_the_service_is_what_the_image_runs() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert "service_fastapi:app" in text and Path(EXAMPLES / "service_fastapi.py").is_file()
    source = (EXAMPLES / "service_fastapi.py").read_text(encoding="utf-8")
    for name in re.findall(r"\b(EDGEQE_\w+)=", text):
        assert f'"{name}"' in source
