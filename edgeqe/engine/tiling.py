"""Windows of one shape that cover a picture, and the planner that picks them.

Along an axis of length L (a multiple of the alignment a), with a margin m around it, n windows of
size S with halo h lie flush with both ends of the margin and step by at most S - 2h. A window's own
result is what is at least h away from its sides, but for the sides at the ends, where zero padding
falls as around the whole picture. Example, L = 18, m = 1, S = 10, h = 2::

    window 0   |moooooo..|              m margin, o own result, . halo
    window 1        |..oooooo..|
    window 2              |..oooooom|   shifted inward, flush with the end
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from edgeqe.errors import InputError, MemoryLimitError
from edgeqe.targets.profile import WindowBounds
from edgeqe.views.window import Window

#: Allowance for what does not grow with the window: threads' stacks, Python objects, gaps in the
#: heaps. With it, pictures of 80 random sizes took 0.78 to 0.93 of limits of 12 and 24 MiB, and
#: once 1.00 (edgeqe-tiny and -small, float32 and INT8, two callers, 58 runs).
FIXED_BYTES = 11 << 18
#: Share of the memory limit for a window of one size; the rest is for rows of a picture that is
#: enhanced in place.
WINDOW_SHARE = 0.75
#: Cost of one more window in picture pixels' worth of work: call overhead.
WINDOW_COST = 4000
#: Windows above this fall out of the cache; bigger ones gain nothing.
LARGEST_WINDOW = 512 * 512
WHOLE_ADVICE = (
    "the network pools over the picture and needs it whole ('edgeqe convert --freeze-gates' "
    "gives one that tiles); "
)


@dataclass(frozen=True)
class Axis:
    """Windows along one axis."""

    length: int
    """Padded length of the picture, a multiple of the alignment."""
    count: int
    size: int
    halo: int
    margin: int = 0
    """Around the picture, in front of 0 and behind the length."""

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """Start of each window, and first and last + 1 position of its own result."""
        first = 0
        for i in range(self.count - 1):
            last = self._start(i + 1) + self.halo
            yield self._start(i), first, last
            first = last
        yield self._start(self.count - 1), first, self.length

    def _start(self, index: int) -> int:
        last = max(-self.margin, self.length + self.margin - self.size)
        return min(index * (self.size - 2 * self.halo) - self.margin, last)


@dataclass(frozen=True)
class Plan:
    """How a picture is cut, and what that takes."""

    rows: Axis
    columns: Axis
    workers: int
    """Windows that run at once."""
    window_bytes: int
    """Bytes that one running window takes."""
    band_bytes: int
    """Bytes of the saved band of a picture that is enhanced in place, else 0."""

    @property
    def window(self) -> tuple[int, int]:
        """Height and width of every window, pixels."""
        return self.rows.size, self.columns.size

    @property
    def count(self) -> int:
        """Windows in all."""
        return self.rows.count * self.columns.count

    @property
    def planned_bytes(self) -> int:
        """Bytes that enhancing takes at most."""
        return self.workers * self.window_bytes + self.band_bytes + FIXED_BYTES

    def bands(self) -> Iterator[tuple[int, Iterator[Window]]]:
        """First row of each row of windows, and its windows, made one by one: there may be millions."""
        for top, *rows in self.rows:
            yield top, self._band(top, (rows[0], rows[1]))

    def windows(self) -> Iterator[Window]:
        """All windows, made one by one."""
        return chain.from_iterable(band for _, band in self.bands())

    def _band(self, top: int, rows: tuple[int, int]) -> Iterator[Window]:
        for left, *columns in self.columns:
            yield Window(top, left, *self.window, rows, (columns[0], columns[1]))


def axis(length: int, count: int, halo: int, alignment: int, margin: int = 0) -> Axis | None:
    """Smallest equal windows, so many along an axis; None where fewer would do."""
    covered = length + 2 * margin
    if count == 1:
        return Axis(length, 1, covered, 0, margin)
    size = -(-(covered + 2 * halo * (count - 1)) // count)
    size = max(-(-size // alignment) * alignment, least_side(halo, alignment))
    if size >= covered or (count - 2) * (size - 2 * halo) >= covered - size:
        return None
    return Axis(length, count, size, halo, margin)


def plan(
    height: int,
    width: int,
    *,
    halo: int,
    alignment: int,
    margin: int = 0,
    bytes_per_pixel: float,
    limit: int,
    threads: int,
    band_bytes_per_row: float = 0.0,
    bytes_per_window: int = 0,
    whole: bool = False,
    smallest_side: int = 0,
    largest_side: int = 0,
) -> Plan:
    """Windows that finish a picture soonest inside a memory limit.

    The cost of a plan is the number of rounds, with `threads` windows running at
    once, times the pixels of a window; windows are equal, so none waits for a big one.

    Parameters
    ----------
    height, width : int
        Picture size, pixels.
    halo, alignment : int
        Of the network, pixels.
    margin : int
        Around the picture, pixels: at most the halo, a multiple of the alignment.
    bytes_per_pixel : float
        Memory of a running window per pixel.
    limit : int
        Memory limit, bytes.
    threads : int
        Windows that may run at once.
    band_bytes_per_row : float
        Bytes to save per picture row of a window where the picture is enhanced in
        place; 0 otherwise.
    bytes_per_window : int
        Memory of a running window whatever its size, bytes.
    whole : bool
        One window only, the whole picture.
    smallest_side, largest_side : int
        Bounds of a window's sides, pixels; 0 for none. Pictures that with their margin are below
        the first are not cut.

    Raises
    ------
    InputError
        If the largest side is too small for the halo.
    MemoryLimitError
        If not even the smallest window fits; the message names the limit that works.
    """
    full = tuple(-(-side // alignment) * alignment for side in (height, width))
    best: tuple[float, Plan] | None = None
    smallest: int | None = None
    every_rows, every_columns = (
        [Axis(side, 1, side, 0)]
        if whole
        else _axes(side, halo, alignment, margin, smallest_side, largest_side)
        for side in full
    )
    for rows in every_rows:
        for columns in every_columns:
            area, count = rows.size * columns.size, rows.count * columns.count
            window_bytes = int(area * bytes_per_pixel) + bytes_per_window
            band_bytes = int((rows.size + 2 * halo) * band_bytes_per_row)
            least = window_bytes + band_bytes + FIXED_BYTES
            smallest = least if smallest is None else min(smallest, least)
            free = limit - FIXED_BYTES - band_bytes
            workers = min(threads, count, free // max(1, window_bytes))
            if workers < 1:
                continue
            # a band is finished before the next begins, where the picture is its own output
            rounds = (
                rows.count * -(-columns.count // workers) if band_bytes else -(-count // workers)
            )
            cost = rounds * (area + WINDOW_COST) * (1.0 if area <= LARGEST_WINDOW else 1.15)
            if best is None or cost < best[0]:
                best = cost, Plan(rows, columns, workers, window_bytes, band_bytes)
    if best is None:
        assert smallest is not None
        raise too_small(height, width, limit, smallest, WHOLE_ADVICE if whole else "")
    return best[1]


def no_window(limit: int, smallest: int) -> MemoryLimitError:
    """Error for a limit in which no large picture is enhanced, with the one in which they are."""
    return MemoryLimitError(
        f"no window of this network fits in a memory limit of {limit / 1024:.6g}KiB: the smallest "
        f"that works is {-(-smallest // 1024)}KiB.",
        smallest,
    )


def too_small(
    height: int, width: int, limit: int, smallest: int, advice: str = ""
) -> MemoryLimitError:
    """Error for a picture that does not fit, with the limit in which it does, bytes."""
    return MemoryLimitError(
        f"a {width}x{height} picture does not fit in a memory limit of {limit / 1024:.6g}KiB: "
        f"{advice}the smallest that works is {-(-smallest // 1024)}KiB.",
        smallest,
    )


def fixed_plan(
    height: int,
    width: int,
    side: int,
    *,
    halo: int,
    alignment: int,
    margin: int = 0,
    bytes_per_pixel: float,
    limit: int,
    threads: int,
    band_bytes_per_row: float = 0.0,
    bytes_per_window: int = 0,
) -> Plan:
    """Square windows of one size for every picture; a smaller picture lies in one of them.

    Parameters
    ----------
    side : int
        Of the windows, pixels, a multiple of the alignment above twice the halo.

    Raises
    ------
    MemoryLimitError
        If the window does not fit.

    See `plan` for the others.
    """
    rows, columns = (
        _of_size(-(-n // alignment) * alignment, side, halo, margin) for n in (height, width)
    )
    window_bytes = int(side**2 * bytes_per_pixel) + bytes_per_window
    band_bytes = int((side + 2 * halo) * band_bytes_per_row)
    free = limit - FIXED_BYTES - band_bytes
    workers = min(threads, rows.count * columns.count, free // max(1, window_bytes))
    if workers < 1:
        raise too_small(height, width, limit, window_bytes + band_bytes + FIXED_BYTES)
    return Plan(rows, columns, workers, window_bytes, band_bytes)


def fixed_side(
    bounds: WindowBounds, *, halo: int, alignment: int, bytes_per_pixel: float, limit: int
) -> int:
    """Side of the one window of a target that wants one: the largest that fits the limit.

    Parameters
    ----------
    bounds : WindowBounds
        The target's.
    halo, alignment : int
        Of the network, picture pixels.
    bytes_per_pixel : float
        Of a running window.
    limit : int
        Bytes.

    Raises
    ------
    InputError
        If the bounds are too small for the halo.
    """
    least = least_side(halo, alignment)
    most = bounds.largest // alignment * alignment
    if most < least:
        raise InputError(
            f"windows of at most {bounds.largest} pixels a side are too small for a halo "
            f"of {halo}: give window.largest at least {least}."
        )
    free = max(0.0, WINDOW_SHARE * (limit - FIXED_BYTES))
    fitting = int((free / bytes_per_pixel) ** 0.5) // alignment * alignment
    smallest = -(-max(least, bounds.smallest) // alignment) * alignment
    return min(most, max(fitting, smallest))


def least_side(halo: int, alignment: int) -> int:
    """Smallest side of a window that has a result of its own, pixels."""
    return 2 * halo + alignment


def _of_size(length: int, size: int, halo: int, margin: int) -> Axis:
    """Windows of a size along an axis; a length below it is in one window that sticks out."""
    covered = length + 2 * margin
    if covered <= size:
        return Axis(length, 1, size, 0, margin)
    return Axis(length, -(-(covered - 2 * halo) // (size - 2 * halo)), size, halo, margin)


def _axes(
    length: int, halo: int, alignment: int, margin: int, smallest: int = 0, largest: int = 0
) -> list[Axis]:
    """Candidates along an axis, at most some 40, from one window to the smallest ones."""
    covered = length + 2 * margin
    most = max(1, -(-covered // alignment))
    counts = sorted({*range(1, 25), *(round(24 * 1.25**k) for k in range(1, 24))})
    made = [axis(length, count, halo, alignment, margin) for count in counts if count <= most]
    found = [candidate for candidate in made if candidate is not None]
    tiny = least_side(halo, alignment)
    # the bounds themselves are candidates, rounded towards what they allow
    sizes = {tiny, max(tiny, -(-smallest // alignment) * alignment)}
    if largest:
        sizes.add(largest // alignment * alignment)
        if largest < tiny:
            raise InputError(
                f"windows of at most {largest} pixels a side are too small for a halo of {halo}: "
                f"give window.largest at least {tiny}."
            )
    found += [
        _of_size(length, size, halo, margin) for size in sorted(sizes) if tiny <= size < covered
    ]
    return [
        candidate
        for candidate in found
        if (candidate.count == 1 or candidate.size >= smallest)
        and (not largest or candidate.size <= largest)
    ]
