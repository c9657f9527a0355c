"""Explains errors of RocksDB: the store is damaged, the machine has a shortage, or another process has it open.

rocksdict raises every error as a bare Exception whose text is RocksDB's status and ends with the system's message. Only
damage may cost a store: a shortage of the machine says nothing about its rows.
"""

import errno
import os
from pathlib import Path

from meter.batch.errors import Reopen
from meter.errors import UserError
from meter.machine.shortages import shortage_in

#: RocksDB's text when a store is open already, in another process or in this one.
_OPEN_ALREADY = ("While lock file:", "lock hold by current process")
#: The system's texts for missing files: they mean a damaged store, not a shortage.
_MISSING = tuple(
    os.strerror(number)
    for number in (
        errno.ENOENT,
        errno.EEXIST,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.EINVAL,
        errno.EOVERFLOW,
    )
)
_IO = "IO error"


class DamagedStore(Reopen):
    """The store is damaged; it is restored from its log."""


def explained(error: Exception, path: Path, doing: str) -> Exception:
    """The error explained: UserError, DamagedStore, or `error` itself. `doing` completes "the store … cannot be"."""
    text = str(error).strip()
    if any(words in text for words in _OPEN_ALREADY):
        return UserError(f"the store {path} is open already; give each worker its own METER_DATA_DIR")
    machine = shortage_in(text, path)
    if machine is not None:
        return UserError(f"the store {path} cannot be {doing}: {machine}; the store stays as it is")
    if _is_damage(text, opening=doing == OPENING):
        return DamagedStore(f"the store {path.name} is damaged ({text}); restoring it from its log")
    if text.startswith(_IO):
        return UserError(
            f"the store {path} cannot be {doing} ({text}); it stays as it is: mend the disk, or move the store away, "
            "then it is restored from its log"
        )
    return error


OPENING = "opened"
READING = "read"
WRITING = "written"


def _is_damage(text: str, *, opening: bool) -> bool:
    """Whether the files are damaged; also if a store does not open for no reason of the machine."""
    if text.startswith("Corruption"):
        return True
    if text.startswith(_IO):
        return any(words in text for words in _MISSING)
    return opening
