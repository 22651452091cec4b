"""Conditions read from fake file systems of a laptop, boards and a virtual machine."""

from __future__ import annotations

import ctypes
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edgeqe.bench.conditions.boards import Board
from edgeqe.bench.conditions.clocks import Clocks, Heat
from edgeqe.bench.conditions.cpu_load import Load
from edgeqe.bench.conditions.gpu_clock import GpuClock
from edgeqe.bench.conditions.snapshot import Conditions, read_conditions, warnings
from edgeqe.hardware import nvml

CPU = "sys/devices/system/cpu"
THERMAL = "sys/class/thermal"
#: Two processors: 100 s of user, 20 of system and 1 of interrupts; 1000 s idle are no work.
STAT = """\
cpu  9000 1000 2000 100000 500 40 60 700 0 0
cpu0 4500 500 1000 50000 250 20 30 350 0 0
cpu1 4500 500 1000 50000 250 20 30 350 0 0
intr 123456
"""
WORK = {
    "proc/loadavg": "1.42 0.90 0.50 3/512 4711\n",
    "proc/uptime": "600.25 1000.00\n",
    "proc/stat": STAT,
    # the name holds what the fields are told apart by
    "proc/self/stat": "4711 (a) b (c) S 1 1 1 0 -1 4194304 90 80 7 6 500 100 40 10 20 0 4 0 999\n",
}
LAPTOP = {
    **WORK,
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: Some CPU\ncpu MHz\t\t: 999.000\n",
    f"{CPU}/cpu0/cpufreq/scaling_cur_freq": "1200000\n",
    f"{CPU}/cpu1/cpufreq/scaling_cur_freq": "1500500\n",
    f"{CPU}/cpu0/cpufreq/scaling_min_freq": "400000\n",
    f"{CPU}/cpu0/cpufreq/scaling_max_freq": "3400000\n",
    f"{CPU}/cpu0/cpufreq/cpuinfo_max_freq": "3400000\n",
    f"{CPU}/cpu1/cpufreq/cpuinfo_max_freq": "3200000\n",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "powersave\n",
    f"{CPU}/cpu1/cpufreq/scaling_governor": "powersave\n",
    f"{CPU}/cpufreq/policy0/scaling_governor": "not a processor's\n",
    # both processors count the events of their one package
    f"{CPU}/cpu0/topology/physical_package_id": "0\n",
    f"{CPU}/cpu1/topology/physical_package_id": "0\n",
    f"{CPU}/cpu0/thermal_throttle/package_throttle_count": "12\n",
    f"{CPU}/cpu1/thermal_throttle/package_throttle_count": "11\n",
    f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "3\n",
    f"{CPU}/cpu1/thermal_throttle/core_throttle_count": "4\n",
    f"{THERMAL}/thermal_zone0/type": "acpitz\n",
    f"{THERMAL}/thermal_zone0/temp": "27800\n",
    f"{THERMAL}/thermal_zone1/type": "x86_pkg_temp\n",
    f"{THERMAL}/thermal_zone1/temp": "71000\n",
    f"{THERMAL}/thermal_zone2/type": "iwlwifi_1\n",  # off: its temperature cannot be read
    f"{THERMAL}/thermal_zone3/type": "INT3400 Thermal\n",
    f"{THERMAL}/thermal_zone3/temp": "-273000\n",
    f"{THERMAL}/cooling_device0/type": "Fan\n",
    f"{THERMAL}/cooling_device0/cur_state": "1\n",
    f"{THERMAL}/cooling_device1/type": "Processor\n",
    f"{THERMAL}/cooling_device1/cur_state": "0\n",
}
PI = {
    **WORK,
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    f"{CPU}/cpu0/cpufreq/scaling_cur_freq": "600000\n",
    f"{CPU}/cpu0/cpufreq/cpuinfo_max_freq": "1800000\n",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "ondemand\n",
    f"{THERMAL}/thermal_zone0/type": "cpu-thermal\n",
    f"{THERMAL}/thermal_zone0/temp": "61344\n",
}
PI_WORD = "sys/devices/platform/soc/soc:firmware/get_throttled"
ORIN = {
    **WORK,
    "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit Super\0",
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 1, BOARD: generic\n",
    "etc/nvpmodel.conf": """\
# < POWER_MODEL ID=9 NAME=MAXN_ZERO >
< PARAM TYPE=FILE NAME=CPU_ONLINE >
< POWER_MODEL ID=0 NAME=15W >
CPU_ONLINE CORE_0 1
< POWER_MODEL ID=1 NAME=25W >
< POWER_MODEL ID=2 NAME=MAXN_SUPER >
< PM_CONFIG DEFAULT=1 >
""",
    "var/lib/nvpmodel/status": "pmode:0001 fmode:quiet\n",
    f"{CPU}/cpu0/cpufreq/scaling_cur_freq": "729600\n",
    f"{CPU}/cpu0/cpufreq/scaling_min_freq": "729600\n",
    f"{CPU}/cpu0/cpufreq/scaling_max_freq": "1728000\n",
    f"{CPU}/cpu0/cpufreq/cpuinfo_max_freq": "1728000\n",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "schedutil\n",
    "sys/class/devfreq/15340000.vic/cur_freq": "115200000\n",
    "sys/class/devfreq/17000000.gpu/cur_freq": "306000000\n",
    "sys/class/devfreq/17000000.gpu/min_freq": "306000000\n",
    "sys/class/devfreq/17000000.gpu/max_freq": "918000000\n",
    "sys/class/devfreq/17000000.gpu/available_frequencies": "306000000 612000000 1020000000\n",
    "sys/class/hwmon/hwmon3/oc1_event_cnt": "0\n",
    "sys/class/hwmon/hwmon3/oc3_event_cnt": "2\n",
    f"{THERMAL}/thermal_zone0/type": "cpu-thermal\n",
    f"{THERMAL}/thermal_zone0/temp": "48281\n",
    f"{THERMAL}/thermal_zone1/type": "PMIC-Die\n",
    f"{THERMAL}/thermal_zone1/temp": "100000\n",
    f"{THERMAL}/cooling_device0/type": "pwm-fan\n",
    f"{THERMAL}/cooling_device0/cur_state": "3\n",
    f"{THERMAL}/cooling_device1/type": "cpu-throttle-alert\n",
    f"{THERMAL}/cooling_device1/cur_state": "0\n",
    f"{THERMAL}/cooling_device2/type": "cpufreq-cpu0\n",
    f"{THERMAL}/cooling_device2/cur_state": "0\n",
    f"{THERMAL}/cooling_device3/type": "cpufreq-cpu4\n",
    f"{THERMAL}/cooling_device3/cur_state": "0\n",
}
#: A quiet moment of each, so that only what a test changes speaks.
QUIET = {"proc/loadavg": "0.00 0.00 0.00 1/512 4711\n"}


def tree(folder: Path, *files: Mapping[str, str]) -> Path:
    """File system that holds these files, those of a later mapping over those of an earlier."""
    for part in files:
        for name, text in part.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def no_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the devices of the machine that it runs on."""
    monkeypatch.setattr(nvml, "load_nvml", lambda: None)


def test_a_laptop(tmp_path: Path) -> None:
    found = read_conditions(tree(tmp_path, LAPTOP))
    # 90 + 10 + 20 + 0.4 + 0.6 s of work; 5 + 1 + 0.4 + 0.1 s of our own
    assert found.load == Load(2, 1.42, 2, 600.25, 121.0, 6.5)
    assert found.clocks == Clocks(1350.2, 3400.0, ("powersave",), False)
    assert found.heat == Heat(71.0, "x86_pkg_temp", 12 + 3 + 4, ())
    assert (found.board, found.gpus, found.throttled) == (Board(), (), False)


def test_a_raspberry_pi(tmp_path: Path) -> None:
    found = read_conditions(tree(tmp_path, PI, {PI_WORD: "50005\n"}))
    assert found.board.held_by == found.board.held_lately == ("under-voltage", "throttled")
    assert (found.throttled, found.heat.throttle_count) == (True, None)
    assert found.clocks.governors == ("ondemand",)
    assert found.to_dict()["notes"] == [
        "hottest: cpu-thermal",
        "held down by: under-voltage, throttled",
        "held down before by: under-voltage, throttled",
    ]


def test_a_raspberry_pi_5_names_the_firmware_by_its_address(tmp_path: Path) -> None:
    word = "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled"
    found = read_conditions(tree(tmp_path, PI, {word: "80008\n"}))
    assert found.board.held_by == ("soft temperature limit",)
    assert read_conditions(tree(tmp_path, {word: "0\n"})).throttled is False


def test_a_jetson(tmp_path: Path) -> None:
    found = read_conditions(tree(tmp_path, ORIN))
    board = "NVIDIA Jetson Orin Nano Developer Kit Super, L4T 36.4.3 (JetPack 6)"
    assert found.board == Board(board, "25W", "MAXN_SUPER", 2)
    assert found.clocks == Clocks(729.6, 1728.0, ("schedutil",), False)
    # no PMIC-Die, which always says 100 degrees; over-current events count as throttling
    assert found.heat == Heat(48.281, "cpu-thermal", 2, ())
    assert found.gpus == (GpuClock("17000000.gpu", 306, 1020, locked=False),)


@pytest.mark.parametrize(
    ("files", "mode"),
    [
        ({"var/lib/nvpmodel/status": "pmode:0002\n"}, "MAXN_SUPER"),
        ({"var/lib/nvpmodel/status": "pmode:0007\n"}, "mode 7"),  # not in the list
        ({"var/lib/nvpmodel/status": ""}, ""),  # as in a container, which hides the file
    ],
)
def test_power_modes_of_a_jetson(files: dict[str, str], mode: str, tmp_path: Path) -> None:
    assert read_conditions(tree(tmp_path, ORIN, files)).board.power_mode == mode


def test_cooling_of_many_processors_is_named_once(tmp_path: Path) -> None:
    hot = {f"{THERMAL}/cooling_device{number}/cur_state": "1\n" for number in (1, 2, 3)}
    found = read_conditions(tree(tmp_path, ORIN, hot))
    assert found.heat.held_by == ("cpu-throttle-alert", "cpufreq")
    assert found.throttled is True


def test_a_virtual_machine_tells_its_load_and_one_clock(tmp_path: Path) -> None:
    cpuinfo = "processor\t: 0\ncpu MHz\t\t: 2596.098\n\nprocessor\t: 1\ncpu MHz\t\t: 2596.298\n"
    first = read_conditions(tree(tmp_path, WORK, QUIET, {"proc/cpuinfo": cpuinfo}))
    assert first.clocks == Clocks(frequency_mhz=2596.2)
    assert (first.heat, first.board, first.throttled) == (Heat(), Board(), None)
    # The host moves the clock: no governor here could hold it.
    slow = read_conditions(tree(tmp_path, {"proc/cpuinfo": "cpu MHz\t\t: 1000.000\n"}))
    assert warnings(first, slow) == []


def test_a_machine_that_tells_nothing_is_unknown_and_gives_no_warning(tmp_path: Path) -> None:
    found = read_conditions(tmp_path)
    assert found == Conditions(load=Load(processors=found.load.processors))
    assert warnings(found, found) == []
    values = found.to_dict()
    assert (values.pop("processors"), values) == (
        found.load.processors,
        {
            "load_average": None,
            "frequency_mhz": None,
            "highest_mhz": None,
            "governor": "",
            "governors": [],
            "clocks_locked": None,
            "throttled": None,
            "throttle_count": None,
            "temperature_celsius": None,
            "power_mode": "",
            "gpu": [],
            "notes": [],
        },
    )


@pytest.mark.parametrize("name", sorted(LAPTOP))
def test_a_broken_file_is_unknown_not_an_error(name: str, tmp_path: Path) -> None:
    root = tree(tmp_path, LAPTOP, {name: "\x00 nonsense"})
    json.dumps(read_conditions(root).to_dict(), allow_nan=False)


def test_the_whole_dict_of_a_jetson(tmp_path: Path) -> None:
    assert read_conditions(tree(tmp_path, ORIN)).to_dict() == {
        "load_average": 1.42,
        "processors": 2,
        "frequency_mhz": 729.6,
        "highest_mhz": 1728.0,
        "governor": "schedutil",
        "governors": ["schedutil"],
        "clocks_locked": False,
        "throttled": False,
        "throttle_count": 2,
        "temperature_celsius": 48.281,
        "power_mode": "25W",
        "gpu": [
            {
                "name": "17000000.gpu",
                "sm_mhz": 306,
                "highest_sm_mhz": 1020,
                "temperature_celsius": None,
                "throttle_reasons": None,
                "idle": None,
                "locked": False,
            }
        ],
        "notes": ["hottest: cpu-thermal"],
    }


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


class FakeNvml:
    """NVML's functions, as ctypes gives them, of one device that is told its answers."""

    def __init__(self, **answers: int) -> None:
        self.answers, self.open = answers, 0

    def nvmlInit_v2(self) -> int:
        self.open += 1
        return 0

    def nvmlShutdown(self) -> int:
        self.open -= 1
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = 1
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: int, device: Any) -> int:
        device._obj.value = index + 1
        return 0

    def nvmlDeviceGetName(self, device: ctypes.c_void_p, name: Any, size: int) -> int:
        name.value = b"NVIDIA L4"[:size]
        return 0

    def _answer(self, question: str, value: Any) -> int:
        if question not in self.answers:
            return 3  # not supported
        value._obj.value = self.answers[question]
        return 0

    def nvmlDeviceGetClockInfo(self, device: Any, kind: int, value: Any) -> int:
        assert kind == 1  # of the multiprocessors
        return self._answer("sm", value)

    def nvmlDeviceGetMaxClockInfo(self, device: Any, kind: int, value: Any) -> int:
        assert kind == 1
        return self._answer("highest", value)

    def nvmlDeviceGetTemperature(self, device: Any, sensor: int, value: Any) -> int:
        assert sensor == 0  # on the chip
        return self._answer("celsius", value)

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, device: Any, value: Any) -> int:
        return self._answer("reasons", value)


def with_device(folder: Path, monkeypatch: pytest.MonkeyPatch, **answers: int) -> Conditions:
    """Conditions of a machine with one NVIDIA device and nothing else."""
    library = FakeNvml(**answers)
    monkeypatch.setattr(nvml, "load_nvml", lambda: library)
    found = read_conditions(folder)
    assert library.open == 0  # what was opened is closed
    return found


def test_an_nvidia_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # 0x8 alone is a change of the clock, 0x2 a clock that the user chose
    found = with_device(
        tmp_path, monkeypatch, sm=1500, highest=2040, celsius=61, reasons=0x4 | 0x8 | 0x2 | 0x40
    )
    held = ("power cap", "thermal slowdown by the hardware")
    assert found.gpus == (GpuClock("NVIDIA L4", 1500, 2040, 61, held, False),)
    assert found.throttled is True
    idle = with_device(tmp_path, monkeypatch, sm=210, highest=2040, celsius=40, reasons=0x1)
    assert idle.gpus == (GpuClock("NVIDIA L4", 210, 2040, 40, (), True),)
    assert idle.throttled is False


def test_the_newer_name_of_the_reasons_is_asked_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class New(FakeNvml):
        def nvmlDeviceGetCurrentClocksEventReasons(self, device: Any, value: Any) -> int:
            value._obj.value = 0x80
            return 0

    monkeypatch.setattr(nvml, "load_nvml", lambda: New(sm=1500, reasons=0x4))
    assert read_conditions(tmp_path).gpus[0].held_by == ("power brake",)


def test_an_nvidia_device_that_is_unsteady(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def at(sm: int, celsius: int, reasons: int) -> Conditions:
        return with_device(tmp_path, monkeypatch, sm=sm, celsius=celsius, reasons=reasons)

    good = at(2040, 60, 0)
    assert warnings(good, good) == []
    assert warnings(good, at(210, 60, 0x1)) == []  # idle again: it lowers its clock by itself
    assert warnings(at(345, 40, 0x1), good) == []
    assert warnings(good, at(1500, 87, 0x4)) == [
        "NVIDIA L4 was held down at the end (power cap): cool it, and see its limits with "
        "nvidia-smi -q -d POWER,PERFORMANCE",
        "NVIDIA L4 fell from 2040 to 1500 MHz during the run: lock its clock: "
        "sudo nvidia-smi -lgc 1500",
        "NVIDIA L4 was at 87 °C at the end: let it cool, and give it more air",
    ]


def test_a_jetson_whose_nvml_knows_the_name_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = with_device(tree(tmp_path, ORIN), monkeypatch)
    assert found.gpus == (GpuClock("NVIDIA L4", 306, 1020, locked=False),)


def test_a_driver_without_clocks_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = with_device(tmp_path, monkeypatch)
    assert found.gpus == (GpuClock("NVIDIA L4"),)
    assert found.throttled is None
    assert warnings(found, found) == []
