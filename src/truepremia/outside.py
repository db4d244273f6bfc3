"""Files and code from outside: files must be regular, code leaves the process as it was.

A path of a user or a file of somebody else may be a folder, a named pipe, a device that never
ends, or larger than memory; a disk may be full, a limit reached. Whatever reads or writes a file
asks here, so that the reason is told by its name. Damage is what remains when nothing of this
is the case. A user's method runs inside of this process; what it does to it is undone after every
call.
"""

import contextlib
import errno
import hashlib
import os
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

from truepremia.errors import DataError

MOST_TEXT = 16_000_000
"""Bytes of the largest text file that is read: configurations, calibrations, JSON, code."""

_AGAIN = "run the same command again"
_REASONS = {
    errno.EACCES: "permission denied; change its permissions or those of its folder",
    errno.EPERM: "the system does not permit it; change its permissions or its owner",
    errno.EISDIR: "it is a folder; name a file",
    errno.ENOTDIR: "a part of its path is a file and no folder; correct the path",
    errno.ENAMETOOLONG: "its name is too long; use a shorter path",
    errno.ELOOP: "its links lead in a circle; correct the links",
    errno.EMFILE: f"too many open files; raise the limit (ulimit -n) and {_AGAIN}",
    errno.ENFILE: f"too many files are open on this machine; close some and {_AGAIN}",
    errno.EAGAIN: f"no more processes or threads; raise the limit (ulimit -u) and {_AGAIN}",
    errno.ENOMEM: f"not enough memory; free some or raise the limit (ulimit -v) and {_AGAIN}",
    errno.ENOSPC: "No space left on device; free space or choose another results_dir",
    errno.EDQUOT: "the disk quota is used up; free space or choose another results_dir",
    errno.EFBIG: "the limit of file sizes is reached; raise it (ulimit -f)",
    errno.EROFS: "the file system is read-only; choose another results_dir",
    errno.EIO: f"the disk or file server does not work (Input/output error); mend it and {_AGAIN}",
    errno.ESTALE: f"the file server has lost it (Stale file handle); {_AGAIN}",
    errno.ETIMEDOUT: f"the file server does not answer; {_AGAIN}",
    errno.ENXIO: "it is no regular file; name a file",
}
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def circumstance(error: BaseException, place: str | Path | None = None) -> str | None:
    """Return reason and remedy of an error that lies in the machine and not in a file's content.

    Parameters
    ----------
    error : exception
    place : path, optional
        File that was being written: a file system can be full in two ways.

    Returns
    -------
    str or None
        None where the content of the file may be at fault.
    """
    if isinstance(error, MemoryError):
        return _REASONS[errno.ENOMEM]
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return _REASONS[errno.EAGAIN]
    if not isinstance(error, OSError) or error.errno is None:
        return None
    if error.errno == errno.ENOSPC and place is not None and not _free_names(Path(place)):
        return "no inodes left: the disk holds too many files; delete some of any size"
    if error.errno == errno.ENOENT:
        return "there is no such file; correct the path"
    return _REASONS.get(error.errno)


def _free_names(place: Path) -> bool:
    """Return whether the file system of ``place`` takes more files."""
    try:
        found = os.statvfs(place.parent)
    except OSError:
        return True
    return found.f_files == 0 or found.f_favail > 0  # some file systems do not count them


def shell_path(path: str) -> str:
    """Return a path in which ``~`` and ``$NAME`` stand for what they do in a shell."""
    return os.path.expanduser(os.path.expandvars(path))  # noqa: PTH111 - leaves ~nobody


def is_file(path: str | Path) -> bool:
    """Return whether there is a regular file; a path that cannot be one is none."""
    return os.path.isfile(path)  # noqa: PTH113 - Path raises where a name is too long


def exists(path: str | Path) -> bool:
    """Return whether there is something; at a path that cannot be, there is nothing."""
    return os.path.exists(path)  # noqa: PTH110 - Path raises where a name is too long


def require_regular(path: str | Path) -> os.stat_result:
    """Return the facts of a regular file.

    Raises
    ------
    DataError
        If it is missing, out of reach, a folder, a pipe or a device.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - a path with a null is no Path error but ours
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {circumstance(error) or error}") from None
    _refuse_others(path, found.st_mode)
    return found


def _refuse_others(path: str | Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = next((name for test, name in _KINDS if test(mode)), "no file")
        raise DataError(f"cannot read {path}: it is {kind}; name a regular file")


@contextlib.contextmanager
def opened(path: str | Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file for reading and yield it with its size in bytes.

    Nothing here waits: a named pipe that nobody writes to is refused, not opened.

    Raises
    ------
    DataError
        As :func:`require_regular`.
    """
    require_regular(path)
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise DataError(f"cannot read {path}: {circumstance(error) or error}") from None
    with os.fdopen(number, "rb") as handle:
        found = os.fstat(number)
        _refuse_others(path, found.st_mode)  # it may have changed meanwhile
        yield handle, found.st_size


def file_digest(path: Path) -> str:
    """Return the sha256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def read_bytes(path: str | Path, most: int = MOST_TEXT) -> bytes:
    """Read a regular file of at most ``most`` bytes.

    Raises
    ------
    DataError
        If it cannot be read or is larger.
    """
    with opened(path) as (handle, size):
        if size > most:
            raise DataError(
                f"cannot read {path}: it has {size:,} bytes, at most {most:,} are read; "
                "name another file"
            )
        try:
            return handle.read(most)
        except (OSError, MemoryError) as error:
            raise DataError(f"cannot read {path}: {circumstance(error) or error}") from None


def read_text(path: str | Path, most: int = MOST_TEXT, remedy: str = "save it as UTF-8") -> str:
    """Read a text file in UTF-8; ``remedy`` says what to do about one that is none.

    Raises
    ------
    DataError
        As :func:`read_bytes`, or if it is no text in UTF-8.
    """
    try:
        return read_bytes(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"cannot read {path}: not text in UTF-8 (byte {error.start}); {remedy}"
        ) from None


@contextlib.contextmanager
def as_before() -> Iterator[None]:
    """Let code of a user's run; what it does to the surroundings of our own ends with the block.

    The working folder, numpy's treatment of floating-point errors and the standard streams are
    then what they were: without that the next stage would fail in their place. Inside, os._exit
    raises SystemExit: nothing ends this process without a word.

    Raises
    ------
    ValueError
        If the block has closed a standard stream, which cannot be opened again.
    """
    from numpy import errstate  # not at the start of every command

    here, streams, leave, process = _here(), (sys.stdout, sys.stderr), os._exit, os.getpid()

    def raising(status: int) -> NoReturn:
        # Not in a process that the code has started, nor in our thread that watches the engine.
        if os.getpid() != process or threading.current_thread() is not threading.main_thread():
            leave(status)
        raise SystemExit(status)

    os._exit = raising
    try:
        with errstate():
            yield
    finally:
        os._exit = leave
        sys.stdout, sys.stderr = streams
        if here is not None and _here() != here:
            with contextlib.suppress(OSError):
                os.chdir(here)
    if any(getattr(stream, "closed", False) for stream in streams):
        raise ValueError("a standard stream was closed")


def _here() -> Path | None:
    """Return the working folder, None if it is gone."""
    with contextlib.suppress(OSError):
        return Path.cwd()
    return None


def words_of(error: BaseException) -> str:
    """Return the type of an exception and what it says in one line, if saying it does not raise."""
    kind, said = type(error).__name__, ""
    with contextlib.suppress(Exception):
        said = " ".join(str(error).split())
    return f"{kind}: {said}" if said else kind
