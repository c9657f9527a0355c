"""Files that only the meter's user can read, written without following links.

Directories are created with 0700, files with 0600. An existing directory keeps its mode (it may be a mounted volume or
a home), but the meter's files in it are private all the same.
"""

import errno
import fcntl
import os
import stat
import tempfile
from pathlib import Path
from typing import IO

from meter.errors import UserError

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
#: The umask for files that other programs write (RocksDB, Kafka).
UMASK = 0o077


class InUse(UserError):
    """Another process holds the lock."""


def directory(path: Path) -> Path:
    """A directory of ours: made with its parents, 0700; one that we made less private before becomes so."""
    try:
        path.mkdir(mode=DIRECTORY_MODE, parents=True)
    except FileExistsError:
        if not path.is_dir():
            raise UserError(f"{path} is no directory; move it away, or set METER_DATA_DIR to another place") from None
    return path


def own_directory(path: Path) -> Path:
    """The same for a directory that only we make: its mode is mended where others may look into it."""
    directory(path)
    found = path.stat()
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & UMASK:
        path.chmod(stat.S_IMODE(found.st_mode) & ~UMASK)
    return path


def locked(path: Path, busy: str, *, wait: bool = False, shared: bool = False) -> IO[str]:
    """Hold a lock file until it is closed; InUse with the text `busy` if another process holds it.

    `wait`: until the others let go of it; `shared`: beside others that share it.
    The file is never truncated nor opened through a link, so a link in its place cannot harm another file.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        number = os.open(path, flags, FILE_MODE)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise _no_file(path) from None
        raise
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise _no_file(path)
    held = os.fdopen(number, "r+")
    try:
        fcntl.flock(held, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        held.close()
        if error.errno == errno.EWOULDBLOCK:
            raise InUse(busy) from None
        raise UserError(f"{path} cannot be locked ({error.strerror}); put it on a disk of this machine") from error
    return held


def _no_file(path: Path) -> UserError:
    return UserError(f"{path} must be a plain file of the meter's, it is something else; remove it")


def write(path: Path, text: str) -> None:
    """Write a private file atomically; a link in its place is replaced, not followed."""
    handle, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise
