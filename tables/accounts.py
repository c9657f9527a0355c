"""Rows of accounts: one row for each account, plan, list of a plan and package of a plan.

So no row grows with history or with the number of plans, and an order writes only what it changed: one list of up to
1,000 workspaces instead of all lists before it. A plan whose days have all expired becomes a stub with only its first
and last day, under another key, so that reading an account does not read it.
"""

from collections.abc import Iterator
from functools import lru_cache
from heapq import merge
from sys import intern

import msgspec

from meter.batch.store import Store
from schemas.rows import Account, Fact, Package, Plan, WorkspaceList, replaced
from tables import keys
from tables.identities.packed_rows import Row

#: Later than any day.
NO_END = 1 << 31


class AccountRow(Fact, frozen=True):
    """An account as stored; `ends`: the earliest last day of its plans, NO_END without plans."""

    last_order_day: int
    #: Always empty: plans are found by their keys. Earlier versions stored ids here.
    plan_ids: tuple[str, ...] = ()
    ends: int = 0


_encode = msgspec.msgpack.Encoder(decimal_format="string").encode
_account = msgspec.msgpack.Decoder(AccountRow).decode
_plan = msgspec.msgpack.Decoder(Plan).decode
#: One object for all accounts that bought the same on the same day; nobody changes it.
_package = lru_cache(1 << 12)(msgspec.msgpack.Decoder(Package).decode)
_list = msgspec.msgpack.Decoder(WorkspaceList).decode

#: The rows of a plan, key -> entry. Entries are replaced, never changed in place, so `is` shows whether one changed.
PlanRows = dict[bytes, object]


class Accounts:
    """The accounts of a partition: those that the chunk changed, over those in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._accounts: dict[str, Account] = {}
        #: Of each cached account: its plans as the store has them; None: as one row, as earlier versions wrote.
        self._stored: dict[str, dict[str, Plan | None]] = {}
        self._changed: dict[str, Account] = {}
        #: Plans that became stubs in this chunk.
        self._expired: dict[tuple[str, str], Plan] = {}

    def get(self, name: str) -> Account:
        """The account with its plans that have not expired; a new one if there is none."""
        found = self._accounts.get(name)
        if found is None:
            value = self._store.get(keys.account(name))
            if value is None:
                found = self._changed[name] = Account(name, plans={})
                self._stored[name] = {}
            else:
                found = Account(name, self._read(name), _account(value).last_order_day)
            self._accounts[name] = found
        return found

    def _read(self, name: str) -> dict[str, Plan]:
        """The plans of an account, with their histories."""
        plans: dict[str, Plan] = {}
        packages: dict[str, list[Package]] = {}
        lists: dict[str, list[WorkspaceList]] = {}
        for key, value in self._store.scan(keys.plans_of(name)):
            plan_id, kind = keys.plan_parts(key)
            if kind == keys.PLAN_PACKAGE:
                packages.setdefault(plan_id, []).append(_package(value))
            elif kind == keys.PLAN_LIST:
                lists.setdefault(plan_id, []).append(_interned(_list(value)))
            else:
                plans[plan_id] = _plan(value)
        stored = self._stored[name] = {}
        for plan_id, head in plans.items():
            if head.packages:  # the next change rewrites it
                stored[plan_id] = None
                continue
            histories = tuple(packages[plan_id]), tuple(lists[plan_id])
            plan = Plan(plan_id, head.first_day, head.last_day, *histories, head.traffic)
            plans[plan_id] = stored[plan_id] = plan
        return plans

    def touch(self, account: Account) -> None:
        """Note that the account changed."""
        self._changed[account.account] = account

    def expired(self, name: str, plan_id: str) -> Plan | None:
        """The stub of an expired plan; None if there is none."""
        found = self._expired.get((name, plan_id))
        if found is None:
            value = self._store.get(keys.expired_plan(name, plan_id))
            found = None if value is None else _plan(value)
        return found

    def expire(self, name: str, through: int) -> int:
        """Turn the account's plans that ended by this day into stubs. Returns how many."""
        if name not in self._accounts:
            value = self._store.get(keys.account(name))
            if value is None or _account(value).ends > through:
                return 0
        account = self.get(name)
        ended = [plan for plan in account.plans.values() if plan.last_day <= through]
        for plan in ended:
            del account.plans[plan.plan_id]
            self._expired[name, plan.plan_id] = Plan(plan.plan_id, plan.first_day, plan.last_day, (), ())
            self.touch(account)
        return len(ended)

    def after(self, name: str) -> Iterator[str]:
        """Names of the accounts after this one, in order."""
        stored = (key[1:].decode() for key, _ in self._store.scan(keys.ACCOUNT, start=keys.account(name) + b"\0"))
        fresh = sorted(each for each in self._changed if each > name)
        last = None
        for each in merge(stored, fresh):
            if each != last:
                yield each
            last = each

    def changes(self) -> Iterator[Row]:
        """The rows that changed since `committed`."""
        for (name, plan_id), stub in self._expired.items():
            yield keys.expired_plan(name, plan_id), _encode(stub)
        for name, account in self._changed.items():
            ends = min((plan.last_day for plan in account.plans.values()), default=NO_END)
            yield keys.account(name), _encode(AccountRow(account.last_order_day, (), ends))
            stored = self._stored[name]
            for plan_id in stored.keys() - account.plans.keys():
                yield from dict.fromkeys(_rows_of(name, plan_id, stored[plan_id])).items()
            for plan_id, plan in account.plans.items():
                if plan_id not in stored:
                    yield from _plan_changes(name, plan, {})
                elif plan is not stored[plan_id]:
                    yield from _plan_changes(name, plan, _rows_of(name, plan_id, stored[plan_id]))

    def committed(self, kept: int) -> None:
        """Forget the changes, which are stored now; `kept`: how many accounts stay cached at most."""
        for name, account in self._changed.items():
            self._stored[name] = {**account.plans}
        self._changed, self._expired = {}, {}
        if len(self._accounts) > kept:
            self._accounts.clear()
            self._stored.clear()


def plan_rows(name: str, plan: Plan) -> PlanRows:
    """The rows of a plan: its own (all but the history; only `traffic` can change), its packages and its lists."""
    rows: PlanRows = {keys.plan(name, plan.plan_id): plan.traffic}
    rows |= {keys.plan_package(name, plan.plan_id, each.since): each for each in plan.packages}
    rows |= {keys.plan_list(name, plan.plan_id, each.since): each for each in plan.lists}
    return rows


def _rows_of(name: str, plan_id: str, stored: Plan | None) -> PlanRows:
    """The rows of a plan as it is stored."""
    return {keys.plan(name, plan_id): None} if stored is None else plan_rows(name, stored)


def _plan_changes(name: str, plan: Plan, stored: PlanRows) -> Iterator[Row]:
    rows = plan_rows(name, plan)
    for key in stored.keys() - rows.keys():
        yield key, None
    for key, entry in rows.items():
        if stored.get(key) is not entry or key not in stored:
            head = isinstance(entry, tuple)
            yield key, _encode(replaced(plan, packages=(), lists=()) if head else entry)


def _interned(listing: WorkspaceList) -> WorkspaceList:
    """The list with interned names: lists of one plan mostly name the same workspaces."""
    return WorkspaceList(listing.since, tuple(map(intern, listing.workspaces)))
