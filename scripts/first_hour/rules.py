"""What is run of a page, and what counts as an answer."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from pages import Step

#: Commands that are not run, by what they begin with or hold, and why.
NOT_RUN = (
    (r"^pip install '?edgeqe", "done: this is the environment"),
    (r"^pip install", "installs what the page is not about"),
    (r"^(make|sudo|scripts/)|\.venv/", "of a checkout, not of an installation"),
    (r"^edgeqe train ", "hours"),
    (r"^edgeqe bench", "minutes; and without pictures of yours it needs edgeqe[bench]"),
    (r"^(gst-|export GST_)", "needs GStreamer"),
    (r"jetson|board\.toml", "needs that device, or that file"),
    (r"^ray ", "starts a cluster"),
    (r"torch\.onnx", "needs PyTorch"),
    (r"cv2|camera\(\)|decode\(jpeg\)|edgeqe_drift", "needs a camera, or is a part of a program"),
    (r"^(openssl|printf|tail) ", "OpenSSL's own, with the file of a line that needs the host"),
)
#: Verbs, and words of their lines, that may ask for another extra than these environments have.
MAY_ASK = (
    r"edgeqe (convert|quantize|prune|drift|blame|sign|plan)\b|\.mp4|--trust|--ray|^python \w+_"
)
#: What answers for a package that pip does not bring.
_ELSEWHERE = r"pip install|apt install|apt-get install|make gstreamer"


@dataclass(frozen=True)
class Outcome:
    """What became of a step."""

    verdict: str
    """``ran``, ``asks`` (one line that names the command to install what it needs), ``not run`` or
    ``FAILED``."""
    reason: str = ""


def reason_not_to_run(step: Step, missing: Collection[str]) -> str:
    """Why a step is not run; empty where it is.

    Parameters
    ----------
    step : Step
    missing : collection of str
        Files that earlier steps of the page would have made, had they run.
    """
    for pattern, reason in NOT_RUN:
        if re.search(pattern, step.text, re.M):
            return reason
    words = set(re.findall(r"[\w./-]+", step.text)) - made_by(step)
    lost = sorted(words & set(missing))
    return f"needs {lost[0]}, which a line above makes" if lost else ""


def made_by(step: Step) -> set[str]:
    """Files that a command writes, by its -o."""
    return set(re.findall(r"(?:-o|--out) ([\w./-]+)", step.text)) - {"-"}


def judged(step: Step, status: int, output: str, error: str) -> Outcome:
    """What a step that was run came to.

    Each command of a pipe may say for itself what it needs; a program ends in an exception that does.

    Parameters
    ----------
    step : Step
    status : int
        Its exit status.
    output, error : str
        What it printed.
    """
    lines = error.strip().splitlines()
    last = lines[-1] if lines else ""
    program = step.language == "python"
    if "Traceback" in error + output and not (program and re.search(_ELSEWHERE, last)):
        return Outcome("FAILED", f"a traceback: {last}")
    if status == 0:
        return Outcome("ran")
    if lines and all(re.search(_ELSEWHERE, line) for line in (lines[-1:] if program else lines)):
        if re.search(MAY_ASK, step.text):
            return Outcome("asks", last)
        return Outcome("FAILED", f"asks for more than these environments have: {last}")
    return Outcome("FAILED", last or f"exit status {status}, without a word")
