"""Why a record is a dead letter, and why an order is refused.

The members are in order of precedence: of several reasons the first that applies is given.
"""

from enum import StrEnum


class DeadReason(StrEnum):
    """Reasons of dead letters, in SPEC §8's order."""

    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    NOT_A_CLOUD_EVENT = "not_a_cloud_event"
    UNKNOWN_TYPE = "unknown_type"
    INVALID_FIELD = "invalid_field"
    SUBJECT_DOES_NOT_MATCH_TOPIC = "subject_does_not_match_topic"
    TIME_IN_THE_FUTURE = "time_in_the_future"
    TIME_BEYOND_HORIZON = "time_beyond_horizon"
    UNKNOWN_ITEM = "unknown_item"
    UNKNOWN_RETENTION = "unknown_retention"
    WORKSPACE_UNKNOWN = "workspace_unknown"
    WORKSPACE_CANNOT_MOVE = "workspace_cannot_move"
    WORKSPACE_CANNOT_RETURN_TO_FREE = "workspace_cannot_return_to_free"
    CONFLICTING_DUPLICATE = "conflicting_duplicate"
    #: For a range of offsets that `meter skip` accepted as lost, not for a record (SPEC §11).
    RECORDS_LOST = "records_lost"


#: Letters of these may count unchanged later: their workspace is announced, their time comes.
#: The rest die again; `unknown_item` and `time_beyond_horizon` too: a day that has begun has its catalog for good.
MAY_COUNT_LATER = frozenset({DeadReason.TIME_IN_THE_FUTURE, DeadReason.WORKSPACE_UNKNOWN})
#: What `invalid_field` says of a record whose topic must be mended, not the record.
PRODUCERS_TIME = "the record carries its producer's time (CreateTime)"


def may_count_later(reason: str, error: str) -> bool:
    """Whether a dead record may count when it is sent again unchanged, once what is wrong outside of it is mended."""
    return reason in MAY_COUNT_LATER or (reason == DeadReason.INVALID_FIELD and error.startswith(PRODUCERS_TIME))


class Refusal(StrEnum):
    """Reasons for which an order is refused, in SPEC §8's order."""

    CURRENCY_MUST_MATCH = "currency_must_match"
    AMOUNT_MUST_BE_POSITIVE = "amount_must_be_positive"
    EXPIRES_ON_IN_THE_PAST = "expires_on_in_the_past"
    INSTRUMENT_EXISTS_WITH_DIFFERENT_TERMS = "instrument_exists_with_different_terms"
    UNKNOWN_PLAN = "unknown_plan"
    UNKNOWN_ITEM = "unknown_item"
    PLAN_NOT_FOUND = "plan_not_found"
    PLAN_EXPIRED = "plan_expired"
    UPGRADE_MUST_GO_UP = "upgrade_must_go_up"
    WORKSPACES_MUST_NOT_BE_EMPTY = "workspaces_must_not_be_empty"
    WORKSPACES_MUST_NOT_REPEAT = "workspaces_must_not_repeat"
    WORKSPACE_NOT_IN_ACCOUNT = "workspace_not_in_account"
    WORKSPACE_NOT_COMMERCIAL = "workspace_not_commercial"
    FIRST_DAY_OUT_OF_RANGE = "first_day_out_of_range"
    TOO_MANY_PLANS = "too_many_plans"
    TOO_MANY_TRAFFIC_LINES = "too_many_traffic_lines"
    INSTRUMENT_NOT_FOUND = "instrument_not_found"
    INSTRUMENT_EXPIRED = "instrument_expired"
    BALANCE_EXCEEDED = "balance_exceeded"
    PAYMENTS_MUST_EQUAL_PRICE = "payments_must_equal_price"


#: What each reason asks for, for people. `unknown_item` is one key for both: the members are equal strings.
LAW: dict[DeadReason | Refusal, str] = {
    DeadReason.TOO_LARGE: "value and headers must have at most 64 KiB (plan-purchases: 256 KiB)",
    DeadReason.NOT_JSON: "the value must be JSON in UTF-8",
    DeadReason.NOT_A_CLOUD_EVENT: 'the event must be one object with specversion "1.0", id, source and type',
    DeadReason.UNKNOWN_TYPE: "an event's type, or an order's kind, must be one that the meter reads on this topic",
    DeadReason.INVALID_FIELD: "every field must have the form that its description gives",
    DeadReason.SUBJECT_DOES_NOT_MATCH_TOPIC: "on a workspace topic the subject must be that workspace",
    DeadReason.TIME_IN_THE_FUTURE: "time must be at most 300 s ahead of the record's Kafka timestamp",
    DeadReason.TIME_BEYOND_HORIZON: "the billing day must be within the restatement horizon",
    DeadReason.UNKNOWN_ITEM: "the catalog of the day must have the item (for an order: a traffic package of it)",
    DeadReason.UNKNOWN_RETENTION: "the retention must be one of the item's; an item without retentions takes none",
    DeadReason.WORKSPACE_UNKNOWN: "a record of workspaces must name the workspace before its usage is sent",
    DeadReason.WORKSPACE_CANNOT_MOVE: "a workspace must stay in the account of its first record",
    DeadReason.WORKSPACE_CANNOT_RETURN_TO_FREE: "a commercial workspace must stay commercial",
    DeadReason.CONFLICTING_DUPLICATE: "the same identity must have the same content: the first in the journal counts",
    DeadReason.RECORDS_LOST: "a gap in a source was accepted as lost by an operator",
    Refusal.CURRENCY_MUST_MATCH: "the currency must be the catalog's",
    Refusal.AMOUNT_MUST_BE_POSITIVE: "every amount must be above 0",
    Refusal.EXPIRES_ON_IN_THE_PAST: "an instrument must expire on the order's billing day or later",
    Refusal.INSTRUMENT_EXISTS_WITH_DIFFERENT_TERMS: "a further top-up must have the instrument's own expires_on",
    Refusal.UNKNOWN_PLAN: "the plan package must be in the catalog of the order's day",
    Refusal.PLAN_NOT_FOUND: "the plan must be one of the account's",
    Refusal.PLAN_EXPIRED: "a plan must be changed by its last day",
    Refusal.UPGRADE_MUST_GO_UP: "an upgrade must go to a package of a higher price",
    Refusal.WORKSPACES_MUST_NOT_BE_EMPTY: "a plan must list at least one workspace",
    Refusal.WORKSPACES_MUST_NOT_REPEAT: "a plan must list each workspace once",
    Refusal.WORKSPACE_NOT_IN_ACCOUNT: "listed workspaces must belong to the account",
    Refusal.WORKSPACE_NOT_COMMERCIAL: "listed workspaces must be on the Commercial Plan",
    Refusal.FIRST_DAY_OUT_OF_RANGE: "first_day must be the order's billing day or at most 31 days later",
    Refusal.TOO_MANY_PLANS: "an account must have at most 50 unexpired plans",
    Refusal.TOO_MANY_TRAFFIC_LINES: "a plan must have at most 1000 unexpired traffic lines",
    Refusal.INSTRUMENT_NOT_FOUND: "payments must draw on instruments that were topped up",
    Refusal.INSTRUMENT_EXPIRED: "an instrument must be drawn by its expiry day",
    Refusal.BALANCE_EXCEEDED: "an instrument must not be drawn below 0",
    Refusal.PAYMENTS_MUST_EQUAL_PRICE: "payments must make exactly the price",
}
