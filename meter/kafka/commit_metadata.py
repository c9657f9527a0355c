"""What an intake group's commit says besides its offset: the words of its metadata, and whose hand wrote it.

Every commit of ours carries a mark of the last record read, `aside` before it where the partition is set aside, or
`begun` where no record was read yet; behind it the topic's id, where the intake knows it. An offset that anybody else
sets (`kafka-consumer-groups --reset-offsets`) carries none of it: what stands before it may never have been read.
Of a workspace topic that we may not read no commit is taken: it is named in the commit of its share (`denied`).
Behind ` | ` it says why a partition is set aside, for people and `meter doctor` (`meter.kafka.set_aside`); no rule
reads it.
"""

import re
from collections.abc import Iterable

#: How the metadata begins where its partition is set aside.
ASIDE = "aside"
#: In place of a mark where no record was read yet.
BEGUN = "begun"
#: Before the topic's id.
LOG = "@"
#: After `aside`: the offset was another's, and stays so until somebody says where to go on.
FOREIGN = "foreign"

#: Before the reason of what is set aside.
WHY = " | "

#: How the commit of a share begins that names partitions which we may not read, as `usage.w/0`.
DENIED = "denied"
#: So much metadata is written; Kafka takes 4,096 bytes. What does not fit is waited for at the day's end.
NOTE_LIMIT = 3_900

_OURS = re.compile(rf"(({ASIDE} )?[0-9]+ -?[0-9]+ [0-9]+|{BEGUN}|{ASIDE})( {LOG}[0-9a-f]+)?")


def is_ours(metadata: str) -> bool:
    """Whether an intake committed this, which had handled all before the offset."""
    return _OURS.fullmatch(spoken(metadata)) is not None


def spoken(metadata: str) -> str:
    """A commit's metadata without the reason for people."""
    return metadata.partition(WHY)[0]


def topic_id_of(metadata: str) -> str:
    """The id of the topic that a commit's metadata names; empty where it names none."""
    return spoken(metadata).partition(LOG)[2]


def is_aside(metadata: str) -> bool:
    """Whether a commit's metadata says that its partition is set aside."""
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
