"""Why a record is a dead letter, and why an order is refused.

The order of the members is the order of precedence: of several reasons the first that applies is given.
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
    #: Not of a record but of a range of offsets, accepted as lost by `meter skip` (SPEC §11).
    RECORDS_LOST = "records_lost"


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


#: What each reason says, for people. `unknown_item` is one key for both: the members are equal strings.
LAW: dict[DeadReason | Refusal, str] = {
    DeadReason.TOO_LARGE: "value and headers are at most 64 KiB (plan-purchases: 256 KiB)",
    DeadReason.NOT_JSON: "the value is JSON in UTF-8",
    DeadReason.NOT_A_CLOUD_EVENT: 'the event is one object with specversion "1.0", id, source and type',
    DeadReason.UNKNOWN_TYPE: "the type of an event, the kind of an order is one the meter knows, on this topic",
    DeadReason.INVALID_FIELD: "every field has the form that its description gives",
    DeadReason.SUBJECT_DOES_NOT_MATCH_TOPIC: "on a workspace topic the subject is that workspace",
    DeadReason.TIME_IN_THE_FUTURE: "time is at most 300 s ahead of the record's Kafka timestamp",
    DeadReason.TIME_BEYOND_HORIZON: "the billing day is within the restatement horizon and has not expired",
    DeadReason.UNKNOWN_ITEM: "the catalog's version of the day has the item (a traffic package of it)",
    DeadReason.UNKNOWN_RETENTION: "the retention is one of the item's; an item without retentions takes none",
    DeadReason.WORKSPACE_UNKNOWN: "a workspace is named on workspaces before its usage is sent",
    DeadReason.WORKSPACE_CANNOT_MOVE: "a workspace belongs to the account of its first record for good",
    DeadReason.WORKSPACE_CANNOT_RETURN_TO_FREE: "a commercial workspace stays commercial",
    DeadReason.CONFLICTING_DUPLICATE: "the same identity means the same content: the first in the journal stands",
    DeadReason.RECORDS_LOST: "a gap in a source was accepted as lost by an operator",
    Refusal.CURRENCY_MUST_MATCH: "an order's currency is the catalog's",
    Refusal.AMOUNT_MUST_BE_POSITIVE: "every amount topped up or paid is above 0",
    Refusal.EXPIRES_ON_IN_THE_PAST: "an instrument expires on the order's billing day or later",
    Refusal.INSTRUMENT_EXISTS_WITH_DIFFERENT_TERMS: "a further top-up states the instrument's own expiry",
    Refusal.UNKNOWN_PLAN: "the plan package stands in the catalog's version of the day",
    Refusal.PLAN_NOT_FOUND: "the account has the plan that the order changes",
    Refusal.PLAN_EXPIRED: "a plan can be changed through its last day",
    Refusal.UPGRADE_MUST_GO_UP: "an upgrade goes to a package of a higher price",
    Refusal.WORKSPACES_MUST_NOT_BE_EMPTY: "a plan lists at least one workspace",
    Refusal.WORKSPACES_MUST_NOT_REPEAT: "a plan lists a workspace once",
    Refusal.WORKSPACE_NOT_IN_ACCOUNT: "a plan lists workspaces of its account only",
    Refusal.WORKSPACE_NOT_COMMERCIAL: "a plan lists workspaces on the Commercial Plan only",
    Refusal.FIRST_DAY_OUT_OF_RANGE: "a plan begins on the order's billing day or at most 31 days after",
    Refusal.TOO_MANY_PLANS: "an account has at most 50 unexpired plans",
    Refusal.TOO_MANY_TRAFFIC_LINES: "a plan has at most 1000 unexpired traffic lines",
    Refusal.INSTRUMENT_NOT_FOUND: "a payment draws on an instrument that was topped up",
    Refusal.INSTRUMENT_EXPIRED: "an instrument can be drawn through its expiry day",
    Refusal.BALANCE_EXCEEDED: "an instrument is drawn no lower than 0",
    Refusal.PAYMENTS_MUST_EQUAL_PRICE: "the payments make exactly the price",
}
