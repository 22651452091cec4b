"""Bytes of a file, device, pipe or stream: never more than a limit, and no endless waiting."""

from __future__ import annotations

import io
import os
import select
import stat
from collections.abc import Callable
from typing import IO

from edgeqe.errors import ImageError, InputTypeError

#: Bytes of the largest picture file that is read.
LARGEST_FILE = 2 << 30
#: Seconds that a pipe, socket or device may say nothing.
LONGEST_SILENCE = 60.0
#: Bytes that are looked at before the others are read, and of one read.
_HEAD, _CHUNK = 1 << 16, 1 << 20
_OPEN = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


def file_bytes(
    path: str | os.PathLike[str],
    name: str,
    wanted: Callable[[bytes], bool],
    left: Callable[[bytes], bool],
) -> tuple[bytes, int]:
    """Bytes of a file, a named pipe or a device, and how many it has.

    Parameters
    ----------
    path : str or path
    name : str
        For messages.
    wanted : callable
        Says of the first 64 KiB whether the rest is worth reading; if not, they are all.
    left : callable
        Says of them whether the rest of a regular file is left where it is, for `open_again`.

    Raises
    ------
    ImageError
        If there are more than `LARGEST_FILE`, or nothing comes for `LONGEST_SILENCE`.
    OSError
        If it cannot be read.
    """
    number = os.open(path, _OPEN)  # a named pipe without a writer would block here
    try:
        found = os.fstat(number)
        if stat.S_ISREG(found.st_mode) and found.st_size:  # of a file of /proc it is 0
            if found.st_size > LARGEST_FILE:
                raise _too_large(name)
            with open(number, "rb", buffering=0, closefd=False) as file:
                head = file.read(_HEAD)
                if not wanted(head) or left(head):
                    return head, found.st_size
                file.seek(0)
                content = file.readall()  # at once, without a second copy
                return content, len(content)

        def read(size: int) -> bytes:
            while True:
                _await(number, name)
                try:
                    return os.read(number, size)
                except BlockingIOError:
                    continue

        content = _bounded(read, name, wanted)
        return content, len(content)
    finally:
        os.close(number)


class _Unmapped(io.BufferedReader):
    """A file that no library maps into memory: that would end the process if it is cut meanwhile."""

    def fileno(self) -> int:
        raise io.UnsupportedOperation("this file is read by its stream")


def open_again(path: str | os.PathLike[str], name: str) -> IO[bytes]:
    """Open a regular file whose first bytes `file_bytes` gave.

    Raises
    ------
    ImageError
        If it is not there any more, or something else.
    """
    try:
        number = os.open(path, _OPEN)
    except OSError as error:
        raise ImageError(
            f"{name} cannot be read any more ({error.strerror}): check what removes it."
        ) from error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise ImageError(f"{name} is no file any more: check what replaces it.")
    return _Unmapped(io.FileIO(number))


def stream_bytes(stream: IO[bytes], name: str, wanted: Callable[[bytes], bool]) -> bytes:
    """Bytes of a stream up to its end; parameters and errors as of `file_bytes`.

    Raises
    ------
    InputTypeError
        If it gives text.
    """
    try:
        number = stream.fileno()
    except (AttributeError, OSError, ValueError):  # in memory
        number = -1
    some = getattr(stream, "read1", None) if number >= 0 else None

    def read(size: int) -> bytes:
        if some is not None:
            _await(number, name)
        content = (some or stream.read)(size)
        if content is None:
            raise ImageError(f"{name} has nothing to read: give a stream that waits for data.")
        if not isinstance(content, (bytes, bytearray)):
            raise InputTypeError(f"{name} gives text: open it in binary mode.")
        return bytes(content)

    return _bounded(read, name, wanted)


def _bounded(read: Callable[[int], bytes], name: str, wanted: Callable[[bytes], bool]) -> bytes:
    found, whole = bytearray(), False
    while len(found) < _HEAD and not whole:
        content = read(_HEAD)
        found += content
        whole = not content
    if not whole and not wanted(bytes(found)):
        return bytes(found)
    while not whole:
        content = read(_CHUNK)
        found += content
        whole = not content
        if len(found) > LARGEST_FILE:
            raise _too_large(name)
    return bytes(found)


def _await(number: int, name: str) -> None:
    """Wait until a descriptor has data or has ended; files always have."""
    if not hasattr(select, "poll"):
        return
    waiting = select.poll()
    waiting.register(number, select.POLLIN)
    if not waiting.poll(LONGEST_SILENCE * 1000):
        raise ImageError(
            f"{name} gave nothing for {LONGEST_SILENCE:g} seconds: check what writes it, or write "
            "the picture to a file first."
        )


def _too_large(name: str) -> ImageError:
    return ImageError(
        f"{name} has more than {LARGEST_FILE >> 30} GiB, the most that is read: check that it is "
        "a picture, or cut it into parts."
    )
