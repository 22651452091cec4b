"""Memory of the whole process for one picture: stated before it starts, and refused if it cannot be had.

The limit of the enhancement is a part of it. The rest is the program with its runtime, the coded
file, and the picture: as its decoder holds it, as it is enhanced, and as its encoder holds it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeqe.errors import MemoryLimitError

if TYPE_CHECKING:
    from edgeqe.files.shape import FileShape
    from edgeqe.hardware.machine import Memory

MIB = 1 << 20
#: Bytes a pixel beside the enhancement, at the worst moment, of each kind of picture: while it is
#: encoded, with Pillow's image of four bytes a pixel beside it. What decoders of other formats than
#: Pillow's own take is in that of RGB.
BYTES_PER_PIXEL = {
    "planes": 6.0,
    "progressive planes": 11.0,
    "gray": 4.0,
    "RGB": 10.0,
    "progressive RGB": 11.0,
    "deep": 20.0,
}
#: Bands, buffers and the heap's gaps, whatever the size.
BESIDE = 12 * MIB


@dataclass(frozen=True)
class ProcessPeak:
    """Bytes of the parts of a process's peak."""

    program: int
    """Resident before the first picture: interpreter, packages, runtime, model."""
    enhancement: int
    """The memory limit."""
    picture: int
    """Coded file, decoder, picture, encoder."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.program + self.enhancement + self.picture

    def words(self) -> str:
        """The sum and its parts."""
        parts = (self.total, self.program, self.enhancement, self.picture)
        whole, program, enhancement, picture = (f"{math.ceil(part / MIB)} MiB" for part in parts)
        return (
            f"{whole} in all ({program} the program, {enhancement} the enhancement, {picture} the "
            "picture with its decoder and encoder)"
        )


def peak_of(shape: FileShape, *, file_bytes: int, program: int, limit: int) -> ProcessPeak:
    """Peak of a process that enhances a file.

    Parameters
    ----------
    shape : FileShape
    file_bytes : int
        Of the coded file, which is held too.
    program : int
        Bytes that are resident before it.
    limit : int
        Memory limit of the enhancement, bytes.
    """
    pixels = shape.width * shape.height
    held = int(pixels * BYTES_PER_PIXEL[shape.kind])
    return ProcessPeak(program, limit, file_bytes + BESIDE + held)


def check_peak(name: str, shape: FileShape, peak: ProcessPeak, memory: Memory) -> None:
    """Refuse a picture that this process cannot have the memory for.

    Parameters
    ----------
    name : str
        Of the file.
    shape : FileShape
    peak : ProcessPeak
    memory : Memory
        Of this machine and the process's control group; unknown memory refuses nothing.

    Raises
    ------
    MemoryLimitError
        With the size of picture that fits.
    """
    usable = memory.usable
    if not usable or peak.total <= usable:
        return
    left = usable - peak.program - peak.enhancement - BESIDE
    fits = max(0.0, left / BYTES_PER_PIXEL[shape.kind] / 1e6)
    advice = (
        f"a picture of up to {fits:.1f} megapixels fits"
        if fits >= 0.1
        else "no picture fits beside this memory limit, lower --memory-limit"
    )
    where = "its control group" if memory.limit else "the machine"
    raise MemoryLimitError(
        f"{name}: {shape.width}x{shape.height} pixels take {peak.words()}, and {where} has "
        f"{usable // MIB} MiB: {advice}. Raise that, or cut the picture into parts.",
        peak.total,
    )


class PeakGuard:
    """Checks the pictures of one program, whose own memory is read before the first.

    Parameters
    ----------
    limit : int
        Memory limit of the enhancement, bytes.
    root : Path
        Where ``proc`` and ``sys`` lie.
    pixel_limit : float
        Pixels of the largest picture that is decoded: a larger one is refused as such.
    """

    def __init__(
        self, limit: int, root: Path = Path("/"), *, pixel_limit: float = math.inf
    ) -> None:
        from edgeqe.hardware.machine import memory_bytes, read_memory, read_text

        self._limit, self._memory, self._pixel_limit = limit, read_memory(root), pixel_limit
        self._program = memory_bytes(read_text(root / "proc/self/status"), "VmRSS")

    def peak(self, source: str) -> ProcessPeak | None:
        """State the peak for a file, and refuse it if that cannot be had.

        Parameters
        ----------
        source : str
            Path, or ``-``, whose size nobody knows before it is read.

        Returns
        -------
        ProcessPeak, optional
            None where the headers do not say the size, or say one beyond the limit.
        """
        from edgeqe.files.shape import shape_of

        path = Path(source)
        shape = None if source == "-" else shape_of(path)
        if shape is None or shape.width * shape.height > self._pixel_limit:
            return None
        size = path.stat().st_size
        peak = peak_of(shape, file_bytes=size, program=self._program, limit=self._limit)
        check_peak(source, shape, peak, self._memory)
        return peak
