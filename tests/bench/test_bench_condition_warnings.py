"""What is said of a machine that spoils a benchmark, each with its fix."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from edgeqe.bench.conditions.clocks import Clocks, Heat
from edgeqe.bench.conditions.cpu_load import Load
from edgeqe.bench.conditions.snapshot import Conditions, read_conditions, warnings
from edgeqe.hardware import nvml
from tests.bench.machine_files import (
    CPU,
    LAPTOP,
    ORIN,
    PI,
    PI_WORD,
    QUIET,
    tree,
)


@pytest.fixture(autouse=True)
def no_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the devices of the machine that it runs on."""
    monkeypatch.setattr(nvml, "load_nvml", lambda: None)


@pytest.mark.parametrize(
    ("seconds", "work", "own", "expected"),
    [
        # 10 s in which the machine worked for 14.2 and we for 1.2: 1.3 of 2 processors
        (
            10.0,
            14.2,
            1.2,
            ["something else kept 1.3 of 2 processors busy during the run: close it"],
        ),
        (10.0, 20.0, 19.0, []),  # all ours, but for what a system does by itself
        (10.0, 5.0, 6.0, []),  # the clocks of /proc tick apart
        # too short to tell: the load of the minute before
        (
            0.5,
            1.0,
            1.0,
            ["something else kept 1.4 of 2 processors busy before the start: close it"],
        ),
    ],
)
def test_work_of_others(seconds: float, work: float, own: float, expected: list[str]) -> None:
    before = Load(2, 1.42, 2, 100.0, 50.0, 5.0)
    after = Load(2, 3.0, 2, 100.0 + seconds, 50.0 + work, 5.0 + own)
    assert warnings(Conditions(before), Conditions(after)) == expected


@pytest.mark.parametrize(
    ("load", "said"),
    [
        (Load(2, 1.9, 0), False),  # the run of a minute ago
        (Load(2, 0.1, 5), False),  # a moment's threads
        (Load(2, 0.25, 2), False),
        (Load(2, 0.35, 2), True),
        (Load(16, 1.5, 2), False),  # less than a tenth of the machine
        (Load(16, 1.7, 2), True),
        (Load(2), False),
    ],
)
def test_the_load_before_the_start(load: Load, said: bool) -> None:
    assert bool(warnings(Conditions(load), Conditions(load))) == said


def test_load_that_is_more_than_the_machine_is_all_of_it() -> None:
    load = Conditions(Load(2, 9.0, 30))
    (sentence,) = warnings(load, load)
    assert sentence.startswith("something else kept 2.0 of 2 processors busy")


def test_a_laptop_that_saves_power(tmp_path: Path) -> None:
    before = read_conditions(tree(tmp_path, LAPTOP, QUIET))
    # Under powersave the clock falls when there is nothing to do: that alone says nothing.
    slow = dataclasses.replace(before.clocks, frequency_mhz=400.0)
    assert warnings(before, dataclasses.replace(before, clocks=slow)) == [
        "the clock is free to move under the governor powersave, at 1350 of 3400 MHz before the "
        "start: set the governor to performance: sudo cpupower frequency-set -g performance"
    ]


@pytest.mark.parametrize(
    ("clocks", "said"),
    [
        (Clocks(governors=("performance",)), False),
        (Clocks(governors=("ondemand", "performance")), True),
        (Clocks(governors=("schedutil",)), True),
        (Clocks(governors=("schedutil",), locked=True), False),  # there is nothing to choose
        (Clocks(governors=("userspace",)), False),
    ],
)
def test_governors(clocks: Clocks, said: bool) -> None:
    now = Conditions(clocks=clocks)
    assert bool(warnings(now, now)) == said


def test_a_clock_that_fell() -> None:
    def at(mhz: float, governor: str = "performance", locked: bool = False) -> Conditions:
        return Conditions(clocks=Clocks(mhz, 3400.0, (governor,), locked))

    assert warnings(at(3000.0), at(2500.0)) == [
        "the clock fell from 3000 to 2500 MHz during the run: let the machine cool, and take it "
        "off its battery"
    ]
    assert warnings(at(3000.0), at(2750.0)) == []  # 8 %
    assert warnings(at(2500.0), at(3000.0)) == []
    # A governor that has nothing to choose is not why the clock fell.
    (sentence,) = warnings(at(3000.0, "schedutil", True), at(2500.0, "schedutil", True))
    assert sentence.startswith("the clock fell from 3000 to 2500 MHz")


def test_throttling_that_was_counted() -> None:
    def counted(count: int | None) -> Conditions:
        return Conditions(heat=Heat(throttle_count=count))

    assert warnings(counted(3), counted(15)) == [
        "the clock was held down 12 times during the run (count 3 before, 15 after): cool the "
        "machine better, and on a board look at its power supply too"
    ]
    assert "held down 1 time during" in warnings(counted(0), counted(1))[0]
    assert warnings(counted(15), counted(15)) == warnings(counted(None), counted(1)) == []


def test_a_raspberry_pi_without_enough_power(tmp_path: Path) -> None:
    def with_word(word: str) -> Conditions:
        files = {PI_WORD: word, f"{CPU}/cpu0/cpufreq/scaling_governor": "performance\n"}
        return read_conditions(tree(tmp_path, PI, QUIET, files))

    good, now, lately, hot = map(with_word, ("0", "50005", "50000", "80008"))
    assert warnings(good, good) == warnings(lately, lately) == []
    assert warnings(good, now) == [
        "the clock was held down at the end (under-voltage, throttled): use a power supply that "
        "holds its voltage"
    ]
    assert warnings(good, lately) == [
        "the clock was held down during the run (under-voltage, throttled): use a power supply "
        "that holds its voltage"
    ]
    assert warnings(hot, hot) == [
        "the clock was held down before and after the run (soft temperature limit): let the "
        "machine cool, and cool it better"
    ]
    assert len(warnings(hot, now)) == 2  # two causes, two cures


def test_heat() -> None:
    def at(celsius: float) -> Conditions:
        return Conditions(heat=Heat(celsius, "x86_pkg_temp"))

    assert warnings(at(60.0), at(84.9)) == []
    assert warnings(at(60.0), at(91.0)) == [
        "x86_pkg_temp was at 91 °C at the end: let it cool below 85 °C, and give it more air"
    ]
    (sentence,) = warnings(at(85.0), at(91.0))
    assert sentence.startswith("x86_pkg_temp was at 85 °C before the start")


def test_a_jetson_below_its_best(tmp_path: Path) -> None:
    before = read_conditions(tree(tmp_path, ORIN, QUIET))
    assert warnings(before, before) == [
        "the power mode is 25W, not MAXN_SUPER: sudo nvpmodel -m 2",
        "these clocks are free to move: processors, at 730 of 1728 MHz before the start; "
        "17000000.gpu, at 306 of 1020 MHz before the start: sudo jetson_clocks",
    ]
    best = {
        "var/lib/nvpmodel/status": "pmode:0002\n",
        f"{CPU}/cpu0/cpufreq/scaling_min_freq": "1728000\n",
        f"{CPU}/cpu0/cpufreq/scaling_cur_freq": "1728000\n",
    }
    almost = read_conditions(tree(tmp_path, best))  # the processors are locked, the GPU is not
    assert warnings(almost, almost) == [
        "these clocks are free to move: 17000000.gpu, at 306 of 1020 MHz before the start: "
        "sudo jetson_clocks"
    ]
    gpu = {"sys/class/devfreq/17000000.gpu/min_freq": "918000000\n"}
    good = read_conditions(tree(tmp_path, gpu))
    assert warnings(good, good) == []


def test_clocks_are_locked_when_those_of_all_processors_are(tmp_path: Path) -> None:
    def bounds(processor: int, low: int) -> dict[str, str]:
        folder = f"{CPU}/cpu{processor}/cpufreq"
        return {f"{folder}/scaling_min_freq": f"{low}\n", f"{folder}/scaling_max_freq": "1000\n"}

    one = read_conditions(tree(tmp_path, bounds(0, 1000), bounds(1, 400)))
    assert one.clocks.locked is False
    assert read_conditions(tree(tmp_path, bounds(1, 1000))).clocks.locked is True


def test_a_jetson_without_a_mode_that_has_no_limits(tmp_path: Path) -> None:
    modes = "< POWER_MODEL ID=0 NAME=MODE_15W_2CORE >\n< POWER_MODEL ID=1 NAME=MODE_10W >\n"
    found = read_conditions(tree(tmp_path, ORIN, QUIET, {"etc/nvpmodel.conf": modes}))
    assert (found.board.power_mode, found.board.fastest_mode) == ("MODE_10W", "")
    assert [text for text in warnings(found, found) if "power mode" in text] == []
