"""Names of ARM cores, which ``/proc/cpuinfo`` gives as numbers."""

from __future__ import annotations

import re

#: Names by implementer and part (register MIDR_EL1), of cores that boards and servers have.
CORES = {
    "0x41": {
        "0xc07": "ARM Cortex-A7",
        "0xc08": "ARM Cortex-A8",
        "0xc09": "ARM Cortex-A9",
        "0xc0f": "ARM Cortex-A15",
        "0xd03": "ARM Cortex-A53",
        "0xd04": "ARM Cortex-A35",
        "0xd05": "ARM Cortex-A55",
        "0xd07": "ARM Cortex-A57",
        "0xd08": "ARM Cortex-A72",
        "0xd09": "ARM Cortex-A73",
        "0xd0a": "ARM Cortex-A75",
        "0xd0b": "ARM Cortex-A76",
        "0xd0c": "ARM Neoverse-N1",
        "0xd0d": "ARM Cortex-A77",
        "0xd40": "ARM Neoverse-V1",
        "0xd41": "ARM Cortex-A78",
        "0xd42": "ARM Cortex-A78AE",
        "0xd44": "ARM Cortex-X1",
        "0xd46": "ARM Cortex-A510",
        "0xd47": "ARM Cortex-A710",
        "0xd49": "ARM Neoverse-N2",
        "0xd4b": "ARM Cortex-A78C",
        "0xd4f": "ARM Neoverse-V2",
        "0xd80": "ARM Cortex-A520",
        "0xd81": "ARM Cortex-A720",
        "0xd83": "ARM Neoverse-V3AE",
    },
    "0x4e": {"0x000": "NVIDIA Denver", "0x003": "NVIDIA Denver 2", "0x004": "NVIDIA Carmel"},
    "0xc0": {"0xac3": "Ampere-1", "0xac4": "Ampere-1a"},
}


def arm_cores(cpuinfo: str) -> str:
    """Give the cores in the text of ``/proc/cpuinfo``, each kind once.

    Returns
    -------
    str
        Such as ``ARM Cortex-A55 and ARM Cortex-A76``, or the numbers of a core that is not known
        here (``core 0x41/0xfff``); empty where the text has none, as on x86.
    """
    pattern = r"^CPU implementer\s*:\s*(\w+)$(?:\n.+)*?\nCPU part\s*:\s*(\w+)$"
    found = dict.fromkeys(re.findall(pattern, cpuinfo, flags=re.MULTILINE))
    names = [CORES.get(maker, {}).get(part, f"core {maker}/{part}") for maker, part in found]
    return " and ".join(names)
