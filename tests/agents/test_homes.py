"""WorkspaceDirectory: every record of `workspaces` is judged against the log before its own offset."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import aiokafka.partitioner
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.intake.cloudevents import RECORD_LIMIT
from agents.intake.workspace_directory import WorkspaceDirectory
from meter.batch.lanes import Reopen
from meter.kafka.partitioner import murmur2
from meter.rules.billing_days import parse_day, zone
from schemas.reasons import DeadReason
from schemas.rows import NEVER

MOVE, RETURN = DeadReason.WORKSPACE_CANNOT_MOVE, DeadReason.WORKSPACE_CANNOT_RETURN_TO_FREE
#: 2026-01-31 23:59:59.999 and a millisecond later, in Shanghai.
LAST_OF_JANUARY_MS, FEBRUARY_MS = 1_769_875_199_999, 1_769_875_200_000


def workspace_record(offset: int, account: str, tier: str, timestamp: int = LAST_OF_JANUARY_MS, **more: Any) -> Any:
    value = json.dumps({"workspace": "w", "account": account, "tier": tier, **more}).encode()
    return SimpleNamespace(offset=offset, timestamp=timestamp, value=value, headers=())


def directory(*records: Any) -> WorkspaceDirectory:
    known = WorkspaceDirectory("workspaces", zone("Asia/Shanghai"), 4, {})
    for record in records:
        known.learn([record])
    return known


#: account and tier of each record of the log, and what each is: new (True), a repeat (False), or a reason.
TABLE: list[list[tuple[str, str, bool | DeadReason]]] = [
    [("a", "free", True), ("a", "free", False), ("a", "commercial", True), ("a", "commercial", False)],
    [("a", "commercial", True), ("a", "free", RETURN), ("a", "commercial", False)],
    [("a", "free", True), ("b", "free", MOVE), ("a", "commercial", True), ("b", "commercial", MOVE)],
    [("a", "free", True), ("a", "commercial", True), ("b", "free", MOVE), ("a", "free", RETURN)],
    [("a", "free", True), ("b", "commercial", MOVE), ("a", "free", False), ("a", "commercial", True)],
]


@pytest.mark.parametrize("rows", TABLE)
def test_each_record_is_judged_by_those_before_it(rows: list[tuple[str, str, bool | DeadReason]]) -> None:
    known = directory(*(workspace_record(offset, account, tier) for offset, (account, tier, _) in enumerate(rows)))
    for offset, (account, tier, expected) in enumerate(rows):
        judged = known.judge("w", account, tier, offset)
        assert (judged[0] if isinstance(judged, tuple) else judged) == expected, f"at offset {offset}"


def test_the_whole_log_read_first_judges_as_the_log_read_bit_by_bit() -> None:
    for rows in TABLE:
        records = [workspace_record(offset, account, tier) for offset, (account, tier, _) in enumerate(rows)]
        whole = directory(*records)
        for offset, (account, tier, _) in enumerate(rows):
            some = directory(*records[: offset + 1])
            assert some.judge("w", account, tier, offset) == whole.judge("w", account, tier, offset)


def test_a_workspace_is_commercial_from_the_billing_day_of_its_first_commercial_record() -> None:
    known = directory(workspace_record(0, "a", "free"))
    home = known.known("w")
    assert home is not None
    assert home.named.commercial == NEVER
    known.learn([workspace_record(5, "a", "commercial", FEBRUARY_MS)])
    known.learn([workspace_record(9, "a", "commercial", FEBRUARY_MS + 10**9)])
    assert home.named.commercial == parse_day("2026-02-01")
    assert (home.bound_at, home.commercial_at) == (0, 5)


def test_many_workspaces_are_answered_as_one_by_one() -> None:
    known = directory(workspace_record(0, "a", "free"))
    free, none = known.known_all(["w", "gone"])
    assert free is known.known("w") is known.known_all(["w"])[0], "whoever has it sees it become commercial"
    assert none is None
    known.learn([workspace_record(5, "a", "commercial", FEBRUARY_MS)])
    assert free is not None
    assert known.known_all(["w"]) == [known.known("w")] == [free]


@given(st.binary(max_size=40))
def test_names_are_spread_as_kafkas_clients_spread_keys(name: bytes) -> None:
    assert murmur2(name) == aiokafka.partitioner.murmur2(name) & 0xFFFFFFFF


@pytest.mark.parametrize(
    "record",
    [
        SimpleNamespace(offset=0, timestamp=0, value=None, headers=()),
        SimpleNamespace(offset=0, timestamp=0, value=b"", headers=()),
        SimpleNamespace(offset=0, timestamp=0, value=b"[" * 60_000, headers=()),
        SimpleNamespace(offset=0, timestamp=0, value=b"\xff", headers=()),
        workspace_record(0, "a b", "free"),
        workspace_record(0, "a", "gold"),
        workspace_record(0, "a", "free", more="x" * RECORD_LIMIT),
    ],
)
def test_what_becomes_a_dead_letter_announces_nothing(record: Any) -> None:
    assert directory(record).known("w") is None


#: From the tests of Kafka's own `Utils.murmur2`.
KAFKAS = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "abc": 479470107}


@pytest.mark.parametrize(("account", "hashed"), KAFKAS.items())
def test_an_account_has_the_partition_that_kafkas_java_partitioner_gives(account: str, hashed: int) -> None:
    assert directory().partition_of(account) == (hashed & 0x7FFFFFFF) % 4


class Patience(WorkspaceDirectory):
    """Reads a log in pieces of as many records as one look gets through in its time."""

    pieces: list[int]

    async def _caught_up(self, within: float = 0.0) -> int:
        for offset in range(self.pieces.pop(0)):
            self.learn([workspace_record(offset, "a", "free")])  # a repeat is progress too
        if self.pieces:
            raise Reopen("the log of workspaces could not be read to its end")
        return self._read


@pytest.mark.parametrize(("pieces", "known"), [([3, 2, 1], 6), ([3, 0, 1], None)])
def test_a_long_log_is_read_for_as_long_as_something_comes(pieces: list[int], known: int | None) -> None:
    patient = Patience("workspaces", zone("+00:00"), 4, {})
    patient.pieces = pieces
    if known is None:
        with pytest.raises(Reopen):
            asyncio.run(patient._read_whole())
    else:
        asyncio.run(patient._read_whole())
        assert patient._read == known


class Counting(WorkspaceDirectory):
    """Counts how often Kafka is asked."""

    asked = 0

    async def _catch_up(self) -> int:
        self.asked += 1
        await asyncio.sleep(0)
        return self.end


def test_thousands_that_wait_ask_kafka_once_and_who_must_know_asks_himself() -> None:
    async def story() -> None:
        known = Counting("workspaces", zone("+00:00"), 4, {})
        await asyncio.gather(*(known.catch_up(within=600) for _ in range(2_000)))
        assert known.asked == 1
        await known.catch_up()
        assert known.asked == 2

    asyncio.run(story())
