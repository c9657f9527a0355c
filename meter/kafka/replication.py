"""How many copies of a topic Kafka keeps, and how many must hold a record before it is acknowledged.

An acknowledged record survives the loss of a broker only if two copies had it, and a topic stays writable without one
broker only if it has one copy more than that. So three copies need `min.insync.replicas=2`, and fewer copies 1.
"""

from collections.abc import Mapping, Sequence

LEAST_IN_SYNC = "min.insync.replicas"
#: From this many copies on two must hold a record: then one broker may be lost while another is down.
COPIES_FOR_TWO = 3
#: Kafka's own topics, on which groups and transactions depend.
KAFKAS_OWN = ("__consumer_offsets", "__transaction_state")


def creation_config(replication: int | None) -> dict[str, str]:
    """The setting of a new topic with so many copies; None (the broker's default) leaves it to the broker."""
    return {LEAST_IN_SYNC: "2"} if replication is not None and replication >= COPIES_FOR_TWO else {}


def impossible(topic: str, copies: int, least: int, bootstrap: str) -> list[str]:
    """A sentence if no record could be acknowledged."""
    if least <= copies:
        return []
    return [
        f"{topic} must have {LEAST_IN_SYNC} of at most its {copies_text(copies)}, it has {least}, and Kafka takes no "
        f"record: {lower(topic, copies, bootstrap)}"
    ]


def weak(topic: str, copies: int, least: int, wanted: int | None, bootstrap: str) -> list[str]:
    """Sentences about copies that are too few, or that do not protect records."""
    found = []
    if wanted is not None and copies < wanted:
        found.append(
            f"{topic} should have {copies_text(wanted)} (METER_REPLICATION_FACTOR), it has {copies}: "
            "`kafka-reassign-partitions.sh` adds copies, or lower METER_REPLICATION_FACTOR"
        )
    if copies >= COPIES_FOR_TWO and least < 2:
        found.append(
            f"{topic} has {copies_text(copies)} and should have {LEAST_IN_SYNC}=2, it has {least}: a record that only "
            f"one broker has is acknowledged, and lost with it: {config_command(topic, 2, bootstrap)}"
        )
    if copies > 1 and least == copies:
        found.append(
            f"{topic} should have {LEAST_IN_SYNC} below its {copies_text(copies)}, it has {least}: without any one "
            f"broker Kafka takes no record: {lower(topic, copies, bootstrap)}"
        )
    return found


def kafkas_own(counts: Mapping[str, Sequence[int]], wanted: int | None) -> list[str]:
    """Sentences about Kafka's own topics that have fewer copies than METER_REPLICATION_FACTOR."""
    return [
        f"{topic} should have {copies_text(wanted)} (METER_REPLICATION_FACTOR), it has {min(counts[topic])}: losing "
        "one broker stops groups and transactions; `kafka-reassign-partitions.sh` adds copies"
        for topic in KAFKAS_OWN
        if wanted is not None and topic in counts and min(counts[topic]) < wanted
    ]


def lower(topic: str, copies: int, bootstrap: str) -> str:
    """The command that lets one broker be down, if there are enough copies."""
    return config_command(topic, 2 if copies >= COPIES_FOR_TWO else 1, bootstrap)


def config_command(topic: str, least: int, bootstrap: str) -> str:
    """The command that sets how many copies must hold a record."""
    where = f"--bootstrap-server {bootstrap} --entity-type topics --entity-name {topic}"
    return f"`kafka-configs.sh {where} --alter --add-config {LEAST_IN_SYNC}={least}`"


def copies_text(copies: int) -> str:
    """A number of copies in words."""
    return "1 copy" if copies == 1 else f"{copies} copies"
