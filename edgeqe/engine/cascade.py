"""A cascade: one to four models that run one after another on each window.

Each adds its residual to the planes that the next one sees, in float, neither rounded
nor clipped; the sum of the residuals is the result. A single model is a cascade of one.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from edgeqe.codecs.strength import Strength
from edgeqe.engine.geometry import Geometry
from edgeqe.errors import ClosedError
from edgeqe.model.file import ModelFile
from edgeqe.runtimes import IntegerSession
from edgeqe.typing import Float
from edgeqe.views.ensemble import mean_over_transforms
from edgeqe.views.subsampled import PHASES

if TYPE_CHECKING:
    from edgeqe.runtimes import Session
    from edgeqe.runtimes.sessions import SessionFactory


#: Sessions kept of each model; a session holds the weights once more.
KEPT_SESSIONS = 4
#: Most models of a cascade.
LONGEST = 4


@dataclass(frozen=True, eq=False)
class OpenSessions:
    """Sessions of a cascade at one strength."""

    sessions: tuple[Session, ...]
    inputs: tuple[int, ...]
    """Planes that each takes: the picture's, and the prediction residual behind them."""
    channels: int
    """Planes of the picture."""
    phases: int = 0
    """Those of them, the first ones, that are phases of luma."""
    ensemble: int = 1
    """8 for the mean over the eight flips and rotations."""

    @property
    def buffer_planes(self) -> int:
        """Planes of the buffer that a run needs beside its input planes."""
        return self.channels if self.ensemble == 1 else max(self.inputs) + 2 * self.channels

    def run(self, planes: Float, buffer: Float, place: Hashable) -> Float:
        """Residual (C, h, w) of planes (C or C + 1, h, w), which are overwritten.

        It is written into `buffer`, floats of shape (`OpenSessions.buffer_planes`, h, w). `place`
        is the kind of the window's place.
        """
        once = partial(self._once, place)
        if self.ensemble == 1:
            return once(planes, buffer)
        return mean_over_transforms(once, planes, buffer, self.channels, self.phases)

    def _once(self, place: Hashable, planes: Float, out: Float) -> Float:
        residual = self.sessions[0].run(planes[: self.inputs[0]], out, place)
        total = residual
        for session, count in zip(self.sessions[1:], self.inputs[1:], strict=True):
            planes[: self.channels] += residual
            residual = session.run(planes[:count], None, place)
            total += residual
        return total

    @property
    def integers(self) -> IntegerSession | None:
        """The session, if it takes and gives integers and nothing else is done with them."""
        only = self.sessions[0]
        if self.ensemble != 1 or len(self.sessions) > 1 or not isinstance(only, IntegerSession):
            return None
        return only if only.integer_scale is not None else None

    @property
    def tag(self) -> Hashable:
        """What windows must share to use the same idle memory; None where they need not.

        An interpreter belongs to its session, and of an ensemble's bytes another share is its.
        Sessions go by their identity, which does not keep them alive.
        """
        if not any(session.own_memory for session in self.sessions):
            return None
        return (*map(id, self.sessions), self.ensemble)


class Cascade:
    """Model files that run one after another, and their sessions by strength.

    Parameters
    ----------
    files : sequence of ModelFile
        One to four.
    geometry : Geometry
        Of their cards.
    sessions : SessionFactory
        Makes their sessions.
    """

    def __init__(
        self, files: Sequence[ModelFile], geometry: Geometry, sessions: SessionFactory
    ) -> None:
        self.files, self.geometry, self._factory = tuple(files), geometry, sessions
        self.cards = tuple(file.card for file in files)
        self._kept: list[OrderedDict[int, Session]] = [OrderedDict() for _ in files]
        self._alive: weakref.WeakSet[Session] = weakref.WeakSet()
        """Sessions in use too, after they are no longer kept."""
        self._closed = False
        self._lock = threading.Lock()

    def at(self, strength: Strength, ensemble: int = 1) -> OpenSessions:
        """Sessions of a strength, from the few that are kept, for one run a window or eight.

        Raises
        ------
        ClosedError
            If the cascade is closed.
        """
        with self._lock:
            sessions = tuple(self._session(i, strength) for i in range(len(self.files)))
        channels = self.geometry.channels
        inputs = tuple(channels + ("residual" in card.inputs) for card in self.cards)
        phases = 0 if self.geometry.pixels_per_sample == 1 else len(PHASES)
        return OpenSessions(sessions, inputs, channels, phases, ensemble)

    def changes_nothing(self, amount: float, strength: Strength) -> bool:
        """Whether none of the residual is asked for, or no card's fade leaves any at a strength."""
        return amount == 0.0 or all(
            file.changes_nothing(file.key(strength.step, strength.codec)) for file in self.files
        )

    def one(self, index: int) -> Session:
        """Session of one model at its default strength."""
        with self._lock:
            return self._session(index, Strength(self.cards[index].default_step))

    def _session(self, index: int, strength: Strength) -> Session:
        if self._closed:
            raise ClosedError("this Enhancer is closed: make a new one.")
        key, kept = self.files[index].key(strength.step, strength.codec), self._kept[index]
        if key in kept:
            kept.move_to_end(key)
        else:
            session = self._factory.open(index, key)
            self._alive.add(session)
            kept[key] = session
            while len(kept) > KEPT_SESSIONS:
                kept.popitem(last=False)
        return kept[key]

    def window_bytes(self, opened: OpenSessions) -> tuple[float, int]:
        """Bytes of a running window: for each of its pixels, and beside them.

        A runtime whose sessions have their own keeps the memory of every model; the others take
        theirs one after another, out of one arena. An ensemble adds transformed planes and a sum.
        """
        plane = 4 / self.geometry.pixels_per_sample**2
        turns = [0.0]
        per_pixel, beside = 0.0, 0
        for session in opened.sessions:
            if session.own_memory:
                per_pixel += session.bytes_per_pixel
            else:
                turns.append(session.bytes_per_pixel)
            beside += session.bytes_per_window
        per_pixel += max(turns)
        if len(opened.sessions) > 1:  # the planes and the sum, which no model knows of
            per_pixel += (opened.channels + max(opened.inputs)) * plane
        per_pixel += (opened.buffer_planes - opened.channels) * plane
        return per_pixel, beside

    def shrink(self) -> None:
        """Give back what idle windows keep."""
        with self._lock:
            sessions = list(self._alive)
        own = [session for session in sessions if session.own_memory]
        shared = [session for session in sessions if not session.own_memory]
        for session in own + shared[:1]:  # any session reaches the one arena
            session.shrink()

    def close(self) -> None:
        """Drop the sessions; later calls raise."""
        with self._lock:
            self._closed = True
            for kept in self._kept:
                kept.clear()
