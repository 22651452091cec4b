"""Fades of a training: between which steps of a codec its residual is to fade in.

They are measured on validation pictures after a training, at strengths finer than it learned well,
and written to ``fades.toml`` in its folder, a line a codec: ``webp = [3.5, 12.0]``. Those of shipped
networks lie in ``fades/``, by the name of the recipe. A table ``[shares]`` beside them has what shares of
the changes of luma and of chroma are made at every step: ``hevc = [0.95, 0.6]``.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any, TypeGuard

from edgeqe.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: Fades of shipped networks' trainings.
SHIPPED = Path(__file__).with_name("fades")
#: Name of the file in a training's folder.
FADES = "fades.toml"
#: Its table of the shares of the residual.
SHARES = "shares"


def read_fades(
    folder: Path, recipe: str, codecs: Collection[str]
) -> dict[str, tuple[float, float]]:
    """Fades of a training: of its folder, else of the shipped recipe of its name, else none.

    Parameters
    ----------
    folder : Path
    recipe : str
        Name of the recipe.
    codecs : collection of str
        Codecs that the network serves.

    Returns
    -------
    dict of str to (float, float)
        By codec the step up to which the residual is zero, and that from which it is whole, 8-bit
        sample values.

    Raises
    ------
    InputError
        If a file is no TOML, names another codec, or has not two rising steps.
    """
    path, values = _read(folder, recipe)
    values.pop(SHARES, None)
    found = {}
    for codec, steps in values.items():
        if codec not in codecs:
            raise InputError(
                f"'{path}' has the codec {codec!r}, the training serves {', '.join(codecs)}."
            )
        if not _rising(steps):
            raise InputError(
                f"'{path}': {codec} = {steps!r}: give two rising steps above 0, where the change "
                "begins and from where it is whole."
            )
        found[codec] = (float(steps[0]), float(steps[1]))
    return found


def read_shares(
    folder: Path, recipe: str, codecs: Collection[str]
) -> dict[str, tuple[float, float]]:
    """Shares of the residual that are made, by codec, of the files of `read_fades`: of luma and of chroma.

    Raises
    ------
    InputError
        As of `read_fades`, or if they are not two numbers from 0 to 1.
    """
    path, values = _read(folder, recipe)
    table = values.get(SHARES, {})
    if not isinstance(table, dict):
        raise InputError(f"'{path}': {SHARES} = {table!r}: give a table, a line a codec.")
    for codec, shares in table.items():
        if codec not in codecs:
            raise InputError(
                f"'{path}' has {SHARES} of the codec {codec!r}, the training serves {', '.join(codecs)}."
            )
        if not (_two_numbers(shares) and all(0 <= share <= 1 for share in shares)):
            raise InputError(
                f"'{path}': {SHARES} {codec} = {shares!r}: give two numbers from 0 to 1, of luma and of "
                "chroma."
            )
    return {codec: (float(luma), float(chroma)) for codec, (luma, chroma) in table.items()}


def _read(folder: Path, recipe: str) -> tuple[Path, dict[str, Any]]:
    """File of a training, and its values; none where there is no file."""
    own, shipped = folder / FADES, SHIPPED / f"{recipe}.toml"
    path = own if own.is_file() or not shipped.is_file() else shipped
    if not path.is_file():
        return path, {}
    try:
        return path, tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' is not valid TOML: {error}.") from error


def _rising(steps: object) -> bool:
    """Whether these are two rising steps above 0."""
    return _two_numbers(steps) and 0 < steps[0] < steps[1]


def _two_numbers(values: object) -> TypeGuard[list[float]]:
    """Whether this is a list of two finite numbers."""
    return (
        isinstance(values, list)
        and len(values) == 2
        and all(type(value) in (int, float) and math.isfinite(value) for value in values)
    )
