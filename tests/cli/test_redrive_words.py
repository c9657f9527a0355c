"""`meter redrive`: what it says of letters before it sends any."""

import json

from meter.cli.redrive import advice, named, named_letter, totals
from schemas.reasons import DeadReason
from tests import records
from tests.cli.test_redrive import EVENT, letter, plan, summary


def test_what_dies_again_unchanged_is_to_be_mended_at_the_sender() -> None:
    ahead = letter(1, value=b"ahead", reason=DeadReason.TIME_IN_THE_FUTURE)
    made = plan([letter(0), ahead, letter(2, value=b"no", reason=DeadReason.NOT_JSON)])
    assert {where: count for (*_, where), count in totals(made)} == {"send": 1, "mend at the sender": 1}
    assert [where for (*_, where), _ in totals(made, send=True)] == ["send"] * 3
    assert advice(made, verbose=False) == [
        "2 records would be sent; "
        "`meter redrive --reason time_in_the_future --reason workspace_unknown --send` sends them",
        "1 record dies again if it is sent unchanged: mend it at the sender; `-v` names it",
    ]
    assert advice(plan([ahead]), verbose=False) == ["1 record would be sent; `meter redrive --send` sends it"]
    mixed = summary([1, 3])
    assert advice(plan([mixed]), verbose=True) == [
        "3 records die again if they are sent unchanged: mend them at the sender"
    ]
    known = mixed.model_copy(update={"reasons": {DeadReason.NOT_JSON: 2, DeadReason.WORKSPACE_UNKNOWN: 1}})
    assert totals(plan([known])) == [(("not_json", "usage", "send"), 3)]


def test_a_letter_is_named_by_workspace_source_and_id_as_far_as_its_record_can_be_read() -> None:
    source = json.loads(EVENT)["source"]
    whole = f" (workspace 'wksp_a', source '{source}', id '1')"
    assert named("usage", EVENT, ()) == whole
    assert named_letter(letter()) == whole
    binary = (("ce_id", b"7"), ("ce_source", b"s\n"), ("other", None))
    assert named("usage.wksp_b", b'{"item":"logs"}', binary) == " (workspace 'wksp_b', source 's\\n', id '7')"
    order = records.json_bytes(records.top_up("acct_1", "t-1", "5.00"))
    assert named("plan-purchases", order, ()) == " (account 'acct_1', order 't-1')"
    assert [named("usage", value, ()) for value in (b"", b"[1]", b"{", b"\xff", b'{"id":null}')] == [""] * 5
    assert named_letter(letter(value=None)) == ""
