"""docs/cameras.md: its code runs as written, its element and options are those that are there."""

import io
import re
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from edgeqe.cli.convert import command
from tests.reference import photograph
from tests.source_tree import ROOT

PAGE = (ROOT / "docs" / "cameras.md").read_text(encoding="utf-8")


def test_the_code_runs() -> None:
    buffers, mjpeg = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    names: dict[str, object] = {}
    exec(buffers.replace("1278, 720, 1280", "70, 48, 80"), names)
    assert "1278, 720, 1280" in buffers and names["height"] == 48
    frame = names["frame"]
    assert isinstance(frame, np.ndarray) and frame.shape == (72, 70) and frame.any()

    coded = io.BytesIO()
    Image.fromarray(photograph("camera", 0, 0, 48, 64)).convert("RGB").save(
        coded, "JPEG", quality=30
    )

    def decode(data: bytes) -> list[Any]:
        with av.open(io.BytesIO(data), "r", format="mjpeg") as container:
            (decoded,) = container.decode(video=0)
        flat: Any = decoded.to_ndarray(format="yuv420p").reshape(-1)
        return [flat[:3072].reshape(48, 64), flat[3072:3840].reshape(24, 32),
                flat[3840:].reshape(24, 32)]  # fmt: skip

    names |= {"jpeg": coded.getvalue(), "decode": decode}
    before = decode(coded.getvalue())[0].copy()
    exec(mjpeg, names)
    after = names["frame"]
    assert isinstance(after, list) and (after[0] != before).any()


def test_the_element_has_the_properties() -> None:
    plugin = (ROOT / "edgeqe" / "gstreamer" / "python" / "gstedgeqe.py").read_text(encoding="utf-8")
    declared = set(re.findall(r'^    "([a-z-]+)": \(', plugin, re.M))
    named = PAGE[PAGE.index("Properties:") :].partition(";")[0]
    assert set(re.findall(r"`([a-z-]+)`", named)) == declared


def test_the_options_are_there() -> None:
    options = {word for parameter in command.params for word in parameter.opts}
    lines = re.findall(r"^edgeqe convert .*$", PAGE, re.M)
    assert lines
    for line in lines:
        assert set(re.findall(r"--[a-z]+", line)) <= options


@pytest.mark.parametrize("name", ["edgeqe-nano", "edgeqe-tiny", "edgeqe-small", "edgeqe-base"])
def test_the_measured_frames_are_those_of_the_results(name: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    row = next(line for line in readme.splitlines() if line.startswith(f"| {name} |"))
    milliseconds = float(row.rstrip(" |").rpartition("|")[2])
    head, measured = (
        next(line for line in PAGE.splitlines() if word in line and line.startswith("|"))
        for word in ("edgeqe-nano", ": measured")
    )
    column = [cell.strip() for cell in head.split("|")].index(name)
    stated = float(measured.split("|")[column])
    assert stated == pytest.approx(1000 / milliseconds, rel=0.02)
