"""From models and a target to an engine that runs there, or an error that says why not."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Sequence

from edgeqe.engine.engine import Engine
from edgeqe.engine.geometry import Geometry, geometry_of
from edgeqe.engine.tiling import fixed_side
from edgeqe.engine.workers import available_threads
from edgeqe.errors import ClosedError, InputError, ProviderError
from edgeqe.model.file import ModelFile
from edgeqe.runtimes.forks import generation, in_runtime
from edgeqe.runtimes.selection import asked, no_backend, profile_for, select
from edgeqe.runtimes.sessions import SessionFactory
from edgeqe.targets.detect import foreign
from edgeqe.targets.profile import Backend, Profile
from edgeqe.trust.trust import Trust, open_model


class OpenedEngine:
    """An engine, and the target that it runs on.

    Parameters
    ----------
    engine : Engine
    profile : Profile
        Of the target that runs.
    fallback : str
        ``cpu`` where that is not the one that was asked for, else empty.
    """

    def __init__(self, engine: Engine, profile: Profile, fallback: str) -> None:
        self.profile, self.fallback = profile, fallback
        self._made = generation(), engine
        self._closed = False
        self._locks: dict[int, threading.Lock] = {}
        """By generation, because a fork may find one taken."""

    @property
    def foreign(self) -> str:
        """Architecture that the profile is for where this machine has another; else empty."""
        return foreign(self.profile, platform.machine())

    @property
    def engine(self) -> Engine:
        """The engine of this process: in a forked one it is made anew when it is first used.

        Raises
        ------
        ClosedError
            In a forked process, if it was closed before, or runs on an accelerator.
        """
        now = generation()
        if self._made[0] != now:
            with self._locks.setdefault(now, threading.Lock()):
                if self._closed:
                    raise ClosedError("this Enhancer is closed: make a new one.")
                if self._made[0] != now:
                    self._made = now, self._made[1].anew()
        return self._made[1]

    def close(self) -> None:
        """Close the engine; nothing is made anew for that."""
        self._closed = True
        made_in, engine = self._made
        if made_in == generation():
            engine.close()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed


def open_on(
    models: Sequence[str | os.PathLike[str]],
    target: str,
    limit: int,
    threads: int | None,
    *,
    allow_fallback: bool = False,
    trust: Trust | None = None,
) -> OpenedEngine:
    """Engine of models on a target.

    The profile's backends are tried in order; one that is listed and then does not run, or
    leaves convolutions elsewhere, is passed over, and named if none is left.

    Parameters
    ----------
    models : sequence of str or path
    target : str
        See `selection.profile_for`.
    limit : int
        Memory limit, bytes.
    threads : int, optional
        The profile's if left out.
    allow_fallback : bool
        Run on the processor where the target cannot.
    trust : Trust, optional
        Key that must have signed the files; their counters are kept once they run.

    Raises
    ------
    ProviderError
        If no backend of the profile runs.
    SignatureError
        If a file is not signed by the key.
    """
    opened = _open(models, target, limit, threads, allow_fallback, trust)
    if trust is not None:
        try:
            trust.keep()
        except InputError:
            opened.close()
            raise
    return opened


def _open(
    models: Sequence[str | os.PathLike[str]],
    target: str,
    limit: int,
    threads: int | None,
    allow_fallback: bool,
    trust: Trust | None,
) -> OpenedEngine:
    profile, named = profile_for(target), asked(target)
    try:
        return OpenedEngine(_engine(models, profile, limit, threads, trust), profile, "")
    except ProviderError:
        on_cpu = not any(backend.on_accelerator for backend in profile.backends)
        if on_cpu or not (allow_fallback or named == "auto"):
            raise
    plain = profile_for("cpu")
    stamp = "cpu" if named != "auto" else ""
    return OpenedEngine(_engine(models, plain, limit, threads, trust), plain, stamp)


def _engine(
    models: Sequence[str | os.PathLike[str]],
    profile: Profile,
    limit: int,
    threads: int | None,
    trust: Trust | None,
) -> Engine:
    refused: list[Backend] = []
    reasons: list[str] = []
    count = threads or profile.threads or available_threads()
    while True:
        try:
            chosen = [select(model, profile, refused) for model in models]
        except ProviderError as error:
            if not reasons:
                raise
            raise ProviderError(no_backend(profile, reasons, str(models[0]))) from error
        files = [open_model(one.path, trust) for one in chosen]
        backends = [one.backend for one in chosen]
        geometry = geometry_of([file.card for file in files])
        side = _side(files, geometry, profile, limit)
        sessions = SessionFactory(files, backends, profile, side)
        try:
            return Engine(files, geometry, sessions, profile.window, limit, count)
        except ProviderError as error:
            refused += [backend for backend in backends if backend not in refused]
            reasons.append(str(error).rstrip("."))


def _side(files: Sequence[ModelFile], geometry: Geometry, profile: Profile, limit: int) -> int:
    """Side of the windows where the target wants all of one size; else 0."""
    with in_runtime():
        from edgeqe.runtimes.ort import VIEW_BYTES

    if not profile.window.fixed:
        return 0
    if geometry.tiling == "whole":
        raise InputError(
            "the network needs the whole picture at once, this target has windows of one size: "
            "use target 'cpu', or 'edgeqe convert --freeze-gates'."
        )
    if geometry.tiling == "blocks":
        return geometry.block
    return fixed_side(
        profile.window,
        halo=geometry.halo,
        alignment=geometry.alignment,
        bytes_per_pixel=max(4.0 * f.card.peak_floats_per_pixel for f in files) + VIEW_BYTES,
        limit=limit,
    )
