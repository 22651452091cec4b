"""Figures of a group's trainings, printed, and kept for the ledger."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import asqe
import hgrdn
import mvgl
import qp_adaptive
import rrnet
from systems import GROUPS, MEMORY

from edgeqe import Enhancer
from edgeqe.bench.data import folder
from edgeqe.bench.stamp import machine_stamp
from edgeqe.converters.export import export
from edgeqe.converters.sources import freeze_source, from_training
from edgeqe.errors import InputError
from edgeqe.model.catalogue import reproduced_files
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

    Where there is no training, that which edgeqe ships of it.

    Raises
    ------
    InputError
        If there is neither.
    """
    training = out / name
    path = training / f"{name}.onnx"
    weights = training / AVERAGED
    if not weights.is_file():
        shipped = reproduced_files().get(name)
        if shipped is None:
            raise InputError(
                f"'{training}' holds no training, and edgeqe ships no '{name}': run 'reproduce train' "
                "first."
            )
        return shipped
    if not path.is_file() or path.stat().st_mtime < weights.stat().st_mtime:
        export(from_training(training), path)
    return path


def measure(group: str, data: Path, out: Path, freeze_on: Path | None = None) -> None:
    """Measure the reductions of a group on a folder of pictures, print and keep the figures.

    They are printed alone where weights are those that edgeqe ships, without a training here.

    Parameters
    ----------
    group : str
        One of `systems.GROUPS`.
    data : Path
        Folder of test pictures.
    out : Path
        Folder of the trainings.
    freeze_on : Path, optional
        Folder of pictures on which ASQE-CNN's channel attention is frozen.

    Raises
    ------
    InputError
        If a training is missing, or the pictures are.
    """
    names = {recipe: f"{recipe}{REDUCED}" for recipe in GROUPS[group]}
    files = {recipe: exported(name, out) for recipe, name in names.items()}
    if group == "asqe":
        trainings = {recipe: out / name for recipe, name in names.items()}
        frozen = None if freeze_on is None else frozen_file(trainings["asqe-full"], freeze_on)
        rows = asqe.rows(files, trainings, data, frozen)
    else:
        with ExitStack() as stack:
            models = {
                name: stack.enter_context(Enhancer(file, memory_limit=MEMORY))
                for name, file in files.items()
            }
            if group == "rrnet":
                rows = rrnet.rows(models, data)
            elif group == "mvgl":
                rows = mvgl.rows(models, files, data)
            elif group == "hgrdn":
                rows = hgrdn.rows(files, data)
            else:
                rows = qp_adaptive.rows(group, models, data)
    for what, published, ours in rows:
        print(f"{what:60} {published:>22}   {ours}")
    pictures = f"{len(folder(data))} pictures of {data.name}"
    missing = [name for name in names.values() if not (out / name / AVERAGED).is_file()]
    if missing:
        print(
            f"Not kept: {', '.join(missing)} as shipped, there is no training in '{out}'.",
            file=sys.stderr,
        )
        return
    done = [trained(name, out) for name in names.values()]
    command = f"python scripts/reproduce measure {group} --data PICTURES"
    if freeze_on is not None:
        command += " --freeze-on OTHERS"
    write_result(group, command, pictures, [Row(*row) for row in rows], done)


def frozen_file(training: Path, pictures: Path) -> Path:
    """File of a training whose channel attention is frozen on pictures."""
    path = training / f"{training.name}-frozen.onnx"
    export(freeze_source(from_training(training), pictures), path)
    return path


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


def write_result(
    group: str,
    command: str,
    pictures: str,
    rows: Sequence[Row],
    trainings: Sequence[Mapping[str, Any]],
) -> None:
    """Keep a group's figures."""
    stamp = machine_stamp()
    RESULTS.mkdir(exist_ok=True)
    values = {
        "command": command,
        "machine": f"{stamp['cpu']}, {stamp['cpu_count']} cores",
        "pictures": pictures,
        "rows": [asdict(row) for row in rows],
        "trainings": list(trainings),
    }
    with written_whole(RESULTS / f"{group}.json") as path:
        path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
