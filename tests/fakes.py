"""Models without files: what the engine needs of one, and a network that is a function."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe import Enhancer
from edgeqe.engine.engine import Engine
from edgeqe.engine.geometry import geometry_of
from edgeqe.engine.memory import parse_size
from edgeqe.engine.opening import OpenedEngine
from edgeqe.model.card import Card
from edgeqe.runtimes import Session
from edgeqe.runtimes.placement import Placement
from edgeqe.runtimes.selection import profile_for
from edgeqe.runtimes.sessions import SessionFactory
from edgeqe.targets.profile import WindowBounds
from edgeqe.typing import Float

Network = Callable[[Float], Float]

CARD = Card(
    name="fake",
    description="A function.",
    planes="y",
    codecs=("jpeg", "hevc"),
    precision="float32",
    halo=0,
    alignment=1,
    kmac_per_pixel=1.5,
    parameters=10,
    peak_floats_per_pixel=4.0,
    default_step=10.0,
    weights_sha256="",
)


class FakeFile:
    """Stands in for `ModelFile`."""

    def __init__(self, network: Network, fixed: bool = False, **facts: Any) -> None:
        self.network, self.fixed = network, fixed
        self.card = dataclasses.replace(CARD, **facts)
        self.path, self.data = Path(f"{self.card.name}.onnx"), b"12345"
        self.format = "onnx"
        self.sessions: list[FakeSession] = []
        given = np.random.default_rng(4).integers(0, 256, (len(self._planes()), 64, 64), "u1")
        self.golden = given, network(given.astype(np.float32) - np.float32(128))

    def _planes(self) -> range:
        return range(self.card.channels + ("residual" in self.card.inputs))

    def key(self, step: float, codec: str = "") -> int:
        return round(step)

    def changes_nothing(self, key: int) -> bool:
        return False


class FakeSession:
    """Stands in for a runtime's session, whose interpreters are made, kept and dropped."""

    lock = threading.Lock()
    held, most = 0, 0
    """Bytes of all sessions' interpreters, by the planner's own figures."""

    provider = "FakeProvider"
    placement = Placement({"FakeProvider": 1.0})

    def __init__(self, file: FakeFile, key: int) -> None:
        self.file, self.key, self.own_memory = file, key, file.fixed
        self.bytes_per_pixel = 4 * file.card.peak_floats_per_pixel + 18.0
        self.bytes_per_window = 5000 if file.fixed else 0
        self.shapes: list[tuple[int, ...]] = []
        self.idle: Counter[tuple[Hashable, int]] = Counter()
        self.running: Counter[tuple[Hashable, int]] = Counter()
        """By kind of place, and samples of the first window."""
        file.sessions.append(self)

    def run(self, planes: Float, out: Float | None = None, place: Hashable = None) -> Float:
        assert planes.dtype == np.float32 and planes.flags.c_contiguous
        assert len(planes) == len(self.file._planes())
        shape = planes.shape
        area = shape[1] * shape[2]
        with self.lock:
            self.shapes.append(shape)
            used = next((k for k, n in self.idle.items() if n and k[0] == place), None)
            if used is not None:
                self.idle[used] -= 1
                if used[1] < area:
                    FakeSession.held -= self._bytes(used[1])
                    used = None
            if used is None:
                used = place, area
                FakeSession.held += self._bytes(area)
                FakeSession.most = max(FakeSession.most, FakeSession.held)
            self.running[used] += 1
        try:
            result = self.file.network(planes)
        finally:
            with self.lock:
                self.running[used] -= 1
                self.idle[used] += 1
        assert result.shape == (self.file.card.channels, *shape[1:])
        if out is None:
            return result.astype(np.float32)
        assert out.dtype == np.float32 and out.flags.c_contiguous
        assert out.shape == result.shape and not np.shares_memory(out, planes)
        out[...] = result
        return out

    def _bytes(self, area: int) -> int:
        return int(self.bytes_per_pixel * area) + self.bytes_per_window

    def shrink(self) -> None:
        with self.lock:
            FakeSession.held -= sum(self._bytes(area) * n for (_, area), n in self.idle.items())
            self.idle.clear()

    def interpreters(self) -> int:
        with self.lock:
            return sum((self.running + self.idle).values())


class FakeSessions(SessionFactory):
    """Makes a fake session wherever a real one would be made."""

    def __init__(self, files: Sequence[FakeFile]) -> None:
        self.fakes, self.side = files, 0

    def open(self, index: int, key: int) -> Session:
        return FakeSession(self.fakes[index], key)


def enhancer_of(
    files: FakeFile | Sequence[FakeFile],
    *,
    memory_limit: int | str = "64MiB",
    threads: int = 2,
) -> Enhancer:
    """An `Enhancer` of one fake model, or of a cascade of them."""
    fakes: Any = files if isinstance(files, Sequence) else [files]
    engine = Engine(
        fakes,
        geometry_of([fake.card for fake in fakes]),
        FakeSessions(fakes),
        WindowBounds(),
        parse_size(memory_limit),
        threads,
    )
    enhancer = Enhancer.__new__(Enhancer)
    enhancer._opened = OpenedEngine(engine, profile_for("cpu"), "")
    return enhancer


def noise(*shape: int, seed: int = 7, dtype: Any = np.uint8) -> npt.NDArray[Any]:
    """Integers over the whole range of an unsigned type."""
    top = int(np.iinfo(dtype).max)
    return np.random.default_rng(seed).integers(0, top, shape, dtype, endpoint=True)
