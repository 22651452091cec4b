"""Conditions read from fake file systems of a laptop, boards and a virtual machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeqe.bench.conditions.boards import Board
from edgeqe.bench.conditions.clocks import Clocks, Heat
from edgeqe.bench.conditions.cpu_load import Load
from edgeqe.bench.conditions.gpu_clock import GpuClock
from edgeqe.bench.conditions.snapshot import Conditions, read_conditions, warnings
from edgeqe.hardware import nvml
from tests.bench.machine_files import (
    LAPTOP,
    ORIN,
    PI,
    PI_WORD,
    QUIET,
    THERMAL,
    WORK,
    tree,
)


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
