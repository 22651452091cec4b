"""One program at a time writes into an archive's folder."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from edgeqe.errors import InputError


class FolderLock:
    """Context that holds a lock; the system gives it back when the process ends, however it ends.

    Parameters
    ----------
    path : Path
        File of the lock, which says who holds it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1

    def __enter__(self) -> FolderLock:
        """Take the lock.

        Raises
        ------
        InputError
            If another process has it, with its name.
        OSError
            If the file cannot be made.
        """
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _take(self._file)
        except (BlockingIOError, PermissionError) as error:
            holder = os.read(self._file, 200).decode("utf-8", "replace").strip() or "another one"
            self.__exit__()
            raise InputError(
                f"'{self._path.parent.parent}' is being written by {holder}: wait for it, or name "
                "another folder."
            ) from error
        except BaseException:
            self.__exit__()
            raise
        os.ftruncate(self._file, 0)
        os.write(self._file, f"process {os.getpid()} on {platform.node()}\n".encode())
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        os.close(self._file)


def _take(file: int) -> None:
    """Lock an open file or raise: by ``flock``, on Windows far behind the text that it holds."""
    try:
        import fcntl
    except ImportError:
        import msvcrt

        os.lseek(file, 1 << 20, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        os.lseek(file, 0, os.SEEK_SET)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
