"""An arm64 Debian in a folder, its Python under emulation, and packages for it.

Debian's packages are unpacked, not installed: none of their scripts run, nothing is mounted and
no binfmt_misc is needed, because the emulator lies in the root and is called by its name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

#: The last Debian whose Python, 3.11, and C library the wheels of both runtimes are built for.
SUITE, PYTHON, GLIBC_MINOR = "bookworm", "3.11", 36
PACKAGES = ("python3", "libstdc++6")

#: Programs of the host, and the Debian package that brings each.
TOOLS = {
    "qemu-aarch64-static": "qemu-user-static",
    "debootstrap": "debootstrap",
    "dpkg-deb": "dpkg",
    "chroot": "coreutils",
    "unshare": "util-linux",
    "nice": "coreutils",
}

#: Processors of Arm Ltd by the emulator's name: the part number that Linux shows. Without
#: instructions for sums of products (as in the first Jetson Nano and Raspberry Pi 3 and 4), and with.
CPUS = {
    "cortex-a53": 0xD03,
    "cortex-a57": 0xD07,
    "cortex-a72": 0xD08,
    "cortex-a76": 0xD0B,
    "neoverse-n1": 0xD0C,
}

#: Linux's names of the bits of AT_HWCAP, lowest first, up to asimddp.
HWCAPS = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm jscvt fcma "
    "lrcpc dcpop sha3 sm3 sm4 asimddp"
).split()

PRINT_HWCAP = (
    "import ctypes; get = ctypes.CDLL(None).getauxval; get.restype = ctypes.c_ulong; print(get(16))"
)


class Missing(Exception):
    """Something of the host is not there, or did not do its work; says what to do."""


def find_tools() -> dict[str, str]:
    """Paths of the host's programs by name.

    Raises
    ------
    Missing
        If one is not there; names the packages that bring them all.
    """
    # debootstrap lies where only the administrator's PATH leads.
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    found = {name: shutil.which(name, path=path) for name in TOOLS}
    lacking = [name for name, place in found.items() if place is None]
    if lacking:
        brings = " ".join(sorted({TOOLS[name] for name in lacking}))
        raise Missing(f"{', '.join(lacking)} not found: run apt-get install {brings}.")
    return {name: place for name, place in found.items() if place is not None}


def cpuinfo(hwcap: int, part: int) -> str:
    """Text of ``/proc/cpuinfo`` for one processor of Arm Ltd with these capabilities."""
    features = " ".join(name for bit, name in enumerate(HWCAPS) if hwcap >> bit & 1)
    lines = [
        "processor\t: 0",
        "BogoMIPS\t: 125.00",
        f"Features\t: {features}",
        "CPU implementer\t: 0x41",
        "CPU architecture: 8",
        "CPU variant\t: 0x0",
        f"CPU part\t: {part:#05x}",
        "CPU revision\t: 1",
    ]
    return "\n".join(lines) + "\n\n"


@dataclass
class Emulated:
    """A Debian root and the emulator that runs its Python."""

    root: Path
    """Folder of the root, absolute."""
    tools: dict[str, str]
    """As `find_tools` gives it."""
    cpu: str = "cortex-a76"
    """Processor, one of `CPUS`."""

    def make(self, downloads: Path, mirror: str = "") -> None:
        """Download and unpack Debian's packages, unless that was done.

        Parameters
        ----------
        downloads : Path
            Folder for the packages, absolute.
        mirror : str
            Address of a Debian mirror; debootstrap's own if left out.

        Raises
        ------
        Missing
            If a package cannot be had or unpacked.
        """
        ready = self.root / "ready"
        if ready.exists():
            return
        print(f"making an arm64 Debian in {self.root}; this takes a minute, once", file=sys.stderr)
        for folder in (self.root, downloads):
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(parents=True)
        what = ["--arch=arm64", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
        command = [self.tools["debootstrap"], "--download-only", *what, SUITE, str(downloads)]
        _do([*command, mirror] if mirror else command)
        for package in sorted(downloads.glob("var/cache/apt/archives/*.deb")):
            _do([self.tools["dpkg-deb"], "--extract", str(package), str(self.root)])
        shutil.copy(self.tools["qemu-aarch64-static"], self.root / "emulator")
        shutil.rmtree(downloads)
        ready.touch()

    def install(self, requirements: list[str]) -> None:
        """Unpack aarch64 wheels into the root, unless these are there.

        Raises
        ------
        Missing
            If pip finds no such wheels.
        """
        wheels = self.root / "wheels"
        ready, wanted = wheels / "ready", "\n".join(requirements)
        if ready.exists() and ready.read_text(encoding="utf-8") == wanted:
            return
        print("fetching aarch64 wheels", file=sys.stderr)
        if wheels.exists():
            shutil.rmtree(wheels)
        # pip takes the names as they are: an older C library must be named too.
        names = [f"manylinux_2_{minor}_aarch64" for minor in range(17, GLIBC_MINOR + 1)]
        platforms = [f"--platform={name}" for name in (*names, "manylinux2014_aarch64")]
        wheel = ["--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}"]
        pip = [sys.executable, "-m", "pip", "install", "-qq", "--no-compile"]
        _do([*pip, f"--target={wheels}", *wheel, *platforms, *requirements])
        ready.write_text(wanted, encoding="utf-8")

    def pretend(self, cpu: str) -> None:
        """Be another processor, and say so in the files that runtimes read.

        The runtimes choose their kernels by these files: where they promise more than the
        emulated processor has, it meets an illegal instruction; without them ONNX Runtime warns
        and knows no features.
        """
        self.cpu = cpu
        for name in ("possible", "present"):
            self._write(f"sys/devices/system/cpu/{name}", "0\n")
        done = self.python("-c", PRINT_HWCAP)
        if done.returncode != 0:
            raise Missing(f"the emulated Python does not run ({done.stderr.strip()[-200:]}).")
        self._write("proc/cpuinfo", cpuinfo(int(done.stdout), CPUS[cpu]))

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the root's Python, at the lowest priority, and see what it says."""
        # Another user than root changes the root folder in a user namespace of its own.
        user = [] if os.geteuid() == 0 else [self.tools["unshare"], "--map-root-user"]
        command = [
            *[self.tools["nice"], "-n", "19", *user, self.tools["chroot"], str(self.root)],
            *["/emulator", "-cpu", self.cpu, f"/usr/bin/python{PYTHON}", "-B", *arguments],
        ]
        environment = {"PYTHONPATH": "/wheels:/package", "LC_ALL": "C.UTF-8"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def _write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def _do(command: list[str]) -> None:
    """Run a program of the host that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no message"]
        raise Missing(f"{' '.join(command[:2])} failed ({said[-1]}): fix that and run this again.")
