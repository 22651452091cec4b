"""The integer programs of a plan, against every choice tried in turn."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.optimize

from edgeqe.bench.planning.programs import best_single, joint, two_step
from edgeqe.bench.planning.tables import ChoiceTables, PlanChoice, PlanLimits
from edgeqe.errors import InputError

#: The solver's own tolerance is 1e-6 of the sum, a few times more with rounding.
NEAR = 1e-5
#: Far more than such tables take, on a machine that does other work too.
LONG = 120.0


def made(seed: int, pictures: int = 4, points: int = 3, networks: int = 3) -> ChoiceTables:
    """Tables as pictures have them: finer is larger and better, slower is mostly better."""
    rng = np.random.default_rng(seed)
    sizes = np.sort(rng.integers(50, 2000, (pictures, points)), axis=1)[:, ::-1]
    times = np.sort(rng.integers(1, 500, (pictures, networks)), axis=1)
    times[:, 0] = 0
    decoded = -np.sort(-rng.uniform(25, 40, (pictures, points)), axis=1)
    gains = rng.uniform(-0.2, 1.5, (pictures, points, networks))
    gains[:, :, 0] = 0
    return ChoiceTables(sizes.copy(), times, decoded[:, :, None] + gains)


def middling(tables: ChoiceTables, share: float) -> PlanLimits:
    """Limits that leave a share of the way from the least to the most."""
    least = tables.least()
    most = int(tables.sizes.max(axis=1).sum()), int(tables.microseconds.max(axis=1).sum())
    return PlanLimits(
        least.size_bytes + int(share * (most[0] - least.size_bytes)),
        least.microseconds + int(share * (most[1] - least.microseconds)),
    )


def every_best(values: Any, costs: list[Any], limits: list[int]) -> float:
    """Largest mean of values over all ways to take one option a picture inside the limits."""
    count, options = values.shape
    best = -np.inf
    for chosen in itertools.product(range(options), repeat=count):
        if all(
            sum(int(cost[i, k]) for i, k in enumerate(chosen)) <= limit
            for cost, limit in zip(costs, limits, strict=True)
        ):
            best = max(best, sum(values[i, k] for i, k in enumerate(chosen)) / count)
    return float(best)


def check(tables: ChoiceTables, limits: PlanLimits, choice: PlanChoice) -> None:
    """A choice is inside the limits, and what it says of itself is so."""
    rows = list(enumerate(zip(choice.strengths, choice.networks, strict=True)))
    assert choice.size_bytes == sum(int(tables.sizes[i, q]) for i, (q, _) in rows)
    assert choice.microseconds == sum(int(tables.microseconds[i, m]) for i, (_, m) in rows)
    assert choice.psnr == pytest.approx(sum(tables.psnr[i, q, m] for i, (q, m) in rows) / len(rows))
    assert choice.size_bytes <= limits.size_bytes
    assert choice.microseconds <= limits.microseconds


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_joint_program_finds_the_best_of_all_choices(seed: int, share: float) -> None:
    tables = made(seed)
    limits = middling(tables, share)
    choice = joint(tables, limits, LONG)
    check(tables, limits, choice)
    sizes = np.array([np.repeat(row, 3) for row in tables.sizes])
    times = np.array([np.tile(row, 3) for row in tables.microseconds])
    best = every_best(
        tables.psnr.reshape(4, 9), [sizes, times], [limits.size_bytes, limits.microseconds]
    )
    assert choice.psnr == pytest.approx(best, abs=NEAR)
    assert choice.gap == 0.0


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("seed", range(3))
def test_the_two_steps_are_the_best_decoded_pictures_and_then_the_largest_gains(
    seed: int, share: float
) -> None:
    tables = made(seed, pictures=5, points=4)
    limits = middling(tables, share)
    choice = two_step(tables, limits, LONG)
    check(tables, limits, choice)
    each = range(5)
    decoded = float(np.mean([tables.psnr[i, choice.strengths[i], 0] for i in each]))
    best = every_best(tables.psnr[:, :, 0], [tables.sizes], [limits.size_bytes])
    assert decoded == pytest.approx(best, abs=NEAR)
    coded = np.array([tables.psnr[i, choice.strengths[i]] for i in each])
    best = every_best(coded, [tables.microseconds], [limits.microseconds])
    assert choice.psnr == pytest.approx(best, abs=NEAR)


@pytest.mark.parametrize("seed", range(4))
def test_the_single_choice_is_the_best_of_those_that_fit(seed: int) -> None:
    tables = made(seed)
    limits = middling(tables, 0.5)
    choice = best_single(tables, limits)
    found = [
        float(tables.psnr[:, q, m].mean())
        for q in range(3)
        for m in range(3)
        if tables.sizes[:, q].sum() <= limits.size_bytes
        and tables.microseconds[:, m].sum() <= limits.microseconds
    ]
    assert choice is not None and found
    check(tables, limits, choice)
    assert choice.psnr == pytest.approx(max(found))
    assert len(set(choice.strengths)) == len(set(choice.networks)) == 1


def test_there_may_be_a_plan_where_no_single_choice_fits() -> None:
    # the coarse strength is the larger file of the second picture, as happens with tiny ones
    tables = ChoiceTables(
        np.array([[90, 10], [10, 90]]), np.zeros((2, 1), int), np.full((2, 2, 1), 30.0)
    )
    limits = PlanLimits(20, 0)
    assert best_single(tables, limits) is None
    assert joint(tables, limits).strengths == (1, 0)


@pytest.mark.parametrize("seed", range(4))
def test_the_joint_plan_is_never_worse(seed: int) -> None:
    tables = made(seed, pictures=12, points=5, networks=4)
    limits = middling(tables, 0.3)
    single, steps = best_single(tables, limits), two_step(tables, limits)
    assert single is not None
    # whatever the time allows, because the others are known to it
    both = joint(tables, limits, known=[single, steps])
    check(tables, limits, both)
    assert both.psnr >= max(steps.psnr, single.psnr)


@pytest.mark.parametrize("seed", range(3))
def test_where_gains_follow_the_picture_alone_the_steps_lose_nothing(seed: int) -> None:
    # then the two choices have nothing to do with each other, and both beat one choice for all
    mixed = made(seed, pictures=6)
    psnr = mixed.psnr[:, :, :1] + (mixed.psnr[:, :1] - mixed.psnr[:, :1, :1])
    tables = ChoiceTables(mixed.sizes, mixed.microseconds, psnr)
    limits = middling(tables, 0.4)
    steps, both = two_step(tables, limits, LONG), joint(tables, limits, LONG)
    single = best_single(tables, limits)
    assert single is not None
    assert steps.psnr == pytest.approx(both.psnr, abs=NEAR)
    assert steps.psnr >= single.psnr - NEAR


def test_a_limit_that_is_too_small_is_named_with_the_least_that_works() -> None:
    tables = made(5)
    tables.microseconds[:, 0] = 7  # no choice is free
    least = tables.least()
    assert least.microseconds == 28
    exact = PlanLimits(least.size_bytes, least.microseconds)
    for solve in (two_step, joint):
        check(tables, exact, solve(tables, exact))
        with pytest.raises(
            InputError, match=f"size limit .* least that works is {least.size_bytes} b"
        ):
            solve(tables, PlanLimits(least.size_bytes - 1, least.microseconds))
        with pytest.raises(InputError, match=r"time limit of 0\.000027 s .* works is 0\.000028 s"):
            solve(tables, PlanLimits(least.size_bytes, least.microseconds - 1))
        with pytest.raises(InputError, match="size limit of 0 bytes .*; the time limit of 0"):
            solve(tables, PlanLimits(0, 0))


@pytest.mark.parametrize("seed", range(3))
def test_without_time_to_prove_it_the_gap_holds_what_is_lost(seed: int) -> None:
    tables = made(seed, pictures=30, points=8, networks=4)
    limits = middling(tables, 0.4)
    hasty, patient = joint(tables, limits, 1e-6), joint(tables, limits, LONG)
    check(tables, limits, hasty)
    assert hasty.psnr <= patient.psnr + NEAR <= hasty.psnr + hasty.gap + 2 * NEAR


def test_a_better_choice_that_is_known_counts_and_narrows_the_gap() -> None:
    tables = made(1, pictures=30, points=8, networks=4)
    limits = middling(tables, 0.4)
    hasty, patient = joint(tables, limits, 1e-6), joint(tables, limits, LONG)
    told = joint(tables, limits, 1e-6, known=[patient])
    assert told.strengths == patient.strengths and told.networks == patient.networks
    assert told.psnr + told.gap <= hasty.psnr + hasty.gap + NEAR


def test_a_sum_that_the_solver_lets_pass_its_limit_is_solved_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tables = made(2)
    limits = middling(tables, 0.3)
    true = scipy.optimize.milp
    solved: list[Any] = []

    def generous(*given: Any, constraints: Any, **options: Any) -> Any:
        if not solved:
            constraints.ub = constraints.ub + np.array([0, 0, 0, 0, 900, 900])
        solved.append(constraints)
        return true(*given, constraints=constraints, **options)

    best = joint(tables, limits, LONG)
    monkeypatch.setattr(scipy.optimize, "milp", generous)
    choice = joint(tables, limits, LONG)
    assert len(solved) > 1
    check(tables, limits, choice)
    # limits that were drawn in prove nothing about what lies between them and the true ones
    assert choice.psnr <= best.psnr + NEAR <= choice.psnr + choice.gap + 2 * NEAR


def test_tables_that_are_none_are_refused() -> None:
    sizes, times, psnr = np.ones((2, 3), int), np.ones((2, 4), int), np.ones((2, 3, 4))
    ChoiceTables(sizes, times, psnr)
    for wrong in (
        (sizes[:, :2], times, psnr),
        (sizes, times[:1], psnr),
        (sizes, times, psnr[0]),
        (np.ones((0, 3), int), np.ones((0, 4), int), np.ones((0, 3, 4))),
    ):
        with pytest.raises(InputError, match="do not go together"):
            ChoiceTables(*wrong)
    for wrong in (
        (-sizes, times, psnr),
        (sizes, times / 2, psnr),
        (sizes, times, psnr * np.inf),
    ):
        with pytest.raises(InputError, match="whole numbers of 0 or more"):
            ChoiceTables(*wrong)
