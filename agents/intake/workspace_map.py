"""What is known of workspaces: the account and journal partition of each, and from which day it is commercial.

The table (`tables.workspaces`) keeps the offsets at which a workspace was first bound and first commercial, since a
record is judged against the log before its own offset.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from agents.intake.cloudevents import RECORD_LIMIT
from agents.intake.marks import Mark
from agents.intake.resume import Refused
from agents.intake.usage_reader import Dead, check_size, is_given
from meter.batch.store_errors import DamagedStore
from meter.failpoints import reach
from meter.kafka.partitioner import partition_of
from meter.rules.billing_days import BillingZone
from schemas.ids import shown
from schemas.journal import Named
from schemas.reasons import DeadReason
from schemas.rows import NEVER
from schemas.workspaces import TierRecord, workspace_from_json
from tables.workspaces import NOWHERE, ReadTo, WorkspaceRow, Workspaces

T = TypeVar("T")


@dataclass(slots=True)
class WorkspaceEntry:
    """Where a workspace belongs; offsets of its first record and its first `commercial` one."""

    named: Named
    bound_at: int
    commercial_at: int = NOWHERE


class WorkspaceMap:
    """The map over its table; `known` answers at once.

    Raises DamagedStore (a Reopen) where the table turns out damaged, and on until it was built again.
    """

    def __init__(self, zone: BillingZone, partitions: int, table: Workspaces) -> None:
        self._zone = zone
        self._partitions = partitions
        self._table = table
        #: Entries handed out that may still change: whoever has one sees it become commercial.
        self._free: dict[str, WorkspaceEntry] = {}
        #: Why the table has to be built again, once that showed.
        self._damage: DamagedStore | None = None
        #: Records read so far.
        self._read = 0
        #: The log is read up to here, markers included.
        self.read_to = 0

    def known(self, workspace: str) -> WorkspaceEntry | None:
        self._require_sound()
        entry = self._free.get(workspace)
        if entry is not None:
            return entry
        row = self._asked(lambda: self._table.get(workspace))
        return None if row is None else self._entry(workspace, row)

    def known_all(self, workspaces: Sequence[str]) -> list[WorkspaceEntry | None]:
        """`known` of many, each asked once, for half of the cost."""
        self._require_sound()
        free = self._free
        rows = self._asked(lambda: self._table.get_many(workspaces))
        return [
            free.get(workspace) or (None if row is None else self._entry(workspace, row))
            for workspace, row in zip(workspaces, rows, strict=True)
        ]

    def _entry(self, workspace: str, row: WorkspaceRow) -> WorkspaceEntry:
        entry = WorkspaceEntry(Named(workspace, row.account, row.commercial), row.bound_at, row.commercial_at)
        if row.commercial == NEVER:
            self._free[workspace] = entry
        return entry

    def commercial(self, workspace: str) -> WorkspaceEntry | None:
        """The entry of a workspace that is known to be commercial; what an order asks of it is final."""
        entry = self.known(workspace)
        return None if entry is None or entry.named.commercial == NEVER else entry

    def partition_of(self, account: str) -> int:
        """The journal partition of an account."""
        return partition_of(account, self._partitions)

    def learn(self, records: Sequence[Any]) -> None:
        """Take records of the log, in their order; those learnt before change nothing."""
        told = [(record, tier) for record in records if (tier := _told(record)) is not None]
        names = list(dict.fromkeys(tier.workspace for _, tier in told))
        before = dict(zip(names, self._asked(lambda: self._table.get_many(names)), strict=True))
        changed: dict[str, WorkspaceRow] = {}
        for record, tier in told:
            row = before[tier.workspace]
            now = self._row_after(row, record, tier)
            if now is not row:
                before[tier.workspace] = changed[tier.workspace] = now
        self._asked(lambda: self._table.put(changed, read_to(records[-1])))
        reach("intake.directory-kept")
        for workspace in changed.keys() & self._free.keys():
            self._became(workspace, changed[workspace])
        self._read += len(records)

    def judge(self, workspace: str, account: str, tier: str, offset: int) -> tuple[DeadReason, str] | bool:
        """A record of the log at `offset`: a reason to refuse it, or whether it told something new."""
        entry = self.known(workspace)
        assert entry is not None, "a record of the log is judged when the log is read that far"
        if entry.bound_at < offset and entry.named.account != account:
            return DeadReason.WORKSPACE_CANNOT_MOVE, cannot_move(workspace, entry.named.account, account)
        if tier == "free":
            if entry.commercial_at < offset:
                return DeadReason.WORKSPACE_CANNOT_RETURN_TO_FREE, cannot_return(workspace, entry.commercial_at)
            return entry.bound_at == offset
        return entry.commercial_at == offset

    def _row_after(self, row: WorkspaceRow | None, record: Any, tier: TierRecord) -> WorkspaceRow:
        """A workspace's row after a record; the same one where the record says nothing new."""
        if row is None:
            row = WorkspaceRow(tier.account, record.offset)
        elif row.account != tier.account:
            return row
        if tier.tier == "free" or row.commercial != NEVER:
            return row
        day = self._zone.day_of(record.timestamp * 1000)
        return WorkspaceRow(row.account, row.bound_at, day, record.offset)

    def _became(self, workspace: str, row: WorkspaceRow) -> None:
        """A workspace whose entry somebody holds is commercial now."""
        entry = self._free[workspace]
        entry.named, entry.commercial_at = Named(workspace, row.account, row.commercial), row.commercial_at
        if row.commercial != NEVER:
            del self._free[workspace]

    def _require_sound(self) -> None:
        if self._damage is not None:
            raise DamagedStore(str(self._damage)) from self._damage

    def _asked(self, ask: Callable[[], T]) -> T:
        """What the table answers; Refused where the machine does not let it, since then no record is to blame."""
        try:
            return ask()
        except (DamagedStore, msgspec.MsgspecError) as damage:
            self._damage = DamagedStore(str(damage))
            raise self._damage from damage
        except Exception as error:
            raise Refused(str(error)) from error


def _told(record: Any) -> TierRecord | None:
    """What a record says; None for whatever the lane of `workspaces` makes a dead letter of, and for a null."""
    if not record.value or is_given(record):
        return None
    try:
        check_size(record.value, record.headers, RECORD_LIMIT)
        return workspace_from_json(record.value)
    except Exception:
        return None


def read_to(record: Any) -> ReadTo:
    """How far the log is read behind a record."""
    return ReadTo(record.offset + 1, *Mark.of(record))


def cannot_move(workspace: str, account: str, other: str) -> str:
    """Why a record that names another account is refused."""
    return f"workspace {workspace} belongs to account {account} for good, it cannot move to {other}"


def cannot_return(workspace: str, offset: int) -> str:
    """Why a record of the free tier is refused; `offset`: where the workspace became commercial."""
    return f"workspace {workspace} is commercial since offset {offset} of `workspaces`, it cannot return to free"


def unknown_workspace(workspace: str) -> Dead:
    """The end of usage whose workspace nobody named before."""
    return Dead(
        DeadReason.WORKSPACE_UNKNOWN,
        f"workspace {shown(workspace)} is on no record of `workspaces` that was sent before this usage; "
        "send one that names its account, then `meter redrive`",
    )
