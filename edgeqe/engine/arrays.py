"""A caller's arrays through the engine: checked, viewed, enhanced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from edgeqe.codecs.strength import Strength
from edgeqe.engine.geometry import Geometry
from edgeqe.engine.strips import StripView, Take, rows_of
from edgeqe.errors import InputError, InputTypeError
from edgeqe.model.fades import share_below_one
from edgeqe.views.arrays import Image, check_array, check_planes, check_residual
from edgeqe.views.full_size import VIEWS
from edgeqe.views.options import EnhanceOptions
from edgeqe.views.subsampled import Depth, View


class Runner(Protocol):
    """Runs views: an engine, or what remembers a stream's last frame."""

    geometry: Geometry

    def run(
        self,
        view: View,
        height: int,
        width: int,
        strength: Strength,
        in_place: bool,
        ensemble: int = 1,
    ) -> None:
        """Enhance a picture through its view; see `Engine.run`."""
        ...


def enhance_arrays(
    engine: Runner,
    kind: str,
    sources: Sequence[Image],
    out: Sequence[Image] | None,
    depth: Depth,
    strength: Strength,
    options: EnhanceOptions,
    prediction_residual: Image | None,
) -> list[Image]:
    """Enhance a picture; planes that the view does not enhance are copied.

    Parameters
    ----------
    engine : Runner
    kind : str
        ``gray``, ``rgb``, ``bgr`` or ``planes``.
    sources : sequence of ndarray
        The picture, or Y with U and V of half size.
    out : sequence of ndarray, optional
        Where to write, as `sources`; new arrays if left out.
    depth : Depth
    strength : Strength
        One that the models serve.
    options : EnhanceOptions
    prediction_residual : ndarray, optional

    Raises
    ------
    InputError
        If an array is wrong, or the network has no such view.
    """
    geometry = engine.geometry
    view = _view_of(geometry, kind)
    targets, in_place = check_planes(sources, out)
    height, width = sources[0].shape[:2]
    check_residual(prediction_residual, geometry.takes_residual, (height, width), targets)
    used = len(view.factors)
    for i in range(used, len(sources)):
        if not in_place[i]:
            np.copyto(targets[i], sources[i])
    made = view(
        sources[:used],
        targets[:used],
        depth,
        prediction=prediction_residual,
        amount=options.amount * share_below_one(strength.step),
    )
    engine.run(made, height, width, strength, any(in_place[:used]), options.ensemble)
    return targets


def enhance_strips(
    engine: Runner,
    planes: Sequence[Image],
    take: Take,
    depth: Depth,
    strength: Strength,
    options: EnhanceOptions,
) -> None:
    """Enhance a gray or RGB picture or three planes, and hand strips of it over.

    Parameters
    ----------
    engine : Runner
    planes : sequence of ndarray
    take : callable
        Gets each strip's first row and planes.
    depth, strength, options
        As of `enhance_arrays`.

    Raises
    ------
    InputError
        As of `enhance_arrays`.
    """
    first = planes[0]
    if len(planes) == 1 and not (first.ndim == 2 or (first.ndim == 3 and first.shape[2] in (3, 4))):
        raise InputError(f"a picture has shape (H, W), (H, W, 3) or (H, W, 4), not {first.shape}.")
    kind = "planes" if len(planes) == 3 else "gray" if first.ndim == 2 else "rgb"
    view = _view_of(engine.geometry, kind)
    check_planes(planes, None)
    height, width = first.shape[:2]
    check_residual(None, engine.geometry.takes_residual, (height, width), ())
    used = len(view.factors)

    def give(row: int, strip: tuple[Image, ...]) -> None:
        take(row, (*strip, *rows_of(planes, row, row + len(strip[0]))[used:]))

    amount = options.amount * share_below_one(strength.step)
    made = StripView(view(planes[:used], (), depth, amount=amount), give)
    engine.run(made, height, width, strength, False, options.ensemble)


def _view_of(geometry: Geometry, kind: str) -> type[View]:
    """View of a kind of picture; InputError where a network has none."""
    view = VIEWS.get((geometry.layout, kind))
    if view is None:
        raise InputError(
            f"this model enhances {geometry.layout.upper()} pictures, not planes of half-size "
            "chroma: convert them and use enhance()."
        )
    return view


def enhance_semi_planar(
    engine: Runner,
    y: Image,
    uv: Image,
    out: Sequence[Image] | None,
    depth: Depth,
    dtype: type[Any],
    strength: Strength,
    options: EnhanceOptions,
    prediction_residual: Image | None,
) -> tuple[Image, Image]:
    """Enhance Y and interleaved U, V of a type; see `enhance_arrays`."""
    check_array("y", y)
    check_array("uv", uv)
    if out is None:
        out = (np.empty_like(y), np.empty_like(uv))
    for name, array in (("uv", uv), ("out's uv", out[1] if len(out) == 2 else None)):
        if array is None or array.ndim != 3 or array.shape[2] != 2:
            raise InputError(f"{name} must have shape (ceil(H / 2), ceil(W / 2), 2).")
    for array in (y, uv):
        if array.dtype != dtype:
            raise InputTypeError(f"these planes must be {np.dtype(dtype)}, not {array.dtype}.")
    planes = [y, uv[..., 0], uv[..., 1]]
    given = [out[0], out[1][..., 0], out[1][..., 1]]
    enhance_arrays(engine, "planes", planes, given, depth, strength, options, prediction_residual)
    return out[0], out[1]
