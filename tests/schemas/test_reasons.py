"""Every reason says its law; the order is the documented precedence."""

from schemas.reasons import LAW, PRODUCERS_TIME, DeadReason, Refusal, may_count_later

#: SPEC §8.
DEAD = """
    too_large not_json not_a_cloud_event unknown_type invalid_field subject_does_not_match_topic time_in_the_future
    time_beyond_horizon unknown_item unknown_retention workspace_unknown workspace_cannot_move
    workspace_cannot_return_to_free conflicting_duplicate
"""
REFUSED = """
    currency_must_match amount_must_be_positive expires_on_in_the_past instrument_exists_with_different_terms
    unknown_plan unknown_item plan_not_found plan_expired upgrade_must_go_up workspaces_must_not_be_empty
    workspaces_must_not_repeat workspace_not_in_account workspace_not_commercial first_day_out_of_range
    too_many_plans too_many_traffic_lines instrument_not_found instrument_expired balance_exceeded
    payments_must_equal_price
"""


def test_every_reason_has_a_law() -> None:
    assert set(LAW) == {*DeadReason, *Refusal}


def test_dead_letters_have_the_documented_precedence() -> None:
    assert list(DeadReason) == [*DEAD.split(), DeadReason.RECORDS_LOST]


def test_refusals_have_the_documented_precedence() -> None:
    assert list(Refusal) == REFUSED.split()


def test_a_record_may_count_unchanged_only_where_something_else_than_it_is_mended() -> None:
    assert [reason for reason in DeadReason if may_count_later(reason, "an error")] == [
        DeadReason.TIME_IN_THE_FUTURE,
        DeadReason.WORKSPACE_UNKNOWN,
    ]
    assert may_count_later(DeadReason.INVALID_FIELD, f"{PRODUCERS_TIME}: usage must have LogAppendTime")
    assert not may_count_later(DeadReason.UNKNOWN_TYPE, PRODUCERS_TIME)
