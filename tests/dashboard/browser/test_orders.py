"""Ordering in the browser: quoted as it is filled in, put in order by hand or keys, sent once, its outcome shown."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.reasons import LAW, Refusal
from tests.dashboard.browser.conftest import NARROW
from tests.dashboard.browser.test_every_page import WIDER, grave
from tests.dashboard.order_worlds import ACCOUNT, BEARER, OrderBoard, wallet, worked_example

HERE = f"/accounts/{ACCOUNT}"
ORDER = "return [...document.querySelectorAll('#listed > .rank')].map(row => row.dataset.name)"


@pytest.fixture
def board(tmp_path: Path) -> Iterator[OrderBoard]:
    with OrderBoard(tmp_path) as found:
        found.feed(*worked_example(found.today))
        yield found


def opened(open_page: Any, board: OrderBoard, path: str, **more: Any) -> Any:
    """A page of somebody with the write token."""
    page = open_page(extra_http_headers=BEARER, **more)
    page.goto(board.address + HERE + path)
    return page


def listed(page: Any) -> list[str]:
    """The list from first to last."""
    found: list[str] = page.evaluate(f"(() => {{ {ORDER} }})()")
    return found


def words(page: Any, selector: str) -> str:
    """The words of an element, spaces made one."""
    return " ".join(page.locator(selector).inner_text().split())


def test_the_price_and_today_follow_what_is_filled_in(open_page: Any, board: OrderBoard) -> None:
    page = opened(open_page, board, "/add-traffic?plan_id=o-1")
    assert "Say how many traffic packages" in words(page, "#quote")
    page.fill('[name="units.logs"]', "50")
    page.wait_for_selector("#quote .due >> text=27,150.00")
    assert words(page, ".effect-sum") == "over quota and by usage: 75.00 → 0.00 CNY −75.00"
    page.fill('[name="discount.logs"]', "0.8")
    page.wait_for_selector("#quote .due >> text=21,720.00")
    assert page.input_value('[name="discount.logs"]') == "0.8"
    assert page.evaluate("document.activeElement.name") == "discount.logs"
    page.wait_for_url("**discount.logs=0.8**")  # the address follows what is filled in, after the page does
    page.reload()
    assert page.input_value('[name="units.logs"]') == "50"
    assert words(page, "#order-command code").startswith("meter add-traffic acme o-1 --traffic logs=50@0.8 --pay cash=")
    assert board.sent == []


def test_what_is_wrong_is_said_at_its_field_and_taken_back(open_page: Any, board: OrderBoard) -> None:
    page = opened(open_page, board, "/buy?plan=startup")
    assert LAW[Refusal.WORKSPACES_MUST_NOT_BE_EMPTY][1:] in words(page, "#problem-workspaces")
    page.click('#others [aria-label="Add acme-lab"]')
    page.wait_for_selector("#problem-workspaces >> text=acme-lab")
    assert "Send its commercial record first" in words(page, "#problem-workspaces")
    page.click('[aria-label="Take acme-lab off the list"]')
    page.click('#others [aria-label="Add acme-tools"]')
    page.wait_for_selector("#problem-workspaces:empty", state="attached")
    page.fill('[name="units.sms"]', "many")
    page.wait_for_selector('[name="units.sms"][aria-invalid="true"]')
    assert page.locator(".send-order").count() == 0
    page.fill('[name="units.sms"]', "2")
    page.wait_for_selector(".send-order")
    assert page.get_attribute('[name="units.sms"]', "aria-invalid") is None
    page.locator('[name="plan"][value="growth"]').check()
    page.wait_for_selector(f"#problem-payments >> text={LAW[Refusal.BALANCE_EXCEEDED][1:]}")


def test_a_double_click_and_the_back_button_leave_one_order(open_page: Any, board: OrderBoard) -> None:
    page = opened(open_page, board, "/top-up")
    page.fill("#field-amount", "500.00")
    send = page.locator(".send-order >> text=Top up 500.00 CNY")
    send.wait_for()
    order_id = page.input_value("input[name=order_id]")
    assert order_id in words(page, ".order-id")
    send.dblclick()  # the second click ends the navigation of the first: the page is waited for, not a navigation
    page.wait_for_selector("h1 >> text=Sent, to be decided")
    assert page.url == f"{board.address}{HERE}/orders/{order_id}?at=0%2F0"
    page.go_back()
    page.wait_for_selector("text=An order was sent under this id")
    assert page.locator(".send-order").count() == 0
    page.click("text=Order something else")
    page.wait_for_selector("#field-amount")
    assert page.input_value("input[name=order_id]") != order_id
    assert [order.order_id for order in board.sent] == [order_id]


@pytest.mark.parametrize(
    ("outcome", "title", "says"),
    [
        ({}, "Accepted", "See today’s figures"),
        (
            {"outcome": "refused", "reason": "balance_exceeded", "error": "cash pays 2.00, its balance is 1.00"},
            "Refused",
            "Order again under a new id",
        ),
    ],
)
def test_the_outcome_comes_by_itself(
    open_page: Any, board: OrderBoard, outcome: dict[str, Any], title: str, says: str
) -> None:
    page = opened(open_page, board, "/top-up?order_id=t-9&amount=5.00")
    page.click(".send-order")
    page.wait_for_selector("h1 >> text=Sent, to be decided")
    page.wait_for_selector('[data-live="on"]')
    board.feed(board.decided("t-9", "top_up", **outcome))
    page.wait_for_selector(f"h1 >> text={title}")
    assert says in words(page, "#outcome")


def test_a_list_is_put_in_order_by_keys(open_page: Any, board: OrderBoard) -> None:
    page = opened(open_page, board, "/change-workspaces?plan_id=o-1")
    assert listed(page) == ["acme-prod", "acme-staging"]
    page.locator('#listed .rank[data-name="acme-staging"] .grip').focus()
    page.keyboard.press("ArrowUp")
    page.wait_for_selector(".effect-table >> text=acme-prod")
    assert listed(page) == ["acme-staging", "acme-prod"]
    assert words(page, "#moved") == "acme-staging: 1 of 2"
    assert page.evaluate("document.activeElement.className") == "grip"
    rows = [words(page, f".effect-table tbody tr >> nth={row}") for row in (0, 1)]
    assert rows == ["acme-staging 50 M 100 M 50 M 0 75.00 0.00", "acme-prod 100 M 50 M 0 50 M 0.00 75.00"]
    page.keyboard.press("ArrowDown")
    page.wait_for_selector(".effect-today >> text=stays as it is")
    assert listed(page) == ["acme-prod", "acme-staging"]


def test_a_list_is_put_in_order_by_dragging(open_page: Any, board: OrderBoard) -> None:
    page = opened(open_page, board, "/change-workspaces?plan_id=o-1&workspaces=acme-prod,acme-staging,acme-tools")
    grip = page.locator('#listed .rank[data-name="acme-tools"] .grip').bounding_box()
    first = page.locator('#listed .rank[data-name="acme-prod"]').bounding_box()
    page.mouse.move(grip["x"] + 5, grip["y"] + 5)
    page.mouse.down()
    page.mouse.move(grip["x"] + 5, first["y"] + 4, steps=8)
    wanted = ["acme-tools", "acme-prod", "acme-staging"]
    board.until("it is first", lambda: listed(page) == wanted, lambda: page.wait_for_timeout(20))
    page.mouse.up()
    page.wait_for_url("**workspaces=acme-tools%2Cacme-prod%2Cacme-staging**")
    assert board.sent == []


def test_the_whole_order_is_made_by_keyboard_alone(open_page: Any, board: OrderBoard) -> None:
    page = opened(open_page, board, "/buy")
    page.locator(".skip").focus()
    page.keyboard.press("Enter")

    def to(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.matches(arguments[0])".replace("arguments[0]", repr(selector))):
                return
        pytest.fail(f"{selector} is not reached by Tab")

    to('[name="plan"]')
    page.keyboard.press("Space")
    to('[aria-label="Add acme-tools"]')
    page.keyboard.press("Enter")
    assert listed(page) == ["acme-tools"]
    page.wait_for_selector(".send-order")
    to(".send-order")
    page.keyboard.press("Enter")
    page.wait_for_url("**/orders/plan-**")
    assert [order.model_dump()["workspaces"] for order in board.sent] == [("acme-tools",)]


def test_enter_in_a_field_quotes_and_never_sends(open_page: Any, board: OrderBoard) -> None:
    for scripts in (True, False):
        page = opened(open_page, board, "/top-up?order_id=t-1", java_script_enabled=scripts)
        page.fill("#field-amount", "500.00")
        page.keyboard.press("Enter")
        page.wait_for_url("**amount=500.00**")
        page.wait_for_selector(".send-order")
    assert board.sent == []


def test_the_whole_way_works_without_scripts(open_page: Any, board: OrderBoard) -> None:
    page = opened(open_page, board, "/plans", java_script_enabled=False)
    page.click("text=Change workspaces")
    page.click('[aria-label="acme-staging earlier"]')
    page.wait_for_selector('[data-name="acme-staging"] ~ [data-name="acme-prod"]')  # the page came anew
    assert [each.get_attribute("data-name") for each in page.locator("#listed > .rank").all()] == [
        "acme-staging",
        "acme-prod",
    ]
    page.fill("#field-add", "acme-tools")
    page.keyboard.press("Enter")
    page.wait_for_selector('#listed [data-name="acme-tools"]')
    page.click('[aria-label="Take acme-prod off the list"]')
    page.wait_for_selector('#others [data-name="acme-prod"]')
    assert "by their own retentions" in words(page, ".effect-today")
    page.locator(".send-order").dblclick()
    page.wait_for_selector("#outcome >> text=Sent, to be decided")
    board.feed(board.decided(board.sent[0].order_id, "change_workspaces"))
    page.click("text=Look again")
    page.wait_for_selector("h1 >> text=Accepted")
    assert [order.model_dump()["workspaces"] for order in board.sent] == [("acme-staging", "acme-tools")]


def test_a_form_of_split_payments_fits_a_telephone_and_is_read_by_everybody(open_page: Any, board: OrderBoard) -> None:
    board.feed(wallet("20.00", "coupon", instrument="c" * 64))
    page = opened(open_page, board, "/upgrade?plan_id=o-1&plan=growth", viewport=NARROW)
    page.check("#paying-split")
    page.fill('[name="pay.prepaid_card.card-9"]', "1.00")
    page.wait_for_selector("#problem-payments >> text=they make 1.00, the price is 231602.15")
    assert page.evaluate(WIDER) <= 0
    assert grave(page) == []
    page.emulate_media(color_scheme="dark")
    assert grave(page, "color-contrast") == []


def test_what_was_sent_elsewhere_meanwhile_is_not_sent_again(open_page: Any, board: OrderBoard) -> None:
    page = opened(open_page, board, "/top-up?order_id=t-1&amount=5.00")
    page.wait_for_selector(".send-order")
    board.feed(board.decided("t-1", "top_up"))
    page.fill("#field-amount", "7.00")
    page.wait_for_selector("text=An order was sent under this id")
    assert page.locator(".send-order").count() == 0
