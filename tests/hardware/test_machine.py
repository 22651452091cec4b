"""The machine as it is read from fake file systems and a fake NVML."""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path
from typing import Any

import pytest

from edgeqe.hardware import machine, nvml
from edgeqe.hardware.machine import Gpu, Memory, read_hardware, read_memory, tegra_name

X86 = """\
processor\t: 0
model name\t: Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz
flags\t\t: fpu sse4_2 avx avx2 avx512f avx_vnni

processor\t: 1
model name\t: Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz
flags\t\t: fpu sse4_2 avx avx2 avx512f avx_vnni
"""
ARM = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm aes crc32 atomics fphp asimdhp asimddp
CPU implementer\t: 0x41

Model\t\t: Raspberry Pi 5 Model B Rev 1.0
"""
#: A Jetson's processor names no model.
ORIN = "processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\nCPU implementer\t: 0x41\n"
RELEASE = """\
# R36 (release), REVISION: 4.0, GCID: 37537400, BOARD: generic, EABI: aarch64, DATE: Fri Sep 13
# KERNEL_VARIANT: oot
"""
MEMINFO = """\
MemTotal:        8052344 kB
MemFree:          512000 kB
MemAvailable:    6144000 kB
"""
TOTAL, AVAILABLE = 8_245_600_256, 6_291_456_000  # 8052344 and 6144000 times 1024


def root_of(folder: Path, files: dict[str, str]) -> Path:
    """File system that holds these files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


class FakeNvml:
    """NVML's functions, as ctypes gives them, of a machine with two devices."""

    def __init__(self, init: int = 0, names: tuple[str, ...] = ("NVIDIA L4", "Tesla T4")) -> None:
        self.init, self.names, self.open = init, names, 0

    def nvmlInit_v2(self) -> int:
        self.open += self.init == 0
        return self.init

    def nvmlShutdown(self) -> int:
        self.open -= 1
        return 0

    class nvmlErrorString:
        restype: Any = None

        def __new__(cls, status: int) -> Any:
            return {18: b"Driver/library version mismatch"}[status]

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = len(self.names)
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: int, device: Any) -> int:
        device._obj.value = index + 1
        return 0

    def nvmlDeviceGetName(self, device: ctypes.c_void_p, name: Any, size: int) -> int:
        name.value = self.names[(device.value or 0) - 1].encode()[:size]
        return 0

    def nvmlSystemGetDriverVersion(self, driver: Any, size: int) -> int:
        driver.value = b"550.54.15"[:size]
        return 0

    def nvmlDeviceGetCudaComputeCapability(
        self, device: ctypes.c_void_p, major: Any, minor: Any
    ) -> int:
        major._obj.value, minor._obj.value = {1: (8, 9), 2: (7, 5)}[device.value or 0]
        return 0

    def nvmlDeviceGetMemoryInfo(self, device: ctypes.c_void_p, memory: Any) -> int:
        memory._obj.total = (device.value or 0) * 2**34
        return 0

    def nvmlSystemGetCudaDriverVersion_v2(self, version: Any) -> int:
        version._obj.value = 12040
        return 0


@pytest.fixture(autouse=True)
def no_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the devices of the machine that it runs on."""
    monkeypatch.setattr(nvml, "load_nvml", lambda: None)


def test_cpu_features() -> None:
    assert machine.cpu_features(X86) == ("avx2", "avx512", "vnni")
    assert machine.cpu_features(X86.replace("avx512f avx_vnni", "")) == ("avx2",)
    assert machine.cpu_features(ARM) == ("neon", "dotprod")
    assert machine.cpu_features("") == ()


def test_processor_name() -> None:
    assert machine.processor_name(X86) == "Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz"
    assert machine.processor_name(ARM) == "Raspberry Pi 5 Model B Rev 1.0"
    assert machine.processor_name("processor : 0\n") == ""


@pytest.mark.parametrize(
    ("cpuinfo", "board", "expected"),
    [
        (X86, "", "Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz"),
        (ORIN, "NVIDIA Jetson AGX Orin\0", "NVIDIA Jetson AGX Orin"),
        # a container hides the board
        (ORIN + "CPU part\t: 0xd42\n", "", "ARM Cortex-A78AE"),
        # NVIDIA's kernels name the architecture, which tells no board from another
        ("model name\t: ARMv8 Processor rev 1 (v8l)\n", "jetson-nano\0", "jetson-nano"),
        ("model name\t: ARMv8 Processor rev 1 (v8l)\n", "", "ARMv8 Processor rev 1 (v8l)"),
        (
            "model name\t: ARMv8 Processor rev 1 (v8l)\n" + ORIN + "CPU part\t: 0xd42\n",
            "",
            "ARM Cortex-A78AE",
        ),
        ("", "", ""),
    ],
)
def test_the_processor_by_model_board_or_cores(
    cpuinfo: str, board: str, expected: str, tmp_path: Path
) -> None:
    root = root_of(tmp_path, {"proc/cpuinfo": cpuinfo, "proc/device-tree/model": board})
    assert machine.read_processor(root) == expected


@pytest.mark.parametrize(
    ("text", "number"), [("12\n", 12), ("-1", -1), ("", None), ("n/a", None), ("1.5", None)]
)
def test_read_number(text: str, number: int | None, tmp_path: Path) -> None:
    assert machine.read_number(root_of(tmp_path, {"file": text}) / "file") == number
    assert machine.read_number(tmp_path / "absent") is None


def test_a_raspberry_pi_is_no_jetson(tmp_path: Path) -> None:
    model = "Raspberry Pi 5 Model B Rev 1.0\0"
    root = root_of(tmp_path, {"proc/cpuinfo": ARM, "proc/device-tree/model": model})
    found = read_hardware(root)
    assert (found.tegra, found.gpus, found.nvml_error) == ("", (), "")
    assert found.processor == "Raspberry Pi 5 Model B Rev 1.0"
    assert found.cpu_features == ("neon", "dotprod")
    assert found.machine == platform.machine()
    assert found.cpus >= 1


def test_a_jetson_is_its_board_and_its_system(tmp_path: Path) -> None:
    board = "NVIDIA Jetson AGX Orin Developer Kit"
    files = {
        "proc/cpuinfo": ORIN,
        "proc/device-tree/model": f"{board}\0",  # the device tree ends texts with a zero
        "etc/nv_tegra_release": RELEASE,
    }
    found = read_hardware(root_of(tmp_path, files))
    assert found.tegra == f"{board}, L4T 36.4.0 (JetPack 6)"
    assert found.processor == board
    assert found.cpu_features == ("neon", "dotprod", "i8mm")


@pytest.mark.parametrize(
    ("board", "release", "expected"),
    [
        # a container hides the device tree
        ("", RELEASE, "NVIDIA Tegra, L4T 36.4.0 (JetPack 6)"),
        ("NVIDIA Jetson Nano", "", "NVIDIA Jetson Nano"),
        (
            "jetson-xaviernx",
            RELEASE.replace("R36", "R35"),
            "jetson-xaviernx, L4T 35.4.0 (JetPack 5)",
        ),
        # a release that this version does not know
        ("", RELEASE.replace("R36", "R99"), "NVIDIA Tegra, L4T 99.4.0"),
        ("Radxa ROCK 5B", "", ""),
        ("", "", ""),
    ],
)
def test_tegra_name(board: str, release: str, expected: str) -> None:
    assert tegra_name(board, release) == expected


def test_nvml_names_the_devices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    library = FakeNvml()
    monkeypatch.setattr(nvml, "load_nvml", lambda: library)
    found = read_hardware(tmp_path)
    assert found.gpus == (
        Gpu("NVIDIA L4", "550.54.15", "8.9", 2**34, "12.4"),
        Gpu("Tesla T4", "550.54.15", "7.5", 2**35, "12.4"),
    )
    assert found.nvml_error == ""
    assert library.open == 0  # what was opened is closed


def test_a_driver_that_refuses_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    library = FakeNvml(init=18)
    monkeypatch.setattr(nvml, "load_nvml", lambda: library)
    found = read_hardware(tmp_path)
    assert found.gpus == ()
    assert found.nvml_error == "Driver/library version mismatch (NVML error 18)"
    assert library.open == 0  # what was never opened is not closed


def test_what_an_old_nvml_lacks_stays_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Old(FakeNvml):
        """As on a Jetson: no memory of its own, and some functions are not there."""

        nvmlSystemGetCudaDriverVersion_v2 = None  # type: ignore[assignment]
        nvmlDeviceGetCudaComputeCapability = None  # type: ignore[assignment]

        def nvmlDeviceGetMemoryInfo(self, device: ctypes.c_void_p, memory: Any) -> int:
            return 3  # not supported

    monkeypatch.setattr(nvml, "load_nvml", lambda: Old(names=("Orin",)))
    assert read_hardware(tmp_path).gpus == (Gpu("Orin", "550.54.15", "", 0, ""),)


@pytest.mark.parametrize(
    ("number", "text"), [(12040, "12.4"), (11080, "11.8"), (13000, "13.0"), (0, "")]
)
def test_cuda_version(number: int, text: str) -> None:
    assert machine.cuda_version(number) == text


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"sys/fs/cgroup/memory.max": "1073741824\n"}, 2**30),  # a container with 1 GiB
        ({"sys/fs/cgroup/memory.max": "max\n"}, 0),
        ({"sys/fs/cgroup/memory.max": "99999999999999\n"}, 0),  # above the machine's memory
        # version 1: "none" is almost 2**63
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n"}, 2**29),
        (
            {
                "proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/docker/ab\n0::/\n",
                "sys/fs/cgroup/memory/docker/ab/memory.limit_in_bytes": "268435456\n",
            },
            2**28,
        ),
        # a service without a limit below a slice that has one
        (
            {
                "proc/self/cgroup": "0::/small.slice/app.service\n",
                "sys/fs/cgroup/small.slice/memory.max": "536870912\n",
                "sys/fs/cgroup/small.slice/app.service/memory.max": "max\n",
            },
            2**29,
        ),
        ({}, 0),
    ],
)
def test_a_control_group_limits_memory(files: dict[str, str], limit: int, tmp_path: Path) -> None:
    found = read_memory(root_of(tmp_path, {"proc/meminfo": MEMINFO, **files}))
    assert found == Memory(TOTAL, AVAILABLE, limit)
    assert found.usable == (limit or TOTAL)


def test_a_machine_that_tells_nothing_is_unknown_not_an_error(tmp_path: Path) -> None:
    assert read_memory(tmp_path) == Memory(0, 0, 0)
    assert read_memory(tmp_path).usable == 0
    found = read_hardware(tmp_path)
    assert (found.processor, found.cpu_features, found.tegra) == ("", (), "")
