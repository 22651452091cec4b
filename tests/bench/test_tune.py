"""The search for the fastest setting, on lanes whose speed the test decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from edgeqe.bench.tuning.settings import Setting, Space, counts_to, space_of
from edgeqe.bench.tuning.trials import Outcome
from edgeqe.bench.tuning.tune import FEWEST_ROUNDS, TIME_UP, search
from edgeqe.bench.tuning.verdict import judge
from edgeqe.errors import MemoryLimitError, ProviderError
from edgeqe.targets.options import CUDA
from edgeqe.targets.profile import Backend, WindowBounds
from edgeqe.targets.reading import read_profile

MEGAPIXEL = 1_000_000
START = Setting(backend=0, form="int8", threads=4, smallest=0, largest=0)
SPACE = Space(
    forms=((0, "int8"), (0, "float32"), (1, "int8.tflite")),
    default=START,
    start=START,
    threads=(1, 2, 4),
    windows=((0, 0), (88, 128), (128, 192), (172, 256)),
)
Speed = Callable[[Setting], float]


class Machine:
    """Opens settings that take the seconds a megapixel that a function says."""

    def __init__(self, speed: Speed, jitter: Callable[[int], float] = lambda run: 1.0) -> None:
        self.now, self.runs = 0.0, 0
        self.opened: list[Setting] = []
        self.closed: list[Setting] = []
        self._speed, self._jitter = speed, jitter

    def clock(self) -> float:
        return self.now

    def open(self, setting: Setting) -> Lane:
        seconds = self._speed(setting)  # what cannot be opened raises
        self.opened.append(setting)
        return Lane(self, setting, seconds)

    def search(self, space: Space = SPACE, seconds: float = 1000.0, levels: int = 1) -> Outcome:
        pixels = [MEGAPIXEL >> 2 * level for level in range(levels)]
        return search(space, self.open, pixels, seconds, clock=self.clock)


class Lane:
    def __init__(self, machine: Machine, setting: Setting, seconds: float) -> None:
        self._machine, self._setting, self._seconds = machine, setting, seconds
        self.window = (setting.largest or 512, setting.largest or 512)

    def run(self, level: int) -> None:
        self._machine.runs += 1
        jitter = self._machine._jitter(self._machine.runs)
        self._machine.now += self._seconds / 4**level * jitter

    def close(self) -> None:
        self._machine.closed.append(self._setting)


def smooth(setting: Setting) -> float:
    """The second runtime, two threads and windows to 192 are fastest, each on its own."""
    form = {"int8": 1.0, "float32": 1.5, "int8.tflite": 0.8}[setting.form]
    threads = {1: 1.6, 2: 0.9, 4: 1.0}[setting.threads]
    window = {0: 1.0, 128: 1.2, 192: 0.7, 256: 0.85}[setting.largest]
    return form * threads * window


def test_the_fastest_of_each_axis_wins() -> None:
    machine = Machine(smooth)
    outcome = machine.search()
    assert outcome.winner == outcome.chosen == Setting(1, "int8.tflite", 2, 128, 192)
    assert outcome.verdict.kind == "faster"
    assert outcome.verdict.gain == pytest.approx(1 / (0.8 * 0.9 * 0.7) - 1)
    assert (outcome.verdict.twin, outcome.verdict.spread) == pytest.approx((0.0, 0.0), abs=1e-12)
    assert sorted(machine.opened, key=str) == sorted(machine.closed, key=str)
    assert len(set(machine.opened)) == len(machine.opened)  # each is opened once


def test_ratios_are_to_the_default() -> None:
    outcome = Machine(smooth).search()
    by_setting = {trial.setting: trial for trial in outcome.trials}
    assert by_setting[START].ratio == pytest.approx(1.0)
    float32 = by_setting[replace(START, form="float32")]
    assert float32.ratio == pytest.approx(1 / 1.5)
    assert len(float32.ratios) == 1  # the slower half drops out after a round
    assert by_setting[outcome.winner].rates[0] == pytest.approx(1 / (0.8 * 0.9 * 0.7))


def test_the_search_leaves_the_bounds_of_a_slow_default() -> None:
    """One thread and the least window: 64 pixels, hundreds of times slower than as planned."""
    bound = replace(START, threads=1, smallest=64, largest=64)
    machine = Machine(lambda setting: 200.0 if setting.largest == 64 else smooth(setting))
    outcome = machine.search(replace(SPACE, default=bound), seconds=200.0, levels=4)
    assert outcome.chosen == Setting(1, "int8.tflite", 2, 128, 192)
    assert outcome.verdict.gain == pytest.approx(200.0 / (0.8 * 0.9 * 0.7) - 1)
    # the last race takes 16 runs of the default at least: 200 / 64 seconds each, not 200
    assert (outcome.search_pixels, outcome.last_pixels) == (MEGAPIXEL, MEGAPIXEL >> 6)
    assert machine.now < 250.0
    ratios = {trial.setting: trial.ratio for trial in outcome.trials}
    assert ratios[bound] == 1.0
    assert ratios[START] == pytest.approx(200.0)


def test_what_does_not_fit_or_run_is_left_out_with_its_reason() -> None:
    def speed(setting: Setting) -> float:
        if setting.largest == 192:
            raise MemoryLimitError("does not fit: use 128MiB.", 128 << 20)
        if setting.backend == 1:
            raise ProviderError("no such provider.")
        return smooth(setting)

    outcome = Machine(speed).search()
    assert outcome.chosen == Setting(0, "int8", 2, 172, 256)
    notes = {trial.note for trial in outcome.trials if trial.setting.largest == 192}
    assert notes == {"does not fit: use 128MiB"}
    assert [t.note for t in outcome.trials if t.setting.backend == 1] == ["no such provider"]


def test_the_defaults_own_error_is_the_callers() -> None:
    def speed(setting: Setting) -> float:
        raise MemoryLimitError("does not fit.", 128 << 20)

    with pytest.raises(MemoryLimitError, match="does not fit"):
        Machine(speed).search()


def test_a_form_that_drifts_is_not_tried() -> None:
    machine = Machine(smooth)
    outcome = machine.search(SPACE.without([(1, "int8.tflite")]))
    assert outcome.chosen == Setting(0, "int8", 2, 128, 192)
    assert all(setting.backend == 0 for setting in machine.opened)


def test_a_default_that_drifts_gives_way_even_to_a_slower_form() -> None:
    outcome = Machine(smooth).search(SPACE.without([(0, "int8"), (1, "int8.tflite")]))
    assert outcome.verdict.kind == "drift"
    assert outcome.chosen == Setting(0, "float32", 2, 128, 192)
    assert outcome.verdict.gain == pytest.approx(1 / (1.5 * 0.9 * 0.7) - 1)


def test_a_default_that_is_the_fastest_stays() -> None:
    outcome = Machine(lambda setting: 1.0 if setting == START else 1.3).search()
    assert (outcome.verdict.kind, outcome.chosen) == ("default", START)
    hardly = Machine(lambda setting: 1.0 if setting == START else 0.99).search()
    assert (hardly.verdict.kind, hardly.chosen) == ("default", START)


def test_on_a_restless_machine_only_a_large_gain_is_told() -> None:
    noise = np.random.default_rng(3)

    def restless(run: int) -> float:
        return float(noise.lognormal(0.0, 1.0))

    small = Machine(lambda s: 1.0 if s == START else 0.95, restless).search()
    assert small.verdict.spread > 0.1
    assert (small.verdict.kind, small.chosen) == ("noisy", START)
    large = Machine(lambda s: 1.0 if s == START else 0.05, restless).search()
    assert large.verdict.spread > 0.1
    assert large.verdict.kind == "faster"


def test_quick_settings_run_several_times_a_turn() -> None:
    machine = Machine(lambda setting: 0.1)
    machine.search(seconds=40.0)  # turns of a hundredth of that: 4 runs
    lanes = 3  # default, twin and winner
    last = lanes * 4 * 8  # the warm-up and seven rounds
    # axes: the first rounds have 1 + 2, 1 + 2 and 1 + 3 lanes, the second ones 1 + 1, 1 + 1, 1 + 2
    axes = 4 * (3 + 3 + 4 + 2 * (2 + 2 + 3))
    assert machine.runs == last + axes + 7 + 2 * 3  # challengers' warm-ups; both levels' measures


@pytest.mark.parametrize(
    ("default", "twin", "winner", "kind"),
    [
        ([1.0] * 4, [1.0] * 4, [0.9] * 4, "faster"),
        ([1.0] * 4, [1.0] * 4, [0.99] * 4, "default"),  # 1 % is no reason to change
        ([1.0] * 4, [1.0] * 4, [1.5] * 4, "default"),
        ([1.0] * 4, [0.88] * 4, [0.9] * 4, "noisy"),  # the default beats itself by more
        ([1.0] * 4, [0.95] * 4, [1.0] * 4, "noisy"),
        ([1.0] * 4, [1.0] * 4, [0.7, 0.8, 0.9, 1.1], "noisy"),  # the ratios spread by 19 %
        ([1.0] * 4, [1.0] * 4, [0.2, 0.23, 0.26, 0.29], "faster"),  # 16 %, but four times
        ([1.0, 9.0, 1.0, 9.0], [1.0, 9.0, 1.0, 9.0], [0.5, 4.5, 0.5, 4.5], "faster"),  # paired
    ],
)
def test_the_verdict(
    default: list[float], twin: list[float], winner: list[float], kind: str
) -> None:
    verdict = judge(default, twin, winner)
    assert (verdict.kind, verdict.rounds) == (kind, 4)
    assert verdict.keeps_default is (kind != "faster")


def test_a_short_time_leaves_axes_out_and_still_compares() -> None:
    machine = Machine(smooth)
    outcome = machine.search(seconds=22.0)
    assert outcome.verdict.rounds >= FEWEST_ROUNDS
    assert machine.now < 30.0
    assert {t.setting.threads for t in outcome.trials if t.rates} == {4}
    assert TIME_UP in {trial.note for trial in outcome.trials}
    assert outcome.chosen.form == "int8.tflite"


def test_pictures_grow_until_the_time_is_full() -> None:
    quick = Machine(smooth).search(seconds=1000.0, levels=3)
    assert (quick.search_pixels, quick.last_pixels) == (MEGAPIXEL, MEGAPIXEL)
    slow = Machine(lambda setting: 10 * smooth(setting)).search(seconds=100.0, levels=3)
    # 30 runs in 50 s: 10 s and 2.5 s a run are too long. 16 runs in 30 s: 2.5 s too.
    assert (slow.search_pixels, slow.last_pixels) == (MEGAPIXEL >> 4, MEGAPIXEL >> 4)


def test_counts_of_threads() -> None:
    assert counts_to(1) == (1,)
    assert counts_to(4) == (1, 2, 4)
    assert counts_to(6) == (1, 2, 4, 6)


@pytest.fixture
def everything_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "edgeqe.bench.tuning.settings.reason_absent",
        lambda backend, features: "" if not backend.needs or "vnni" in features else "no vnni",
    )


def test_the_space_of_a_network(everything_installed: None) -> None:
    space, absent = space_of("edgeqe-small", read_profile("x86-cpu"), ("vnni",), 6)
    assert space.forms == (
        (0, "int8.tflite"),
        (1, "int8"),
        (1, "float32"),
        (2, "float32.tflite"),
    )
    assert absent == {}
    assert space.default == space.start == Setting(0, "int8.tflite", 6, 0, 0)
    assert space.threads == (1, 2, 4, 6)
    assert space.windows[0] == (0, 0)
    assert all(2 * small >= large > small for small, large in space.windows[1:])
    without, absent = space_of("edgeqe-small", read_profile("x86-cpu"), (), 6)
    assert without.default == Setting(1, "int8", 6, 0, 0)
    assert (0, "int8.tflite") not in without.forms
    assert absent == {0: "no vnni"}


def test_the_defaults_of_each_way(everything_installed: None) -> None:
    space, _ = space_of("edgeqe-small", read_profile("x86-cpu"), ("vnni",), 2)
    assert [(s.backend, s.form) for s in space.defaults()] == [
        (0, "int8.tflite"),
        (1, "int8"),
        (2, "float32.tflite"),
    ]


def test_a_file_fixes_the_form(everything_installed: None) -> None:
    space, _ = space_of("edgeqe-tiny:float32.tflite", read_profile("x86-cpu"), (), 2)
    assert space.forms == ((0, ""),)  # both of the profile's LiteRT backends are alike


def test_the_profiles_own_bounds_are_the_default_and_not_the_start(
    everything_installed: None,
) -> None:
    profile = replace(
        read_profile("x86-cpu"),
        threads=1,
        window=WindowBounds(64, 64),
        precision={"edgeqe-small": ("float32",)},
    )
    space, _ = space_of("edgeqe-small", profile, ("vnni",), 4)
    assert space.default == Setting(1, "float32", 1, 64, 64)  # the first backend has int8 alone
    assert space.start == Setting(1, "float32", 4, 0, 0)
    assert [s.backend for s in space.defaults()] == [1, 2, 0]


def test_an_accelerator_keeps_one_window_shape(everything_installed: None) -> None:
    backends = (Backend("onnxruntime", CUDA, ("float16", "float32")),)
    window = WindowBounds(256, 1024, fixed=True)
    profile = replace(read_profile("cuda"), backends=backends, window=window, threads=1)
    space, _ = space_of("edgeqe-small", profile, (), 8)
    assert space.forms == ((0, "float16"), (0, "float32"))
    assert space.start == space.default == Setting(0, "float16", 1, 256, 1024)
    assert all(small == large for small, large in space.windows[1:])


def test_no_way_at_all_is_the_targets_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "edgeqe.bench.tuning.settings.reason_absent", lambda backend, features: "not here"
    )
    with pytest.raises(ProviderError, match="'cuda' cannot be tuned here: .*not here. Fix: pip"):
        space_of("edgeqe-small", read_profile("cuda"), (), 2)
