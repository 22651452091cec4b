"""What ``edgeqe enhance`` has to do: every file of its inputs, where it goes, or why nothing is done."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgeqe.errors import InputError, MissingFileError

#: What does the clips of a folder.
ARCHIVE = "'edgeqe archive IN OUT' does folders with clips in them"


@dataclass(frozen=True)
class FileJob:
    """One input and where its output goes; ``-`` is standard input or output."""

    source: str
    destination: str
    skipped: str = ""
    """Why nothing is done; then `destination` may be empty."""


def plan(
    inputs: Sequence[str],
    output: str | None,
    *,
    suffix: str,
    overwrite: bool,
    skip_existing: bool = False,
    recursive: bool = True,
) -> list[FileJob]:
    """List what is to be done, every file of a folder included.

    Damaged inputs are not found here, nor missing ones of several: they fail one by one.

    Parameters
    ----------
    inputs : sequence of str
        Files, folders, patterns that no shell expanded, or ``-``.
    output : str, optional
        File or folder.
    suffix : str
        Of the files in an output folder.
    overwrite : bool
        Existing files are replaced.
    skip_existing : bool
        One file whose output exists is skipped too, as those of several or of a folder are.
    recursive : bool
        Sub-folders are taken too.

    Raises
    ------
    InputError
        If anything can be known to fail: a wrong suffix, the one output that exists.
    MissingFileError
        If the one input is missing, or no file fits a pattern.
    """
    from edgeqe.files.writing import FORMATS, check_path

    if not inputs:
        raise InputError("nothing to enhance: name files or folders, or - for standard input.")
    if output is None:
        raise InputError("-o OUT is missing: name a file or a folder, or - for standard output.")
    if suffix.lower() not in FORMATS:
        raise InputError(f"--suffix '{suffix}' is none of {', '.join(FORMATS)}: use one of them.")
    if overwrite and skip_existing:
        raise InputError("--overwrite and --skip-existing exclude each other: give one of them.")
    named = expanded(inputs)
    several = len(named) > 1 or named != list(inputs) or Path(named[0]).is_dir()
    if several and "-" in (output, *named):
        raise InputError("- stands for one picture: name single files, or a folder as -o.")
    into = output != "-" and (several or output.endswith("/") or Path(output).is_dir())
    if not into:
        if named[0] != "-" and not os.path.lexists(named[0]):
            raise MissingFileError(f"{named[0]}: no such file or folder. Check the path.")
        skipped = ""
        if output != "-":
            skipped = _exists(Path(output)) if skip_existing else ""
            check_path(output, overwrite=overwrite or bool(skipped))
        return [FileJob(named[0], output, skipped)]
    folder = Path(output)
    if not folder.is_dir() and folder.suffix.lower() in FORMATS and several:
        raise InputError(f"-o {output} names a file, but several inputs need a folder.")
    _check_folder(folder)
    jobs = _named(
        [(job, folder / below) for job, below in _sources(named, folder, recursive)], suffix
    )
    skip = not overwrite and (several or skip_existing)
    return [_settled(job, overwrite=overwrite, skip_existing=skip) for job in jobs]


def expanded(inputs: Sequence[str]) -> list[str]:
    """Inputs with the files of each pattern in its place; a name that is there is no pattern.

    Raises
    ------
    MissingFileError
        If no file fits a pattern.
    """
    found: list[str] = []
    for name in inputs:
        if os.path.lexists(name) or not glob.has_magic(name):
            found.append(name)
            continue
        fitting = sorted(glob.glob(name, recursive=True))
        if not fitting:
            raise MissingFileError(f"no file fits '{name}'. Check the pattern.")
        found += fitting
    return found


def _sources(
    inputs: Sequence[str], output: Path, recursive: bool
) -> Iterator[tuple[FileJob, Path]]:
    """Give the files, and all those of the folders, each with its sub-folder.

    What an earlier run wrote is left out where the output folder lies in an input.
    """
    from edgeqe.files.folders import list_files, no_pictures

    for name in inputs:
        folder = Path(name)
        if not folder.is_dir():
            yield FileJob(name, ""), Path()
            continue
        inside = folder.resolve() in output.resolve().parents
        files = [
            (file, f"a clip by its suffix: {ARCHIVE}") if why and _is_clip(file) else (file, why)
            for file, why in list_files(folder, recursive=recursive)
        ]
        if all(why for _, why in files):
            if any(_is_clip(file) for file, _ in files):
                raise InputError(f"no pictures in '{folder}', but clips: {ARCHIVE}.")
            raise no_pictures(folder, recursive=recursive)
        for file, why in files:
            if not (inside and file.resolve().is_relative_to(output.resolve())):
                yield FileJob(str(file), "", why), file.parent.relative_to(folder)


def _is_clip(file: Path) -> bool:
    """Whether a file of a folder is a clip by its suffix."""
    from edgeqe.video.containers import is_clip_name

    return is_clip_name(file.name) and file.is_file()


def _named(found: Sequence[tuple[FileJob, Path]], suffix: str) -> list[FileJob]:
    """Jobs with their destinations; inputs of one stem keep their whole names: ``a.jpg.png``.

    A file that is what another becomes is its output, not an input.

    Raises
    ------
    InputError
        If two would become one file all the same.
    """
    plain = [folder / f"{_stem(job.source)}{suffix}" for job, folder in found]
    outputs: dict[str, str] = {}
    for (job, _), path in zip(found, plain, strict=True):
        if not job.skipped and os.path.abspath(path) != os.path.abspath(job.source):
            outputs[os.path.abspath(path)] = job.source
    jobs: dict[int, Path] = {}
    for number, (job, _) in enumerate(found):
        if not job.skipped and os.path.abspath(job.source) not in outputs:
            jobs[number] = plain[number]
    clash = _clashing(jobs)
    while clash:
        longer = {n: found[n][1] / f"{Path(found[n][0].source).name}{suffix}" for n in clash}
        if all(jobs[number] == path for number, path in longer.items()):
            first, second = (found[number][0].source for number in clash[:2])
            raise InputError(
                f"{first} and {second} would both become {plain[clash[0]]}: enhance them into "
                "different folders."
            )
        jobs.update(longer)
        clash = _clashing(jobs)
    made = []
    for number, (job, _) in enumerate(found):
        source = outputs.get(os.path.abspath(job.source), "")
        if number in jobs:
            made.append(replace(job, destination=str(jobs[number])))
        else:
            made.append(
                job if job.skipped else replace(job, skipped=f"it is what {source} becomes")
            )
    return made


def _clashing(jobs: Mapping[int, Path]) -> list[int]:
    """Numbers of the jobs whose destination is another's too, those of one beside each other."""
    taken: dict[Path, list[int]] = {}
    for number, path in jobs.items():
        taken.setdefault(path, []).append(number)
    return [number for numbers in taken.values() if len(numbers) > 1 for number in numbers]


def _stem(source: str) -> str:
    return "stdin" if source == "-" else Path(source).stem


def _settled(job: FileJob, *, overwrite: bool, skip_existing: bool) -> FileJob:
    """FileJob that is skipped if its output is there and may be left out, or is the file itself.

    Raises
    ------
    ImageError
        If its output is there and may be neither left out nor replaced.
    """
    from edgeqe.files.writing import check_path

    if job.skipped:
        return job
    path = Path(job.destination)
    if not overwrite and os.path.abspath(path) == os.path.abspath(job.source):
        return replace(job, skipped="its output would replace it")
    if skip_existing and (skipped := _exists(path)):
        return replace(job, skipped=skipped)
    if path.parent.is_dir():
        check_path(path, overwrite=overwrite)
    return job


def _exists(path: Path) -> str:
    return f"{path} exists" if path.is_file() else ""


def _check_folder(folder: Path) -> None:
    """Refuse an output folder that is there but cannot be used, or cannot be made."""
    nearest = next(p for p in (folder, *folder.absolute().parents) if os.path.lexists(p))
    if not nearest.is_dir():
        raise InputError(f"-o {folder}: {nearest} is a file, not a folder. Name a folder.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"-o {folder}: {nearest} cannot be written. Check its permissions.")


def make_folders(jobs: Sequence[FileJob]) -> None:
    """Make the folders that the outputs go to.

    Raises
    ------
    InputError
        If one cannot be made.
    """
    for folder in dict.fromkeys(Path(job.destination).parent for job in jobs if not job.skipped):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"the folder {folder} cannot be made ({error.strerror}): name another as -o."
            ) from error
