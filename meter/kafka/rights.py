"""The least rights: what Kafka must allow each role of a worker and each command, and nothing more.

This is data: `meter.kafka.access` asks Kafka for it, docs/security.md shows it, tests take each right away once. Some
rights include others: Read, Write, Alter and Delete include Describe.
"""

from collections.abc import Iterable
from enum import IntEnum, StrEnum
from typing import NamedTuple

from meter.errors import UserError
from meter.kafka.topics import OUTPUTS, OWN
from meter.settings import Settings


class Operation(IntEnum):
    """Kafka's operations by their numbers in its protocol; they are also bits of `authorized_operations`."""

    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    ALTER = 7
    DESCRIBE = 8
    DESCRIBE_CONFIGS = 10

    @property
    def word(self) -> str:
        """Its name in `kafka-acls.sh`."""
        return "".join(part.capitalize() for part in self.name.split("_"))


class Resource(StrEnum):
    """The kind of resource of a right, as options of `kafka-acls.sh` name it."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactional-id"
    CLUSTER = "cluster"


#: Operations that include Describe.
DESCRIBING = frozenset({Operation.READ, Operation.WRITE, Operation.DELETE, Operation.ALTER})
PREFIXED = "*"
#: At most this many rights are named in a sentence; every one has its command below.
NAMED = 5
SHARED = ("usage", "workspaces", "plan-purchases")
STATE = ("meter.journal", "meter.changelog", "meter.control")
EVERY_TOPIC = (*SHARED, *STATE, *OUTPUTS)
EVERY_OWN = f"{OWN}{PREFIXED}"
INTAKE_GROUPS = ("meter-intake", "meter-intake-own")


class Right(NamedTuple):
    """One operation on one resource; a name that ends in `*` means every name with that beginning."""

    operation: Operation
    resource: Resource
    name: str

    @property
    def prefixed(self) -> bool:
        """Whether the name is a prefix."""
        return self.name.endswith(PREFIXED)

    def __str__(self) -> str:
        """As in `Read topic usage`."""
        return f"{self.operation.word} {self.resource} {self.name}"

    def options(self) -> str:
        """The options of `kafka-acls.sh --add` that grant it."""
        operation = f"--operation {self.operation.word}"
        if self.resource is Resource.CLUSTER:
            return f"{operation} --cluster"
        pattern = " --resource-pattern-type prefixed" if self.prefixed else ""
        return f"{operation} --{self.resource} {self.name.removesuffix(PREFIXED)}{pattern}"


class MissingRights(UserError):
    """Kafka does not allow what a role or a command needs."""

    def __init__(self, settings: Settings, who: str, missing: Iterable[Right], then: str = "") -> None:
        self.rights = tuple(missing)
        super().__init__(sentence(settings, who, self.rights, then))


def sentence(settings: Settings, who: str, missing: Iterable[Right], then: str = "") -> str:
    """A sentence with the missing rights, and a line with the command for each."""
    rights = list(missing)
    more = f" and {len(rights) - NAMED} more" if len(rights) > NAMED else ""
    named = ", ".join(map(str, rights[:NAMED])) + more
    count, them = ("a right", "it") if len(rights) == 1 else (f"{len(rights)} rights", "them")
    lines = [
        f"{who} lacks {count} at {settings.broker}: {principal(settings)} may not {named}{then}; grant {them} with:"
    ]
    return "\n".join([*lines, *(f"  {grant(settings, right)}" for right in rights)])


def grant(settings: Settings, right: Right) -> str:
    """The command that grants a right."""
    to = f"--bootstrap-server {settings.broker} --add --allow-principal {principal(settings)}"
    return f"kafka-acls.sh {to} {right.options()}"


def principal(settings: Settings) -> str:
    """This user's principal, as far as the settings show it: a certificate's name is derived by the broker."""
    if settings.sasl_username is not None:
        return f"User:{settings.sasl_username}"
    return "User:ANONYMOUS" if settings.security_protocol == "PLAINTEXT" else "User:NAME-OF-THE-CERTIFICATE"


def _rights(operation: Operation, resource: Resource, *names: str) -> list[Right]:
    return [Right(operation, resource, name) for name in names]


def _topics(operation: Operation, *names: str) -> list[Right]:
    return _rights(operation, Resource.TOPIC, *names)


#: The intake reads the inputs and the journal's facts; it writes the journal and dead letters.
INTAKE = (
    *_topics(Operation.READ, *SHARED, EVERY_OWN, *STATE),
    *_topics(Operation.WRITE, "meter.journal", "dead-letters"),
    *_topics(Operation.DESCRIBE, *(word for word in OUTPUTS if word != "dead-letters")),
    *_topics(Operation.DESCRIBE_CONFIGS, *EVERY_TOPIC, EVERY_OWN),
    *_rights(Operation.READ, Resource.GROUP, *INTAKE_GROUPS),
)
#: The meter folds the journal into changelog and outputs, and ends days once all sources are handled.
METER = (
    *_topics(Operation.READ, "meter.journal", "meter.changelog"),
    *_topics(Operation.WRITE, "meter.journal", "meter.changelog", *OUTPUTS),
    *_topics(Operation.DESCRIBE, *SHARED, EVERY_OWN, "meter.control"),
    *_topics(Operation.DESCRIBE_CONFIGS, *EVERY_TOPIC),
    *_rights(Operation.READ, Resource.GROUP, "meter"),
    *_rights(Operation.DESCRIBE, Resource.GROUP, *INTAKE_GROUPS),
    *_rights(Operation.WRITE, Resource.TRANSACTIONAL_ID, f"meter-{PREFIXED}"),
)


def least(rights: Iterable[Right]) -> tuple[Right, ...]:
    """Each right once, without a Describe that another one includes."""
    every = list(dict.fromkeys(rights))
    described = {(right.resource, right.name) for right in every if right.operation in DESCRIBING}
    return tuple(
        right
        for right in every
        if right.operation is not Operation.DESCRIBE or (right.resource, right.name) not in described
    )


ROLES = {"intake": least(INTAKE), "meter": least(METER), "all": least((*INTAKE, *METER))}

FACTS = _topics(Operation.READ, "meter.journal", "meter.changelog")
QUOTING = (*FACTS, *_topics(Operation.READ, "plans", "wallets", "workspaces"))
ORDERING = (
    *_topics(Operation.WRITE, "plan-purchases"),
    *_topics(Operation.READ, "order-outcomes", "dead-letters"),
)
BUDGETS = _topics(Operation.READ, "budgets", "budget-alerts")
#: A cut or shared letter is completed from the coordinates of its records.
LETTERS = _topics(Operation.READ, "dead-letters", "meter.control", *SHARED, EVERY_OWN)
#: The dashboard reads published topics, and asks how far sources and groups are.
WATCHING = (
    *_topics(Operation.READ, *OUTPUTS),
    *_topics(Operation.DESCRIBE, *SHARED, EVERY_OWN, "meter.journal"),
    *_rights(Operation.DESCRIBE, Resource.GROUP, *INTAKE_GROUPS, "meter"),
)
#: What `meter explain` reads beside the journal.
EXPLAINED = ("overages", "plans", "statements", "quota-balances", "dead-letters")
#: What commands need; a command that starts a worker needs its role's rights. `redrive --send` and `skip` need rights
#: only on the topics that they concern.
COMMANDS = {
    "send usage": least(_topics(Operation.WRITE, "usage")),
    "send workspaces": least(_topics(Operation.WRITE, "workspaces")),
    "send orders": least(_topics(Operation.WRITE, "plan-purchases")),
    "send --check": least(_topics(Operation.READ, "workspaces")),
    **dict.fromkeys(("top-up", "buy", "add-traffic", "upgrade", "change-workspaces"), least(ORDERING)),
    "… --order-id": least((*ORDERING, *_topics(Operation.READ, "plan-purchases"))),
    "… --pay auto": least((*ORDERING, *QUOTING)),
    "quote": least(QUOTING),
    "plans": least((*FACTS, *_topics(Operation.READ, "plans"))),
    **dict.fromkeys(("advise", "simulate"), least((*FACTS, *_topics(Operation.READ, "plans", "statements")))),
    "forecast": least((*FACTS, *_topics(Operation.READ, "plans", "overages", "quota-balances"))),
    "wallets": least(_topics(Operation.READ, "wallets")),
    "overages": least(_topics(Operation.READ, "overages")),
    "explain": least((*FACTS, *_topics(Operation.READ, *EXPLAINED))),
    "explain --record": least(
        [
            *FACTS,
            *_topics(Operation.READ, *SHARED, EVERY_OWN, "dead-letters", "order-outcomes"),
            *_rights(Operation.DESCRIBE, Resource.GROUP, *INTAKE_GROUPS),
        ]
    ),
    **dict.fromkeys(("budget set", "budget clear"), least((*BUDGETS, *_topics(Operation.WRITE, "budgets")))),
    "budget list": least(BUDGETS),
    "budget watch": least(
        [
            *FACTS,
            *BUDGETS,
            *_topics(Operation.READ, "plans", "overages", "quota-balances"),
            *_topics(Operation.WRITE, "budget-alerts"),
            *_topics(Operation.DESCRIBE_CONFIGS, "budgets", "budget-alerts"),
            *_rights(Operation.READ, Resource.GROUP, "meter-budgets"),
            *_rights(Operation.WRITE, Resource.TRANSACTIONAL_ID, f"meter-budgets-{PREFIXED}"),
        ]
    ),
    "verify": least((*FACTS, *_topics(Operation.READ, "overages", "order-outcomes", "wallets", "plans"))),
    "catalog check --against-journal": least(FACTS),
    "redrive": least(LETTERS),
    "redrive --send": least((*LETTERS, *_topics(Operation.WRITE, "meter.control", *SHARED, EVERY_OWN))),
    "dashboard": least(WATCHING),
    "dashboard (writing)": least(
        (*WATCHING, *QUOTING, *ORDERING, *LETTERS, *_topics(Operation.WRITE, "meter.control", *SHARED))
    ),
    "skip": least(
        [
            *_topics(Operation.WRITE, "meter.control"),
            *_topics(Operation.DESCRIBE, *SHARED, EVERY_OWN),
            *_rights(Operation.DESCRIBE, Resource.GROUP, *INTAKE_GROUPS),
        ]
    ),
}


def of_role(settings: Settings, role: str) -> tuple[Right, ...]:
    """The rights of a worker's role under a prefix; none on workspace topics if METER_OWN_TOPICS_MAX is 0."""
    return _of(settings, ROLES[role])


def of_command(settings: Settings, *commands: str) -> tuple[Right, ...]:
    """The rights of a command, and of its options that need more, under a prefix."""
    return _of(settings, least(right for command in commands for right in COMMANDS[command]))


def to_redrive(settings: Settings, topics: Iterable[str]) -> tuple[Right, ...]:
    """The rights of `redrive --send` for these topics (without the prefix)."""
    rights = _topics(Operation.WRITE, "meter.control", *sorted(topics))
    return tuple(_under(settings.topic_prefix, right) for right in rights)


def to_skip(settings: Settings, topic: str) -> tuple[Right, ...]:
    """The rights of `skip` for an input topic (without the prefix)."""
    group = INTAKE_GROUPS[topic.startswith(OWN)]
    rights = (
        Right(Operation.WRITE, Resource.TOPIC, "meter.control"),
        Right(Operation.DESCRIBE, Resource.TOPIC, topic),
        Right(Operation.DESCRIBE, Resource.GROUP, group),
    )
    return tuple(_under(settings.topic_prefix, right) for right in rights)


def _of(settings: Settings, rights: Iterable[Right]) -> tuple[Right, ...]:
    """The tables' rights under a prefix; none on workspace topics if none are read."""
    return tuple(
        _under(settings.topic_prefix, right) for right in rights if settings.own_topics_max or not is_own(right)
    )


def is_own(right: Right) -> bool:
    """Whether a right of the tables concerns workspace topics."""
    return right.resource is Resource.TOPIC and right.name.startswith(OWN)


def _under(prefix: str, right: Right) -> Right:
    return right._replace(name=prefix + right.name)


def workspace_topics(settings: Settings, operation: Operation) -> Right:
    """An operation on all workspace topics of a prefix."""
    return _under(settings.topic_prefix, Right(operation, Resource.TOPIC, EVERY_OWN))
