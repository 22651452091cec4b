"""The choice as integer programs: in two steps, as the MVGL paper has it, and jointly.

Each picture gets one strength and one network. The paper chooses the strengths first, for the best
decoded pictures inside a total size, and then the networks, for the largest gain inside a total time.
The joint program chooses both at once, so it is never worse. What is made as large as can be is the mean
of the pictures' PSNRs in all three. HiGHS solves them (`scipy.optimize.milp`).

References
----------
MVGL, section 5.2: one-hot vectors a picture, a linear objective, one linear limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgeqe.bench.planning.tables import ChoiceTables, Float64, Int64, PlanChoice, PlanLimits

__all__ = ["best_single", "joint", "two_step"]

#: Seconds that each of the two programs, and the joint one, may take for up to `USUAL` pictures, before
#: what it has found counts, with its gap; more pictures may take as much more.
STEP_SECONDS, JOINT_SECONDS, USUAL = 1.0, 3.0, 24
#: Mean PSNR, dB, below which a gap is the solver's own tolerance.
TOLERANCE = 1e-6


def best_single(tables: ChoiceTables, limits: PlanLimits) -> PlanChoice | None:
    """Best choice of one strength and one network for all pictures; None where none fits.

    Parameters
    ----------
    tables : ChoiceTables
    limits : PlanLimits
    """
    sizes, times = tables.sizes.sum(axis=0), tables.microseconds.sum(axis=0)
    fits = (sizes <= limits.size_bytes)[:, None] & (times <= limits.microseconds)[None, :]
    if not fits.any():
        return None
    means = np.where(fits, tables.psnr.mean(axis=0), -np.inf)
    strength, network = np.unravel_index(means.argmax(), means.shape)
    count = tables.pictures
    return PlanChoice.of(tables, np.full(count, strength), np.full(count, network))


def two_step(tables: ChoiceTables, limits: PlanLimits, longest: float = STEP_SECONDS) -> PlanChoice:
    """Choose strengths by decoded pictures and sizes, then networks by gains and times.

    Parameters
    ----------
    tables : ChoiceTables
    limits : PlanLimits
    longest : float
        Seconds that each of the two programs may take, for up to 24 pictures.

    Returns
    -------
    PlanChoice
        Its gap is that of the second program: the first has another objective.

    Raises
    ------
    InputError
        If nothing can be chosen under the limits; see `ChoiceTables.check`.
    """
    tables.check(limits)
    strengths, _ = _best(tables.psnr[:, :, 0], [tables.sizes], [limits.size_bytes], longest)
    coded = tables.psnr[np.arange(tables.pictures), strengths]
    networks, gap = _best(coded, [tables.microseconds], [limits.microseconds], longest)
    return PlanChoice.of(tables, strengths, networks, gap)


def joint(
    tables: ChoiceTables,
    limits: PlanLimits,
    longest: float = JOINT_SECONDS,
    known: Sequence[PlanChoice] = (),
) -> PlanChoice:
    """Choose strengths and networks at once.

    Parameters
    ----------
    tables : ChoiceTables
    limits : PlanLimits
    longest : float
        Seconds that the program may take, for up to 24 pictures.
    known : sequence of PlanChoice
        Choices inside the limits, of which the best counts where the time is not enough for a better.

    Raises
    ------
    InputError
        If nothing can be chosen under the limits; see `ChoiceTables.check`.
    """
    tables.check(limits)
    count, points, networks = tables.psnr.shape
    sizes = np.repeat(tables.sizes, networks, axis=1)
    times = np.tile(tables.microseconds, (1, points))
    chosen, gap = _best(
        tables.psnr.reshape(count, -1),
        [sizes, times],
        [limits.size_bytes, limits.microseconds],
        longest,
    )
    found = PlanChoice.of(tables, chosen // networks, chosen % networks, gap)
    best = max((found, *known), key=lambda choice: choice.psnr)
    return best if best is found else replace(best, gap=max(0.0, found.psnr + gap - best.psnr))


def _best(
    values: Float64, costs: Sequence[Int64], limits: Sequence[int], longest: float
) -> tuple[Int64, float]:
    """One option a picture whose values' sum is largest while no cost's sum is above its limit.

    Parameters
    ----------
    values : ndarray, shape (N, K)
    costs : sequence of ndarray, shape (N, K)
        An option of each picture has the least of all costs, and all of these together fit.
    limits : sequence of int
    longest : float
        Seconds for up to `USUAL` pictures.

    Returns
    -------
    ndarray of int64, shape (N,)
        Index of each picture's option.
    float
        Most that a better choice could add to the mean of the values.
    """
    from scipy.optimize import LinearConstraint, milp
    from scipy.sparse import csr_matrix, identity, kron, vstack

    count, options = values.shape
    # above each picture's least, so that the numbers stay small and the solver's tolerance with them
    worth = values - values.min(axis=1, keepdims=True)
    excess = [cost - cost.min(axis=1, keepdims=True) for cost in costs]
    room = np.array(
        [limit - int(cost.min(axis=1).sum()) for cost, limit in zip(costs, limits, strict=True)]
    )
    one_each = kron(identity(count), np.ones((1, options)))
    rows = vstack([one_each, csr_matrix(np.stack([cost.ravel() for cost in excess]))])
    each, asked = np.arange(count), room.copy()
    most = float(worth.max(axis=1).mean())
    seconds = longest * max(1.0, count / USUAL)
    while True:
        bounds = np.concatenate([np.ones(count), asked])
        found = milp(
            -worth.ravel(),
            integrality=np.ones(count * options),
            bounds=(0, 1),
            constraints=LinearConstraint(rows, np.append(np.ones(count), 0 * asked), bounds),
            options={"time_limit": seconds, "mip_rel_gap": 0.0},
        )
        bound = found.mip_dual_bound
        if (asked == room).all() and bound is not None and np.isfinite(bound):
            most = min(most, -float(bound) / count)  # drawn in, limits bound nothing
        if found.x is None:  # nothing in the time: what costs least
            chosen = sum(excess).argmin(axis=1)
        else:
            chosen = found.x.reshape(count, options).argmax(axis=1)
        over = np.array([int(cost[each, chosen].sum()) for cost in excess]) - room
        if (over <= 0).all():
            gap = most - float(worth[each, chosen].mean())
            return chosen, gap if gap > TOLERANCE else 0.0
        asked -= np.maximum(over, 0)  # the solver's tolerance let it pass the limit
