"""The comparison with emulated ARM, without an emulator: its verdicts, and what it tells runtimes.

The script itself, ``scripts/arm64``, takes minutes and the network; docs/arm64.md has its output.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "arm64"
LITERT, ORT = "litert 2.3.0", "onnxruntime 1.31.1"


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of the script, whose folder is no package."""
    spec = importlib.util.spec_from_file_location(f"arm64_{name}", SCRIPT / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def comparison(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load("comparison", monkeypatch)


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load("root", monkeypatch)


def row(
    comparison: ModuleType,
    precision: str,
    runtime: str,
    steps: int = 0,
    there: Mapping[str, object] | None = None,
) -> Any:
    """A comparison whose 16-bit pictures differ by some steps in one sample of four.

    The 8-bit ones differ by the whole grey levels in that. `there` replaces facts of the ARM side.
    """
    bits8, bits16 = np.array([0, 255, 90, 91], np.uint8), np.array([0, 65535, 90, 91], np.uint16)
    facts = {"runtime": runtime, "provider": "CPU", "precision": precision, "self_test": True}
    here = comparison.Side(machine="x86_64", bits8=bits8, bits16=bits16, **facts)
    other8, other16 = bits8.copy(), bits16.copy()
    other8[1] -= steps // 257
    other16[1] -= steps
    made = {"machine": "aarch64", "bits8": other8, "bits16": other16, **facts, **(there or {})}
    return comparison.Row("cortex-a76", "m", here, comparison.Side(**made))


@pytest.mark.parametrize(
    ("precision", "runtime", "steps", "verdict"),
    [
        ("int8", LITERT, 0, "same bytes"),
        ("int8", LITERT, 1, "DIFFERS"),  # even where the 8-bit pictures are equal
        ("int8", LITERT, 257, "DIFFERS"),
        ("int8", ORT, 257, "agrees"),
        ("int8", ORT, 258, "DIFFERS"),
        ("float32", LITERT, 0, "same bytes"),
        ("float32", LITERT, 257, "agrees"),
        ("float32", LITERT, 258, "DIFFERS"),
    ],
)
def test_integers_on_litert_must_give_the_same_bytes_and_others_nearly(
    comparison: ModuleType, precision: str, runtime: str, steps: int, verdict: str
) -> None:
    made = row(comparison, precision, runtime, steps)
    assert made.verdict == verdict
    assert made.passed == (verdict != "DIFFERS")
    assert made.differences == (steps // 257, steps / 257)
    assert made.differing == (0.25 if steps >= 257 else 0.0)


@pytest.mark.parametrize(
    ("there", "verdict"),
    [
        ({"self_test": False}, "SELF-TEST FAILED there"),
        ({"error": "exit -4: illegal instruction"}, "FAILED: there, exit -4: illegal instruction"),
        ({"machine": "x86_64"}, "FAILED: ran on x86_64, not aarch64"),
        ({"runtime": "litert 2.2.0"}, "FAILED: litert 2.3.0 (CPU) here, litert 2.2.0 (CPU) there"),
        ({"bits8": np.zeros(3, np.uint8)}, "FAILED: shapes (4,) and (3,)"),
    ],
)
def test_what_cannot_be_compared_fails(
    comparison: ModuleType, there: dict[str, object], verdict: str
) -> None:
    made = row(comparison, "float32", LITERT, there=there)
    assert made.verdict == verdict
    assert not made.passed


def test_the_table(comparison: ModuleType) -> None:
    failed = {"error": "exit 1: no"}
    rows = [row(comparison, "int8", LITERT), row(comparison, "int8", ORT, there=failed)]
    same = rows[0].here.digest
    assert [line.split() for line in comparison.as_table(rows)[2:]] == [
        ["processor", "model", "runtime", "sha256", "here", "sha256", "there",
         "8", "bit", "16", "bit", "differ", "verdict"],
        ["cortex-a76", "m", *LITERT.split(), same, same, "0.000", "0.000", "0.000%",
         "same", "bytes"],
        ["cortex-a76", "m", *ORT.split(), same, "-", "-", "-", "-",
         "FAILED:", "there,", "exit", "1:", "no"],
    ]  # fmt: skip


def test_the_processor_that_runtimes_read_has_what_the_emulated_one_has(root: ModuleType) -> None:
    # AT_HWCAP of a Cortex-A76 without evtstrm, which emulators lack, and of a Cortex-A53:
    # arch/arm64's uapi/asm/hwcap.h numbers fp 0, asimd 1, aes 3 and so on to asimddp 20.
    newer, older = root.cpuinfo(0x119FFB, 0xD0B), root.cpuinfo(0x8FB, 0xD03)
    assert (
        "Features\t: fp asimd aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc "
        "dcpop asimddp\n"
    ) in newer
    assert "Features\t: fp asimd aes pmull sha1 sha2 crc32 cpuid\n" in older
    assert "CPU part\t: 0xd0b\n" in newer and "CPU part\t: 0xd03\n" in older


def test_missing_programs_are_one_line_with_the_packages(
    root: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = {"qemu-aarch64-static", "debootstrap"}
    monkeypatch.setattr(
        shutil, "which", lambda name, path: None if name in lacking else f"/bin/{name}"
    )
    with pytest.raises(root.Missing) as raised:
        root.find_tools()
    assert str(raised.value) == (
        "qemu-aarch64-static, debootstrap not found: run apt-get install debootstrap "
        "qemu-user-static."
    )
