"""The log of workspaces as a test writes it, tables of it, and directories that read it."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition

from agents.intake.workspace_directory import WorkspaceDirectory
from meter.rules.billing_days import zone
from tables.workspaces import StoredWorkspaces

TP = TopicPartition("workspaces", 0)
DAY_MS = 86_400_000
#: The records of `workspaces` in order: workspace, account and tier; None: one that is no binding.
WorkspaceLog = list[tuple[str, str, str] | None]


def record(offset: int, value: bytes | None, timestamp_ms: int | None = None) -> Any:
    at = offset * DAY_MS if timestamp_ms is None else timestamp_ms
    return SimpleNamespace(offset=offset, timestamp=at, timestamp_type=1, value=value, headers=())


def binding(offset: int, workspace: str, account: str = "x", tier: str = "free") -> Any:
    return record(offset, json.dumps({"workspace": workspace, "account": account, "tier": tier}).encode())


def table_at(path: Path, topic_id: str = "id", meter_id: str = "m") -> StoredWorkspaces:
    return StoredWorkspaces(path, meter_id, "", topic_id)


class ScriptedLog:
    """The log of workspaces as a consumer sees it: batches of three records."""

    def __init__(self, records: Sequence[Any]) -> None:
        self.records = records
        self.at = 0
        #: Offsets from which something was fetched.
        self.fetched: list[int] = []
        self.silent = False
        #: How long the last fetch would have waited, in seconds.
        self.patience = 0.0

    async def end_offsets(self, tps: Any) -> dict[TopicPartition, int]:
        return {TP: len(self.records)}

    async def position(self, tp: Any) -> int:
        return self.at

    def seek(self, tp: Any, offset: int) -> None:
        self.at = offset

    async def getmany(self, *tps: Any, timeout_ms: int = 0, max_records: int = 0) -> dict[TopicPartition, Any]:
        self.patience = timeout_ms / 1000
        batch = list(self.records[self.at : self.at + 3])
        if not batch or self.silent:
            return {}
        self.fetched.append(self.at)
        self.at += len(batch)
        return {TP: Fetched(batch)}


class Fetched:
    whole = True

    def __init__(self, records: list[Any]) -> None:
        self.records = records

    async def taken(self, count: int) -> list[Any]:
        taken, self.records = self.records[:count], self.records[count:]
        return taken

    def close(self) -> None:
        self.records = []


def started(path: Path, log: ScriptedLog, topic_id: str = "id") -> WorkspaceDirectory:
    """A directory that has resumed on this log and read it to its end."""
    directory = WorkspaceDirectory("workspaces", zone("+00:00"), 4, {}, table_at(path, topic_id))
    directory._consumer = directory._ends = log

    async def start() -> None:
        await directory._resume()
        await directory._read_whole()

    asyncio.run(start())
    return directory
