"""Engines that an accelerator built, kept between processes.

Building one takes minutes. It serves one model, window, precision, set of options and one
combination of runtime, driver and device, so all of these are the name of its folder, hashed,
and lie in ``key.json`` in it, to be read. A folder gets its name when the engine in it has run:
a build that was broken off leaves a ``partial`` one, which nothing reads.

::

    <cache>/engines/<hash>/key.json        what it is of
                          /...             what the runtime wrote
    <cache>/engines/partial-<hash>-<pid>/  being built, or broken off
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeqe.errors import InputError

CACHE_VARIABLE = "EDGEQE_CACHE_DIR"
KEY_FILE, PARTIAL = "key.json", "partial-"
#: Characters of a folder's hash, and seconds after which a broken-off build is old.
_HASH, _OLD = 24, 86400.0
#: Names of folders that are ours; others in the cache are none of its business.
_ENGINE, _BROKEN = re.compile(r"[0-9a-f]{24}"), re.compile(r"partial-[0-9a-f]{1,24}-\d+")


@dataclass(frozen=True)
class CachedEngine:
    """One folder of the cache."""

    path: Path
    key: Mapping[str, object]
    """What it is of; empty for a build that was broken off."""
    size: int
    """Bytes."""
    used: float
    """When it was last used, seconds since the epoch."""


def cache_folder() -> Path:
    """Folder of the engines: ``EDGEQE_CACHE_DIR``, or the user's folder of caches.

    Raises
    ------
    InputError
        If there is neither, nor a home folder.
    """
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named) / "engines"
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        caches = Path(base) if base else Path.home() / ".cache"
    except RuntimeError as error:  # a user whom the system does not know
        raise InputError(
            f"there is no home folder to keep engines in: set {CACHE_VARIABLE} to a folder."
        ) from error
    return caches / "edgeqe" / "engines"


class EnginePlace:
    """Where the engine of a key lies, or is being built.

    Parameters
    ----------
    key : dict
        Everything that the engine depends on; plain values.

    Raises
    ------
    InputError
        If the folder cannot be written, or others may write it.
    """

    def __init__(self, key: Mapping[str, object]) -> None:
        text = json.dumps(dict(key), sort_keys=True, indent=1)
        name = _hash(text)
        self._final = cache_folder() / name
        self.built = (self._final / KEY_FILE).is_file()
        """Whether an engine of this key was there."""
        self.path = self._final if self.built else cache_folder() / f"{PARTIAL}{name}-{os.getpid()}"
        """Folder for the runtime to read and write."""
        try:
            cache_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_owner(cache_folder())
            self.path.mkdir(exist_ok=True)
            if self.built:
                os.utime(self.path)
            else:
                (self.path / KEY_FILE).write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"cannot write the cache of engines '{self.path}' ({error.strerror or error}): "
                f"set {CACHE_VARIABLE} to a folder that can be written."
            ) from error

    def keep(self) -> None:
        """Give a finished engine its name; another process may have been faster."""
        if self.built:
            return
        try:
            self.path.rename(self._final)
        except OSError:
            shutil.rmtree(self.path, ignore_errors=True)
        self.path, self.built = self._final, True

    def drop(self) -> None:
        """Remove what a failed build left."""
        if not self.built:
            shutil.rmtree(self.path, ignore_errors=True)


def engines() -> list[CachedEngine]:
    """What the cache holds, the latest used first; builds that were broken off at the end."""
    folder = cache_folder()
    paths = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    found = [engine for path in paths if (engine := _engine(path)) is not None]
    return sorted(found, key=lambda engine: (not engine.key, -engine.used))


def prune(older_than_days: float = 0.0) -> list[CachedEngine]:
    """Remove engines that were not used for so many days, and old broken-off builds.

    Returns
    -------
    list of CachedEngine
        Those that were removed.
    """
    now, gone = time.time(), []
    for engine in engines():
        age = now - engine.used
        if age >= (older_than_days * 86400.0 if engine.key else min(_OLD, older_than_days * 86400)):
            shutil.rmtree(engine.path, ignore_errors=True)
            gone.append(engine)
    return gone


def _engine(path: Path) -> CachedEngine | None:
    """What a folder holds; None of one that this module did not write."""
    key: Mapping[str, object] = {}
    if path.is_symlink():
        return None
    if _ENGINE.fullmatch(path.name):
        try:
            text = (path / KEY_FILE).read_text(encoding="utf-8")
            key = json.loads(text)
        except (OSError, ValueError):
            return None
        if _hash(text) != path.name:
            return None
    elif not _BROKEN.fullmatch(path.name):
        return None
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return CachedEngine(path, key if isinstance(key, dict) else {}, size, path.stat().st_mtime)


def _hash(text: str) -> str:
    """Name of the folder of a key's text."""
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH]


def _check_owner(folder: Path) -> None:
    """Refuse a folder where others could put an engine for us to run."""
    found = folder.stat()
    strange = hasattr(os, "geteuid") and found.st_uid not in (0, os.geteuid())
    if strange or (os.name == "posix" and stat.S_IMODE(found.st_mode) & 0o002):
        raise InputError(
            f"the cache of engines '{folder}' may be written by others: take that permission "
            f"away (chmod o-w), or set {CACHE_VARIABLE} to a folder of your own."
        )
