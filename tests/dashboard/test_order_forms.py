"""Order forms over HTTP: who may send, one order under an id, what was not shown is not sent, lists of any length."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr

from meter.dashboard.answers import POLICY
from meter.dashboard.models import Loading
from meter.dashboard.orders import sending
from meter.dashboard.orders.answering import FORM_BYTES
from meter.errors import UserError
from schemas.orders import ChangeWorkspaces, Order
from schemas.reasons import LAW, Refusal
from tests.dashboard.order_worlds import ACCOUNT, BEARER, Fields, OrderBoard, ask, shown, worked_example
from tests.dashboard.served import TOKEN
from tests.dashboard.test_pages import read
from tests.end_to_end.dashboards import NoRedirects

TOP_UP = f"/accounts/{ACCOUNT}/top-up"
READER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def board(tmp_path: Path) -> Iterator[OrderBoard]:
    with OrderBoard(tmp_path, dashboard_token=SecretStr(TOKEN)) as found:
        found.feed(*worked_example(found.today))
        yield found


def form_of(order_id: str, amount: str, seen: str = "", **more: str) -> Fields:
    """A top-up as its form sends it."""
    return [("order_id", order_id), ("amount", amount), ("step", "send"), ("seen", seen), *more.items()]


def seen_of(board: OrderBoard, order_id: str, amount: str) -> str:
    """The word that a form of this top-up was shown."""
    seen: str = shown(board, f"{TOP_UP}.json?order_id={order_id}&amount={amount}")["quote"]["seen"]
    return seen


def test_a_form_begins_with_an_id_of_its_own(board: OrderBoard) -> None:
    status, headers, _ = ask(board, TOP_UP)
    assert status == 303
    assert headers["Location"].startswith(f"{TOP_UP}?order_id=top-up-")
    assert ask(board, headers["Location"])[0] == 200
    assert ask(board, TOP_UP)[1]["Location"] != headers["Location"]
    assert board.sent == []


def test_one_id_is_one_order_however_often_its_form_is_sent(board: OrderBoard) -> None:
    form = form_of("t-1", "500.00", seen_of(board, "t-1", "500.00"))
    with ThreadPoolExecutor(4) as clicks:
        answers = list(clicks.map(lambda _: ask(board, TOP_UP, form), range(8)))
    assert {(status, headers["Location"]) for status, headers, _ in answers} == {
        (303, f"/accounts/{ACCOUNT}/orders/t-1?at=0%2F0")
    }
    assert [order.order_id for order in board.sent] == ["t-1"]
    again = shown(board, f"{TOP_UP}.json?order_id=t-1&amount=500.00")
    assert (again["sent"], again["quote"]) == (True, None)


def test_a_form_that_comes_back_after_a_restart_is_still_one_order(board: OrderBoard, monkeypatch: Any) -> None:
    seen = seen_of(board, "t-1", "500.00")
    ask(board, TOP_UP, form_of("t-1", "500.00", seen))
    board.feed(board.decided("t-1", "top_up"))
    board.board.live.orders.clear()  # another process

    async def first(account: str, order_id: str) -> Order | None:
        return next(order for order in board.sent if order.order_id == order_id)

    assert board.board.ordering is not None
    monkeypatch.setattr(board.board.ordering.sending, "first_under", first)
    status, headers, _ = ask(board, TOP_UP, form_of("t-1", "500.00", seen))
    assert (status, headers["Location"]) == (303, f"/accounts/{ACCOUNT}/orders/t-1")
    assert ask(board, TOP_UP, form_of("t-1", "700.00", "another"))[0] == 409
    assert len(board.sent) == 1


def test_another_order_under_a_used_id_is_not_sent(board: OrderBoard) -> None:
    ask(board, TOP_UP, form_of("t-1", "500.00", seen_of(board, "t-1", "500.00")))
    status, _, text = ask(board, TOP_UP, form_of("t-1", "700.00", "some other word"))
    assert status == 409
    assert "another order was sent under this id" in text
    assert len(board.sent) == 1


@pytest.mark.parametrize("seen", ["", "never shown"])
def test_only_what_was_shown_is_sent(board: OrderBoard, seen: str) -> None:
    status, _, text = ask(board, TOP_UP, form_of("t-1", "500.00", seen))
    assert status == 409
    assert "this is another order than the one that was shown" in text
    assert "Top up 500.00 CNY" in text
    assert board.sent == []


def test_fields_that_changed_after_the_quote_are_not_sent(board: OrderBoard) -> None:
    seen = seen_of(board, "t-1", "500.00")
    assert ask(board, TOP_UP, form_of("t-1", "5000.00", seen))[0] == 409
    assert board.sent == []


def test_an_order_that_would_be_refused_cannot_be_sent(board: OrderBoard) -> None:
    path = f"/accounts/{ACCOUNT}/upgrade"
    form = [("order_id", "u-1"), ("plan_id", "o-1"), ("plan", "growth"), ("step", "send"), ("seen", "")]
    status, _, text = ask(board, path, form)
    assert status == 409
    assert LAW[Refusal.BALANCE_EXCEEDED] in text
    assert 'value="send"' not in text
    assert board.sent == []


def test_the_price_that_was_shown_is_the_one_that_is_paid(board: OrderBoard) -> None:
    form = [("plan_id", "o-1"), ("units.logs", "50"), ("discount.logs", "0.8")]
    path = f"/accounts/{ACCOUNT}/add-traffic"
    quote = shown(board, f"{path}.json?{urlencode([*form, ('order_id', 'a-1')])}")["quote"]
    assert quote["price"] == "21720.00"
    form = [*form, ("order_id", "a-1"), ("step", "send"), ("seen", quote["seen"])]
    assert ask(board, path, form)[0] == 303
    assert board.sent[0].model_dump(mode="json")["payments"] == [
        {"method": "cash", "instrument": None, "amount": "21720.00"}
    ]


def test_sending_asks_for_the_write_token_and_a_page_of_ours(board: OrderBoard) -> None:
    form = form_of("t-1", "500.00", seen_of(board, "t-1", "500.00"))
    refused = [
        (ask(board, TOP_UP, form, Authorization=""), 401),
        (ask(board, TOP_UP, form, **READER), 403),
        (ask(board, TOP_UP, None, **READER), 403),
        (ask(board, TOP_UP, form, Origin="https://evil.example"), 403),
        (ask(board, TOP_UP, form, Sec_Fetch_Site="cross-site"), 403),
        (ask(board, TOP_UP, form, Sec_Fetch_Site="same-site"), 403),
        (ask(board, TOP_UP, form, Sec_Fetch_Site="same-origin"), 303),
    ]
    assert [answer[0] for answer, _ in refused] == [status for _, status in refused]
    assert len(board.sent) == 1
    assert all(answer[1]["Content-Security-Policy"] == POLICY for answer, _ in refused)


def test_without_a_write_token_there_are_no_forms(tmp_path: Path) -> None:
    with OrderBoard(tmp_path, dashboard_write_token=None) as reading:
        reading.board.ordering = None
        status, _, text = ask(reading, TOP_UP, Authorization="")
        assert status == 403
        assert "set METER_DASHBOARD_WRITE_TOKEN" in text
        assert ask(reading, TOP_UP, form_of("t-1", "5.00"), Authorization="")[0] == 403


def test_more_orders_than_a_minute_allows_wait_and_lose_nothing(board: OrderBoard, monkeypatch: Any) -> None:
    monkeypatch.setattr(sending, "A_MINUTE", 1)
    forms = [form_of(name, "5.00", seen_of(board, name, "5.00")) for name in ("t-1", "t-2")]
    assert ask(board, TOP_UP, forms[0])[0] == 303
    status, _, text = ask(board, TOP_UP, forms[1])
    assert status == 429
    assert "this dashboard sent 1 order within a minute" in text
    assert 'value="t-2"' in text
    monkeypatch.setattr(sending, "A_MINUTE", 2)
    assert ask(board, TOP_UP, forms[1])[0] == 303
    assert [order.order_id for order in board.sent] == ["t-1", "t-2"]


def test_what_kafka_does_not_take_is_said_and_the_form_stays(board: OrderBoard, monkeypatch: Any) -> None:
    form = form_of("t-1", "5.00", seen_of(board, "t-1", "5.00"))

    async def refuse(order: Order) -> Any:
        raise UserError("`meter dashboard` (orders) lacks a right at broker: User:d may not Write topic plan-purchases")

    assert board.board.ordering is not None
    monkeypatch.setattr(board.board.ordering.sending, "_send", refuse)
    status, _, text = ask(board, TOP_UP, form)
    assert status == 503
    assert "may not Write topic plan-purchases" in text
    assert 'value="5.00"' in text
    status, _, text = ask(board, TOP_UP, form_of("t-1", "7.00", "of another one"))
    assert (status, "under a new id" in text, 'value="send"' in text) == (409, True, False), "the first one may count"
    page = shown(board, f"/accounts/{ACCOUNT}/orders/t-1.json")
    assert (page["state"], page["again"]["query"]["amount"]) == ("failed", "5.00")


def test_a_list_is_put_in_order_without_scripts(board: OrderBoard) -> None:
    path = f"/accounts/{ACCOUNT}/change-workspaces"
    form = [("order_id", "c-1"), ("plan_id", "o-1"), ("workspaces", "-")]
    form += [("workspace", "acme-prod"), ("workspace", "acme-staging")]
    status, headers, _ = ask(board, path, [*form, ("move", "up:acme-staging")])
    assert status == 303
    assert headers["Location"].endswith("workspaces=acme-staging%2Cacme-prod#workspaces")
    assert ask(board, path, [*form, ("move", "add"), ("add", "acme-tools")])[1]["Location"].endswith(
        "workspaces=acme-prod%2Cacme-staging%2Cacme-tools#workspaces"
    )
    emptied = ask(board, path, form[:3])[1]["Location"]
    assert emptied.endswith("workspaces=-")
    assert shown(board, emptied.replace("workspaces?", "workspaces.json?"))["problems"][0]["field"] == "workspaces"


def test_a_list_of_a_thousand_is_quoted_and_sent(board: OrderBoard) -> None:
    names = [f"w-{number:060}" for number in range(1_000)]
    board.known.own |= dict.fromkeys(names, board.known.own["acme-prod"])
    path = f"/accounts/{ACCOUNT}/change-workspaces"
    form = [("order_id", "c-1"), ("plan_id", "o-1"), ("workspaces", "-"), *(("workspace", name) for name in names)]
    status, _, text = ask(board, path, [*form, ("step", "quote")])
    assert status == 200, "an address of 62,000 characters is not asked for"
    page = read(text)
    assert [attrs["data-address"] for _, attrs in page.elements if "data-address" in attrs] == [""]
    assert not [attrs for _, attrs in page.elements if "data-copy" in attrs], "a command that is cut is not copied"
    seen = next(attrs["value"] for tag, attrs in page.elements if attrs.get("name") == "seen")
    assert ask(board, path, [*form, ("step", "send"), ("seen", str(seen))])[0] == 303
    assert isinstance(board.sent[0], ChangeWorkspaces)
    assert list(board.sent[0].workspaces) == names


def test_a_form_that_is_too_large_is_refused(board: OrderBoard) -> None:
    assert ask(board, TOP_UP, [("amount", "x" * FORM_BYTES)])[0] == 413
    assert ask(board, TOP_UP, [(f"f{number}", "") for number in range(5_000)])[0] == 413


def test_an_open_form_is_sent_only_what_changed(board: OrderBoard) -> None:
    form = [("order_id", "t-1"), ("amount", "0"), ("method", "cash")]
    _, _, text = ask(board, TOP_UP, form, HX_Request="true")
    parts = [attrs["id"] for tag, attrs in read(text).elements if tag == "hx-partial"]
    assert {"quote", "order-command", "problem-amount"} <= set(parts)
    assert LAW[Refusal.AMOUNT_MUST_BE_POSITIVE] in text
    assert "<form" not in text


def test_an_open_form_says_why_it_is_not_quoted(board: OrderBoard, monkeypatch: Any) -> None:
    async def silent(*_: object) -> Any:
        raise UserError("Kafka at 127.0.0.1:9092 does not answer")

    monkeypatch.setattr(board.known, "judged_by", silent)
    assert "does not answer" in ask(board, TOP_UP, [("amount", "1")], HX_Request="true")[2]
    assert ask(board, TOP_UP + "?order_id=t-1")[0] == 503


def test_nothing_is_quoted_before_everything_is_read(board: OrderBoard) -> None:
    board.board.live.loading = Loading(records_read=10, records=4_000)
    status, _, text = ask(board, TOP_UP + "?order_id=t-1&amount=5.00")
    assert status == 503
    assert "still reading what was published (10 of 4,000 records)" in text
    board.board.live.loading, board.board.live.lag_records = None, None
    assert ask(board, TOP_UP + "?order_id=t-1&amount=5.00")[0] == 503
    board.board.live.lag_records = 0
    assert ask(board, TOP_UP + "?order_id=t-1&amount=5.00")[0] == 200


def test_other_methods_change_nothing(board: OrderBoard) -> None:
    request = urllib.request.Request(board.address + TOP_UP, headers=BEARER, method="PUT")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.build_opener(NoRedirects).open(request, timeout=60)
    assert refused.value.code == 405
    refused.value.close()


def test_an_account_that_nobody_published_yet_can_be_topped_up(board: OrderBoard) -> None:
    form = shown(board, "/accounts/new-one/top-up.json?order_id=t-1&amount=5.00")
    assert form["quote"]["outcome"] == "accepted"
    assert "/accounts/new-one/top-up" in ask(board, "/accounts/new-one/plans")[2]


def test_what_an_order_would_change_is_a_table_too(board: OrderBoard) -> None:
    path = f"/accounts/{ACCOUNT}/add-traffic.csv?plan_id=o-1&units.logs=50"
    rows = ask(board, path)[2].splitlines()
    assert rows[0].startswith("account,day,item,workspace,usage,covered_before,covered,")
    assert f"{ACCOUNT},{board.today},logs,acme-staging,100000000,50000000,100000000,50000000,0,75.00,0.00" in rows[2]


def test_no_hostile_text_of_an_address_runs(board: OrderBoard) -> None:
    hostile = '"><img src=x onerror=alert(1)>\u202e'
    query = urlencode(
        dict.fromkeys(("order_id", "plan_id", "plan", "amount", "workspaces", "units.logs", "pay.cash"), hostile)
        | {"paying": "split", f"units.{hostile}": "1", f"pay.coupon.{hostile}": "1", "method": hostile}
    )
    for word in ("top-up", "buy", "add-traffic", "upgrade", "change-workspaces"):
        status, _, text = ask(board, f"/accounts/{ACCOUNT}/{word}?{query}")
        assert status == 200
        page = read(text)
        assert page.wrong == []
        assert not [attrs for tag, attrs in page.elements if tag == "img" or "onerror" in attrs]
        assert "\u202e" not in text
