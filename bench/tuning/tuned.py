"""A setting as a profile: TOML that extends the target it was found on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgeqe.bench.tuning.settings import Setting
from edgeqe.errors import InputError
from edgeqe.targets.profile import Backend, Profile
from edgeqe.targets.reading import FOLDER


def profile_text(
    profile: Profile,
    setting: Setting,
    network: str,
    extends: str,
    *,
    description: str = "",
    comments: Sequence[str] = (),
    alone: bool = False,
) -> str:
    """TOML of a profile that runs a network in a setting, and extends another profile.

    Parameters
    ----------
    profile : Profile
        The one that it extends.
    setting : Setting
    network : str
        Name whose precision the setting's form decides; empty for none.
    extends : str
        Name or path of `profile`; see `extended_from`.
    description : str
        The profile's own if left out.
    comments : sequence of str
        Lines for the head of the file.
    alone : bool
        Leave out the other backends, so that none takes the place of one that fails.
    """
    backends = [profile.backends[setting.backend]]
    if not alone:
        backends += [
            backend for index, backend in enumerate(profile.backends) if index != setting.backend
        ]
    lines = [f"# {' '.join(line.split())}" for line in comments]
    lines.append(f"extends = {_value(extends)}")
    if description:
        lines.append(f"description = {_value(description)}")
    lines.append(f"threads = {setting.threads}")
    # both bounds, though they be 0: what the file does not give is taken from the other profile
    lines += ["", "[window]", f"smallest = {setting.smallest}", f"largest = {setting.largest}"]
    if network and setting.form:
        lines += ["", "[precision]", f"{network} = {_value([setting.precision])}"]
    for backend in backends:
        lines += ["", *_backend_lines(backend)]
    return "\n".join(lines) + "\n"


def extended_from(profile: Profile, output: Path) -> str:
    """What `extends` says in a file: a shipped target's name, or a path seen from the file.

    Raises
    ------
    InputError
        If the file is the profile itself.
    """
    source = Path(profile.source).resolve()
    if source.parent == FOLDER.resolve():
        return profile.name
    if output.resolve() == source:
        raise InputError(
            f"'{output}' is the profile that is tuned, and cannot extend itself: give another name."
        )
    return Path(os.path.relpath(source, output.resolve().parent)).as_posix()


def _backend_lines(backend: Backend) -> list[str]:
    """A ``[[runtime]]`` table."""
    given = {
        "runtime": backend.runtime,
        "provider": backend.provider,
        "precisions": backend.precisions,
        "needs": backend.needs,
        "fix": backend.fix,
    }
    lines = ["[[runtime]]", *(f"{key} = {_value(value)}" for key, value in given.items() if value)]
    return lines + (["[runtime.options]", *_pairs(backend.options)] if backend.options else [])


def _pairs(options: Mapping[str, str | int | float | bool]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in options.items()]


def _value(value: str | int | float | bool | Sequence[str]) -> str:
    """A value in TOML, whose texts, numbers and lists are written as JSON's are."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
