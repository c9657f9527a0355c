"""The largest of every output there may be, held below what its topic takes; `test_bounds` does the same for rows."""

from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest

from meter.kafka.topics import OUTPUTS, STATE_BATCH_BYTES
from meter.rules.orders import Decision
from meter.rules.outputs.dead_letters import HEADERS_LIMIT_BYTES, dead_letter
from meter.rules.outputs.order_outcomes import publish_outcome
from meter.rules.outputs.plans import publish_plan
from meter.rules.outputs.wallets import publish_wallet
from meter.rules.state.cause import CellChange
from meter.rules.state.context import Output
from meter.rules.state.journal_facts import JournalFacts
from meter.rules.state.rows import Cell
from schemas.alerts import QuotaAlert
from schemas.balances import BALANCE_WORKSPACES_LIMIT, balance_text, plan_text, workspaces_text
from schemas.catalog_file import ITEMS_LIMIT, RETENTIONS_LIMIT
from schemas.ids import (
    PAYMENTS_LIMIT,
)
from schemas.money import PRICE_LIMIT
from schemas.overages import ChargeStruct, LineStruct, OverageText, ending_text, footing_text
from schemas.reasons import LAW, DeadReason, Refusal
from schemas.record import encode as json_of
from schemas.rows import Use, Wallet
from schemas.statements import (
    AccountStatementStruct,
    DrawnStruct,
    ItemDayStruct,
    PlanDayStruct,
    PlanItemStruct,
    ReportedStruct,
    WorkspaceStatementStruct,
)
from tests.largest import (
    DAY,
    DAY_TEXT,
    ITEMS,
    MONEY,
    NAME,
    NAMES,
    PLANS,
    RETENTIONS_IN_ALL,
    REVISION,
    SUM,
    ids,
    largest_plan,
    opening,
)


class Saying:
    """A fold that only takes what is said."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self.revision = REVISION
        self.facts = JournalFacts(opening(), None, None, DAY, DAY)  # type: ignore[arg-type] # who says needs its currency

    def known(self) -> JournalFacts:
        return self.facts

    def publish(self, topic: str, key: str, value: bytes) -> None:
        self.outputs.append((topic, key, value))


def by(say: Callable[..., None], *arguments: object) -> bytes:
    fold = Saying()
    say(fold, *arguments)
    ((_, key, value),) = fold.outputs
    return key.encode() + value


def a_line() -> LineStruct:
    return LineStruct(
        retention_days=36_600, quantity=SUM, units=f"{SUM}.99", unit_price="9" * PRICE_LIMIT, amount=MONEY
    )


def a_charge(lines: int) -> ChargeStruct:
    return ChargeStruct(amount=MONEY, currency="CNY", lines=[a_line()] * lines)


def an_overage() -> bytes:
    touch = CellChange(Cell(NAME, DAY, NAME))
    touch.by_usage(("usage." + NAME, 10**6))
    touch.used, touch.first_offset, touch.last_offset = dict.fromkeys(NAMES), REVISION, REVISION
    for name in NAMES:
        touch.by_order(name, NAMES, NAMES, "plan-purchases", 0, REVISION)
    footing, charge = footing_text("package", PLANS), json_of(a_charge(RETENTIONS_LIMIT)).decode()
    text, ending = OverageText(NAME, DAY_TEXT), ending_text(touch.cause(), False)
    key, value = text.of(NAME, NAME, REVISION, REVISION, SUM, SUM, SUM, footing, charge, ending)
    return key.encode() + value


def an_outcome() -> bytes:
    return by(
        publish_outcome,
        Decision(
            NAME,
            NAME,
            "purchase",
            accepted=False,
            currency="CNY",
            refusal=Refusal.INSTRUMENT_EXISTS_WITH_DIFFERENT_TERMS,
            error=max(LAW.values(), key=len) + "x" * 800,
            price=Decimal(MONEY),
            payments=(("prepaid_card", NAME, Decimal(MONEY)),) * PAYMENTS_LIMIT,
            plan_id=NAME,
            first_day=DAY,
            last_day=DAY,
        ),
    )


def an_account_statement() -> bytes:
    items = [PlanItemStruct(item=item, quota=10**24, covered=10**24, unused=10**24) for item in ITEMS]
    plans = [PlanDayStruct(plan_id=plan, items=items) for plan in PLANS]
    return json_of(
        AccountStatementStruct(
            account=NAME,
            day=DAY_TEXT,
            amount_due=MONEY,
            currency="CNY",
            plans=plans,
            workspaces=10**9,
            revision=REVISION,
        )
    )


def a_workspace_statement() -> bytes:
    """All items at all retentions that a catalog can hold (at short prices), each drawn from all plans besides."""
    a_piece = -(-RETENTIONS_IN_ALL // ITEMS_LIMIT)
    line = LineStruct(retention_days=36_600, quantity=SUM, units=f"{SUM}.99", unit_price="9", amount=f"{SUM}.99")
    items = [
        ItemDayStruct(
            item=item,
            reported=[ReportedStruct(retention_days=36_600, quantity=SUM)] * a_piece,
            usage=SUM,
            coverage=[DrawnStruct(plan_id=plan, covered=10**24) for plan in PLANS],
            covered=10**24,
            overage=SUM,
            charge=ChargeStruct(
                amount=MONEY,
                currency="CNY",
                lines=[line] * a_piece,
            ),
        )
        for item in ITEMS
    ]
    return json_of(
        WorkspaceStatementStruct(
            account=NAME, workspace=NAME, day=DAY_TEXT, basis="package", items=items, revision=REVISION
        )
    )


def a_balance() -> bytes:
    plans = ",".join([plan_text(plan, SUM, SUM) for plan in PLANS])
    names = ids(BALANCE_WORKSPACES_LIMIT)
    workspaces = workspaces_text(names, dict.fromkeys(names, Use(usage=SUM, overage=SUM)))
    text = balance_text(NAME, NAME, DAY_TEXT, SUM, SUM, plans, workspaces, 10**9)
    return f"{text}{REVISION}}}".encode()


def an_alert() -> bytes:
    return QuotaAlert.model_construct(
        account=NAME,
        plan_id=NAME,
        item=NAME,
        day=DAY_TEXT,
        threshold=100,
        state="cleared",
        quota=SUM,
        covered=SUM,
        revision=REVISION,
    ).json_bytes()


def a_dead_letter() -> bytes:
    headers = [("\x01" * HEADERS_LIMIT_BYTES, b""), ("h", b"x" * HEADERS_LIMIT_BYTES)]
    value = b"x" * 64_000_000
    topic = "usage." + NAME
    letter = dead_letter(DeadReason.INVALID_FIELD, "x" * 1_000, topic, 10**6, REVISION, value, value, headers, 0, True)
    return letter.json_bytes()


TOPICS: dict[str, Callable[[], Sequence[bytes]]] = {
    "overages": lambda: [an_overage()],
    "order-outcomes": lambda: [an_outcome()],
    "plans": lambda: [by(publish_plan, NAME, largest_plan())],
    "wallets": lambda: [by(publish_wallet, NAME, Wallet("prepaid_card", NAME, Decimal(MONEY), DAY))],
    "statements": lambda: [an_account_statement(), a_workspace_statement()],
    "quota-balances": lambda: [a_balance()],
    "quota-alerts": lambda: [an_alert()],
    "dead-letters": lambda: [a_dead_letter()],
}


def test_every_output_is_here() -> None:
    assert set(TOPICS) == set(OUTPUTS)


@pytest.mark.parametrize("topic", OUTPUTS)
def test_no_output_can_outgrow_its_topic(topic: str) -> None:
    longest = max(map(len, TOPICS[topic]()))
    print(f"{topic}: {longest} bytes")
    assert longest + 1_000 < STATE_BATCH_BYTES
