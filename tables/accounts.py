"""Accounts as rows: the account by itself and each of its plans in a row of its own.

So an order writes the one plan that it changed, and no row grows with the number of plans: a plan lists up to 1,000
workspaces, and lists them again after every change that can still matter.
"""

from collections.abc import Iterable, Iterator
from heapq import merge

import msgspec

from meter.batch.store import Store
from schemas.rows import Account, Fact, Plan
from tables import keys


class AccountRow(Fact, frozen=True):
    """An account as stored: the ids of its plans in the order in which they were bought."""

    last_order_day: int
    plan_ids: tuple[str, ...]


_encode = msgspec.msgpack.Encoder(decimal_format="string").encode
_account = msgspec.msgpack.Decoder(AccountRow).decode
_plan = msgspec.msgpack.Decoder(Plan).decode


class Accounts:
    """The accounts of a partition, those of a chunk over those of the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._accounts: dict[str, Account] = {}
        #: The plans of accounts at hand as they stand in the store.
        self._stored: dict[str, dict[str, Plan]] = {}
        self._changed: dict[str, Account] = {}

    def get(self, name: str) -> Account:
        """The account; a new one if there is none."""
        found = self._accounts.get(name)
        if found is None:
            value = self._store.get(keys.account(name))
            if value is None:
                found = self._changed[name] = Account(name, plans={})
            else:
                row = _account(value)
                found = Account(name, dict(self._plans(name, row.plan_ids)), row.last_order_day)
            self._stored[name] = dict(found.plans)
            self._accounts[name] = found
        return found

    def _plans(self, name: str, plan_ids: Iterable[str]) -> Iterator[tuple[str, Plan]]:
        for plan_id in plan_ids:
            value = self._store.get(keys.plan(name, plan_id))
            assert value is not None, f"plan {plan_id} of account {name} has no row"
            yield plan_id, _plan(value)

    def touch(self, account: Account) -> None:
        """The account was changed."""
        self._changed[account.account] = account

    def after(self, name: str) -> Iterator[str]:
        """Names of accounts behind this one, in their order."""
        stored = (key[1:].decode() for key, _ in self._store.scan(keys.ACCOUNT, start=keys.account(name) + b"\0"))
        fresh = sorted(each for each in self._changed if each > name)
        last = None
        for each in merge(stored, fresh):
            if each != last:
                yield each
            last = each

    def changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Rows of what was changed since `settle`."""
        for name, account in self._changed.items():
            yield keys.account(name), _encode(AccountRow(account.last_order_day, tuple(account.plans)))
            stored = self._stored.get(name, {})
            for plan_id, plan in account.plans.items():
                if stored.get(plan_id) is not plan:  # plans are replaced, never changed
                    yield keys.plan(name, plan_id), _encode(plan)

    def settle(self, kept: int) -> None:
        """The rows of `changes` are in the store; keep at most so many accounts at hand."""
        for name, account in self._changed.items():
            self._stored[name] = dict(account.plans)
        self._changed = {}
        if len(self._accounts) > kept:
            self._accounts.clear()
            self._stored.clear()
