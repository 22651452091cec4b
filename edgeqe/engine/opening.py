"""From models and a target to an engine that runs there, or an error that says why not."""

from __future__ import annotations

import os
from collections.abc import Sequence

from edgeqe.engine.engine import Engine, available_threads
from edgeqe.errors import ProviderError
from edgeqe.model.file import ModelFile
from edgeqe.runtimes.selection import asked, no_way, place, profile_for
from edgeqe.runtimes.sessions import Openers
from edgeqe.targets.profile import Profile, Runtime


def open_on(
    models: Sequence[str | os.PathLike[str]],
    target: str,
    limit: int,
    threads: int | None,
    *,
    fallback: bool = False,
) -> tuple[Engine, str, str]:
    """Engine of models on a target.

    The profile's ways are tried in order; one that is listed and then does not run, or leaves
    convolutions elsewhere, is passed over, and named if none is left.

    Parameters
    ----------
    models : sequence of str or path
    target : str
        See `placing.profile_for`.
    limit : int
        Memory limit, bytes.
    threads : int, optional
        The profile's if left out.
    fallback : bool
        Run on the processor where the target cannot.

    Returns
    -------
    engine : Engine
    target : str
        Name of the profile that runs.
    fallback : str
        ``cpu`` where that is not the one that was asked for, else empty.

    Raises
    ------
    ProviderError
        If no way of the profile runs.
    """
    profile, named = profile_for(target), asked(target)
    try:
        return _engine(models, profile, limit, threads), profile.name, ""
    except ProviderError:
        on_cpu = not any(runtime.on_accelerator for runtime in profile.runtimes)
        if on_cpu or not (fallback or named == "auto"):
            raise
    plain = profile_for("cpu")
    stamp = "cpu" if named != "auto" else ""
    return _engine(models, plain, limit, threads), plain.name, stamp


def _engine(
    models: Sequence[str | os.PathLike[str]], profile: Profile, limit: int, threads: int | None
) -> Engine:
    refused: list[Runtime] = []
    reasons: list[str] = []
    count = threads or profile.threads or available_threads()
    while True:
        try:
            placed = [place(model, profile, refused) for model in models]
        except ProviderError as error:
            if not reasons:
                raise
            raise ProviderError(no_way(profile, reasons, str(models[0]))) from error
        files = [ModelFile(one.path) for one in placed]
        ways = [one.runtime for one in placed]
        try:
            return Engine(files, limit, count, Openers(files, ways, profile))
        except ProviderError as error:
            refused += [way for way in ways if way not in refused]
            reasons.append(str(error).rstrip("."))
