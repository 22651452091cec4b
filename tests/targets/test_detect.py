"""Which target a machine is."""

from __future__ import annotations

import dataclasses

import pytest

from edgeqe.targets.detect import cpu_target, foreign, targets_here
from edgeqe.targets.options import CPU, CUDA, TENSORRT
from edgeqe.targets.reading import read_profile, shipped_profiles


@pytest.mark.parametrize(
    ("machine", "target"),
    [
        ("x86_64", "x86-cpu"),
        ("AMD64", "x86-cpu"),
        ("aarch64", "arm-cpu"),
        ("arm64", "arm-cpu"),
        ("ARM64", "arm-cpu"),
        ("armv7l", "arm-cpu"),
        ("riscv64", "x86-cpu"),
        ("", "x86-cpu"),
    ],
)
def test_the_processor(machine: str, target: str) -> None:
    assert cpu_target(machine) == target


@pytest.mark.parametrize(
    ("machine", "tegra", "gpus", "providers", "found"),
    [
        ("x86_64", False, False, [CPU], ["x86-cpu"]),
        ("x86_64", False, True, [CUDA, CPU], ["cuda", "x86-cpu"]),
        ("x86_64", False, True, [TENSORRT, CPU], ["cuda", "x86-cpu"]),
        ("aarch64", True, False, [TENSORRT, CUDA, CPU], ["jetson", "arm-cpu"]),
        # JetPack's driver names the board's device too: it is a Jetson all the same
        ("aarch64", True, True, [CUDA, CPU], ["jetson", "arm-cpu"]),
        ("aarch64", False, True, [CUDA, CPU], ["cuda", "arm-cpu"]),
        # a device that the runtime knows nothing of, and a runtime without a device
        ("aarch64", True, True, [CPU], ["arm-cpu"]),
        ("x86_64", False, True, ["AzureExecutionProvider", CPU], ["x86-cpu"]),
        ("x86_64", False, True, [], ["x86-cpu"]),
        ("x86_64", False, False, [TENSORRT, CUDA, CPU], ["x86-cpu"]),
    ],
)
def test_the_fastest_first(
    machine: str, tegra: bool, gpus: bool, providers: list[str], found: list[str]
) -> None:
    assert targets_here(machine, tegra=tegra, gpus=gpus, providers=providers) == found
    assert set(found) <= set(shipped_profiles())


@pytest.mark.parametrize(
    ("architecture", "machine", "wanted"),
    [
        ("arm64", "x86_64", "arm64"),
        ("arm64", "aarch64", ""),
        ("x86-64", "AMD64", ""),
        ("x86-64", "arm64", "x86-64"),
        ("x86-64", "riscv64", "x86-64"),
        ("", "riscv64", ""),
    ],
)
def test_a_profile_of_another_architecture(architecture: str, machine: str, wanted: str) -> None:
    profile = dataclasses.replace(read_profile("x86-cpu"), architecture=architecture)
    assert foreign(profile, machine) == wanted
