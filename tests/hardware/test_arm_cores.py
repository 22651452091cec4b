"""Names of ARM cores from the text of /proc/cpuinfo."""

from __future__ import annotations

import pytest

from edgeqe.hardware.arm_cores import arm_cores


def cores(*numbers: tuple[str, str]) -> str:
    """Text of processors with these implementers and parts."""
    return "\n".join(
        f"processor\t: {index}\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd\n"
        f"CPU implementer\t: {maker}\nCPU architecture: 8\nCPU variant\t: 0x4\n"
        f"CPU part\t: {part}\nCPU revision\t: 1\n"
        for index, (maker, part) in enumerate(numbers)
    )


@pytest.mark.parametrize(
    ("numbers", "name"),
    [
        ([("0x41", "0xd42")] * 6, "ARM Cortex-A78AE"),  # Jetson Orin
        ([("0x4e", "0x004")] * 6, "NVIDIA Carmel"),  # Jetson Xavier
        (  # RK3588
            [("0x41", "0xd05")] * 4 + [("0x41", "0xd0b")] * 4,
            "ARM Cortex-A55 and ARM Cortex-A76",
        ),
        ([("0x41", "0xfff"), ("0x99", "0xd05")], "core 0x41/0xfff and core 0x99/0xd05"),
        ([], ""),
    ],
)
def test_names(numbers: list[tuple[str, str]], name: str) -> None:
    assert arm_cores(cores(*numbers)) == name


def test_x86_has_none() -> None:
    assert arm_cores("processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Some CPU\n") == ""


def test_a_processor_whose_part_is_missing_does_not_take_the_next_ones() -> None:
    text = f"processor\t: 0\nCPU implementer\t: 0x4e\n\n{cores(('0x41', '0xd0b'))}"
    assert arm_cores(text) == "ARM Cortex-A76"
