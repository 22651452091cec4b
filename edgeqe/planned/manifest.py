"""The plan of a folder, ``edgeqe-plan.json``: untrusted, because folders travel.

::

    {"kind": "edgeqe-plan", "schema_version": 1,
     "networks": [{"model": "edgeqe-tiny"}, {"file": "networks/own.onnx"}],
     "pictures": [{"file": "a/b.bpg", "network": 0}, {"file": "c.bpg", "network": null}]}

A network is a name of the catalogue or a model file in the folder, a picture's network an index or
``null``: none, as decoded. Nothing that a plan names lies outside its folder. Other keys are left unread.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from edgeqe.errors import InputError, MissingFileError
from edgeqe.files.formats import READ_SUFFIXES
from edgeqe.model.catalogue import reproduced_files, shipped_files, shipped_models
from edgeqe.reports.tables import printable

__all__ = ["MANIFEST_NAME", "PlannedFolder", "PlannedPicture", "has_plan", "read_planned"]

MANIFEST_NAME = "edgeqe-plan.json"
KIND, VERSION = "edgeqe-plan", 1
#: Bytes of a plan, and networks that it may name: some 100,000 pictures, and far more than can be of use.
LARGEST_PLAN, MOST_NETWORKS = 16 << 20, 64
#: Characters of a name that an error shows.
SHOWN = 80


@dataclass(frozen=True)
class PlannedPicture:
    """A coded picture and its network."""

    file: str
    """Below the folder, ``/`` between folders."""
    network: int | None
    """Index of its network; None: it stays as it is decoded."""


@dataclass(frozen=True)
class PlannedFolder:
    """A folder of coded pictures and what is to be done with each."""

    path: Path
    networks: tuple[str, ...]
    """Names of the catalogue, and paths of model files in the folder."""
    pictures: tuple[PlannedPicture, ...]

    def by_network(self) -> list[tuple[str | None, list[PlannedPicture]]]:
        """Pictures of each network that has some; those of none first."""
        groups: dict[int | None, list[PlannedPicture]] = {}
        for picture in self.pictures:
            groups.setdefault(picture.network, []).append(picture)
        order = sorted(groups, key=lambda network: -1 if network is None else network)
        return [(None if n is None else self.networks[n], groups[n]) for n in order]


def has_plan(folder: str | os.PathLike[str]) -> bool:
    """Whether a path is a folder with a plan, readable or not."""
    return os.path.isdir(folder) and os.path.lexists(Path(folder, MANIFEST_NAME))


def read_planned(folder: str | os.PathLike[str]) -> PlannedFolder:
    """Read a folder's plan.

    Parameters
    ----------
    folder : path

    Raises
    ------
    MissingFileError
        If there is no plan, or a file that it names is not there.
    InputError
        If it is damaged, of a newer version, or names what lies outside the folder, no model or no
        picture.
    """
    place = Path(folder)
    file = place / MANIFEST_NAME
    values = _parsed(file)
    networks = _list(values, "networks", file)
    if len(networks) > MOST_NETWORKS:
        raise _damaged(file, f"it names {len(networks)} networks, more than {MOST_NETWORKS}")
    named = tuple(_network(one, place, file) for one in networks)
    pictures = tuple(
        _picture(one, place, len(named), file) for one in _list(values, "pictures", file)
    )
    if not pictures:
        raise _damaged(file, "it names no picture")
    if len({picture.file for picture in pictures}) < len(pictures):
        raise _damaged(file, "it names a picture twice")
    return PlannedFolder(place, named, pictures)


def _parsed(file: Path) -> Mapping[str, Any]:
    """The plan's values, if it is one of this version."""
    try:
        if not file.is_file():
            raise MissingFileError(
                f"{file} is not there or no plain file: name a folder that 'edgeqe plan' wrote."
            )
        with file.open("rb") as stream:
            content = stream.read(LARGEST_PLAN + 1)
    except OSError as error:
        if isinstance(error, MissingFileError):
            raise
        raise InputError(
            f"{file} cannot be read ({error.strerror}): check its permissions."
        ) from error
    if len(content) > LARGEST_PLAN:
        raise _damaged(file, f"it has more than {LARGEST_PLAN >> 20} MiB")
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _damaged(file, "it is no JSON") from error
    if not isinstance(values, dict) or values.get("kind") != KIND:
        raise _damaged(file, f'its "kind" is not "{KIND}"')
    version = values.get("schema_version")
    if version != VERSION or isinstance(version, bool):
        raise InputError(
            f"{file} has schema_version {_shown(version)}, this edgeqe reads {VERSION}: use the edgeqe "
            "that wrote it, or plan again."
        )
    return values


def _list(values: Mapping[str, Any], key: str, file: Path) -> list[dict[str, Any]]:
    found = values.get(key)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise _damaged(file, f'"{key}" is no list of objects')
    return found


def _network(values: Mapping[str, Any], place: Path, file: Path) -> str:
    """Model argument of a network: a name of the catalogue, or a file in the folder."""
    if "file" in values:
        path = _contained(values["file"], place, file)
        if path.suffix not in (".onnx", ".tflite"):
            raise _damaged(
                file, f"the network {_shown(values['file'])} is no .onnx or .tflite file"
            )
        return str(path)
    name = values.get("model")
    if name not in (*shipped_models(), *shipped_files(), *reproduced_files()):
        raise InputError(
            f"{file} names the model {_shown(name)}, which is not shipped with this edgeqe: it ships "
            f"{', '.join(shipped_models())}. Use the edgeqe that wrote it, or plan again."
        )
    return str(name)


def _picture(values: Mapping[str, Any], place: Path, networks: int, file: Path) -> PlannedPicture:
    path = _contained(values.get("file"), place, file)
    if path.suffix.lower() not in READ_SUFFIXES:
        raise _damaged(file, f"{_shown(values['file'])} has no suffix of a picture")
    network = values.get("network")
    index = isinstance(network, int) and not isinstance(network, bool) and 0 <= network < networks
    if network is not None and not index or "network" not in values:
        raise _damaged(
            file,
            f"the network of {_shown(values['file'])} is {_shown(network)}: an index below {networks}, "
            "or null",
        )
    return PlannedPicture(path.relative_to(place).as_posix(), network)


def _contained(name: Any, place: Path, file: Path) -> Path:
    """Path of a file that a plan names, if it is there and, links followed, inside the folder."""
    if not isinstance(name, str) or not name or "\0" in name:
        raise _damaged(file, f"{_shown(name)} is no name of a file")
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts:
        raise _outside(file, name)
    path = place / name
    try:
        inside = path.resolve().is_relative_to(place.resolve())
        there = inside and path.is_file()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a loop of links, no encoding
        raise _damaged(file, f"{_shown(name)} is no name of a file") from error
    if not inside:
        raise _outside(file, name)
    if not there:
        raise MissingFileError(f"{file} names {_shown(name)}, which is no file there: copy it too.")
    return path


def _outside(file: Path, name: str) -> InputError:
    return InputError(
        f"{file} names {_shown(name)}, which lies outside its folder: such a plan is not obeyed."
    )


def _damaged(file: Path, why: str) -> InputError:
    return InputError(f"{file} is no plan that edgeqe wrote ({why}): plan again, or remove it.")


def _shown(value: Any) -> str:
    """A plan's value for a message: one short line."""
    text = printable(repr(value))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
