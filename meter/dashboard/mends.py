"""What to do about the dead letters and the refused orders of each reason, in a sentence."""

from schemas.reasons import DeadReason, Refusal

MENDS = {
    DeadReason.TOO_LARGE: "Send smaller records: value and headers at most 64 KiB, orders 256 KiB.",
    DeadReason.NOT_JSON: "Make the producer send JSON text in UTF-8, without a schema registry's frame.",
    DeadReason.NOT_A_CLOUD_EVENT: 'Send one JSON object a record, with specversion "1.0", id, source and type.',
    DeadReason.UNKNOWN_TYPE: "Use type usage.recorded, or usage.corrected on the shared topic; check an order's kind.",
    DeadReason.INVALID_FIELD: "Correct the field that the error names, then send the record again with the same id.",
    DeadReason.SUBJECT_DOES_NOT_MATCH_TOPIC: "On a workspace topic, leave subject out or set it to that workspace.",
    DeadReason.TIME_IN_THE_FUTURE: "Correct the producer's clock; redrive once the record's time has passed.",
    DeadReason.TIME_BEYOND_HORIZON: "Too late to count: the day is final. Bill it outside the meter.",
    DeadReason.UNKNOWN_ITEM: "Correct the item's name, or add the item to the catalog from a day that has not begun.",
    DeadReason.UNKNOWN_RETENTION: "Send a retention that the catalog has for the item, or none at all.",
    DeadReason.WORKSPACE_UNKNOWN: "Bind the workspace to its account on the workspaces topic, then redrive.",
    DeadReason.WORKSPACE_CANNOT_MOVE: "A workspace keeps its account: use a new workspace for another account.",
    DeadReason.WORKSPACE_CANNOT_RETURN_TO_FREE: "A commercial workspace stays commercial: do not send it tier free.",
    DeadReason.CONFLICTING_DUPLICATE: (
        "Two different events share source and id: the first one counts; send the other with an id of its own."
    ),
    DeadReason.RECORDS_LOST: "An operator accepted this gap as lost: nothing can be sent again.",
}
#: Reasons whose records die again whenever they are sent.
DIES_AGAIN = frozenset({DeadReason.TIME_BEYOND_HORIZON, DeadReason.WORKSPACE_CANNOT_MOVE})
#: Of orders; docs/accounts.md says the same at length.
REFUSED = {
    Refusal.CURRENCY_MUST_MATCH: "Leave the currency out: it is the catalog's.",
    Refusal.AMOUNT_MUST_BE_POSITIVE: "State an amount above 0.",
    Refusal.EXPIRES_ON_IN_THE_PAST: "Choose today or a later day, or leave it out.",
    Refusal.INSTRUMENT_EXISTS_WITH_DIFFERENT_TERMS: "Repeat the expiry of its first top-up, or use a new instrument.",
    Refusal.UNKNOWN_PLAN: "Choose a plan package of today's catalog.",
    Refusal.UNKNOWN_ITEM: "Choose an item that the catalog has a traffic package for.",
    Refusal.PLAN_NOT_FOUND: "Start from the plan: the plans page lists all of them.",
    Refusal.PLAN_EXPIRED: "Buy a new plan.",
    Refusal.UPGRADE_MUST_GO_UP: "Choose a package that costs more; a cheaper one takes a new plan when this one ends.",
    Refusal.WORKSPACES_MUST_NOT_BE_EMPTY: "List at least one workspace.",
    Refusal.WORKSPACES_MUST_NOT_REPEAT: "List each workspace once, at its place.",
    Refusal.WORKSPACE_NOT_IN_ACCOUNT: "Bind it to the account on the workspaces topic first, or take it off the list.",
    Refusal.WORKSPACE_NOT_COMMERCIAL: "Send its commercial record first, or take it off the list.",
    Refusal.FIRST_DAY_OUT_OF_RANGE: "Choose a day from today through 31 days ahead.",
    Refusal.TOO_MANY_PLANS: "Change one of the plans instead.",
    Refusal.TOO_MANY_TRAFFIC_LINES: "Buy more units in one line, or another plan.",
    Refusal.INSTRUMENT_NOT_FOUND: "Top it up first, or pay with another instrument.",
    Refusal.INSTRUMENT_EXPIRED: "Pay with another instrument.",
    Refusal.BALANCE_EXCEEDED: "Top up first, or pay less with it.",
    Refusal.PAYMENTS_MUST_EQUAL_PRICE: "Make the payments add up to the price, or pay it from cash.",
}


def mend_of_refusal(reason: str) -> str:
    """The sentence for a refused order; "" for a reason that this version does not know."""
    known = {each.value: sentence for each, sentence in REFUSED.items()}
    return known.get(reason, "")


def mend_of(reason: str) -> str:
    """The sentence; for a reason that this version does not know, a pointer."""
    known = {each.value: sentence for each, sentence in MENDS.items()}
    return known.get(reason, "See the error of each letter.")
