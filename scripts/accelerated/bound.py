"""A bound of seconds, and what of it is for training."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from edgeqe.errors import InputError

#: Seconds kept for the last checkpoint and the validation, of which a slow machine's
#: compiling for the pictures' sizes is the most.
RESERVE = 45.0
#: Seconds before the end at which everything stops, however far it is.
MARGIN = 5.0


class TimeUp(BaseException):
    """The seconds are over; no part of a run may take this for an error of its own."""


class Bound:
    """So many seconds from now.

    Parameters
    ----------
    seconds : float
    clock : callable
        Gives seconds.

    Raises
    ------
    InputError
        If they leave no time to train.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        if seconds < 2 * RESERVE:
            raise InputError(
                f"--seconds {seconds:g}: {RESERVE:g} of them are for validating and saving; "
                f"give at least {2 * RESERVE:g}."
            )
        self._clock = clock
        self._end = clock() + seconds

    @property
    def left(self) -> float:
        """Seconds until the end."""
        return self._end - self._clock()

    @property
    def for_training(self) -> float:
        """Seconds until training ends."""
        return self.left - RESERVE

    @contextmanager
    def enforced(self) -> Iterator[None]:
        """Raise `TimeUp` shortly before the end, in the main thread, where the system can.

        Training ends by itself well before. This is for what it does not look at a clock in:
        reading pictures, waiting for batches, compiling, validating.
        """
        if not hasattr(signal, "setitimer"):
            yield
            return

        def stop(number: int, frame: object) -> NoReturn:
            raise TimeUp

        before = signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, max(0.001, self.left - MARGIN))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, before)
