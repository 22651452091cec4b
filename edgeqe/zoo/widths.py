"""Width changes: a network of the zoo with other numbers of channels, its topology kept.

Widths are a mapping from a layer's name to its filters, or, for a slice of channels, to the
pair (first, behind the last). What they leave out keeps the width that its builder gives it.
"""

from __future__ import annotations

from typing import Any

import keras

from edgeqe.errors import InputError
from edgeqe.zoo import Widths
from edgeqe.zoo.attention import ChannelSlice

CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.Conv2DTranspose, keras.layers.SeparableConv2D)


def widths_of(model: Any) -> dict[str, int | list[int]]:
    """Width of every layer that has one."""
    found: dict[str, int | list[int]] = {}
    for layer in model.layers:
        if isinstance(layer, CONVOLUTIONS):
            found[layer.name] = int(layer.filters)
        elif isinstance(layer, ChannelSlice):
            found[layer.name] = [int(layer.first), int(layer.last)]
    return found


def with_widths(model: Any, widths: Widths) -> Any:
    """Network of other widths, with random weights.

    Parameters
    ----------
    model : keras.Model
        Functional.
    widths : mapping

    Returns
    -------
    keras.Model
        Same layers, by name.

    Raises
    ------
    InputError
        If a layer is not there or has no width, or the widths do not fit together.
    """
    known = widths_of(model)
    for name, width in widths.items():
        if name not in known:
            raise InputError(f"widths: '{model.name}' has no layer '{name}' with a width.")
        if not (_is_count(width) if isinstance(known[name], int) else _is_slice(width)):
            raise InputError(f"widths: '{name}' cannot be {width!r}: give numbers of channels.")
    config = model.get_config()
    for entry in config["layers"]:
        entry.pop("build_config", None)  # shapes of the old widths
        new = widths.get(entry["name"])
        if isinstance(new, int):
            entry["config"]["filters"] = new
        elif new is not None:
            entry["config"]["first"], entry["config"]["last"] = new
    try:
        return type(model).from_config(config)
    except Exception as error:  # Keras raises whatever its layers raise
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"widths: the layers of '{model.name}' do not fit together ({reason})."
        ) from error


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_slice(value: object) -> bool:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        return False
    first, last = value
    return _is_count(last) and (first == 0 or _is_count(first)) and first < last
