"""Errors of reading: which lanes they concern, and which error each lane gets."""

from collections.abc import Mapping

from aiokafka.errors import OffsetOutOfRangeError, TopicAuthorizationFailedError
from faust.types import TP

from meter.batch.errors import Reopen
from meter.batch.lanes import Runner
from meter.batch.patches.fetched_records import RecordsGone
from meter.batch.unopened import UnreadableRecord


def read_error(error: Exception, runners: Mapping[TP, Runner]) -> bool:
    """Give an error of reading to the lanes that it concerns; False if there are none."""
    doubts: dict[TP, Exception] = {}
    if isinstance(error, OffsetOutOfRangeError):
        gone = {TP(tp.topic, tp.partition): offset for tp, offset in error.args[0].items()}
        doubts |= {tp: Reopen(f"its log has no offset {gone[tp]} any more") for tp in gone if tp in runners}
    elif isinstance(error, TopicAuthorizationFailedError):
        denied = "the broker does not let us read it; grant the right Read"
        doubts |= {tp: runners[tp].lane.unreadable(denied) for tp in runners if tp.topic in error.args}
    elif isinstance(error, UnreadableRecord):
        tp = TP(error.tp.topic, error.tp.partition)
        if tp in runners:
            doubts[tp] = runners[tp].lane.spoiled(*spoiled_by(error))
    for tp, doubt in doubts.items():
        doubt.__cause__ = error
        runners[tp].doubt(doubt)
    return bool(doubts)


def spoiled_by(error: UnreadableRecord) -> tuple[str, int]:
    """Why a record is unreadable, and the offset at which reading could go on behind it."""
    if isinstance(error.error, RecordsGone):
        return str(error.error), error.error.next_offset
    return f"the record at {error.offset}, or its batch, cannot be read: {error.error!r}", error.offset + 1
