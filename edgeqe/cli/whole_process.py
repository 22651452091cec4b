"""Memory of the whole process for one picture: stated before it starts, and refused if it cannot be had.

Beside the program with its runtime and the coded file there are three moments. While the picture is
decoded, its decoder's image lies beside the samples; while it is enhanced, the memory limit and,
of formats that are written strip by strip, some strips; while others are encoded, the encoder's
image, and the limit again, which runtimes keep from picture to picture.
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


@dataclass(frozen=True)
class KindBytes:
    """Bytes a pixel of a kind of picture."""

    decoding: float
    """Most while it is decoded and looked through: Pillow's image has four of colours."""
    held: float
    """Samples."""
    whole: float = 0.0
    """While it is enhanced, where that is not strip by strip whatever is written; else 0."""


#: By kind of `FileShape`.
KINDS = {
    "planes": KindBytes(2.75, 1.5),
    "gray": KindBytes(2.0, 1.0),
    "RGB": KindBytes(7.0, 3.0),
    "components": KindBytes(7.0, 3.0, 8.0),
    "RGBA": KindBytes(12.0, 4.0),
    "coded RGB": KindBytes(10.0, 3.0),
    "deep": KindBytes(20.0, 8.0),
}
#: Bytes of a JPEG's coefficients beside a sample where there are several scans.
COEFFICIENTS = 2.0
#: Bytes a pixel of Pillow's image for an encoder of whole pictures.
IMAGE = 4.0
#: Copies of a JPEG that are made to see whether it is whole, and of any other file.
JPEG_COPIES, COPIES = 3, 1
#: Strips that lie there at a time, one more where chroma is joined to that of the next, rows of one,
#: and bytes a column of what makes rows of a file of them: of colours, and of gray.
STRIPS, JOINED, STRIP_ROWS = 2, 1, 256
COLUMN, GRAY_COLUMN = 1000, 200
#: Readers and writers of the formats, a session of the picture's own strength, buffers and the
#: heaps' gaps, whatever the size; and where a file was decoded by rows, which leaves few gaps, unless
#: LiteRT runs the network: its interpreters, one a thread, leave some as well.
BESIDE, BESIDE_BY_ROWS = 15 * MIB, 19 * MIB // 2


@dataclass(frozen=True)
class Moment:
    """What a picture takes beside the program at a time."""

    name: str
    fixed: int
    """Bytes whatever its size."""
    per_pixel: float
    limit: int
    """Memory limit of the enhancement, as far as it is in use."""

    def bytes_of(self, pixels: int) -> int:
        """Bytes of a picture, without the limit."""
        return self.fixed + int(self.per_pixel * pixels)


@dataclass(frozen=True)
class ProcessPeak:
    """Bytes of the parts of a process's peak."""

    moment: str
    """When it is: ``decoded``, ``enhanced`` or ``encoded``."""
    program: int
    """Resident before the first picture: interpreter, packages, runtime, model."""
    enhancement: int
    """The memory limit; 0 where nothing has been enhanced yet."""
    picture: int
    """Coded file, decoder, picture, encoder."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.program + self.enhancement + self.picture

    def words(self) -> str:
        """The sum and its parts."""
        parts = [f"{_mib(self.program)} the program", f"{_mib(self.enhancement)} the enhancement"]
        parts.append(f"{_mib(self.picture)} the picture with its decoder and encoder")
        named = ", ".join(part for part in parts if not part.startswith("0 "))
        return f"{_mib(self.total)} in all while it is {self.moment} ({named})"


def moments_of(
    shape: FileShape,
    *,
    file_bytes: int,
    limit: int,
    strips: bool,
    streamed: bool,
    later: bool,
    litert: bool = False,
) -> list[Moment]:
    """Moments at which the process may have its peak.

    Parameters
    ----------
    shape : FileShape
    file_bytes : int
        Of the coded file, which is held too unless it is decoded from where it lies.
    limit : int
        Memory limit of the enhancement, bytes.
    strips : bool
        Whether it is written strip by strip.
    streamed : bool
        Whether the output goes to a stream, which gets it when all is there.
    later : bool
        Whether a picture was enhanced before.
    litert : bool
        Whether LiteRT runs the network.
    """
    kind, pixels = KINDS[shape.kind], shape.width * shape.height
    strips = strips and shape.kind != "deep" and not kind.whole
    beside = BESIDE_BY_ROWS if shape.by_rows and not litert else BESIDE
    decoding = kind.held if shape.by_rows else kind.decoding
    decoding += COEFFICIENTS * kind.held * shape.several_scans
    copies = 0 if shape.by_rows else (JPEG_COPIES if shape.jpeg else COPIES) * file_bytes
    file_bytes = file_bytes if shape.held else 0
    coded = kind.held if streamed else 0.0
    rows = min(STRIP_ROWS, shape.height) * (STRIPS + JOINED * (shape.kind.endswith("planes")))
    column = rows * kind.held + (GRAY_COLUMN if kind.held == 1.0 else COLUMN)
    under_way = int(column * shape.width) if strips else 0
    found = [
        Moment("decoded", beside, decoding + copies / pixels, limit if later else 0),
        Moment(
            "enhanced",
            beside + under_way + (file_bytes if shape.jpeg else 0),  # the heap keeps its copies
            (kind.whole or kind.held * (1 if strips else 2)) + file_bytes / pixels + coded,
            limit,
        ),
    ]
    if not strips:
        image = kind.held if kind.held in (1.0, 8.0) else IMAGE
        found.append(Moment("encoded", beside, kind.held + image + file_bytes / pixels, limit))
    return found


def check_peak(
    name: str, shape: FileShape, moments: list[Moment], program: int, memory: Memory
) -> ProcessPeak:
    """Peak of a process that enhances a file; a picture is refused that it cannot have the memory for.

    Parameters
    ----------
    name : str
        Of the file.
    shape : FileShape
    moments : list of Moment
    program : int
        Bytes that are resident before it.
    memory : Memory
        Of this machine and the process's control group; unknown memory refuses nothing.

    Raises
    ------
    MemoryLimitError
        With the size of picture that fits.
    """
    pixels = shape.width * shape.height
    worst = max(moments, key=lambda moment: moment.bytes_of(pixels) + moment.limit)
    peak = ProcessPeak(worst.name, program, worst.limit, worst.bytes_of(pixels))
    usable = memory.usable
    if not usable or peak.total <= usable:
        return peak
    fits = min((usable - program - m.limit - m.fixed) / m.per_pixel for m in moments) / 1e6
    advice = (
        f"a picture of up to {math.floor(10 * fits) / 10:.1f} megapixels fits"
        if fits >= 0.1
        else "no picture fits beside this memory limit, lower --memory-limit"
    )
    where = "its control group" if memory.limit else "the machine"
    raise MemoryLimitError(
        f"{name}: {shape.width}x{shape.height} pixels ({pixels / 1e6:.1f} megapixels) take "
        f"{peak.words()}, and {where} has {usable // MIB} MiB: {advice}. Raise that, or cut the "
        "picture into parts.",
        peak.total,
    )


def _mib(size: int) -> str:
    return f"{math.ceil(size / MIB)} MiB"


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
    litert : bool
        Whether LiteRT runs the network.
    """

    def __init__(
        self,
        limit: int,
        root: Path = Path("/"),
        *,
        pixel_limit: float = math.inf,
        litert: bool = False,
    ) -> None:
        from edgeqe.hardware.machine import memory_bytes, read_memory, read_text

        self._limit, self._memory, self._pixel_limit = limit, read_memory(root), pixel_limit
        self._later, self._litert = False, litert
        self._program = memory_bytes(read_text(root / "proc/self/status"), "VmRSS")

    def peak(self, source: str, destination: str) -> ProcessPeak | None:
        """State the peak for a file, and refuse it if that cannot be had.

        Parameters
        ----------
        source : str
            Path, or ``-``, whose size nobody knows before it is read.
        destination : str
            Path, by whose suffix the format is written, or ``-``.

        Returns
        -------
        ProcessPeak, optional
            None where the headers do not say the size, or say one beyond the limit.
        """
        from edgeqe.files.encoding import STRIP_FORMATS
        from edgeqe.files.shape import shape_of
        from edgeqe.files.writing import STREAM_FORMAT, format_of

        path = Path(source)
        shape = None if source == "-" else shape_of(path)
        if shape is None or shape.width * shape.height > self._pixel_limit:
            return None
        streamed = destination == "-"
        target = STREAM_FORMAT if streamed else format_of(destination)
        moments = moments_of(
            shape,
            file_bytes=path.stat().st_size,
            limit=self._limit,
            strips=target in STRIP_FORMATS,
            streamed=streamed,
            later=self._later,
            litert=self._litert,
        )
        peak = check_peak(source, shape, moments, self._program, self._memory)
        self._later = True
        return peak
