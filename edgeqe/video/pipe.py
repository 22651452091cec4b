"""A pipe whose first bytes can be looked at, and that no lock holds while it is read."""

from __future__ import annotations

from typing import IO, Any


class PipeReader:
    """Reads standard input, or another buffered stream, from a thread that may be left waiting.

    A buffered stream's lock, held by a thread that waits for a silent pipe, would end the
    interpreter with an error; so what it buffers is taken once, and the rest from below it.

    Parameters
    ----------
    stream : binary file
        Of which nothing was read yet.
    name : str
        What errors and reports call it.
    """

    def __init__(self, stream: IO[bytes], name: str = "-") -> None:
        self.name = name
        found: Any = stream
        self._raw: Any = getattr(found, "raw", found)
        self._head = bytes(found.peek()) if self._raw is not found else b""

    def peek(self, size: int) -> bytes:
        """First bytes, at least `size` unless the stream ends before; they are read again."""
        while len(self._head) < size:
            more = self._raw.read(size - len(self._head))
            if not more:
                break
            self._head += more
        return self._head

    def read(self, size: int) -> bytes:
        """At most `size` bytes, b"" at the end."""
        if self._head:
            given, self._head = self._head[:size], self._head[size:]
            return given
        return bytes(self._raw.read(size) or b"")
