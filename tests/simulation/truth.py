"""What the oracle says of a run: from the sources alone, but for what two partitions leave to the journal.

Of an identity with two contents through two partitions the first in the journal stands (SPEC §8); which that is, is
read from the journal itself, without the fold.
"""

from collections.abc import Iterator

from schemas import journal
from schemas.journal import Gathered, UsageGroup, decode_evidence
from tests.oracle import Identity, Place, Prediction, predict
from tests.oracle_figures import figures, plan_order
from tests.oracle_reading import Event, read_usage
from tests.oracle_time import day_text, ordinal
from tests.simulation.kafka import Log
from tests.simulation.world import World

Share = tuple[str, int, int]


def entries(logs: list[Log]) -> Iterator[tuple[Identity, Place]]:
    """Usage events of the journal in order: identity and source place, repeats included."""
    for log in logs:
        for record in log.records:
            gathered = journal.decode(record.value or b"")
            if isinstance(gathered, Gathered):
                for group in gathered.groups:
                    if isinstance(group, UsageGroup):
                        yield from _events(gathered, group)


def _events(gathered: Gathered, group: UsageGroup) -> Iterator[tuple[Identity, Place]]:
    evidence = decode_evidence(group.evidence)
    events = group.events()
    for number, (slot, offset) in enumerate(zip(events.slot.tolist(), events.offset.tolist(), strict=True)):
        workspace = gathered.named[group.slots[slot].named].workspace
        identity = (workspace, evidence.source_of(number), evidence.ids[number])
        yield identity, (group.topic, group.partition, offset)


def truth(world: World, logs: list[Log]) -> Prediction:
    """The prediction, contested identities settled by the journal."""
    prediction = predict(world.settings, world.sent)
    if not prediction.contested:
        return prediction
    first: dict[Identity, Place] = {}
    for identity, place in entries(logs):
        first.setdefault(identity, place)
    sent = {record.place: record for record in world.sent}
    found: dict[Identity, Event] = {}
    for identity in prediction.contested & first.keys():
        event = read_usage(sent[first[identity]], world.settings, prediction.market.accounts)
        assert isinstance(event, Event)
        found[identity] = event
    prediction.events = [found.get(event.identity, event) for event in prediction.events]
    prediction.figures = figures(prediction.events, prediction.accounts, prediction.market)
    for place in prediction.contested_places:
        prediction.dead.pop(place, None)
        event = read_usage(sent[place], world.settings, prediction.market.accounts)
        if isinstance(event, Event) and event != found.get(event.identity):
            prediction.dead[place] = ("conflicting_duplicate",)
    prediction.contested_places.clear()
    return prediction


def had_quota(prediction: Prediction, key: str) -> bool:
    """Whether any order ever gave an account's item quota of a day, though a later one may have taken it away."""
    account, item, day_name = key.split("/")
    day = ordinal(day_name) or 0
    return any(
        any(since <= day and item in package.quotas for since, _, package in plan.packages) or plan.quota(item, day)
        for plan in prediction.accounts[account].plans.values()
        if plan.in_force(day)
    )


def cells(prediction: Prediction) -> dict[str, tuple[list[Share], dict[str, tuple[int, int]]]]:
    """By account/item/day: plans with quota (id, quota, covered), and of the listed workspaces who used what."""
    found: dict[str, tuple[list[Share], dict[str, tuple[int, int]]]] = {}
    for account, _, item, day in prediction.figures:
        key = f"{account}/{item}/{day_text(day)}"
        book = prediction.accounts.get(account)
        if key in found or book is None:
            continue
        those = {
            workspace: figure
            for (name, workspace, what, when), figure in prediction.figures.items()
            if (name, what, when) == (account, item, day)
        }
        plans = plan_order(book.plans.values(), day)
        shares = [
            (
                plan.plan_id,
                plan.quota(item, day),
                sum(figure.by_plan.get(plan.plan_id, 0) for figure in those.values()),
            )
            for plan in plans
            if plan.quota(item, day) > 0
        ]
        in_priority = dict.fromkeys(workspace for plan in plans for workspace in plan.listed(day))
        used = {name: (those[name].usage, those[name].covered) for name in in_priority if name in those}
        found[key] = (shares, {name: pair for name, pair in used.items() if pair[0] > 0})
    return found
