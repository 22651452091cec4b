"""The clocks of NVIDIA devices, from a stand-in for their library."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pytest

from edgeqe.bench.conditions.gpu_clock import GpuClock
from edgeqe.bench.conditions.snapshot import Conditions, read_conditions, warnings
from edgeqe.hardware import nvml
from tests.bench.machine_files import (
    ORIN,
    tree,
)


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
