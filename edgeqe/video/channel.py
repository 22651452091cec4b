"""A bounded queue between two threads that either end can close."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class ChannelClosed(Exception):
    """Nobody takes what is put any more."""


class Channel(Generic[T]):
    """Items from one thread to another, at most so many under way.

    Parameters
    ----------
    size : int
        Items that wait, at least 1.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = self._abandoned = False
        self.error: BaseException | None = None
        """What `end` was told, which the taker gets too."""

    @property
    def abandoned(self) -> bool:
        """Whether `abandon` was called."""
        return self._abandoned

    def put(self, item: T) -> None:
        """Hand over an item, when there is room.

        Raises
        ------
        ChannelClosed
            If the taker has gone.
        """
        with self._changed:
            while len(self._items) >= self._size and not self._abandoned:
                self._changed.wait()
            if self._abandoned:
                raise ChannelClosed
            self._items.append(item)
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """Say that no item follows, and the error that is why; the taker gets it after the items."""
        with self._changed:
            self._ended, self.error = True, error
            self._changed.notify_all()

    def abandon(self) -> None:
        """Take no more: what waits is dropped, `put` raises, and the taker's loop ends."""
        with self._changed:
            self._abandoned = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        """Give the items until `end`, then raise its error."""
        while True:
            with self._changed:
                while not (self._items or self._ended or self._abandoned):
                    self._changed.wait()
                if not self._items:
                    if self.error is not None and not self._abandoned:
                        raise self.error
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
