"""What was judged before is not judged again: a workspace by itself, and a kind of events by itself."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from agents.intake import validation_cache
from agents.intake.packing import Packer
from agents.intake.validation_cache import ValidationCache
from agents.intake.workspace_map import WorkspaceEntry
from schemas.journal import Named
from tests.agents.reading_ground import event, value_of
from tests.agents.test_early_usage import MIDNIGHT_MS, Intake

WORKSPACES, ITEMS = ("wksp_a", "wksp_b", "wksp_c"), ("logs", "calls")
PAIRS = [(workspace, item) for workspace in WORKSPACES for item in ITEMS]


def world(monkeypatch: pytest.MonkeyPatch) -> tuple[Intake, list[int]]:
    """An intake that knows the workspaces, and the offsets of the events that it judges by all rules."""
    intake = Intake()
    homes = {name: WorkspaceEntry(Named(name, f"acct_{name}", 0), 0) for name in WORKSPACES}
    intake.directory = SimpleNamespace(
        known=homes.get,
        known_all=lambda names: list(map(homes.get, names)),
        partition_of=lambda account: list(homes).index(account[5:]),
        read_to=0,
    )
    judged: list[int] = []
    judge = Packer._judge

    async def counted(self: Packer, record: Any) -> Any:
        judged.append(record.offset)
        return await judge(self, record)

    monkeypatch.setattr(Packer, "_judge", counted)
    return intake, judged


def read(intake: Intake, events: list[tuple[str, str]], first: int = 0) -> list[tuple[int, str, str, str]]:
    """The events of a chunk as they were packed: journal partition, workspace, item and id."""

    async def bury(pending: list[Any], record: Any, reason: str, error: str) -> None:
        intake.buried.append(reason)

    lane: Any = SimpleNamespace(
        bury=bury,
        intake=intake,
        cache=lambda: intake.validation_cache,
        topic="usage",
        own=None,
        appended=lambda record: record.timestamp,
        received=lambda record: record.timestamp,
    )
    records = [_record(number, *pair) for number, pair in enumerate(events, first)]
    packer = Packer(lane, [], all_known=True)
    packer.begin()
    asyncio.run(packer.take(records))
    packed = []
    for partition, builder in packer.packed(0, MIDNIGHT_MS):
        group = builder.group({name: number for number, name in enumerate(WORKSPACES)})
        slots = [group.slots[number] for number in group.events().slot.tolist()]
        packed += [
            (partition, WORKSPACES[slot.named], slot.item, name)
            for slot, name in zip(slots, builder.events.ids, strict=True)
        ]
    return sorted(packed)


def _record(number: int, workspace: str, item: str) -> Any:
    content = event(item=item, subject=workspace, id=str(number), time="2026-01-31T12:00:00Z")
    del content["data"]["retention_days"]
    return SimpleNamespace(offset=number, timestamp=MIDNIGHT_MS - 60_000, key=None, headers=(), value=value_of(content))


def packed(events: list[tuple[str, str]], first: int = 0) -> list[tuple[int, str, str, str]]:
    """What must come of them."""
    return sorted(
        (WORKSPACES.index(workspace), workspace, item, str(number))
        for number, (workspace, item) in enumerate(events, first)
    )


def test_pairs_of_a_known_workspace_and_a_known_kind_are_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    intake, judged = world(monkeypatch)
    learnt = [("wksp_a", "logs"), ("wksp_b", "calls"), ("wksp_c", "logs")]
    assert read(intake, learnt) == packed(learnt)
    assert judged == [0, 1, 2]
    assert read(intake, PAIRS, 10) == packed(PAIRS, 10)
    assert judged == [0, 1, 2], "every workspace and every kind was judged before"


def test_a_workspace_that_is_new_is_judged_whatever_is_known_of_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    intake, judged = world(monkeypatch)
    read(intake, [("wksp_a", "logs")])
    events = [("wksp_gone", "logs"), ("wksp_a", "logs"), ("wksp_b", "fax")]
    assert read(intake, events, 1) == packed([("wksp_a", "logs")], 2)
    assert (judged, intake.buried) == ([0, 1, 3], ["workspace_unknown", "unknown_item"])


def test_the_first_event_of_a_workspace_is_not_judged_by_itself_where_its_kind_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    intake, judged = world(monkeypatch)
    read(intake, [("wksp_a", "logs")])
    events = [("wksp_b", "logs"), ("wksp_c", "logs"), ("wksp_b", "logs")]
    assert read(intake, events, 1) == packed(events, 1)
    assert judged == [0]


def test_workspaces_are_numbered_by_their_first_events_however_those_are_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    intake, judged = world(monkeypatch)
    read(intake, [("wksp_a", "logs")])
    read(intake, [("wksp_gone", "logs"), ("wksp_c", "logs"), ("wksp_b", "logs")], 1)
    assert judged == [0, 1, 2, 3], "behind one that is unknown all are judged, lest it is numbered after them"
    assert [entry.named.workspace for entry in intake.validation_cache.entries] == ["wksp_a", "wksp_c", "wksp_b"]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation_cache, "WORKSPACES_KEPT", 2)
    intake, _ = world(monkeypatch)
    read(intake, [("wksp_a", "logs")])
    assert not intake.validation_cache.full
    read(intake, [("wksp_b", "logs")])
    assert intake.validation_cache.full
    assert ValidationCache().kind(("logs", None, "usage.recorded", 1)) is None
