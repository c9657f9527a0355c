"""CloudEvents whose data comes as JSON in base64: read like any other, the fast way and by the reference."""

import base64
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.intake.cloudevents import opened_all
from tests.agents.reading_ground import (
    EVENT,
    IN_BASE64,
    RECEIVED_MS,
    WORKSPACE,
    binary,
    fast,
    in_base64,
    parse,
    slow,
    value_of,
)
from tests.oracle_reading import Dead, Sent, Settings, read_usage

GOOD = value_of(EVENT)
ACCOUNTS = {WORKSPACE: "acct"}


def test_data_in_base64_is_read_the_fast_way_too() -> None:
    assert fast(IN_BASE64) == slow(IN_BASE64) == fast(GOOD)
    assert parse(IN_BASE64) == parse(GOOD)
    events = opened_all([SimpleNamespace(value=value, headers=()) for value in (GOOD, IN_BASE64, b"x")])
    assert events[0] == events[1] != events[2]


def test_data_in_both_forms_is_read_by_neither_way() -> None:
    for value in (in_base64(data=EVENT["data"]), GOOD[:-1] + b',"data_base64":"e30="}'):
        assert fast(value) is None
        assert parse(value) == "invalid_field"


def test_in_binary_mode_the_value_is_the_data_whatever_a_header_says() -> None:
    value, headers = binary(EVENT, ("ce_data_base64", b"e30="))
    assert parse(value, headers) == parse(GOOD)


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=12) | st.sampled_from([value_of(EVENT["data"])]),
    st.binary(max_size=3) | st.sampled_from([b"=", b"==", b"-"]),
    st.integers(0, 80),
)
def test_whatever_bytes_are_in_base64_both_ways_and_the_oracle_agree(data: bytes, junk: bytes, at: int) -> None:
    encoded = base64.b64encode(data)
    bent_text = (encoded[:at] + junk + encoded[at:]).decode("latin-1")
    value = in_base64(b"", data_base64=bent_text)
    found, read = fast(value), parse(value)
    assert found is None or found == slow(value)
    expected = read_usage(Sent("usage", 0, 0, RECEIVED_MS, value), Settings(), ACCOUNTS)
    assert read in expected.reasons if isinstance(expected, Dead) else not isinstance(read, str)
