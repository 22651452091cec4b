"""Files that are not whole yet: beside the name that they get when all of them is on the disk."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import errno
import functools
import hashlib
import io
import os
import platform
import re
import secrets
import stat
import sys
import time
from pathlib import Path

__all__ = ["CheckedWriter", "PartFile", "discard_all", "give_name"]

#: Age from which on the part of a process that is no more is removed, seconds.
OLD = 3600.0
_NAME = re.compile(r"\.edgeqe-(?P<host>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{12}\.part")
_parts: set[Path] = set()
"""Those that this process has made, or is about to make."""
_swept: set[Path] = set()


class PartFile:
    """A file that takes a name when it is whole.

    Parameters
    ----------
    path : Path
        The name. If it is a link and may be replaced, the link stays and the file is what it names.
    overwrite : bool
        Replace an existing file, whose permissions stay.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        self._overwrite = overwrite
        linked = overwrite and path.is_symlink()
        self._target = Path(os.path.realpath(path) if linked else os.path.abspath(path))
        token = secrets.token_hex(6)
        name = f".edgeqe-{_host()}-{os.getpid()}-{token}.part"
        self.path = self._target.with_name(name)
        """To be written: hidden, of nobody else, and not longer than any name may be."""

    def create(self) -> None:
        """Make it, empty; never through a link or over another file.

        Raises
        ------
        OSError
            If the folder cannot be written.
        """
        _sweep(self.path.parent)
        _parts.add(self.path)
        self.path.touch(exist_ok=False)

    def publish(self) -> None:
        """Give it its name, when its content is on the disk.

        Raises
        ------
        FileExistsError
            If the name is taken meanwhile, and may not be replaced.
        OSError
            If the disk is full, or the folder refuses it.
        """
        with open(self.path, "rb+") as file:
            try:
                os.fsync(file.fileno())
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
                    raise  # those three: a file system that has no such thing
        give_name(self.path, self._target, overwrite=self._overwrite)
        _parts.discard(self.path)

    def discard(self) -> None:
        """Remove it, unless it has its name."""
        self.path.unlink(missing_ok=True)
        _parts.discard(self.path)


def give_name(path: Path, target: Path, *, overwrite: bool) -> None:
    """Give a file that is whole and on the disk its name, in one step where the system can.

    Parameters
    ----------
    path, target : Path
        Both on one file system.
    overwrite : bool
        Replace an existing file, whose permissions stay.

    Raises
    ------
    FileExistsError
        If the name is taken, and may not be replaced.
    OSError
        If the folder refuses it.
    """
    if overwrite:
        _permit_as(path, target)
        os.replace(path, target)
    else:
        _name(path, target)


class CheckedWriter(io.BufferedWriter):
    """A file for writing whose bytes all pass through Python, which checks every write's count.

    Libraries that ask for the file's number write past it, and take a short write on a full disk
    for a whole one.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path, "wb"))

    def fileno(self) -> int:
        """Refuse, as files in memory do."""
        raise io.UnsupportedOperation("fileno")


def discard_all() -> None:
    """Remove all parts that this process has left."""
    for path in list(_parts):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        _parts.discard(path)


atexit.register(discard_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_parts.clear)  # they are the parent's


@functools.cache
def _host() -> str:
    """Short name of this machine, because processes of others may share the folder."""
    return hashlib.sha256(platform.node().encode("utf-8", "replace")).hexdigest()[:8]


def _sweep(folder: Path) -> None:
    """Remove old parts of this machine's processes that are no more, once a folder."""
    if folder in _swept or os.name != "posix":
        return
    _swept.add(folder)
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match is None or match["host"] != _host() or Path(entry.path) in _parts:
                continue
            with contextlib.suppress(OSError):
                old = time.time() - entry.stat(follow_symlinks=False).st_mtime > OLD
                if old and not _runs(int(match["process"])):
                    os.unlink(entry.path)


def _runs(process: int) -> bool:
    """Whether another process has this number."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _permit_as(path: Path, other: Path) -> None:
    """Give a file the permissions, and if possible the owner, of another that may be there."""
    try:
        found = other.stat()
    except FileNotFoundError:
        return
    own = path.stat()
    if hasattr(os, "chown") and (own.st_uid, own.st_gid) != (found.st_uid, found.st_gid):
        with contextlib.suppress(OSError):
            os.chown(path, found.st_uid, found.st_gid)
    os.chmod(path, stat.S_IMODE(found.st_mode))


def _name(path: Path, target: Path) -> None:
    """Give a file a name that is free, in one step; FileExistsError if it is not."""
    if os.name == "nt":
        os.rename(path, target)  # which replaces nothing there
        return
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:  # no hard links: an SD card, Android, some network file systems
        if not _renamed(path, target):
            _claim(path, target)
        return
    path.unlink()


def _renamed(path: Path, target: Path) -> bool:
    """Rename without replacing; False if this system cannot."""
    arguments: tuple[int | bytes, ...] = (os.fsencode(path), os.fsencode(target))
    if sys.platform == "darwin":
        name, arguments = "renamex_np", (*arguments, 4)  # RENAME_EXCL
    else:
        here, no_replace = -100, 1  # AT_FDCWD, RENAME_NOREPLACE
        name, arguments = "renameat2", (here, arguments[0], here, arguments[1], no_replace)
    rename = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if rename is None:
        return False
    if rename(*arguments) == 0:
        return True
    if ctypes.get_errno() == errno.EEXIST:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(target))
    return False


def _claim(path: Path, target: Path) -> None:
    """Take the name with an empty file, then replace that."""
    target.touch(exist_ok=False)
    try:
        os.replace(path, target)
    except OSError:
        target.unlink()
        raise
