"""The metadata of an intake group's commits: its words, and whether an intake wrote it.

Every commit of an intake has the mark of the last record read (or `begun` if none was), behind `aside` if the partition
is set aside, and then the topic's id if the intake knows it. An offset set by another program
(`kafka-consumer-groups --reset-offsets`) has none of that: records before it may never have been read. Kafka takes no
commit for a workspace topic that may not be read; the commit of its share names it (`denied`). Behind ` | ` is the
reason why a partition is set aside, for people and `meter doctor` (`meter.kafka.set_aside`); no rule reads it.
"""

import re
from collections.abc import Iterable

#: The first word if the partition is set aside.
ASIDE = "aside"
#: In place of a mark if no record was read yet.
BEGUN = "begun"
#: Before the topic's id.
LOG = "@"
#: After `aside`: another program set the offset; it stays until `meter skip` names where to go on.
FOREIGN = "foreign"

#: Before the reason why it is set aside.
WHY = " | "

#: The first word of a share's commit that names partitions which may not be read, as `usage.w/0`.
DENIED = "denied"
#: The longest metadata written; Kafka takes 4,096 bytes. The day's end waits for partitions that do not fit.
NOTE_LIMIT = 3_900

_OURS = re.compile(rf"(({ASIDE} )?[0-9]+ -?[0-9]+ [0-9]+|{BEGUN}|{ASIDE})( {LOG}[0-9a-f]+)?")


def is_ours(metadata: str) -> bool:
    """Whether an intake made this commit; then everything before its offset is handled."""
    return _OURS.fullmatch(spoken(metadata)) is not None


def spoken(metadata: str) -> str:
    """A commit's metadata without the reason."""
    return metadata.partition(WHY)[0]


def topic_id_of(metadata: str) -> str:
    """The topic id in a commit's metadata; empty if there is none."""
    return spoken(metadata).partition(LOG)[2]


def is_aside(metadata: str) -> bool:
    """Whether a commit's metadata sets its partition aside."""
    return metadata.split(" ", 1)[0] == ASIDE


def denied_note(places: Iterable[str]) -> str:
    """The metadata of a share's commit that names these partitions; empty for none."""
    note = ""
    for place in sorted(places):
        longer = f"{note or DENIED} {place}"
        if len(longer) > NOTE_LIMIT:
            break
        note = longer
    return note


def denied_by(metadata: str) -> frozenset[str]:
    """The partitions that a share's commit names."""
    word, *places = metadata.split(" ")
    return frozenset(places) if word == DENIED else frozenset()
