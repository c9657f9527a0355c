"""What to do about the dead letters of each reason, in a sentence."""

from schemas.reasons import DeadReason

MENDS = {
    DeadReason.TOO_LARGE: "Send smaller records: value and headers at most 64 KiB, orders 256 KiB.",
    DeadReason.NOT_JSON: "Make the producer send JSON text in UTF-8, without a schema registry's frame.",
    DeadReason.NOT_A_CLOUD_EVENT: 'Send an object with specversion "1.0", id, source and type, one a record.',
    DeadReason.UNKNOWN_TYPE: "Use type usage.recorded, or usage.corrected on the shared topic; check an order's kind.",
    DeadReason.INVALID_FIELD: "Correct the field that the error names, then send the record again with the same id.",
    DeadReason.SUBJECT_DOES_NOT_MATCH_TOPIC: "On a workspace's own topic leave subject out, or make it that workspace.",
    DeadReason.TIME_IN_THE_FUTURE: "Set the producer's clock right, wait until that time has come, then redrive.",
    DeadReason.TIME_BEYOND_HORIZON: "Too late to count: the day is final. Settle it outside of the meter.",
    DeadReason.UNKNOWN_ITEM: "Add the item to the catalog from a day that has not begun, or correct the item's name.",
    DeadReason.UNKNOWN_RETENTION: "Send a retention that the catalog has for the item, or none at all.",
    DeadReason.WORKSPACE_UNKNOWN: "Bind the workspace to its account on the workspaces topic, then redrive.",
    DeadReason.WORKSPACE_CANNOT_MOVE: "A workspace keeps its account: use a new workspace for another one.",
    DeadReason.WORKSPACE_CANNOT_RETURN_TO_FREE: "A commercial workspace stays commercial: send tier free no more.",
    DeadReason.CONFLICTING_DUPLICATE: (
        "Two different events share source and id: the first one counts; send the other with an id of its own."
    ),
    DeadReason.RECORDS_LOST: "An operator accepted this gap as lost: nothing can be sent again.",
}


def mend_of(reason: str) -> str:
    """The sentence; for a reason that this version does not know, a pointer."""
    known = {each.value: sentence for each, sentence in MENDS.items()}
    return known.get(reason, "See the error of each letter.")
