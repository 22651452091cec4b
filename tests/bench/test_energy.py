"""Energy from made-up trees of /sys: counters that wrap, rails, and why there is no figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from edgeqe.bench.conditions.energy import Counters, Rails, find_meter, joules_a_run, joules_between

POWERCAP, HWMON = "sys/class/powercap", "sys/class/hwmon"
SERVER = {
    f"{POWERCAP}/intel-rapl/enabled": "1\n",
    f"{POWERCAP}/intel-rapl:0/name": "package-0\n",
    f"{POWERCAP}/intel-rapl:0/energy_uj": "1000000\n",
    f"{POWERCAP}/intel-rapl:0/max_energy_range_uj": "262143328850\n",
    f"{POWERCAP}/intel-rapl:0:0/name": "core\n",  # part of the package: not counted again
    f"{POWERCAP}/intel-rapl:0:0/energy_uj": "900000\n",
    f"{POWERCAP}/intel-rapl:0:1/name": "dram\n",
    f"{POWERCAP}/intel-rapl:0:1/energy_uj": "65000000\n",
    f"{POWERCAP}/intel-rapl:0:1/max_energy_range_uj": "65712999613\n",
    f"{POWERCAP}/intel-rapl:1/name": "package-1\n",
    f"{POWERCAP}/intel-rapl:1/energy_uj": "262143000000\n",
    f"{POWERCAP}/intel-rapl:1/max_energy_range_uj": "262143328850\n",
    f"{POWERCAP}/intel-rapl-mmio:0/name": "package-0\n",  # the same package once more
    f"{POWERCAP}/intel-rapl-mmio:0/energy_uj": "5\n",
}
JETSON = {
    f"{HWMON}/hwmon0/name": "pwmfan\n",
    f"{HWMON}/hwmon3/name": "ina3221\n",
    f"{HWMON}/hwmon3/in1_label": "VDD_IN\n",
    f"{HWMON}/hwmon3/in1_input": "5000\n",
    f"{HWMON}/hwmon3/curr1_input": "1600\n",
    f"{HWMON}/hwmon3/in2_label": "VDD_CPU_GPU_CV\n",
    f"{HWMON}/hwmon3/in2_input": "5000\n",
    f"{HWMON}/hwmon3/curr2_input": "400\n",
    f"{HWMON}/hwmon3/in7_label": "NC\n",
    f"{HWMON}/hwmon3/in7_input": "0\n",
    f"{HWMON}/hwmon3/curr7_input": "0\n",
}


def made(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def ticks(step: float) -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += step


def test_counters_of_packages_and_memory(tmp_path: Path) -> None:
    meter, why = find_meter(made(tmp_path, SERVER))
    assert isinstance(meter, Counters) and why == ""
    assert meter.name == "RAPL (package-0, dram, package-1)"

    def work() -> None:
        made(
            tmp_path,
            {
                f"{POWERCAP}/intel-rapl:0/energy_uj": "3500000\n",
                f"{POWERCAP}/intel-rapl:0:1/energy_uj": "65250000\n",
                f"{POWERCAP}/intel-rapl:1/energy_uj": "671150\n",  # wrapped around
            },
        )

    # 2.5 J, 0.25 J, and 0.32885 J to the end of the range and 0.67115 J behind it
    assert meter.joules_of(work) == pytest.approx(2.5 + 0.25 + 1.0, abs=1e-9)


def test_joules_of_one_run(tmp_path: Path) -> None:
    meter, _ = find_meter(made(tmp_path, {n: t for n, t in SERVER.items() if "rapl:0/" in n}))
    counter, clock, runs = tmp_path / POWERCAP / "intel-rapl:0/energy_uj", ticks(0.3), 0
    assert meter is not None

    def run() -> None:
        nonlocal runs
        runs += 1
        counter.write_text(str(1_000_000 + 400_000 * runs))

    # each run takes 0.3 s by this clock and 0.4 J: it runs on for a second, then divides
    assert joules_a_run(meter, run, lambda: next(clock)) == pytest.approx(0.4, abs=1e-12)
    assert runs == 3


def test_rails_of_a_jetson(tmp_path: Path) -> None:
    meter, why = find_meter(made(tmp_path, JETSON))
    assert isinstance(meter, Rails) and why == ""
    assert meter.name == "INA3221 (VDD_IN)"  # the others hang on it
    clock = ticks(0.5)
    rail = (tmp_path / HWMON / "hwmon3/in1_input", tmp_path / HWMON / "hwmon3/curr1_input")
    meter = Rails({"VDD_IN": rail}, lambda: next(clock))
    now, watts = meter.reading()
    assert now == 0.0 and watts == pytest.approx(8.0)  # 5 V times 1.6 A
    joules = meter.joules_of(lambda: None)
    assert joules is not None and joules >= 8.0 * 0.5  # as many readings as fit, half a second each
    assert joules % 4.0 == pytest.approx(0.0, abs=1e-9)


def test_rails_without_one_for_the_board_are_summed(tmp_path: Path) -> None:
    meter, _ = find_meter(made(tmp_path, {n: t for n, t in JETSON.items() if "1_" not in n}))
    assert isinstance(meter, Rails) and meter.name == "INA3221 (VDD_CPU_GPU_CV)"


def test_trapezia() -> None:
    assert joules_between([(0.0, 4.0), (1.0, 8.0), (3.0, 8.0)]) == 6.0 + 16.0
    assert joules_between([(0.0, 4.0), (1.0, None), (3.0, 8.0)]) is None


def test_why_there_is_no_meter(tmp_path: Path) -> None:
    assert find_meter(tmp_path) == (
        None,
        "this device has no meter of energy: neither RAPL nor an INA3221",
    )
    made(tmp_path, SERVER)
    (tmp_path / POWERCAP / "intel-rapl:0/energy_uj").write_text(
        ""
    )  # as a file that may not be read
    meter, why = find_meter(tmp_path)
    assert meter is None and "intel-rapl:0/energy_uj cannot be read: run as root" in why


def test_a_meter_that_fails_meanwhile_gives_none(tmp_path: Path) -> None:
    meter, _ = find_meter(made(tmp_path, SERVER))
    assert meter is not None
    gone = tmp_path / POWERCAP / "intel-rapl:1/energy_uj"
    assert meter.joules_of(gone.unlink) is None
