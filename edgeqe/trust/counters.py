"""Highest counter of the signed models that this device ran, so that none goes back.

One file for each key and name of a network; its name has the counter, and what it holds is for people.
A higher counter makes a new file before the lower one goes. So there is nothing that could be half
written, and processes that do it at once need no lock: the highest name counts.

::

    <state>/counters/<key and network, hashed>.<counter>
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from pathlib import Path

from edgeqe.errors import InputError

STATE_VARIABLE = "EDGEQE_STATE_DIR"
_NAME = re.compile(r"([0-9a-f]{32})\.([0-9]{10})")


def counters_folder() -> Path:
    """Folder of the counters: in ``EDGEQE_STATE_DIR``, or the user's folder of state.

    Raises
    ------
    InputError
        If there is neither, nor a home folder.
    """
    named = os.environ.get(STATE_VARIABLE)
    if named:
        return Path(named) / "counters"
    base = os.environ.get("XDG_STATE_HOME")
    try:
        states = Path(base) if base else Path.home() / ".local" / "state"
    except RuntimeError as error:  # a user whom the system does not know
        raise InputError(
            f"there is no home folder to keep the counters of signed models in: set "
            f"{STATE_VARIABLE} to a folder."
        ) from error
    return states / "edgeqe" / "counters"


def lowest_counter(public: bytes, network: str) -> int:
    """Counter below which files are refused; 0 where none was kept.

    Parameters
    ----------
    public : bytes
        The key.
    network : str
        Name on the card.

    Raises
    ------
    InputError
        If the folder cannot be read, or others may write it.
    """
    return max(_kept(counters_folder(), _hash(public, network)), default=0)


def keep_counter(public: bytes, network: str, counter: int) -> None:
    """Refuse lower counters of this key and network from now on.

    A counter that is not above the kept one writes nothing.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    folder, name = counters_folder(), _hash(public, network)
    before = _kept(folder, name)
    if counter <= max(before, default=0):
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_owner(folder)
        path = folder / f"{name}.{counter:010}"
        with contextlib.suppress(FileExistsError), path.open("x", encoding="utf-8") as file:
            file.write(f"{network}\n")
            file.flush()
            os.fsync(file.fileno())
        _flush(folder)
        for lower in before:
            (folder / f"{name}.{lower:010}").unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot keep the counter {counter} of the signed model '{network}' in '{folder}' "
            f"({error.strerror or error}): set {STATE_VARIABLE} to a folder that can be written."
        ) from error


def _kept(folder: Path, name: str) -> list[int]:
    """Counters that are kept under a name."""
    try:
        entries = os.listdir(folder)
        _check_owner(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(
            f"cannot read the counters of signed models in '{folder}' "
            f"({error.strerror or error}): mend that, or set {STATE_VARIABLE} to another folder."
        ) from error
    found = [match for entry in entries if (match := _NAME.fullmatch(entry))]
    return [int(match[2]) for match in found if match[1] == name]


def _hash(public: bytes, network: str) -> str:
    return hashlib.sha256(public + network.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _flush(folder: Path) -> None:
    """Bring a folder's names to the disk, where the file system has such a thing."""
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _check_owner(folder: Path) -> None:
    """Refuse a folder where others could take counters away."""
    found = folder.stat()
    strange = hasattr(os, "geteuid") and found.st_uid not in (0, os.geteuid())
    if strange or (os.name == "posix" and stat.S_IMODE(found.st_mode) & 0o002):
        raise InputError(
            f"the folder of counters '{folder}' may be written by others: take that permission "
            f"away (chmod o-w), or set {STATE_VARIABLE} to a folder of your own."
        )
