"""What an error of RocksDB means: the store is damaged, the machine gave out, or somebody else has it open.

rocksdict raises every kind of trouble as a bare Exception whose text is RocksDB's status, often one inside another, and
ends in the system's words. Only damage may cost a store: what the machine refuses says nothing about its rows.
"""

import errno
import os
from pathlib import Path

from meter.batch.errors import Reopen
from meter.errors import UserError
from meter.machine.shortages import shortage_in

#: How RocksDB says that a store is open already, in another process and in this one.
_OPEN_ALREADY = ("While lock file:", "lock hold by current process")
#: The system's words for a file that is not there or is no such file: a store in pieces, not a machine in need.
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
    """The store cannot be believed any more; it is restored from its log."""


def told(error: Exception, path: Path, doing: str) -> Exception:
    """`error` as what it means: UserError, DamagedStore, or itself. `doing` completes "the store … cannot be"."""
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
    """Whether the files are the trouble. A store that does not open and gives no reason of the machine's is damaged."""
    if text.startswith("Corruption"):
        return True
    if text.startswith(_IO):
        return any(words in text for words in _MISSING)
    return opening
