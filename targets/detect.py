"""Which target a machine is, from what was read of it."""

from __future__ import annotations

from collections.abc import Collection

from edgeqe.targets.profile import Profile


def architecture_of(machine: str) -> str:
    """Architecture of a machine: ``x86-64``, ``arm64``, or the machine's own name.

    Parameters
    ----------
    machine : str
        As `platform.machine` names it.
    """
    name = machine.lower()
    if name.startswith(("aarch64", "arm")):
        return "arm64"
    return "x86-64" if name in ("x86_64", "amd64") else name


def foreign(profile: Profile, machine: str) -> str:
    """Architecture that a profile is for where a machine has another; else empty."""
    wanted = profile.architecture
    return wanted if wanted and wanted != architecture_of(machine) else ""


def cpu_target(machine: str) -> str:
    """Target of a machine's processor: any that is not ARM is served as x86-64 is.

    Parameters
    ----------
    machine : str
        As `platform.machine` names it.
    """
    return "arm-cpu" if machine.lower().startswith(("aarch64", "arm")) else "x86-cpu"


def targets_here(machine: str, *, tegra: bool, gpus: bool, providers: Collection[str]) -> list[str]:
    """Targets that a machine is, the fastest first, its processor's last.

    Parameters
    ----------
    machine : str
        As `platform.machine` names it.
    tegra : bool
        Whether it is a Jetson.
    gpus : bool
        Whether an NVIDIA driver names a device.
    providers : collection of str
        Providers that the installed runtime lists; an accelerator without one is left out.
    """
    listed = {"TensorrtExecutionProvider", "CUDAExecutionProvider"}.intersection(providers)
    found = []
    if tegra and listed:
        found.append("jetson")
    elif gpus and listed:
        found.append("cuda")
    return [*found, cpu_target(machine)]
