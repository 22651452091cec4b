"""Rows of a picture that is enhanced in place, kept for the windows that read them later."""

from __future__ import annotations

from edgeqe.views.subsampled import Samples, View


def save_band(
    view: View, saved: list[Samples], before: int, top: int, bottom: int
) -> list[Samples]:
    """Copy of a view's rows top to bottom, those already copied taken from `saved`."""
    result: list[Samples] = []
    for index, (array, factor) in enumerate(zip(view.sources, view.factors, strict=True)):
        first, last = top // factor, -(-bottom // factor)
        if not saved:
            result.append(array[first:last].copy())
            continue
        band, shift = saved[index], first - before // factor
        kept = len(band) - shift
        band[:kept] = band[shift:]
        fresh = array[first + kept : last]
        band[kept : kept + len(fresh)] = fresh
        result.append(band[: kept + len(fresh)])
    return result
