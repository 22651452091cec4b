"""What the command line needs of its process: three streams, and an end that leaves nothing behind."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import IO, Any

from edgeqe.errors import InputError

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
#: Signals that ask a process to end, and would end Python without a word.
_ENDING = ("SIGTERM", "SIGHUP")


class _EndedBySignal(BaseException):
    """Unwinds the program, so that what it had begun is removed."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def whole_streams() -> Iterator[None]:
    """Make standard streams that can be used: all three there, and every write checked.

    One that is closed reads and writes nothing, and its number is taken, so that no file that is
    opened gets it and whatever is printed with it. An unbuffered one, which would take a short
    write on a full disk for a whole one, gets a buffer. What its encoding lacks is printed escaped,
    such as a file's name that is no UTF-8.
    """
    kept = {name: getattr(sys, name) for name, _ in _STREAMS}
    try:
        for number, (name, mode) in enumerate(_STREAMS):
            _take_number(number)
            if getattr(sys, name) is None:
                setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))
        sys.stdout = _checked(sys.stdout)
        yield
    finally:
        for name, stream in kept.items():
            if stream is not None:  # else the interpreter has something to flush
                setattr(sys, name, stream)


def _take_number(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        with suppress(OSError):  # the lowest free number is this one
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _checked(stream: Any) -> Any:
    if isinstance(getattr(stream, "buffer", None), io.RawIOBase):
        buffer = io.BufferedWriter(_Kept(stream.buffer))
        return io.TextIOWrapper(
            buffer, stream.encoding, "backslashreplace", write_through=True, line_buffering=True
        )
    with suppress(AttributeError):  # a stream of a program around us
        stream.reconfigure(errors="backslashreplace")
    return stream


class _Kept(io.RawIOBase):
    """An unbuffered stream, which stays open when its buffer goes."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw, self.name = raw, getattr(raw, "name", "")

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int | None:
        return self._raw.write(content)

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()


def standard_stream(name: str) -> IO[bytes]:
    """Bytes of ``stdin`` or ``stdout``, for a picture.

    Raises
    ------
    InputError
        If it is closed.
    """
    stream = getattr(sys, name)
    if getattr(stream, "name", None) == os.devnull:
        word = {"stdin": "input", "stdout": "output"}[name]
        raise InputError(f"standard {word} is closed: name a file instead of -.")
    buffer: IO[bytes] = stream.buffer
    return buffer


def silence_stdout() -> None:
    """Let what standard output still holds go nowhere, where nobody can take it.

    The interpreter would complain about it at exit.
    """
    with suppress(OSError, ValueError):  # no real file: nothing is written at exit
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextmanager
def clean_end() -> Iterator[None]:
    """Remove unfinished files when a signal or an error ends the program; a signal then does end it.

    Blocks that write remove theirs themselves, unless an interrupt meets them on the way in or out.
    """
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name in _ENDING:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, _end)
    try:
        yield
    except _EndedBySignal as ended:
        _discard_parts()
        signal.signal(ended.number, signal.SIG_DFL)
        os.kill(os.getpid(), ended.number)
        raise SystemExit(128 + ended.number) from None  # where signals do not end a process
    except BaseException:
        _discard_parts()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _discard_parts() -> None:
    module = sys.modules.get("edgeqe.reports.part_files")  # which most verbs never need
    if module is not None:
        module.discard_all()


def _end(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)  # a second one ends it at once
    raise _EndedBySignal(number)
