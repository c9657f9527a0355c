"""What the fold remembers and what it says: the memory it reads and writes, the outputs it makes.

The fold never knows where rows live. `Memory` answers with what stands after all records folded so far; what is
changed in place is told with `touch_*`, and the whole is written once a chunk, or dropped.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from schemas.columns import Ints
from schemas.rows import Account, Binding, Plan, Told, Use, Wallet

if TYPE_CHECKING:
    from meter.rules.state.quota_cache import Terms

CellKey = tuple[str, int, str]  # account, day, item


#: A record for an output topic in the order it was made: the topic (without the prefix), key and value.
Output = tuple[str, str, bytes]


class Cell:
    """One item of one account on one day: what each workspace used, its figures, and what was published of them."""

    __slots__ = (
        "account",
        "alerts",
        "balance",
        "changed",
        "day",
        "given",
        "item",
        "key",
        "terms",
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
        # Kept beside the row, never stored: cost, not meaning.
        #: By what it is settled, until plans, bindings or prices change; None: nothing below is known.
        self.terms: Terms | None = None
        #: plan id -> what was drawn from it.
        self.given: dict[str, int] = {}
        #: Workspaces whose use or figures changed since the cell was last written.
        self.changed: set[str] = set()


class Decided(NamedTuple):
    """What is kept of a decided order: its canonical content (equal orders, equal bytes)."""

    content: bytes


class Memory(Protocol):
    """The rows of one journal partition."""

    def claim(self, days: Sequence[int], slots: Ints, identities: bytes, contents: bytes) -> dict[int, bytes]:
        """Claim each event's identity in turn, for as long as its day can be restated.

        `days` are those of the slots; of the events `slots`, `identities` (16 bytes each), `contents` (8 bytes each).
        Answers which were not free, in order: event -> the content under which it was claimed before.
        """

    def binding(self, workspace: str) -> Binding | None:
        """The binding of a workspace of this partition."""

    def put_binding(self, workspace: str, binding: Binding) -> None:
        """Remember a binding."""

    def account(self, account: str) -> Account:
        """The account with its plans that can still change a day; changed in place and told by `touch_account`."""

    def touch_account(self, account: Account) -> None:
        """The account was changed."""

    def expired_plan(self, account: str, plan_id: str) -> Plan | None:
        """A plan of the account of which all days are final; of it only the first and last day are known."""

    def wallet(self, account: str, method: str, instrument: str | None) -> Wallet | None:
        """One wallet of an account."""

    def put_wallet(self, account: str, wallet: Wallet) -> None:
        """Remember a wallet."""

    def decided(self, account: str, order_id: str) -> Decided | None:
        """The order decided under this id, if any."""

    def put_decided(self, account: str, order_id: str, decided: Decided) -> None:
        """Remember a decided order."""

    def cell(self, key: CellKey) -> Cell:
        """The cell, an empty one if it is new; changed in place and told by `touch_cell`."""

    def touch_cell(self, cell: Cell) -> None:
        """The cell was changed."""

    def cells_from(self, account: str, day: int, through: int = ...) -> Iterable[Cell]:
        """All cells of an account of this day and later ones (up to `through`), in key order."""

    def counted_from(self, day: int) -> bool:
        """Whether usage of this day or a later one was counted (True at least where it was)."""

    def accounts_after(self, account: str) -> Iterable[str]:
        """All accounts whose ids come after this one, in id order."""

    def told(self, account: str, day: int) -> Told | None:
        """What the statements of an account's day last said; None before the first. `workspaces` are all that were
        told, and go on changing with what is put."""

    def put_told(self, account: str, day: int, told: Told, changed: Mapping[str, bytes]) -> None:
        """Remember what they said of the account, and of the workspaces that were told something new."""

    def expire(self, through: int) -> None:
        """Identities claimed for days up to `through` are free from now on."""

    def drop_days(self, account: str, through: int) -> int:
        """Drop the account's cells of days up to `through`, what was told of them, and what is known of plans that
        ended by then but that they did; how many rows went."""

    def drop_identities(self, most: int) -> int:
        """Drop about so many identities of expired days; how many went (0: none are left)."""
