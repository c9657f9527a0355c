"""The rows of one journal partition as the fold reads and writes them.

The fold does not know where rows are stored. `Rows` returns the state after all records folded so far. A caller that
changes a row in place calls its `put_*`; the changes of a chunk are all written, or all dropped.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, NamedTuple, Protocol

from schemas.columns import Ints
from schemas.rows import Account, Binding, Plan, StatedDay, Use, Wallet

if TYPE_CHECKING:
    from meter.rules.state.quota_cache import CellPricing

CellKey = tuple[str, int, str]  # account, day, item
#: Workspaces in one stored row of a cell. A cell with no more is written whole, so its changes are not noted.
ROW_WORKSPACES = 32
_NOBODY: frozenset[str] = frozenset()


class Cell:
    """One item of one account on one day: what each workspace used, its figures, and what was published."""

    __slots__ = (
        "account",
        "alerts",
        "balance",
        "changed",
        "day",
        "drawn",
        "item",
        "key",
        "pricing",
        "touched",
        "uses",
    )

    def __init__(
        self,
        account: str,
        day: int,
        item: str,
        uses: dict[str, Use] | None = None,
        alerts: dict[str, int] | None = None,
        balance: bytes = b"",
    ) -> None:
        self.account, self.day, self.item = self.key = (account, day, item)
        self.uses = {} if uses is None else uses
        #: plan id -> a bit for each threshold that is raised.
        self.alerts = {} if alerts is None else alerts
        #: Digest of the balance last published, b"" before the first.
        self.balance = balance
        # Not stored; derived from the row.
        #: How the cell is allocated and charged; None until it is priced, and then `drawn` is unknown too.
        self.pricing: CellPricing | None = None
        #: plan id -> units drawn from it; replaced, never changed in place.
        self.drawn: dict[str, int] = {}
        #: Workspaces whose use or figures changed since the cell was last written; only noted in cells of several rows.
        self.changed: Set[str] = _NOBODY
        #: Whether it changed since it was last written.
        self.touched = False

    def note(self, workspaces: Iterable[str]) -> None:
        """Note that use or figures of these workspaces changed."""
        if len(self.uses) > ROW_WORKSPACES:
            if isinstance(self.changed, set):
                self.changed.update(workspaces)
            else:
                self.changed = set(workspaces)

    def written(self) -> None:
        """Forget the changes: they are stored."""
        self.changed, self.touched = _NOBODY, False


class Decided(NamedTuple):
    """A decided order: its canonical content (equal orders have equal bytes)."""

    content: bytes


class Rows(Protocol):
    """The rows of one journal partition."""

    def claim(self, days: Sequence[int], slots: Ints, identities: bytes, contents: bytes) -> dict[int, bytes]:
        """Claim the identities of events in order, for as long as their days can be restated.

        `days`: the day of each slot. `slots`, `identities` (16 bytes each), `contents` (8 bytes each): one for each
        event. Returns the events whose identity was claimed before: their number -> the content of that claim.
        """

    def binding(self, workspace: str) -> Binding | None:
        """The binding of a workspace of this partition."""

    def put_binding(self, workspace: str, binding: Binding) -> None:
        """Store a binding."""

    def account(self, account: str) -> Account:
        """The account with its plans that have not expired. Change it in place, then call `put_account`."""

    def put_account(self, account: Account) -> None:
        """Store a changed account."""

    def expired_plan(self, account: str, plan_id: str) -> Plan | None:
        """An expired plan of the account, which has only its first and last day; None if there is none."""

    def wallet(self, account: str, method: str, instrument: str | None) -> Wallet | None:
        """One wallet of an account."""

    def put_wallet(self, account: str, wallet: Wallet) -> None:
        """Store a wallet."""

    def decided(self, account: str, order_id: str) -> Decided | None:
        """The order decided under this id, if any."""

    def put_decided(self, account: str, order_id: str, decided: Decided) -> None:
        """Store a decided order."""

    def cell(self, key: CellKey) -> Cell:
        """The cell, empty if it is new. Change it in place, then call `put_cell`."""

    def put_cell(self, cell: Cell) -> None:
        """Store a changed cell."""

    def cells_from(self, account: str, day: int, through: int = ...) -> Iterable[Cell]:
        """The account's cells of days from `day` (to `through`), in key order."""

    def counted_from(self, day: int) -> bool:
        """Whether usage of this day or a later one was counted; may be True without any, never False with any."""

    def accounts_after(self, account: str) -> Iterable[str]:
        """All accounts whose ids come after this one, in id order."""

    def stated(self, account: str, day: int) -> StatedDay | None:
        """What was last stated of an account's day; None before the first statement.

        `workspaces` has all workspaces stated so far; `put_stated` changes it in place.
        """

    def put_stated(self, account: str, day: int, stated: StatedDay, changed: Mapping[str, bytes]) -> None:
        """Store what is now stated of the account; `changed`: of the workspaces whose statement changed."""

    def expire(self, through: int) -> None:
        """Free the identities claimed for days up to `through`."""

    def drop_days(self, account: str, through: int) -> int:
        """Delete the account's cells and stated days up to `through`; reduce plans that ended by then to their days.

        Returns how many rows were deleted.
        """

    def drop_identities(self, most: int) -> int:
        """Delete about `most` identities of expired days. Returns how many were deleted; 0: none are left."""
