"""NVIDIA's management library (NVML), which comes with the driver: opened, asked, closed."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

#: The library's names, newest first.
NAMES = ("libnvidia-ml.so.1", "libnvidia-ml.so")
#: Bytes of its longest texts, with the zero.
TEXT = 96
#: What a call answers where all is well, and what it would where the library has no such function.
SUCCESS, ABSENT = 0, 13


@dataclass(frozen=True)
class Nvml:
    """The library while it is open."""

    library: Any
    """None where no driver brought it."""
    devices: tuple[Any, ...] = ()
    """Handles of the devices."""
    error: str = ""
    """Why it refuses; empty where it answers or is absent."""

    def ask(self, function: str, *arguments: Any) -> int:
        """Status of a call, `SUCCESS` or another; an old library lacks some functions."""
        call = getattr(self.library, function, None)
        return ABSENT if call is None else int(call(*arguments))


def load_nvml() -> Any:
    """NVIDIA's management library; None where no driver brought it."""
    for name in NAMES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


@contextmanager
def open_nvml() -> Iterator[Nvml]:
    """Open NVML, and close it afterwards. It has no devices where it is absent or refuses."""
    library = load_nvml()
    if library is None:
        yield Nvml(None)
        return
    nvml = Nvml(library)
    status = nvml.ask("nvmlInit_v2")
    if status != SUCCESS:
        yield Nvml(library, error=_reason(library, status))
        return
    try:
        count = ctypes.c_uint()
        status = nvml.ask("nvmlDeviceGetCount_v2", ctypes.byref(count))
        if status != SUCCESS:
            yield Nvml(library, error=_reason(library, status))
            return
        devices = tuple(ctypes.c_void_p() for _ in range(count.value))
        for index, device in enumerate(devices):
            nvml.ask("nvmlDeviceGetHandleByIndex_v2", index, ctypes.byref(device))
        yield Nvml(library, devices)
    finally:
        nvml.ask("nvmlShutdown")


def device_name(nvml: Nvml, device: Any) -> str:
    """Name of a device, such as ``NVIDIA L4``."""
    name = ctypes.create_string_buffer(TEXT)
    nvml.ask("nvmlDeviceGetName", device, name, TEXT)
    return name.value.decode(errors="replace")


def _reason(library: Any, status: int) -> str:
    """A status in words."""
    if hasattr(library, "nvmlErrorString"):
        library.nvmlErrorString.restype = ctypes.c_char_p
        text = (library.nvmlErrorString(status) or b"unknown").decode(errors="replace")
    else:
        text = "unknown"
    return f"{text} (NVML error {status})"
