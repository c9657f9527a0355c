"""The protocol and the rules are broken on purpose, one place at a time, and the simulation must turn red.

`python -m tests.simulation.test_mutations` prints which laws notice each, as a table.
"""

from collections import Counter

import pytest

from tests.simulation.mutations import Mutation, broken
from tests.simulation.owner import simulated
from tests.simulation.run import Case, Ran, run

#: What the table counts in, and how many laws it names: those that notice most often.
COUNTED, LAWS_SHOWN = range(150), 3
#: A break that shows in none of so many seeds goes unnoticed; the seeds of rare ones come first.
SEEDS = (793, 32_056, *range(1_500))

MUTATIONS = tuple(
    Mutation(what, module, tuple(changes))
    for what, module, *changes in (
        (
            "the position is outside the transaction",
            "agents.meter.journal_lane",
            (
                "state.put_row(keys.POSITION, position)",
                "state.put_row(keys.POSITION, position)\n"
                "        self.store.write([(keys.POSITION, state._rows.pop(keys.POSITION))])",
            ),
        ),
        (
            "the local store is written before the transaction",
            "agents.meter.journal_lane",
            (
                "        following = await producer.commit(changed)  # 2, 3\n"
                "        self.share = min(1.0, share * 2)\n"
                "        self.counts.committed()\n"
                '        reach("meter.committed")\n'
                "        state.committed(rows, following[self.meter.topics.changelog])  # 4",
                '        state.committed(rows, int.from_bytes(self.store.get(keys.CHANGELOG) or b"", "big"))\n'
                "        await producer.commit(changed)",
            ),
        ),
        (
            "the commit does not wait for every batch",
            "meter.batch.transactions",
            (
                "        for topic, partition, batch, future in sent:",
                "        await producer.commit_transaction()\n        for topic, partition, batch, future in sent:",
            ),
            ("        await producer.commit_transaction()\n        return", "        return"),
        ),
        (
            "the partition is restored before its owner is fenced",
            "agents.meter.journal_lane",
            ("        await self.producer.start()  # 1\n", ""),
            (
                "await self.restore.run(self.store)  # 2",
                "await self.restore.run(self.store)\n        await self.producer.start()",
            ),
        ),
        (
            "what was aborted is restored too",
            "meter.batch.restore",
            ('isolation_level="read_committed"', 'isolation_level="read_uncommitted"'),
        ),
        (
            "the store thinks it has more of the changelog than it has",
            "tables.partition_state",
            ("changelog_next.to_bytes", "(changelog_next + 2).to_bytes"),
        ),
        (
            "a chunk counts as folded before it is committed",
            "agents.meter.journal_lane",
            (
                "following = await producer.commit(changed)",
                "self.last = position\n        following = await producer.commit(changed)",
            ),
            ("self.last = self.state.position(Position)", "self.last = self.last or self.state.position(Position)"),
        ),
        (
            "rows kept at hand outlive an aborted transaction",
            "agents.meter.journal_lane",
            ("self.fold = self.state = None", "self.fold = None"),
            (
                "self.state = PartitionState(self.store)",
                "self.state = self.state or PartitionState(self.store)\n        self.state.store = self.store",
            ),
        ),
        (
            "identities are not restored",
            "tables.identities.spilled",
            ("        yield key, value\n", "        if key[:1] != keys.PACKED:\n            yield key, value\n"),
        ),
        (
            "a conflicting event claims the identity",
            "tables.identities.identities",
            (
                "        self._look(events, first, second, under, known)\n",
                "        mine = under.copy()\n        self._look(events, first, second, under, known)\n",
            ),
            (
                "        fresh = events[~known[events]]\n",
                "        fresh = events[~known[events] | (under[events] != mine[events])]\n",
            ),
            ("first[fresh], second[fresh], under[fresh]", "first[fresh], second[fresh], mine[fresh]"),
        ),
        (
            "a fingerprint goes for an identity",
            "tables.identities.known",
            ("        same = (columns[0]", "        same = (here == here) | (columns[0]"),
        ),
        (
            "spilled identities are not asked for",
            "tables.identities.identities",
            ("if self._known.spilled_through < 0 or", "if True or"),
        ),
        (
            "figures are compared once a chunk, not once a record",
            "meter.rules.fold.fold",
            (
                "        yield from self._publish_pending()\n        yield from self._end_record()",
                "        yield from self._publish_pending()",
            ),
            (
                "        for number, (cell, revision) in enumerate(self.unbalanced.items(), 1):",
                "        yield from self._end_record()\n"
                "        for number, (cell, revision) in enumerate(self.unbalanced.items(), 1):",
            ),
        ),
        (
            "the revision is the chunk's, not the record's",
            "meter.rules.fold.fold",
            ("self.revision = offset", "self.revision = self.revision if self.emitted_bytes else offset"),
        ),
        (
            "an order is decided again when it comes again",
            "meter.rules.fold.orders",
            ("if before is not None:", "if before is not None and wanted.kind != 'top_up':"),
        ),
        (
            "conflicting content of an order goes for a repeat",
            "meter.rules.fold.orders",
            ("if before.content == entry.content:", "if True:"),
        ),
        (
            "the last word on a commercial day holds, not the least",
            "meter.rules.fold.bindings",
            ("known.commercial <= named.commercial", "known.commercial == named.commercial"),
        ),
        (
            "of corrections the last to arrive counts",
            "meter.rules.fold.usage",
            ("_rank(correction) > _rank(use.correction)", "True"),
        ),
        (
            "conflicting content of an event goes for a repeat",
            "meter.rules.fold.usage",
            ("if first != content_of(contents, event)]", "if False]"),
        ),
        (
            "a workspace whose own usage did not change is not looked at",
            "meter.rules.fold.recalculate",
            ("if over != use.overage or name in moved:", "if name in moved:"),
            ("    if over != before:\n", "    if over != before and (touch.resettled or name in touch.used):\n"),
        ),
        (
            "an order is read without knowing what `workspaces` said before",
            "agents.intake.orders_lane",
            ("await self.intake.directory.catch_up()", "0"),
        ),
    )
)


def first_red(mutation: Mutation) -> Ran | None:
    """The first seed that notices."""
    with simulated(), broken(mutation):
        return next((ran for ran in map(run, map(Case, SEEDS)) if ran.problems), None)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.what)
def test_a_broken_meter_is_noticed(mutation: Mutation) -> None:
    red = first_red(mutation)
    assert red is not None, f"none of {len(SEEDS)} seeds notices"
    print(f"{mutation.what}: seed {red.case.seed}, {', '.join(red.problems)}")


def test_broken_functions_are_put_back() -> None:
    with simulated():
        assert not run(Case(0)).problems


def row(mutation: Mutation) -> str:
    """A line of the table: the break, in how many seeds it shows, the laws that it breaks in any of them."""
    with simulated(), broken(mutation):
        red = [ran for ran in map(run, map(Case, COUNTED)) if ran.problems]
    often = Counter(law for ran in red for law in ran.problems).most_common(LAWS_SHOWN)
    return f"| {mutation.what} | {len(red)} | {'; '.join(law for law, _ in often)} |"


if __name__ == "__main__":
    for each in MUTATIONS:
        print(row(each), flush=True)
