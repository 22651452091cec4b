"""Profiles from TOML: every key and type is checked, and an error names file, key and fix."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from edgeqe.errors import InputError, MissingFileError
from edgeqe.targets.options import ALIASES, FEATURES, PROVIDERS, XNNPACK
from edgeqe.targets.profile import Backend, Peak, Profile, WindowBounds

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent
PRECISIONS = ("float32", "float16", "int8", "int8-trt")
#: Of processors that a profile may be for; empty for any.
ARCHITECTURES = ("", "arm64", "x86-64")
#: Most profiles that may extend one another.
DEEPEST = 8
#: Likeness, 0 to 1, from which a given key is taken for a missing one that is misspelt.
MISSPELT = 0.8
_NUMBER = (int, float)
_NOT_GIVEN: Any = object()


def shipped_profiles() -> list[str]:
    """Names of the shipped profiles."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read_profile(name: str) -> Profile:
    """Profile of a shipped name, or of a TOML file's path.

    A file with ``extends = "x86-cpu"`` (or a path, seen from the file) takes every key that it
    does not give from there; tables are joined key by key, lists are taken as a whole.

    Raises
    ------
    InputError
        If there is none, or the file is wrong: file and key, what is there and what may be.
    """
    path = _path(name, None)
    made = _profile(path, _joined(path, ()))
    if not made.backends:
        raise InputError(f"profile '{path}': it has no [[runtime]]: give one, or extend a profile.")
    if made.window.fixed and not made.window.largest:
        raise InputError(f"profile '{path}': a fixed window needs window.largest, its side.")
    return made


def _profile(path: Path, values: Mapping[str, Any]) -> Profile:
    """Profile of a file's values, every one of them checked."""
    where = _Table(str(path), "", values)
    where.text("extends", "")  # followed already; asked for so that done() knows its name
    made = Profile(
        name=path.stem,
        description=where.text("description", ""),
        backends=tuple(_runtime(table) for table in where.tables("runtime")),
        window=_window(where.table("window")),
        threads=where.whole("threads", 0, 0, 256),
        architecture=where.choice("architecture", ARCHITECTURES),
        most_on_cpu=where.number("most_on_cpu", 0.0, 0.0, 1.0),
        precision=_precisions(where.table("precision")),
        peaks=tuple(_peak(table) for table in where.tables("peak")),
        source=str(path),
    )
    where.done()
    return made


def _path(name: str, beside: Path | None) -> Path:
    """File of a profile; a path is seen from the folder of the file that names it."""
    if not name.endswith(".toml"):
        if name in shipped_profiles():
            return FOLDER / f"{name}.toml"
        near = _near(name, shipped_profiles())
        raise InputError(
            f"no target '{name}'{near}: use auto, cpu, one of {', '.join(shipped_profiles())}, or "
            "the path of a profile (.toml)."
        )
    path = Path(name) if beside is None else beside / name
    if not path.is_file():
        raise MissingFileError(
            f"no profile '{path}': give the path of a .toml file, or a target's name."
        )
    return path


def _joined(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """Values of a file, on those of the profile that it extends."""
    if path.resolve() in seen:
        raise InputError(f"profile '{path}' extends itself: name another one by extends.")
    if len(seen) >= DEEPEST:
        raise InputError(
            f"profile '{path}' is number {len(seen) + 1} of profiles that extend one another: at "
            f"most {DEEPEST} may, so copy the keys of some."
        )
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"profile '{path}' is not valid TOML: {error}.") from error
    except OSError as error:
        raise InputError(f"cannot read the profile '{path}': {error.strerror or error}.") from error
    base = values.pop("extends", None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise InputError(f"profile '{path}': extends = {base!r} must be text, a target or a path.")
    base_path = _path(base, path.parent)
    under = _joined(base_path, (*seen, path.resolve()))
    _profile(base_path, under)  # what is wrong there is said of that file, not of this one
    for key, value in values.items():
        both = isinstance(value, dict) and isinstance(under.get(key), dict)
        under[key] = {**under[key], **value} if both else value
    return under


def _near(word: str, known: Collection[str]) -> str:
    """Hint at the known word that is nearest; empty where none is near."""
    near = difflib.get_close_matches(word, known, 1)
    return f" (did you mean '{near[0]}'?)" if near else ""


class _Table:
    """A table of TOML that knows where it lies and which keys were asked for."""

    def __init__(self, path: str, place: str, values: Mapping[str, Any]) -> None:
        self._path, self.place, self._values = path, place, values
        self._known: list[str] = []

    def wrong(self, key: str, what: str) -> InputError:
        """Error at a key."""
        return InputError(f"profile '{self._path}': {self.place}{key} {what}.")

    def get(self, key: str, default: Any, kinds: tuple[type, ...], what: str) -> Any:
        """Value of a key that has one of the types; an error where it must be there and is not."""
        self._known.append(key)
        value = self._values.get(key, default)
        if value is _NOT_GIVEN:
            misspelt = difflib.get_close_matches(key, self._values, 1, MISSPELT)
            if misspelt:
                raise self.wrong(misspelt[0], f"is no key of a profile (did you mean '{key}'?)")
            raise self.wrong(key, f"is missing: give {what}")
        wrong = isinstance(value, bool) and bool not in kinds
        if not isinstance(value, kinds) or wrong:
            raise self.wrong(key, f"= {value!r} must be {what}")
        return value

    def text(self, key: str, default: Any = _NOT_GIVEN) -> str:
        """Text."""
        return str(self.get(key, default, (str,), "text"))

    def choice(self, key: str, allowed: Collection[str]) -> str:
        """Text out of those that are allowed; the empty one if left out."""
        value = self.text(key, "")
        if value not in allowed:
            raise self.wrong(key, f"= '{value}' must be one of {', '.join(filter(None, allowed))}")
        return value

    def truth(self, key: str) -> bool:
        """True or false; false if left out."""
        return bool(self.get(key, False, (bool,), "true or false"))

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        """Whole number within bounds."""
        value = self.get(key, default, (int,), f"a whole number from {least} to {most}")
        if not least <= value <= most:
            raise self.wrong(key, f"= {value} must be a whole number from {least} to {most}")
        return int(value)

    def number(self, key: str, default: Any, least: float, most: float) -> float:
        """Number within bounds."""
        value = self.get(key, default, _NUMBER, f"a number from {least:g} to {most:g}")
        if not least <= value <= most:
            raise self.wrong(key, f"= {value} must be a number from {least:g} to {most:g}")
        return float(value)

    def texts(self, key: str, default: Any, allowed: Collection[str]) -> tuple[str, ...]:
        """List of texts, each one of those that are allowed; not empty where it must be there."""
        what = f"a list out of {', '.join(allowed)}"
        value = self.get(key, default, (list, tuple), what)
        for text in value:
            if not isinstance(text, str) or text not in allowed:
                raise self.wrong(key, f"= {list(value)!r} must be {what}")
        if default is _NOT_GIVEN and not value:
            raise self.wrong(key, f"= [] must be {what}, one at least")
        return tuple(value)

    def table(self, key: str) -> _Table:
        """Table of a key, empty where it is left out."""
        values = self.get(key, {}, (dict,), "a table")
        return _Table(self._path, f"{self.place}{key}.", values)

    def tables(self, key: str) -> list[_Table]:
        """Array of tables."""
        values = self.get(key, [], (list,), f"an array of tables, [[{key}]]")
        if not all(isinstance(value, dict) for value in values):
            raise self.wrong(key, f"must be an array of tables, [[{key}]]")
        places = [f"{self.place}{key}[{index}]." for index in range(len(values))]
        return [
            _Table(self._path, place, value) for place, value in zip(places, values, strict=True)
        ]

    def items(self) -> Mapping[str, Any]:
        """All keys and their values, which count as asked for."""
        self._known.extend(self._values)
        return self._values

    def done(self) -> None:
        """Refuse keys that nothing asked for."""
        for key in self._values:
            if key not in self._known:
                near = _near(key, self._known) or f": use {', '.join(self._known)}"
                raise self.wrong(key, f"is no key of a profile{near}")


def _runtime(table: _Table) -> Backend:
    runtime = table.text("runtime")
    if runtime not in PROVIDERS:
        near = _near(runtime, PROVIDERS)
        raise table.wrong("runtime", f"= '{runtime}' must be one of {', '.join(PROVIDERS)}{near}")
    given = table.text("provider")
    provider, known = ALIASES.get(given, given), PROVIDERS[runtime]
    if provider not in known:
        near = _near(given, [*known, *ALIASES])
        names = ", ".join(known)
        raise table.wrong("provider", f"= '{given}' must be one of {runtime}'s: {names}{near}")
    made = Backend(
        runtime=runtime,
        provider=provider,
        precisions=table.texts("precisions", _NOT_GIVEN, PRECISIONS),
        needs=table.texts("needs", (), FEATURES),
        options=_options(table.table("options"), provider, known[provider]),
        fix=table.text("fix", ""),
    )
    table.done()
    return made


def _options(
    table: _Table, provider: str, known: frozenset[str]
) -> dict[str, str | int | float | bool]:
    options = dict(table.items())
    for key, value in options.items():
        if key not in known:
            raise table.wrong(key, f"is no option of {provider}{_near(key, known)}")
        if not isinstance(value, str | int | float):
            raise table.wrong(key, f"= {value!r} must be text, a number, true or false")
    if provider == XNNPACK:
        table.whole("num_threads", 1, 1, 256)
    return options


def _window(table: _Table) -> WindowBounds:
    made = WindowBounds(
        smallest=table.whole("smallest", 0, 0, 1 << 16),
        largest=table.whole("largest", 0, 0, 1 << 16),
        fixed=table.truth("fixed"),
    )
    table.done()
    if made.largest and made.largest < made.smallest:
        raise table.wrong("largest", f"= {made.largest} is below window.smallest = {made.smallest}")
    return made


def _precisions(table: _Table) -> dict[str, tuple[str, ...]]:
    return {network: table.texts(network, _NOT_GIVEN, PRECISIONS) for network in table.items()}


def _peak(table: _Table) -> Peak:
    made = Peak(
        gigamacs=_by_precision(table.table("gigamacs"), 1e6),
        gigabytes=table.number("gigabytes", _NOT_GIVEN, 0.001, 1e6),
        source=table.text("source"),
        per_core=table.truth("per_core"),
        cores=table.whole("cores", 0, 0, 1024),
        needs=table.texts("needs", (), FEATURES),
        assumed=_by_precision(table.table("assumed"), 1.0),
    )
    if not made.gigamacs:
        raise table.wrong("gigamacs", "is missing: give a table of numbers by precision")
    table.done()
    return made


def _by_precision(table: _Table, most: float) -> dict[str, float]:
    for precision in table.items():
        if precision not in PRECISIONS:
            raise table.wrong(precision, f"is no precision: use {', '.join(PRECISIONS)}")
    return {
        precision: table.number(precision, _NOT_GIVEN, 0.001, most) for precision in table.items()
    }
