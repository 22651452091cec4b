"""The search for a target's fastest setting: one axis after another, in interleaved rounds.

Forms and backends come first, then threads, then windows. On each axis the challengers, the
fastest setting so far and a reference take turns (`race.Race`); after one round the slower half
drops out, and what is left runs two more. The last race is between the default, the default
once more, and the winner; `verdict` judges it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from edgeqe.bench.race import Race, Turn
from edgeqe.bench.tuning.settings import Setting, Space
from edgeqe.bench.tuning.trials import OpenSetting, Outcome, TuningTrial
from edgeqe.bench.tuning.verdict import WORTH, TuningVerdict, judge
from edgeqe.errors import InputError, ProviderError

#: Rounds of an axis, before and after the slower half drops out.
ROUNDS = (1, 2)
#: Rounds of the last race, and the fewest that count.
LAST_ROUNDS, FEWEST_ROUNDS = 7, 3
#: Shares of the time that decide how large a picture a race can run on.
SEARCH_SHARE, LAST_SHARE = 0.5, 0.3
#: Runs that a search takes at least, for the same.
SEARCH_RUNS = 30
#: Share of the time that a lane's turn in a round takes where runs are short, and the most runs.
TURN_SHARE, MOST_RUNS = 0.01, 16
TIME_UP = "not tried: the time was up (--seconds)"


def search(
    space: Space,
    open_setting: Callable[[Setting], OpenSetting],
    pixels: Sequence[int],
    seconds: float,
    *,
    clock: Callable[[], float] = time.perf_counter,
    progress: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Find the fastest setting.

    Parameters
    ----------
    space : Space
        Its forms are those that may win; at least one.
    open_setting : callable
        Opens a setting; an InputError (it does not fit, say) or ProviderError leaves it out.
    pixels : sequence of int
        Of the pictures by level; see `OpenSetting.run`.
    seconds : float
        Time to spend. Axes that it does not suffice for are left out; the last race is run in
        any case, with at least three rounds.
    clock : callable
        Seconds; rises.
    progress : callable
        Gets lines of progress.

    Raises
    ------
    InputError, ProviderError
        If the default cannot be opened, or none of the forms that may win.
    """
    with ExitStack() as stack:
        made = _Search(space, open_setting, pixels, seconds, clock, progress)
        stack.callback(made.close)
        return made.run()


class _Search:
    def __init__(
        self,
        space: Space,
        open_setting: Callable[[Setting], OpenSetting],
        pixels: Sequence[int],
        seconds: float,
        clock: Callable[[], float],
        progress: Callable[[str], None],
    ) -> None:
        self._space, self._open_setting, self._pixels = space, open_setting, pixels
        self._seconds, self._clock, self._progress = seconds, clock, progress
        self._end = clock() + seconds
        self._open: dict[Setting, OpenSetting] = {}
        self._trials: dict[Setting, TuningTrial] = {}
        self._level, self._runs = 0, 1
        """Level of the search's picture, and runs of a lane in a round."""
        self._reserve = 0.0
        """Seconds that the last race takes at least."""

    def close(self) -> None:
        for opened in self._open.values():
            opened.close()

    def run(self) -> Outcome:
        space = self._space
        self._progress("the default")
        default = self._open_setting(space.default)  # what is wrong with it is the caller's error
        self._open[space.default] = default
        self._trials[space.default] = TuningTrial(space.default, default.window)
        runs = 2 * (LAST_ROUNDS + 1)
        last_level, cost = self._level_of(default, runs, LAST_SHARE * self._seconds)
        last_runs = self._runs_in_turn(cost)
        self._reserve = 3 * FEWEST_ROUNDS * last_runs * cost
        reference = best = self._reference()
        share = SEARCH_SHARE * self._seconds
        self._level, cost = self._level_of(self._open[reference], SEARCH_RUNS, share)
        self._runs = self._runs_in_turn(cost)
        best = self._race("forms", space.starts(), best, reference)
        best = self._race("threads", space.at_threads(best), best, reference)
        best = self._race("windows", space.at_windows(best), best, reference)
        verdict = self._last(best, last_level, last_runs)
        self._relate_to_default(reference, best, verdict)
        return Outcome(
            default=space.default,
            winner=best,
            verdict=verdict,
            trials=tuple(self._trials.values()),
            search_pixels=self._pixels[self._level],
            last_pixels=self._pixels[last_level],
        )

    def _reference(self) -> Setting:
        """Start whose lane all races share: the default's form, or the first that opens."""
        starts = list(self._space.starts())
        own = [s for s in starts if (s.backend, s.form) == self._backend_of(self._space.default)]
        for setting in dict.fromkeys([*own, *starts]):
            if self._try(setting):
                return setting
        notes = "; ".join(dict.fromkeys(self._trials[s].note for s in starts))
        raise InputError(f"no form of the network can be tuned: {notes or 'all drift too far'}.")

    @staticmethod
    def _backend_of(setting: Setting) -> tuple[int, str]:
        return setting.backend, setting.form

    def _try(self, setting: Setting) -> bool:
        """Open a setting unless it is; what is wrong with it is its trial's note."""
        if setting in self._open:
            return True
        trial = self._trials.setdefault(setting, TuningTrial(setting))
        if trial.note:
            return False
        try:
            opened = self._open[setting] = self._open_setting(setting)
        except (InputError, ProviderError) as error:
            trial.note = str(error).rstrip(".")
            return False
        trial.window = opened.window
        return True

    def _drop(self, settings: Iterable[Setting]) -> None:
        """Close settings; the default stays for the last race."""
        for setting in settings:
            if setting != self._space.default:
                self._open.pop(setting).close()

    def _race(
        self, axis: str, settings: Iterable[Setting], best: Setting, reference: Setting
    ) -> Setting:
        """Fastest of settings; the best so far stays unless another one is worth a change."""
        challengers = [setting for setting in settings if setting not in (best, reference)]
        alive, cost = self._warmed_up(axis, challengers)
        for rounds in ROUNDS:
            lanes = list(dict.fromkeys([reference, best, *alive]))
            for _ in range(rounds if alive else 0):
                if not self._time_for(cost):
                    break
                self._progress(f"{axis}: {len(lanes)} settings in turns")
                start = self._clock()
                self._round(lanes, reference)
                cost = self._clock() - start
            if rounds == ROUNDS[0]:
                alive.sort(key=lambda setting: self._trials[setting].ratio, reverse=True)
                alive, slower = alive[: (len(alive) + 1) // 2], alive[(len(alive) + 1) // 2 :]
                self._drop(slower)
                cost *= (len(lanes) - len(slower)) / len(lanes)
        for trial in (self._trials[setting] for setting in challengers):
            if not trial.ratios and not trial.note:
                trial.note = TIME_UP
        fastest = max([best, *alive], key=lambda setting: self._trials[setting].ratio)
        won = self._trials[fastest].ratio >= (1.0 + WORTH) * self._trials[best].ratio
        winner = fastest if won else best
        self._drop({*alive, best} - {winner, reference})
        return winner

    def _warmed_up(self, axis: str, settings: Iterable[Setting]) -> tuple[list[Setting], float]:
        """Those of the settings that open and for which there is time, each run once.

        Returns
        -------
        list of Setting
        float
            Seconds that a round of them takes at most: sessions were made.
        """
        found: list[Setting] = []
        cost = 0.0
        for setting in settings:
            self._progress(f"{axis}: opening")
            if not self._time_for(2 * cost):
                self._trials.setdefault(setting, TuningTrial(setting, note=TIME_UP))
            elif self._try(setting):
                start = self._clock()
                self._open[setting].run(self._level)
                cost += self._runs * (self._clock() - start)
                found.append(setting)
        return found, cost

    def _round(self, lanes: Sequence[Setting], reference: Setting) -> None:
        """One round, kept in the trials."""
        race = self._race_of([self._open[s] for s in lanes], self._level, self._runs)
        race.run_round()
        megapixels = self._runs * self._pixels[self._level] / 1e6
        spent = dict(zip(lanes, race.seconds[0], strict=True))
        for setting, seconds in spent.items():
            self._trials[setting].rates.append(megapixels / seconds)
            self._trials[setting].ratios.append(spent[reference] / seconds)

    def _race_of(self, lanes: Sequence[OpenSetting], level: int, runs: int) -> Race:
        """Race over one picture, so many times in each round, the lanes in turns."""

        def lane(opened: OpenSetting) -> Turn:
            return lambda _: opened.run(level)

        return Race([lane(opened) for opened in lanes], runs, self._clock)

    def _last(self, best: Setting, level: int, runs: int) -> TuningVerdict:
        """Race of the default, its twin and the winner."""
        default = self._space.default
        race = self._race_of([self._open[s] for s in (default, default, best)], level, runs)
        race.warm_up()
        while len(race.seconds) < LAST_ROUNDS:
            late = self._clock() + (sum(race.seconds[-1]) if race.seconds else 0.0) > self._end
            if late and len(race.seconds) >= FEWEST_ROUNDS:
                break
            self._progress(f"default against winner: round {len(race.seconds) + 1}")
            race.run_round()
        columns = list(zip(*race.seconds, strict=True))
        found = judge(*columns)
        megapixels = runs * self._pixels[level] / 1e6
        if not self._trials[default].rates:
            self._trials[default].rates += [megapixels / seconds for seconds in columns[0]]
        if best == default:
            return replace(found, kind="noisy" if found.kind == "noisy" else "default")
        if self._backend_of(default) not in self._space.forms:
            return replace(found, kind="drift")
        return found

    def _relate_to_default(self, reference: Setting, best: Setting, verdict: TuningVerdict) -> None:
        """Turn the ratios to the reference into ratios to the default, by way of the winner."""
        default = self._space.default
        if default == reference:
            self._trials[default].ratios = self._trials[default].ratios or [1.0]
            return
        factor = (1.0 + verdict.gain) / (self._trials[best].ratio or 1.0)
        for setting, trial in self._trials.items():
            trial.ratios = [1.0] if setting == default else [r * factor for r in trial.ratios]

    def _level_of(self, opened: OpenSetting, runs: int, seconds: float) -> tuple[int, float]:
        """Level of the largest picture that so many runs in that time leave room for.

        Levels are climbed from the smallest picture: windows that are nearly all halo take more
        time a pixel, the larger the picture is.

        Returns
        -------
        level : int
        cost : float
            Seconds of a run.
        """

        def run(level: int, enough: float) -> float:
            """Seconds of a run; the less of two where the first takes more than enough."""
            found: list[float] = []
            while len(found) < 2 and (not found or found[0] > enough):
                start = self._clock()
                opened.run(level)
                found.append(self._clock() - start)
            return min(found)

        level, most = len(self._pixels) - 1, seconds / runs
        opened.run(level)  # makes its session
        cost = run(level, 0.0)
        while level and cost * self._pixels[level - 1] / self._pixels[level] <= most:
            larger = run(level - 1, most)
            if larger > most:
                break
            level, cost = level - 1, larger
        return level, cost

    def _runs_in_turn(self, cost: float) -> int:
        """Runs that make up a turn long enough to average over what else the machine does."""
        return max(1, min(MOST_RUNS, int(TURN_SHARE * self._seconds / cost)))

    def _time_for(self, seconds: float) -> bool:
        """Whether there is time for that beside the last race."""
        return self._clock() + seconds + self._reserve <= self._end
