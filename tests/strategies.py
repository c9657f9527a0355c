"""The one home of generators. They are small and dense: few names, 0 to 3 units, every workspace uses every item.

Wide ones miss false laws: a plan that runs dry beside a workspace that still needs something must be the usual case.
"""

import json
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import strategies as st

from schemas.rows import Package, Plan, WorkspaceList
from tests import records
from tests.oracle_time import DAY_US, day_text, instant, ordinal
from tests.records import Message

# ------------------------------------------------------------------------------------------------ allocation

#: Priority is a matter of lists: the names are not in the order in which they are mostly listed.
WORKSPACES = ("c", "a", "b")
#: What records of `workspaces` say: workspaces upgrade, repeat themselves, try to move and to return.
TIERS = st.tuples(st.sampled_from(WORKSPACES), st.sampled_from("xy"), st.sampled_from(["free", "commercial"]))


#: What one plan offers: its id, its quota, its workspaces in priority order.
Share = tuple[str, int, tuple[str, ...]]


class Case(NamedTuple):
    """One account, item and day: the plans in allocation order, and the usage of each workspace."""

    shares: list[Share]
    usage: dict[str, int]


def workspace_lists(workspaces: tuple[str, ...] = WORKSPACES) -> st.SearchStrategy[tuple[str, ...]]:
    """Some of the workspaces, at least one, in any order."""
    some = st.integers(1, len(workspaces))
    return st.permutations(workspaces).flatmap(lambda order: some.map(lambda count: tuple(order[:count])))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """One to three plans with overlapping lists; every workspace uses the item; quotas of the same size as usage."""
    lists = draw(st.lists(workspace_lists(), min_size=1, max_size=3))
    shares = [(f"p{number}", draw(st.integers(0, 4)), listed) for number, listed in enumerate(lists)]
    return Case(shares, {workspace: draw(st.integers(0, 3)) for workspace in WORKSPACES})


@st.composite
def whole_plans(draw: st.DrawFn) -> Case:
    """One plan that lists every workspace."""
    listed = tuple(draw(st.permutations(WORKSPACES)))
    usage = {workspace: draw(st.integers(0, 3)) for workspace in WORKSPACES}
    return Case([("p0", draw(st.integers(0, 8)), listed)], usage)


@st.composite
def more_usage(draw: st.DrawFn) -> tuple[Case, Case]:
    """A case, and the same with more usage of one workspace."""
    case = draw(cases())
    grown = draw(st.sampled_from(WORKSPACES))
    return case, Case(case.shares, {**case.usage, grown: case.usage[grown] + draw(st.integers(1, 2))})


@st.composite
def more_offered(draw: st.DrawFn) -> tuple[Case, Case]:
    """A case, and the same with one more plan, or a larger quota, or a workspace more at the end of a list."""
    case = draw(cases())
    shares = list(case.shares)
    place = draw(st.integers(0, len(shares) - 1))
    plan_id, quota, listed = shares[place]
    others = [workspace for workspace in WORKSPACES if workspace not in listed]
    kind = draw(st.sampled_from(["plan", "quota", "workspace"] if others else ["plan", "quota"]))
    if kind == "plan":
        shares.insert(draw(st.integers(0, len(shares))), ("one more", draw(st.integers(1, 4)), draw(workspace_lists())))
    elif kind == "quota":
        shares[place] = (plan_id, quota + draw(st.integers(1, 2)), listed)
    else:
        shares[place] = (plan_id, quota, (*listed, draw(st.sampled_from(others))))
    return case, Case(shares, case.usage)


@st.composite
def plan_rows(draw: st.DrawFn) -> list[Plan]:
    """Plans that begin and end within a few days of each other (days 1 to 5), at different places of the total order.

    Their lists and packages change on a day of their own.
    """
    plans = []
    for plan_id in draw(st.permutations(["p1", "p2", "p3"])):
        first = draw(st.integers(1, 3))
        last = draw(st.integers(first, 5))
        changes = sorted(draw(st.sets(st.integers(first, last), max_size=1)) | {first})
        lists = tuple(WorkspaceList(since, draw(workspace_lists())) for since in changes)
        packages = tuple(Package(since, "any", Decimal(0), {"logs": draw(st.integers(0, 3))}) for since in changes)
        plans.append(Plan(plan_id, first, last, packages, lists))
    return plans


def prices() -> st.SearchStrategy[Decimal]:
    """Prices and amounts; three decimals, so that half a cent happens."""
    return st.decimals(0, 100, places=3)


# ------------------------------------------------------------------------------------------------ days and times

SECOND = 1_000_000
HOUR = 3600 * SECOND
YEAR = 365 * 24 * HOUR
#: Zones, each with an instant at which its clocks changed: days of 23 and 25 hours, days without a midnight, with two,
#: a date skipped, half an hour, odd seconds.
CHANGES = [
    (zone, int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND)
    for zone, text in (
        ("Europe/Berlin", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-10-25T01:00"),
        ("America/Sao_Paulo", "2018-11-04T03:00"),
        ("America/Sao_Paulo", "2018-02-18T02:00"),
        ("Asia/Beirut", "2024-03-30T22:00"),
        ("Asia/Beirut", "2024-10-26T21:00"),
        ("America/Havana", "2025-11-02T05:00"),
        ("America/St_Johns", "2009-11-01T02:31"),
        ("Pacific/Apia", "2011-12-30T10:00"),
        ("Australia/Lord_Howe", "2026-04-04T15:00"),
        ("Africa/Monrovia", "1972-01-07T00:44"),
        ("Asia/Shanghai", "1991-09-14T17:00"),
    )
]


@st.composite
def times_in_zones(draw: st.DrawFn) -> tuple[str, list[int]]:
    """A zone, and instants (microseconds) close to each other, most of them close to a change of its clocks."""
    zone, start = draw(st.sampled_from(CHANGES))
    if not draw(st.integers(0, 3)):
        start = draw(st.integers(-70 * YEAR, 230 * YEAR))
    near = st.integers(-2, 2) | st.integers(-5, 5).map(lambda halves: halves * HOUR // 2)
    away = near | st.integers(-30 * HOUR, 30 * HOUR)
    return zone, [start + each for each in draw(st.lists(away, min_size=1, max_size=6))]


def written_times() -> st.SearchStrategy[tuple[datetime, str, int]]:
    """What a time is written of: the local time to the second, its decimals, its offset in minutes (0: Z)."""
    seconds = st.datetimes().map(lambda moment: moment.replace(microsecond=0))
    decimals = st.text("059", max_size=9) | st.sampled_from(["999999999", "9999995", "000001"])
    return st.tuples(seconds, decimals, st.just(0) | st.integers(-1439, 1439))


# ------------------------------------------------------------------------------------------------ records

#: Noon of the day on which histories begin, in UTC; their catalog is tests/dense_catalog.toml.
START_US = instant("2026-01-31T12:00:00Z") or 0
START_DAY = ordinal("2026-01-31") or 0
#: Who owns what: the second account shows that accounts do not touch.
OWNERS = {"A": "a", "B": "a", "C": "a", "D": "b"}


def moments() -> st.SearchStrategy[int]:
    """Event times: mostly on the first days, and a microsecond on either side of midnight."""
    midnight = START_US + DAY_US // 2
    return st.sampled_from([START_US] * 5 + [midnight - 1, midnight, START_US - DAY_US])


@st.composite
def events(draw: st.DrawFn) -> Message:
    """Usage of 0 to 3 units; so few ids that repeats and conflicts are usual."""
    item = draw(st.sampled_from(["logs", "logs", "hosts", "sms"]))
    corrected = draw(st.integers(0, 4)) == 0
    event = records.usage(
        draw(st.sampled_from("AAABBBCD")),
        item,
        draw(st.integers(-3 if corrected and item != "hosts" else 0, 3)),
        draw(moments()),
        id=draw(st.sampled_from("1234")),
        source=draw(st.sampled_from("st")),
        retention=draw(st.sampled_from([None, 3, 14, 30])) if item == "logs" else None,
        corrected=corrected,
    )
    return records.usage_message(event)


def bindings() -> st.SearchStrategy[Message]:
    """Upgrades, repeats, and now and then a move or a way back, which are refused."""
    kinds = st.tuples(
        st.sampled_from(list(OWNERS)),
        st.sampled_from(["", "", "", "b"]),
        st.sampled_from(["free", "commercial", "commercial", "commercial"]),
    )
    return kinds.map(
        lambda kind: records.binding_message(records.binding(kind[0], kind[1] or OWNERS[kind[0]], kind[2]))
    )


@st.composite
def orders(draw: st.DrawFn) -> Message:
    """Orders of all kinds in two accounts; ids are few, so that repeats, conflicts and changes of plans are usual."""
    account = draw(st.sampled_from("aaab"))
    owned = [workspace for workspace, owner in OWNERS.items() if owner == account and workspace != "C"]
    listed = list(draw(workspace_lists(tuple(owned))))
    lines = [records.traffic(item, 1) for item in draw(st.lists(st.sampled_from(["logs", "hosts"]), max_size=2))]
    plan, order_id = draw(st.sampled_from(["small", "large"])), draw(st.sampled_from("456"))
    kind = draw(st.sampled_from(["purchase", "purchase", "add_traffic", "upgrade", "change_workspaces"]))
    if kind == "purchase":
        payments = [records.pay(draw(st.sampled_from([9, 9, 9, 8])))] if plan == "large" else []
        day = draw(st.sampled_from([None, None, START_DAY, START_DAY + 1]))
        first = {} if day is None else {"first_day": day_text(day)}
        order = records.purchase(account, draw(st.sampled_from("1223")), plan, listed, payments, traffic=lines)
        return records.order_message({**order, **first})
    rest: dict[str, Any] = {"workspaces": listed}
    if kind == "add_traffic":
        rest = {"traffic": lines}
    elif kind == "upgrade":
        plan, price = draw(st.sampled_from([("large", "9"), ("large", "6.75"), ("bare", "12"), ("bare", "3")]))
        rest = {"plan": plan, "payments": [records.pay(price)]}
    return records.order_message(records.management(account, order_id, kind, draw(st.sampled_from("1123")), **rest))


@st.composite
def histories(draw: st.DrawFn, size: int = 25) -> list[tuple[int, Message]]:
    """What was sent and when Kafka had it (microseconds, never falling), over one to three days.

    A plan of a few units stands from the beginning; of the first account one workspace is not known yet.
    """
    opening = [records.binding_message(records.binding(name, owner)) for name, owner in OWNERS.items() if name != "C"]
    opening += [records.order_message(records.top_up(account, "t", "30")) for account in "ab"]
    opening += [
        records.order_message(records.purchase("a", "1", "small", list(draw(st.sampled_from(["AB", "BA"]))), []))
    ]
    kinds = st.one_of(events(), events(), events(), events(), orders(), orders(), bindings())
    clock, found = START_US, [(START_US, message) for message in opening]
    for message in draw(st.lists(kinds, min_size=3, max_size=size)):
        clock += draw(st.sampled_from([0] * 8 + [DAY_US]))
        found.append((clock, message))
    return found


# ------------------------------------------------------------------------------------------------ foreign bytes


def json_values() -> st.SearchStrategy[Any]:
    """Any JSON value, small."""
    numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0, -1, 10**15, 2**64])
    words = st.text(max_size=8) | st.sampled_from(["logs", "1.0", "usage.recorded", "2026-01-31T08:00:00Z"])
    leaves = st.none() | st.booleans() | numbers | words
    return st.recursive(leaves, lambda part: st.lists(part, max_size=3) | st.dictionaries(words, part, max_size=3))


#: What fields of an order are tried with: values at the edges of every field's form.
EDGES: list[Any] = [
    *(None, True, 0, 1, -1, 1_000_000, 1_000_001, 1.0, 2**70, [], {}, [1], {"x": 1}, [None], "\x00", " ", "é"),
    *("", "a", "x" * 64, "x" * 65, "-x", "w\n", "CNY", "cny", "USD", "x" * 17, "cash", "coupon", "prepaid_card"),
    *("1", "1.00", "1.234", "-5", "0", "00.5", "1.", ".5", "+1", "1e2", "NaN", "\uff15", "0.8", "0.00001", "1.0001"),
    *("9" * 12, "9" * 13, "2026-01-31", "2026-02-29", "0000-01-01", "9999-12-31", "20260131", "2026-01-31 "),
]


@st.composite
def bent_objects(draw: st.DrawFn, good: dict[str, Any]) -> dict[str, Any]:
    """A good JSON object with one to three of its values, at any depth, replaced by others, or left out."""
    bent: dict[str, Any] = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = bent
        while True:
            at = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if not isinstance(place[at], dict | list) or not place[at] or draw(st.booleans()):
                break
            place = place[at]
        if draw(st.integers(0, 5)) == 0:
            del place[at]
        else:
            place[at] = deepcopy(draw(st.sampled_from(EDGES) | json_values()))
        if not bent:
            break
    return bent


@st.composite
def foreign_values(draw: st.DrawFn, good: dict[str, Any]) -> bytes:
    """A record value that somebody might send: a good one (JSON object) bent in some way, or none at all."""
    kind = draw(st.sampled_from(["field", "field", "inner field", "bytes", "bytes", "json", "binary"]))
    if kind == "binary":
        return draw(st.binary(max_size=60))
    record = json.loads(json.dumps(good))
    if kind == "json":
        record = draw(json_values())
    elif kind == "inner field" and isinstance(record.get("data"), dict):
        record["data"][draw(st.sampled_from([*record["data"], "other"]))] = draw(json_values())
    elif kind != "bytes":
        record[draw(st.sampled_from([*record, "other"]))] = draw(json_values())
    value = json.dumps(record, ensure_ascii=draw(st.booleans())).encode()
    if kind != "bytes":
        return value
    start = draw(st.integers(0, len(value)))
    end = min(len(value), start + draw(st.integers(0, 4)))
    junk = st.sampled_from([b"", b'"', b"\\u", b"\x00", b"\xff", b"null", b"{", b"1e6", b"NaN", b"\xed\xa0\x80", b"-0"])
    return value[:start] + draw(junk | st.binary(max_size=3)) + value[end:]
