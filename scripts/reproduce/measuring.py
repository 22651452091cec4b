"""Figures of a group's trainings, printed, and kept for the ledger."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import qp_adaptive
from systems import GROUPS

from edgeqe import Enhancer
from edgeqe.bench.stamp import machine_stamp
from edgeqe.converters.export import export
from edgeqe.converters.sources import from_training
from edgeqe.errors import InputError
from edgeqe.reports.output_file import written_whole
from edgeqe.zoo.training.files import AVERAGED, read_progress
from edgeqe.zoo.training.recipe import REDUCED, read_recipe

RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Row:
    """A published figure beside ours."""

    what: str
    published: str
    ours: str


def exported(name: str, out: Path) -> Path:
    """Float32 ONNX file of a training, written anew where the training has gone on.

    Raises
    ------
    InputError
        If the folder is not a training's.
    """
    folder = out / name
    path = folder / f"{name}.onnx"
    weights = folder / AVERAGED
    if not weights.is_file():
        raise InputError(f"'{folder}' holds no training: run 'reproduce train' first.")
    if not path.is_file() or path.stat().st_mtime < weights.stat().st_mtime:
        export(from_training(folder), path)
    return path


def measure(group: str, data: Path, out: Path) -> None:
    """Measure the reductions of a group on a folder of pictures, print and keep the figures.

    Raises
    ------
    InputError
        If a training is missing, or the pictures are.
    """
    names = [f"{recipe}{REDUCED}" for recipe in GROUPS[group]]
    with ExitStack() as stack:
        models = {
            recipe: stack.enter_context(Enhancer(exported(f"{recipe}{REDUCED}", out)))
            for recipe in GROUPS[group]
        }
        rows = qp_adaptive.rows(group, models, data)
    for row in rows:
        print(f"{row[0]:58} {row[1]:>12} {row[2]:>12}")
    write_result(group, [Row(*row) for row in rows], [trained(name, out) for name in names])


def trained(name: str, out: Path) -> Mapping[str, Any]:
    """What a training was: steps, minutes, batch, data."""
    progress, recipe = read_progress(out / name), read_recipe(name)
    return {
        "name": name,
        "steps": progress.steps,
        "minutes": progress.minutes,
        "precision": progress.precision,
        "batch": recipe.batch,
        "crop": recipe.crop,
        "data": recipe.data,
    }


def write_result(group: str, rows: Sequence[Row], trainings: Sequence[Mapping[str, Any]]) -> None:
    """Keep a group's figures."""
    stamp = machine_stamp()
    RESULTS.mkdir(exist_ok=True)
    values = {
        "command": f"python scripts/reproduce {shlex.join(sys.argv[1:])}",
        "machine": f"{stamp['cpu']}, {stamp['cpu_count']} cores",
        "rows": [asdict(row) for row in rows],
        "trainings": list(trainings),
    }
    with written_whole(RESULTS / f"{group}.json") as path:
        path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
