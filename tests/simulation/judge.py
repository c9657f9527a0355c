"""The laws that a run must have kept, whatever went wrong in it; each answers sentences, none is good news.

`LAWS` are tried one by one, so that a failure says which of SPEC's promises is broken, and not only that one is.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, NamedTuple

from meter.rules.state.context import Output
from tables import keys
from tables.partition_state import restored
from tests import oracle_check, revisions
from tests.oracle import Prediction
from tests.simulation.disk import MemoryStore
from tests.simulation.kafka import COMMITTED, Record
from tests.simulation.owner import JOURNAL
from tests.simulation.reference import Reference, meaning, parsed, reference
from tests.simulation.simulator import Simulator
from tests.simulation.truth import cells, entries, had_quota, truth

REVISED = ("overages", "order-outcomes", "plans", "wallets", "quota-balances", "quota-alerts", "statements")


class PublishedRecord(NamedTuple):
    """A record of an output topic, with the transaction's fate."""

    partition: int
    key: str
    value: dict[str, Any]
    raw: bytes
    committed: bool


class Evidence:
    """What a run left behind, read at the first use."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.cluster = simulator.cluster
        self.partitions = range(simulator.partitions)
        self.journals = [self.cluster.log(JOURNAL, partition) for partition in self.partitions]

    @cached_property
    def prediction(self) -> Prediction:
        return truth(self.simulator.world, self.journals)

    @cached_property
    def references(self) -> list[Reference]:
        return [reference(log) for log in self.journals]

    @cached_property
    def published(self) -> dict[str, list[PublishedRecord]]:
        """By topic, in the order of the partitions, aborted records included."""
        found: dict[str, list[PublishedRecord]] = {topic: [] for topic in (*REVISED, "dead-letters")}
        for (topic, _), log in sorted(self.cluster.logs.items()):
            if topic in found:
                found[topic] += [_published_record(record) for record in log.records if not record.marker]
        return found

    @cached_property
    def committed(self) -> dict[str, list[PublishedRecord]]:
        return {topic: [each for each in those if each.committed] for topic, those in self.published.items()}

    @cached_property
    def cells(self) -> Any:
        return cells(self.prediction)


def _published_record(record: Record) -> PublishedRecord:
    raw = record.value or b""
    return PublishedRecord(record.partition, (record.key or b"").decode(), parsed(raw), raw, record.committed)


# What the oracle says


def figures_are_right(run: Evidence) -> Iterable[str]:
    for each in (run.committed["overages"], run.published["overages"]):
        yield from oracle_check.overage_differences(run.prediction, revisions.latest(each))


def orders_are_decided_right_and_once(run: Evidence) -> Iterable[str]:
    outcomes = run.committed["order-outcomes"]
    yield from oracle_check.outcome_differences(run.prediction, revisions.latest(outcomes))
    yield from (f"{key}: decided {len(those)} times" for key, those in revisions.by_key(outcomes).items() if those[1:])


def wallets_are_right_and_never_below_zero(run: Evidence) -> Iterable[str]:
    found = run.committed["wallets"]
    yield from oracle_check.wallet_differences(run.prediction, revisions.latest(found))
    yield from (f"{each.key}: {each.value['balance']}" for each in found if each.value["balance"].startswith("-"))


def dead_letters_are_right(run: Evidence) -> Iterable[str]:
    letters = [
        ((each.value["topic"], each.value["partition"], each.value["offset"]), each.value["reason"])
        for each in run.committed["dead-letters"]
    ]
    return oracle_check.dead_differences(run.prediction, letters, crashed=True)


def balances_are_right(run: Evidence) -> Iterable[str]:
    latest = revisions.latest(run.committed["quota-balances"])
    for key, (shares, used) in run.cells.items():
        if shares and key not in latest:
            yield f"{key}: no balance"
        elif shares:
            found = latest[key]
            plans = [(plan["plan_id"], plan["quota"], plan["covered"]) for plan in found["plans"] if plan["quota"]]
            workspaces = {
                each["workspace"]: (each["usage"], each["covered"]) for each in found["workspaces"] if each["usage"]
            }
            if plans != shares or list(workspaces.items()) != list(used.items()):
                yield f"{key}: the balance is {plans} {workspaces}, should be {shares} {used}"
        elif key in latest:  # an upgrade took away the quota that the balance appeared with
            found = latest[key]
            if (found["quota"], found["covered"], found["left"]) != (0, 0, 0) or any(
                p["quota"] for p in found["plans"]
            ):
                yield f"{key}: the balance is {found}, but there is no quota"
            if not had_quota(run.prediction, key):
                yield f"{key}: a balance of an item that never had quota"
    yield from (f"{key}: a balance of no usage" for key in latest if key not in run.cells)


def alerts_are_right_and_alternate(run: Evidence) -> Iterable[str]:
    found = revisions.by_key(run.committed["quota-alerts"])
    for key, those in found.items():
        states = [each["state"] for each in those]
        if states != ["raised", "cleared"] * (len(states) // 2) + ["raised"] * (len(states) % 2):
            yield f"{key}: {states}"
    for pot, (shares, _) in run.cells.items():
        account, item, day = pot.split("/")
        for plan_id, quota, covered in shares:
            for threshold in (80, 100):
                key = f"{account}/{plan_id}/{item}/{day}/{threshold}"
                raised = key in found and found[key][-1]["state"] == "raised"
                if raised != (covered * 100 >= threshold * quota):
                    yield f"{key}: {raised=}, but {covered} of {quota} are covered"


# What a reader may rely on


def coverage_and_overage_are_usage(run: Evidence) -> Iterable[str]:
    for each in run.published["overages"]:
        if each.value["covered"] + each.value["overage"] != each.value["usage"]:
            yield f"{each.key}: {each.value}"


def a_revision_has_one_content(run: Evidence) -> Iterable[str]:
    for topic in REVISED:
        yield from (f"{topic} {problem}" for problem in revisions.one_content_for_a_revision(run.published[topic]))


def revisions_rise(run: Evidence) -> Iterable[str]:
    for topic in REVISED:
        problems = revisions.each_revision_once_and_in_order(run.committed[topic])
        problems += revisions.every_revision_changes_something(run.committed[topic])
        yield from (f"{topic} {problem}" for problem in problems)


def deltas_add_up(run: Evidence) -> Iterable[str]:
    return revisions.deltas_add_up(run.committed["overages"])


# What the journal alone decides


def the_journal_alone_says_what_is_published(run: Evidence) -> Iterable[str]:
    for partition, made in zip(run.partitions, run.references, strict=True):
        wanted: defaultdict[str, list[Output]] = defaultdict(list)
        for output in made.outputs:
            wanted[output[0]].append(output)
        for topic in {*run.committed, *wanted} - {"quota-balances"}:
            collected = [
                (each.key, each.raw)
                for each in run.committed[topic]
                if each.partition == partition and (topic != "dead-letters" or "rebuilt" in each.value)
            ]
            right = [(key, value) for _, key, value in wanted[topic]]
            if collected != right:
                yield f"{topic}/{partition}: {_first_difference(collected, right)}"
        mine = [each for each in run.committed["quota-balances"] if each.partition == partition]
        yield from _balances_between(mine, wanted["quota-balances"])


def _first_difference(said: list[tuple[str, bytes]], wanted: list[tuple[str, bytes]]) -> str:
    for number, (one, other) in enumerate(zip(said, wanted, strict=False)):
        if one != other:
            return f"record {number} is {one}, should be {other}"
    return f"{len(said)} records, should be {len(wanted)}"


def _balances_between(said: list[PublishedRecord], wanted: list[Output]) -> Iterable[str]:
    """A chunk may leave out balances but the last; those it tells are as the journal had them at their revision."""
    states: defaultdict[str, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for _, key, content in wanted:
        value: dict[str, Any] = dict(parsed(content))
        states[key].append((value.pop("revision"), value))
    for each in said:
        item = dict(each.value)
        revision = item.pop("revision")
        before = [content for at, content in states[each.key] if at <= revision]
        if not before or before[-1] != item:
            yield f"{each.key}: at {revision} the balance is {item}, should be {before[-1:]}"
    last = {each.key: {**each.value, "revision": 0} for each in said}
    for key, told_states in states.items():
        if last.get(key) != {**told_states[-1][1], "revision": 0}:
            yield f"{key}: the last balance is {last.get(key)}, should be {told_states[-1][1]}"


def position_and_state_are_one(run: Evidence) -> Iterable[str]:
    """The owner's store, and what the changelog gives back, are what the journal makes; both know where they stand."""
    for partition, made in zip(run.partitions, run.references, strict=True):
        owner = run.simulator.seats[(run.simulator.owners[partition], partition)]
        again = MemoryStore(type(owner.disk)())
        log = run.cluster.log("meter.changelog", partition)
        rows = [(each.key or b"", each.value) for each in log.committed() if each.offset not in log.gone]
        again.write(restored(rows, again))
        for name, store in (("store", MemoryStore(owner.disk)), ("changelog", again)):
            end = run.journals[partition].records[-1].offset
            if owner.lane.last is None or owner.lane.last.offset != end or keys.POSITION not in store.rows:
                yield f"{name} {partition}: the position is {owner.lane.last}, the journal ends at {end}"
            have = meaning(store.rows)
            wrong = sorted(key for key in have.keys() | made.rows.keys() if have.get(key) != made.rows.get(key))
            if wrong:
                yield f"{name} {partition}: {len(wrong)} rows differ, the first: {wrong[0]!r}"


def accounts_close(run: Evidence) -> Iterable[str]:
    """Every record is in the journal, dead or null; every entry is counted, a duplicate or dead, in one transaction.

    What the intake wrote again is a duplicate only to a worker that did not fold it before.
    """
    counts = Counter[tuple[str, str]]()
    for transaction in run.cluster.transactions:
        if transaction.state == COMMITTED:
            counts.update(transaction.counts)
    result = {
        kind: tuple(counts[(kind, outcome)] for outcome in ("counted", "duplicate", "dead"))
        for kind in ("usage", "order")
    }
    written = list(entries(run.journals))
    if not len({place for _, place in written}) <= sum(result["usage"]) <= len(written):
        yield f"the journal has {len(written)} events, counted, duplicate and dead are {result['usage']}"
    for kind, topic in (("usage", "usage"), ("order", "plan-purchases")):
        expected = run.prediction.counts[topic]["counted"]
        if result[kind][0] != expected:
            yield f"{kind}: {result[kind][0]} counted, should be {expected}"
    places = {place for _, place in written}
    letters = {
        (each.value["topic"], each.value["partition"], each.value["offset"]) for each in run.published["dead-letters"]
    }
    for sent in run.simulator.world.sent:
        if sent.topic.startswith("usage"):
            found = (sent.place in places) + (sent.place in letters and sent.place not in places)
            if found != (sent.value is not None):
                yield f"{sent.place}: in the journal or dead {found} times"


Law = Callable[[Evidence], Iterable[str]]
LAWS: tuple[Law, ...] = (
    accounts_close,
    position_and_state_are_one,
    a_revision_has_one_content,
    revisions_rise,
    deltas_add_up,
    coverage_and_overage_are_usage,
    orders_are_decided_right_and_once,
    wallets_are_right_and_never_below_zero,
    dead_letters_are_right,
    balances_are_right,
    alerts_are_right_and_alternate,
    figures_are_right,
    the_journal_alone_says_what_is_published,
)


def judge(simulator: Simulator) -> dict[str, list[str]]:
    """Broken laws and how they are broken."""
    run = Evidence(simulator)
    found = {law.__name__.replace("_", " "): list(law(run)) for law in LAWS}
    return {law: problems for law, problems in found.items() if problems}
