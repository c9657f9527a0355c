"""The topics: their names under a prefix, what each must be like, and the names of groups and transactions.

A `TopicSpec` says how a topic is created, and which of its settings the meter depends on (`needs`): if an existing
topic differs in one of those, figures could become wrong, so the meter refuses; other differences are warnings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from meter.kafka import replication
from meter.settings import Settings
from schemas.ids import is_id

DAY_MS = 86_400_000
MIB = 1024 * 1024
#: A journal record has at most 1.75 MiB of entries; its batch, uncompressed, stays well below this.
JOURNAL_BATCH_BYTES = 2 * MIB
#: The longest row has 0.8 MB, the longest output 6.6 (`tests/test_bounds.py`, `tests/test_output_bounds.py`).
STATE_BATCH_BYTES = 8 * MIB
#: Compaction leaves every revision readable for this long, and tombstones too.
COMPACTION_LAG_DAYS = 7
OUTPUT_RETENTION_DAYS = 400
#: Partitions of `usage` when the meter creates it; any number works, and it may be raised later.
USAGE_PARTITIONS = 4
#: Compaction and expiry work on whole segments: smaller ones keep the changelog, and its restore, short.
CHANGELOG_SEGMENT_BYTES = 256 * MIB

OWN = "usage."
OUTPUTS = (
    "overages",
    "order-outcomes",
    "plans",
    "wallets",
    "statements",
    "quota-balances",
    "quota-alerts",
    "dead-letters",
)
#: Outputs that are kept for ever; the others are about days and expire.
LASTING_OUTPUTS = frozenset({"order-outcomes", "plans", "wallets"})


@dataclass(frozen=True)
class Topics:
    """The names of all topics and groups under a prefix; `Topics.of(prefix)` makes one."""

    prefix: str
    usage: str
    workspaces: str
    plan_purchases: str
    journal: str
    changelog: str
    control: str
    overages: str
    order_outcomes: str
    plans: str
    wallets: str
    statements: str
    quota_balances: str
    quota_alerts: str
    dead_letters: str

    @classmethod
    def of(cls, prefix: str) -> "Topics":
        """The names under `prefix` (which ends in a full stop, or is empty)."""
        words = ("usage", "workspaces", "plan-purchases", "meter.journal", "meter.changelog", "meter.control", *OUTPUTS)
        return cls(prefix, *(prefix + word for word in words))

    @property
    def outputs(self) -> tuple[str, ...]:
        """The topics of SPEC §9."""
        return tuple(self.prefix + word for word in OUTPUTS)

    @property
    def shared_sources(self) -> tuple[str, str, str]:
        """The shared input topics."""
        return self.usage, self.workspaces, self.plan_purchases

    @property
    def own_prefix(self) -> str:
        """The prefix of workspace topics' names."""
        return self.prefix + OWN

    def own_topic(self, workspace: str) -> str:
        """The name of a workspace topic."""
        return self.own_prefix + workspace

    def workspace_of(self, topic: str) -> str | None:
        """The workspace whose own topic this is; None for every other topic."""
        if not topic.startswith(self.own_prefix):
            return None
        workspace = topic.removeprefix(self.own_prefix)
        return workspace if is_id(workspace) else None

    def bare(self, topic: str) -> str:
        """The name without the prefix, as in records and keys."""
        return topic.removeprefix(self.prefix)

    @property
    def intake_group(self) -> str:
        """The group that reads the shared topics."""
        return f"{self.prefix}meter-intake"

    @property
    def own_intake_group(self) -> str:
        """The group that reads workspace topics; separate, so that a new topic never pauses the shared ones."""
        return f"{self.prefix}meter-intake-own"

    @property
    def meter_group(self) -> str:
        """The group that folds the journal."""
        return f"{self.prefix}meter"

    def transactional_id(self, partition: int) -> str:
        """The transactional id of a journal partition: a new owner of the id fences the one before."""
        return f"{self.prefix}meter-{partition}"


def followed(topics: Topics, names: Iterable[str], limit: int) -> tuple[list[str], list[str]]:
    """The workspace topics that are read, and those beyond the limit; by name, so that all workers agree."""
    own = sorted(name for name in names if topics.workspace_of(name) is not None)
    return own[:limit], own[limit:]


def misnamed(topics: Topics, names: Iterable[str]) -> list[str]:
    """Topics named like workspace topics whose name contains no workspace id."""
    prefix = topics.own_prefix
    return sorted(name for name in names if name.startswith(prefix) and not is_id(name.removeprefix(prefix)))


def own_spec(topic: str) -> "TopicSpec":
    """The spec of a workspace topic: its records must not be removed before they are read."""
    config = {"cleanup.policy": "delete"}
    return TopicSpec(topic, 1, config, exact_partitions=False, needs=frozenset(config))


@dataclass(frozen=True)
class TopicSpec:
    """How a topic is created. `exact_partitions`: another number is refused; `needs`: other values of these are too."""

    name: str
    partitions: int
    config: Mapping[str, str]
    exact_partitions: bool = True
    needs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Found:
    """A topic in Kafka: its partitions and the effective values of the settings asked for."""

    partitions: int
    config: Mapping[str, str]
    #: Copies of the partition with the fewest; 0: not asked for.
    copies: int = 0


FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
APPEND_TIME = {"message.timestamp.type": "LogAppendTime"}
STATE_SIZE = {"max.message.bytes": str(STATE_BATCH_BYTES)}
LAG = {"min.compaction.lag.ms": str(COMPACTION_LAG_DAYS * DAY_MS)}


def wanted_topics(settings: Settings) -> tuple[TopicSpec, ...]:
    """Every topic that must exist before a worker starts, in the order of creation."""
    names = Topics.of(settings.topic_prefix)
    count = settings.partitions
    input_needs = frozenset({"message.timestamp.type", "cleanup.policy"})
    journal = APPEND_TIME | {
        "cleanup.policy": "delete",
        "retention.ms": str(settings.journal_retention_days * DAY_MS),
        "retention.bytes": "-1",
        "max.message.bytes": str(JOURNAL_BATCH_BYTES),
    }
    changelog = STATE_SIZE | {
        "cleanup.policy": "compact",
        "delete.retention.ms": str(COMPACTION_LAG_DAYS * DAY_MS),
        "segment.bytes": str(CHANGELOG_SEGMENT_BYTES),
    }
    usage = APPEND_TIME | {"cleanup.policy": "delete"}
    specs = (
        TopicSpec(names.usage, USAGE_PARTITIONS, usage, exact_partitions=False, needs=input_needs),
        TopicSpec(names.workspaces, 1, APPEND_TIME | FOR_EVER, needs=input_needs),
        TopicSpec(names.plan_purchases, 1, APPEND_TIME | FOR_EVER, needs=input_needs),
        TopicSpec(names.journal, count, journal, needs=frozenset(journal) - {"retention.bytes"}),
        TopicSpec(names.changelog, count, changelog, needs=frozenset({"cleanup.policy", "max.message.bytes"})),
        TopicSpec(names.control, 1, FOR_EVER, needs=frozenset({"cleanup.policy"})),
        *(TopicSpec(names.prefix + word, count, output_config(word)) for word in OUTPUTS),
    )
    copies = replication.creation_config(settings.replication_factor)
    return tuple(replace(spec, config={**spec.config, **copies}) for spec in specs)


def output_config(word: str) -> dict[str, str]:
    """Cleanup and retention of an output topic (SPEC §9)."""
    if word in LASTING_OUTPUTS:
        return STATE_SIZE | LAG | {"cleanup.policy": "compact"}
    keep = {"cleanup.policy": "compact,delete", "retention.ms": str(OUTPUT_RETENTION_DAYS * DAY_MS)}
    return STATE_SIZE | LAG | keep


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a topic: `refusals` stop the meter, `warnings` are logged."""

    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def judged(spec: TopicSpec, found: Found, broker: str, copies: int | None = None) -> Verdict:
    """Compare a topic with its spec; every difference is a sentence with the numbers and what to do.

    `copies`: METER_REPLICATION_FACTOR.
    """
    refusals: list[str] = []
    if spec.exact_partitions and found.partitions != spec.partitions:
        refusals.append(
            f"{spec.name} must have {partitions_text(spec)}, it has {found.partitions}: {partition_advice(spec)}"
        )
    warnings: list[str] = []
    for name, want in spec.config.items():
        have = found.config.get(name, "")
        if satisfies(name, want, have):
            continue
        sentence = (
            f"{spec.name} should have {name}={want}, it has {have or 'none'}: {config_advice(spec, name, broker)}"
        )
        if name in spec.needs:
            refusals.append(sentence.replace(" should have ", " must have ", 1))
        else:
            warnings.append(sentence)
    least = found.config.get(replication.LEAST_IN_SYNC, "")
    if found.copies and least.isdecimal():
        refusals += replication.impossible(spec.name, found.copies, int(least), broker)
        warnings += replication.weak(spec.name, found.copies, int(least), copies, broker)
    return Verdict(tuple(refusals), tuple(warnings))


def satisfies(name: str, want: str, have: str) -> bool:
    """Whether a setting is as wanted; sizes and times may be larger, and -1 means for ever."""
    if name == "cleanup.policy":
        return set(want.split(",")) == set(have.split(","))
    if name in ("retention.ms", "retention.bytes", "max.message.bytes", "min.compaction.lag.ms", "delete.retention.ms"):
        if not have.removeprefix("-").isdecimal():
            return False
        return have == "-1" or (want != "-1" and int(have) >= int(want))
    if name in ("segment.bytes", replication.LEAST_IN_SYNC):
        return True  # set at creation; for an existing topic it depends on its copies
    return have == want


def partitions_text(spec: TopicSpec) -> str:
    """The number of partitions it should have, in words."""
    return "1 partition" if spec.partitions == 1 else f"{spec.partitions} partitions"


def partition_advice(spec: TopicSpec) -> str:
    """What to do about a wrong number of partitions."""
    if spec.partitions == 1:
        return "its records are one sequence; create it again with one partition and send them again"
    return "an account lives in one partition for good; set METER_PARTITIONS to the number the journal was created with"


def config_advice(spec: TopicSpec, name: str, broker: str) -> str:
    """The command that corrects a setting."""
    value = spec.config[name]
    change = f"{name}=[{value}]" if "," in value else f"{name}={value}"
    where = f"--bootstrap-server {broker} --entity-type topics --entity-name {spec.name}"
    return f"`kafka-configs.sh {where} --alter --add-config {change}`"


def missing_sentence(missing: Iterable[TopicSpec]) -> str:
    """The refusal of `METER_CREATE_TOPICS=false`: which topics to create, and how."""
    lines = [
        f"  {spec.name}: {partitions_text(spec)}, " + " ".join(f"{k}={v}" for k, v in spec.config.items())
        for spec in missing
    ]
    head = f"{len(lines)} topics are missing and METER_CREATE_TOPICS is false; create them, or set it to true:"
    return "\n".join((head, *lines))
