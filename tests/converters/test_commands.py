"""Command lines in cards: as a shell takes them, each step of a file's making in its order."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import numpy as np

from edgeqe.converters.commands import command_line, with_command
from edgeqe.converters.graph.graph import Graph
from edgeqe.converters.sources import Source


def test_a_line_is_what_was_given() -> None:
    line = command_line(
        "convert",
        "my model.onnx",
        Path("/far/out file.tflite"),
        float16=True,
        unshare=False,
        seed=None,
        range="0,1",
        max_drop=0.0,
        codec=("jpeg", "hevc"),
    )
    assert shlex.split(line) == [
        "edgeqe",
        "convert",
        "my model.onnx",
        "-o",
        "out file.tflite",
        "--float16",
        "--range",
        "0,1",
        "--max-drop",
        "0",
        "--codec",
        "jpeg",
        "--codec",
        "hevc",
    ]


def test_what_cannot_be_printed_does_not_reach_a_card() -> None:
    line = command_line("convert", os.fsdecode(b"a\xff\n.onnx"), "b.onnx")
    assert line.isprintable() and line.isascii()


def test_the_commands_of_the_source_stay_in_front() -> None:
    graph = Graph("g", {"planes": 1}, "planes", (), {"c": np.ones(1, np.float32)}, {})
    source = Source(graph, lambda planes: np.zeros(0, np.float32), "", "y", ("jpeg",))
    twice = with_command(with_command(source, "first"), "second")
    assert twice.provenance == {"commands": ["first", "second"]}
    assert source.provenance == {}
