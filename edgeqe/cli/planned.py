"""``edgeqe enhance`` of a folder that ``edgeqe plan`` wrote: each picture by its own network."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from edgeqe.cli.account import Account
from edgeqe.cli.jobs import FileJob, expanded, make_folders, plan

if TYPE_CHECKING:
    from edgeqe.cli.whole_process import PeakGuard
    from edgeqe.planned import PlannedFolder

#: Options of ``edgeqe enhance`` that a plan leaves without a meaning, by their parameters.
DECIDED = ("model", "quality", "qp", "rate", "codec", "amount", "ensemble", "recursive")
#: Options of the call for each file.
OF_FILES = ("overwrite", "output_quality", "accept_truncated")


def asked_folder(inputs: Sequence[str]) -> str | None:
    """The input, if it is a folder with a plan.

    Raises
    ------
    InputError
        If it is not the only one.
    """
    from edgeqe.errors import InputError
    from edgeqe.planned import MANIFEST_NAME, has_plan

    named = expanded(inputs)
    found = next((name for name in named if has_plan(name)), None)
    if found is not None and len(named) > 1:
        raise InputError(
            f"'{found}' has a plan ({MANIFEST_NAME}), which says what is done with its pictures: enhance "
            "it alone."
        )
    return found


def enhance(source: str, output: str | None, context: click.Context) -> None:
    """Enhance a folder as its plan says, and print what was done.

    Raises
    ------
    InputError
        If an option contradicts the plan, or as of `edgeqe.planned.read_planned`.
    """
    import warnings

    from edgeqe.cli.enhance import enhance_jobs
    from edgeqe.cli.networks import model_file, tell_target
    from edgeqe.cli.whole_process import PeakGuard
    from edgeqe.engine.memory import parse_size
    from edgeqe.errors import InputError
    from edgeqe.files.lossy import check_quality
    from edgeqe.files.writing import format_of
    from edgeqe.planned import MANIFEST_NAME, Unchanged, open_network, read_planned
    from edgeqe.runtimes.quiet import quiet_start

    words = context.params
    given = [
        f"--{name}"
        for name in DECIDED
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    ]
    if given:
        raise InputError(
            f"the plan of '{source}' says how its pictures are enhanced: leave out "
            f"{', '.join(given)}, or remove {Path(source, MANIFEST_NAME)}."
        )
    folder = read_planned(source)
    jobs = _jobs(folder, output, words)
    first = next((job.destination for job in jobs.values() if not job.skipped), "")
    if first:
        check_quality(words["output_quality"], format_of(first), first)
    limit = parse_size(words["memory_limit"])
    pixel_limit = round(words["max_megapixels"] * 1e6)
    account = Account(list(jobs.values()), to_stdout=False, as_json=words["as_json"])
    guard = PeakGuard(limit, pixel_limit=pixel_limit)
    if words["dry_run"]:
        _dry_run(folder, jobs, account, guard)
        return
    opening = {
        name: words[name]
        for name in ("target", "memory_limit", "threads", "allow_fallback", "trust")
    }
    infos: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about damaged metadata
        make_folders(list(jobs.values()))
        try:
            for model, pictures in folder.by_network():
                with quiet_start():
                    opened = open_network(model and model_file(model), **opening)
                with opened as enhancer:
                    account.network = _name(folder, model)
                    if not isinstance(opened, Unchanged):
                        infos[account.network] = opened.info
                        if not account.as_json:
                            tell_target(opened.info, words["target"])
                    enhance_jobs(
                        enhancer,
                        [jobs[picture.file] for picture in pictures],
                        account,
                        guard,
                        alone=False,
                        pixel_limit=pixel_limit,
                        **{name: words[name] for name in OF_FILES},
                    )
        finally:  # an interrupt too leaves the report of what was done
            account.show(infos)
    account.check()


def _jobs(
    folder: PlannedFolder, output: str | None, words: Mapping[str, Any]
) -> dict[str, FileJob]:
    """What is to be done with each planned picture, by its name; others of the folder are left out.

    Raises
    ------
    InputError
        As of `jobs.plan`, or if one is not among the pictures that are taken of a folder.
    """
    from edgeqe.errors import InputError

    found = plan(
        [str(folder.path)],
        output,
        suffix=words["suffix"],
        overwrite=words["overwrite"],
        skip_existing=words["skip_existing"],
    )
    by_source = {os.path.normpath(job.source): job for job in found}
    jobs = {p.file: by_source.get(os.path.normpath(folder.path / p.file)) for p in folder.pictures}
    lost = next((name for name, job in jobs.items() if job is None), None)
    if lost is not None:
        raise InputError(
            f"{folder.path / lost} lies behind a link to a folder, or in {output}: name another -o, or put "
            "the folder itself there."
        )
    return {name: job for name, job in jobs.items() if job is not None}


def _dry_run(
    folder: PlannedFolder, jobs: Mapping[str, FileJob], account: Account, guard: PeakGuard
) -> None:
    """Tell what would be done."""
    from edgeqe.cli.dry_run import tried

    for model, pictures in folder.by_network():
        account.network = _name(folder, model)
        for picture in pictures:
            row, told = tried(jobs[picture.file], model, None, guard, by_pixels=False)
            account.add(row)
            if told and not account.as_json:
                click.echo(f"{told}  by {account.network}")
    account.show()
    account.check()


def _name(folder: PlannedFolder, model: str | None) -> str:
    """Name of a network in the report: of a model file its path below the folder."""
    if model is None:
        return "no network"
    path = Path(model)
    return path.relative_to(folder.path).as_posix() if path.is_relative_to(folder.path) else model
