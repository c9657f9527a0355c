"""Checks records before `meter send` sends them: a record that would become a dead letter is a problem of its line.

`LineCheck` reads each record as the intake would, with the catalog and time zone of the settings. `workspace_problems`
then reads `workspaces`, which decides which workspaces are known. Only a worker can find conflicting duplicates.
"""

import time
from collections.abc import Iterator

from agents.intake.cloudevents import RECORD_LIMIT
from agents.intake.orders_lane import read_order
from agents.intake.usage_reader import Dead, UsageReader, check_size
from agents.intake.workspace_directory import WorkspaceDirectory
from agents.intake.workspace_map import cannot_move, unknown_workspace
from meter.batch.lanes import Reopen
from meter.commands.send import Problem
from meter.errors import UserError
from meter.kafka.topics import Topics
from meter.rules.billing_days import zone
from meter.settings import Settings
from schemas.catalog import CatalogError, load_catalog
from schemas.reasons import DeadReason
from schemas.record import Unreadable
from schemas.rows import NEVER
from schemas.workspaces import TierRecord, workspace_from_json


class LineCheck:
    """Reads lines of one kind as the intake would; collects what only `workspaces` can decide."""

    def __init__(self, settings: Settings, what: str) -> None:
        self._read = {"usage": self._usage, "workspaces": self._workspace, "orders": self._order}[what]
        try:
            catalog = load_catalog(settings.catalog_path)
        except CatalogError as wrong:
            raise UserError(str(wrong)) from None
        self._zone = zone(settings.billing_time_zone)
        self._reader = UsageReader(catalog, self._zone, settings.restatement_horizon_days)
        #: The first line of each workspace that usage names.
        self.named: dict[str, int] = {}
        #: The workspace records, by line.
        self.tiers: list[tuple[int, TierRecord]] = []

    def __call__(self, number: int, value: bytes) -> Problem | None:
        """What is wrong with a line's record, with the reason of its dead letter; None if nothing is."""
        try:
            self._read(number, value)
        except Dead as dead:
            return _problem(number, dead.reason, dead.error)
        return None

    def _usage(self, number: int, value: bytes) -> None:
        read = self._reader.read(value, (), time.time_ns() // 1_000_000)
        self.named.setdefault(read.workspace, number)

    def _workspace(self, number: int, value: bytes) -> None:
        check_size(value, (), RECORD_LIMIT)
        try:
            self.tiers.append((number, workspace_from_json(value)))
        except Unreadable as unreadable:
            raise Dead(unreadable.reason, str(unreadable)) from unreadable

    def _order(self, number: int, value: bytes) -> None:
        read_order(value, ())


async def workspace_problems(settings: Settings, check: LineCheck) -> list[Problem]:
    """Problems of the lines that `workspaces` shows; UserError if Kafka cannot be asked."""
    if not check.named and not check.tiers:
        return []
    topic = Topics.of(settings.topic_prefix).workspaces
    directory = WorkspaceDirectory(topic, zone(settings.billing_time_zone), 1, settings.kafka_client_kwargs())
    try:
        await directory.start()
        directory.require_answer([*check.named, *(record.workspace for _, record in check.tiers)])
        return list(_problems(directory, check))
    except Reopen as no_answer:
        raise UserError(f"{no_answer}; look at the broker, and try again") from no_answer
    finally:
        await directory.stop()


def _problems(directory: WorkspaceDirectory, check: LineCheck) -> Iterator[Problem]:
    for workspace, number in check.named.items():
        if directory.known(workspace) is None:
            dead = unknown_workspace(workspace)
            yield _problem(number, dead.reason, dead.error)
    tiers: dict[str, tuple[str, bool]] = {}
    for number, record in check.tiers:
        workspace, entry = record.workspace, directory.known(record.workspace)
        before = None if entry is None else (entry.named.account, entry.named.commercial != NEVER)
        account, commercial = tiers.get(workspace, before or (record.account, False))
        if record.account != account:
            yield _problem(number, DeadReason.WORKSPACE_CANNOT_MOVE, cannot_move(workspace, account, record.account))
        elif record.tier == "free" and commercial:
            reason = DeadReason.WORKSPACE_CANNOT_RETURN_TO_FREE
            yield _problem(number, reason, f"workspace {workspace} is commercial, it cannot return to free")
        else:
            tiers[workspace] = (account, commercial or record.tier == "commercial")


def _problem(number: int, reason: DeadReason, sentence: str) -> Problem:
    return Problem(number, f"{reason}: {sentence}")
