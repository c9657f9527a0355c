"""The unpublished data that decides an order: the journal's catalog, and the accounts of the workspaces.

Both are read as `meter quote` reads them. The catalog is reread after a while; the log of workspaces is read
once, then followed for as long as the dashboard runs.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, TypeVar

from aiokafka.errors import KafkaError

from agents.intake.workspace_directory import WorkspaceDirectory
from agents.journal.opening import recorded_under
from meter.batch.lanes import Reopen
from meter.batch.waits import within
from meter.kafka.access import require
from meter.kafka.admin import connected_admin
from meter.kafka.rights import of_command
from meter.kafka.topics import Topics
from meter.kafka.troubles import explained
from meter.rules.state.journal_facts import JournalFacts
from meter.settings import Settings
from schemas.catalog import Catalog
from schemas.rows import Binding
from tables.workspaces import WorkspacesInMemory

log = logging.getLogger(__name__)

#: Seconds until the journal's facts are reread: a catalog version may have been announced.
FACTS_SECONDS = 15.0
#: Time limit of an answer; the first one reads the whole log of workspaces.
ANSWER_SECONDS = 60.0
#: Seconds for which the log of workspaces counts as up to date, so that a form need not wait.
FRESH_SECONDS = 1.0
#: Seconds that a consumer may take to stop.
STOP_SECONDS = 5.0
#: Most accounts whose workspaces stay in memory.
ACCOUNTS_KEPT = 100
WHO = "`meter dashboard` (quotes)"

Answer = TypeVar("Answer")


class Judged(NamedTuple):
    """The data that decides an account's order."""

    catalog: Catalog
    #: The account's workspaces, by name.
    own: dict[str, Binding]
    #: The requested workspaces that exist, in any account.
    named: dict[str, Binding]


class Known:
    """The facts and the log of workspaces, opened at first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topics = Topics.of(settings.topic_prefix)
        self._facts: JournalFacts | None = None
        self._read_at = -FACTS_SECONDS
        self._directory: WorkspaceDirectory | None = None
        self._table = WorkspacesInMemory()
        self._own: dict[str, tuple[int, dict[str, Binding]]] = {}
        self._lock = asyncio.Lock()

    async def judged_by(self, account: str, workspaces: Sequence[str]) -> Judged:
        """The data that decides an order listing these workspaces; `UserError` if Kafka does not answer."""
        async with self._lock:
            return await self._asked(lambda: self._judged_by(account, list(workspaces)))

    async def close(self) -> None:
        """Close the log of workspaces."""
        directory, self._directory = self._directory, None
        if directory is not None:
            with suppress(KafkaError, TimeoutError):
                await within(STOP_SECONDS, directory.stop())

    async def _asked(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Await Kafka; on failure, raise the error that a command shows, and reconnect for the next question."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await ask()
        except (KafkaError, Reopen, OSError) as error:
            await self.close()
            rights = of_command(self._settings, "quote")
            raise await explained(self._settings, WHO, rights, error) from error

    async def _judged_by(self, account: str, workspaces: list[str]) -> Judged:
        facts = await self._facts_now()
        directory = await self._directory_now(facts)
        await directory.catch_up(within=FRESH_SECONDS)
        directory.require_answer(workspaces, commercial=True)
        found = {name: entry.named for name in workspaces if (entry := directory.known(name)) is not None}
        named = {name: Binding(each.account, each.commercial) for name, each in found.items()}
        return Judged(facts.catalog, self._own_of(directory, account), named)

    async def _facts_now(self) -> JournalFacts:
        if self._facts is None:
            async with connected_admin(self._settings) as admin:
                await require(self._settings, admin, WHO, of_command(self._settings, "quote"))
        if self._facts is None or time.monotonic() - self._read_at >= FACTS_SECONDS:
            before, self._facts = self._facts, (await recorded_under(self._settings)).facts
            self._read_at = time.monotonic()
            if before is not None and before.opening.meter_id != self._facts.opening.meter_id:
                await self.close()  # another meter has other workspaces
        return self._facts

    async def _directory_now(self, facts: JournalFacts) -> WorkspaceDirectory:
        if self._directory is None:
            topic, partitions = self._topics.workspaces, facts.opening.partitions
            table, kafka = WorkspacesInMemory(), self._settings.kafka_client_kwargs()
            directory = WorkspaceDirectory(topic, facts.zone, partitions, kafka, table)
            try:
                await directory.start()
            except BaseException:
                await directory.stop()
                raise
            self._directory, self._table, self._own = directory, table, {}
        return self._directory

    def _own_of(self, directory: WorkspaceDirectory, account: str) -> dict[str, Binding]:
        known = self._own.get(account)
        if known is None or known[0] != directory.read_to:
            if len(self._own) >= ACCOUNTS_KEPT:
                self._own.clear()
            own = {name: Binding(account, row.commercial) for name, row in self._table.of_account(account).items()}
            known = self._own[account] = (directory.read_to, own)
        return known[1]
