"""The same journal folded once, record by record, without a crash: its outputs and rows are the expected ones.

Revisions and contents are a function of the journal alone, however it is cut, replayed or interrupted
(docs/architecture.md §1).
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from meter.rules.fold.fold import Fold
from meter.rules.state.context import Output
from schemas import journal
from tables import keys
from tables.identities import spilled as spill
from tables.identities.packed_rows import unpack
from tables.partition_state import PartitionState
from tests.simulation.disk import Disk, MemoryStore
from tests.simulation.kafka import Log

#: Rows that say where a store stands and how the fold was cut, not what it knows; but for the facts, and the identities
#: in packed rows.
CUT_ROWS = (b"\0", keys.PACKED, keys.IDENTITY)


@dataclass
class Reference:
    """What the journal of one partition makes: outputs in order, rows, records counted."""

    outputs: list[Output] = field(default_factory=list)
    rows: dict[bytes, bytes] = field(default_factory=dict)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)


def reference(log: Log) -> Reference:
    """Fold a journal partition from its beginning."""
    store = MemoryStore(Disk())
    state = PartitionState(store)
    fold = Fold(state, None)
    made = Reference()
    for record in log.records:
        fold.fold(record.offset, record.timestamp, journal.decode(record.value or b""))
        made.outputs += fold.finish()
    state.put_facts(fold.known())
    state.committed(state.changes(len(log.records) - 1), 0)
    made.rows = meaning(store.rows)
    made.counts = fold.counts
    return made


def meaning(rows: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The rows without what says how they were cut into chunks."""
    found = {key: value for key, value in rows.items() if key[:1] not in CUT_ROWS or key == keys.FACTS}
    for key in sorted(key for key in rows if key[:1] == keys.PACKED):
        found |= dict(spill.rows_with(key, unpack(rows[key])))
    return found


def parsed(value: bytes) -> dict[str, Any]:
    """What an output says."""
    found: dict[str, Any] = msgspec.json.decode(value)
    return found
