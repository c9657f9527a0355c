"""Which dead letters are of a workspace, item and day, however their events were written."""

import json
from base64 import b64encode

import pytest

from meter.explain.dead import LetterRow, OwnLetters
from meter.rules.billing_days import parse_day, zone

DATA = '{"item":"logs","quantity":1,"retention_days":9}'
WORKSPACE, IN_BASE64 = '"subject":"wksp_a"', f'"data_base64":"{b64encode(DATA.encode()).decode()}"'
#: The same event, written in the ways that the intake reads.
WRITTEN = {
    "plain": f'{WORKSPACE},"data":{DATA}',
    "data in base64": f"{WORKSPACE},{IN_BASE64}",
    "the name of data_base64 escaped": WORKSPACE + "," + IN_BASE64.replace("_", r"\u005f", 1),
    "workspace escaped": rf'"subject":"wksp_\u0061","data":{DATA}',
    "item escaped": WORKSPACE + ',"data":' + DATA.replace("logs", r"l\u006Fgs"),
}


def own(topic: str, written: str) -> OwnLetters:
    """The letters of wksp_a's logs on 2026-01-31, out of the letter of one event."""
    event = (
        f'{{"specversion":"1.0","id":"1","source":"s","type":"usage.recorded","time":"2026-01-31T08:00:00Z",{written}}}'
    )
    json.loads(event)
    letters = OwnLetters("wksp_a", "logs", parse_day("2026-01-31"), zone("+00:00"))
    letters.take(LetterRow("unknown_retention", "", topic, 3, 7, value=b64encode(event.encode()).decode()))
    return letters


@pytest.mark.parametrize("topic", ["usage", "usage.wksp_a"])
@pytest.mark.parametrize("how", WRITTEN)
def test_a_letter_is_of_its_workspace_however_its_event_was_written(topic: str, how: str) -> None:
    assert [*own(topic, WRITTEN[how]).letters] == [(topic, 3, 7)]


@pytest.mark.parametrize("topic", ["usage", "usage.wksp_b"])
@pytest.mark.parametrize("how", WRITTEN)
def test_a_letter_of_another_workspace_or_item_is_left_out(topic: str, how: str) -> None:
    other = WRITTEN[how].replace("wksp_a", "wksp_b").replace(r"\u0061", r"\u0062")
    assert not own(topic, other).letters
    sms = b64encode(DATA.replace("logs", "sms").encode()).decode()
    assert not own("usage", f'{WORKSPACE},"data_base64":"{sms}"').letters
