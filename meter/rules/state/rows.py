"""The rows of one journal partition as the fold reads and writes them.

The fold never knows where rows are kept. `Rows` answers with the state after all records folded so far; whoever
changes a row in place calls its `put_*`, and all changes are written once a chunk, or dropped.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, NamedTuple, Protocol

from schemas.columns import Ints
from schemas.rows import Account, Binding, Plan, StatedDay, Use, Wallet

if TYPE_CHECKING:
    from meter.rules.state.quota_cache import CellPricing

CellKey = tuple[str, int, str]  # account, day, item
#: Workspaces that are written together: in a cell of no more nobody notes which of them changed.
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
        # Kept beside the row, never stored: it changes cost, not meaning.
        #: How it is allocated and charged. None after plans, bindings or prices changed: `drawn` is unknown then too.
        self.pricing: CellPricing | None = None
        #: plan id -> units drawn from it.
        self.drawn: dict[str, int] = {}
        #: Workspaces whose use or figures changed since the cell was last written, if it is not written whole.
        self.changed: Set[str] = _NOBODY
        #: It was changed since it was last written.
        self.touched = False

    def note(self, workspaces: Iterable[str]) -> None:
        """Their use or figures changed."""
        if len(self.uses) > ROW_WORKSPACES:
            if isinstance(self.changed, set):
                self.changed.update(workspaces)
            else:
                self.changed = set(workspaces)

    def written(self) -> None:
        """All that changed is stored."""
        self.changed, self.touched = _NOBODY, False


class Decided(NamedTuple):
    """A decided order: its canonical content (equal orders have equal bytes)."""

    content: bytes


class Rows(Protocol):
    """The rows of one journal partition."""

    def claim(self, days: Sequence[int], slots: Ints, identities: bytes, contents: bytes) -> dict[int, bytes]:
        """Claim each event's identity, one after the other, for as long as its day can be restated.

        `days`: the day of each slot. For each event: its slot, its identity (16 bytes), its content (8 bytes).
        Returns the events whose identity was taken, in order, with the content under which it was claimed.
        """

    def binding(self, workspace: str) -> Binding | None:
        """The binding of a workspace of this partition."""

    def put_binding(self, workspace: str, binding: Binding) -> None:
        """Store a binding."""

    def account(self, account: str) -> Account:
        """The account with its plans that can still change a day. Change it in place, then call `put_account`."""

    def put_account(self, account: Account) -> None:
        """Store a changed account."""

    def expired_plan(self, account: str, plan_id: str) -> Plan | None:
        """A plan of the account whose days are all final; only its first and last day are stored."""

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
        """All cells of an account of this day and later ones (up to `through`), in key order."""

    def counted_from(self, day: int) -> bool:
        """Whether usage of this day or a later one was counted (True at least where it was)."""

    def accounts_after(self, account: str) -> Iterable[str]:
        """All accounts whose ids come after this one, in id order."""

    def stated(self, account: str, day: int) -> StatedDay | None:
        """What was last stated of an account's day; None before the first statement. `workspaces` holds all that were
        stated, and changes with what is put."""

    def put_stated(self, account: str, day: int, stated: StatedDay, changed: Mapping[str, bytes]) -> None:
        """Store what was stated of the account, and of the workspaces whose statement changed."""

    def expire(self, through: int) -> None:
        """Identities claimed for days up to `through` are free from now on."""

    def drop_days(self, account: str, through: int) -> int:
        """Drop the account's cells of days up to `through`, what was stated of them, and all of plans that ended by
        then but their days. Returns how many rows went."""

    def drop_identities(self, most: int) -> int:
        """Drop about so many identities of expired days. Returns how many went; 0: none are left."""
