"""Fades of a training: between which steps of a codec its residual is to fade in.

They are measured on validation pictures after a training, at strengths finer than it learned well,
and written to ``fades.toml`` in its folder, a line a codec: ``webp = [3.5, 12.0]``. Those of shipped
networks lie in ``fades/``, by the name of the recipe.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Collection
from pathlib import Path

from edgeqe.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: Fades of shipped networks' trainings.
SHIPPED = Path(__file__).with_name("fades")
#: Name of the file in a training's folder.
FADES = "fades.toml"


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
    own, shipped = folder / FADES, SHIPPED / f"{recipe}.toml"
    path = own if own.is_file() or not shipped.is_file() else shipped
    if not path.is_file():
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' is not valid TOML: {error}.") from error
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


def _rising(steps: object) -> bool:
    """Whether these are two rising steps above 0."""
    if not isinstance(steps, list) or len(steps) != 2 or any(type(s) is bool for s in steps):
        return False
    numbers = all(isinstance(step, (int, float)) and math.isfinite(step) for step in steps)
    return numbers and 0 < steps[0] < steps[1]
