"""Published records: SPEC's example, one written form, and struct twins that write the models' own bytes."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from schemas.alerts import QuotaAlert, alert_key, alert_text
from schemas.balances import (
    PlanBalance,
    QuotaBalance,
    WorkspaceBalance,
    balance_key,
    balance_text,
    plan_text,
    workspaces_text,
)
from schemas.dead_letters import DeadLetter
from schemas.overages import (
    ChargeStruct,
    ChargeText,
    LineStruct,
    Overage,
    OverageText,
    cause_text,
    ending_text,
    footing_text,
)
from schemas.record import Record, encode
from schemas.rows import Use
from schemas.wallets import Wallet
from tests.schemas.overage_structs import CauseStruct, OverageStruct
from tests.schemas.published import CASH, DEAD, OVERAGE, RECORDS


@pytest.mark.parametrize(("model", "record", "key"), RECORDS)
def test_a_record_is_written_as_it_is_read(model: type[Record], record: dict[str, Any], key: str) -> None:
    content = json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()
    read = model.model_validate_json(content)
    assert read.json_bytes() == content
    assert model.model_validate(record) == read
    assert read.record_key() == key  # type: ignore[attr-defined]


@pytest.mark.parametrize(("model", "record", "key"), RECORDS)
def test_unknown_fields_are_ignored(model: type[Record], record: dict[str, Any], key: str) -> None:
    assert model.model_validate(record | {"new": 1}) == model.model_validate(record)


def test_coverage_and_overage_make_usage() -> None:
    with pytest.raises(ValidationError, match=r"coverage \+ overage = usage, not 50000000 \+ 50000001 = 100000000"):
        Overage.model_validate(OVERAGE | {"overage": 50000001})


@pytest.mark.parametrize("amount", ["75", "75.0", "7.5e1", "NaN", 75.0, "75.00\n"])
def test_amounts_have_one_written_form(amount: object) -> None:
    with pytest.raises(ValidationError, match="an amount must be a decimal string"):
        Wallet.model_validate(CASH | {"balance": amount})


@pytest.mark.parametrize("value", ["YQ", "YQ=", "YQ==\n", "Y Q=", "_-8="])
def test_base64_has_one_written_form(value: str) -> None:
    with pytest.raises(ValidationError):
        DeadLetter.model_validate(DEAD | {"value": value})


def _same(struct: object, model: type[BaseModel]) -> None:
    content = encode(struct)
    read = model.model_validate_json(content)
    assert isinstance(read, Record)
    assert read.json_bytes() == content
    assert read.record_key() == struct.record_key()  # type: ignore[attr-defined]


def test_struct_twins_have_the_models_fields_in_their_order() -> None:
    assert OverageStruct.__struct_fields__ == tuple(Overage.model_fields)


_ids = st.sampled_from(["a", "B-1", "x.y_z"])
_counts = st.sampled_from([0, 1, 2, 10**15, 2**63, 2**64, 10**30])
_money = st.sampled_from(["0.00", "75.00", "0.125", "123456789012345678901234567890.5001"])
_lines = st.builds(
    LineStruct,
    retention_days=st.sampled_from([None, 3, 14]),
    quantity=_counts,
    units=st.sampled_from(["0.00", "50.00", "10000000000000000000000.99"]),
    unit_price=st.sampled_from(["0", "1.5", "0.00125"]),
    amount=_money,
)
_causes = st.builds(
    CauseStruct,
    kind=st.sampled_from(["usage", "order", "workspace", "catalogue"]),
    workspaces=st.lists(_ids, max_size=3),
    orders=st.none() | st.lists(_ids, max_size=2),
    more=st.sampled_from([None, 1, 1980]),
    topic=st.sampled_from(["usage", "usage.a", "plan-purchases"]),
    partition=st.integers(0, 3),
    first_offset=_counts,
    last_offset=_counts,
)


@given(
    charge=st.builds(ChargeStruct, amount=_money, currency=st.just("CNY"), lines=st.lists(_lines, max_size=2)),
    cause=_causes,
    covered=_counts,
    overage=_counts,
    delta=_counts.map(lambda count: -count),
    basis=st.sampled_from(["package", "pay_as_you_go"]),
    restated=st.booleans(),
)
def test_an_overage_struct_writes_the_models_bytes(covered: int, overage: int, **rest: Any) -> None:
    struct = OverageStruct(
        account="acct_1",
        workspace="wksp_b",
        item="logs",
        day="2026-01-31",
        revision=1042,
        previous_revision=7,
        usage=covered + overage,
        covered=covered,
        overage=overage,
        plans=["o-1"],
        **rest,
    )
    _same(struct, Overage)


@given(
    charge=st.builds(ChargeStruct, amount=_money, currency=st.just("CNY"), lines=st.lists(_lines, max_size=2)),
    cause=_causes,
    usage=_counts,
    basis=st.sampled_from(["package", "pay_as_you_go"]),
    plans=st.lists(_ids, max_size=2),
    restated=st.booleans(),
)
def test_an_overage_text_writes_the_structs_bytes(
    charge: ChargeStruct, cause: CauseStruct, usage: int, basis: str, plans: list[str], restated: bool
) -> None:
    struct = OverageStruct(
        account="acct_1",
        workspace="wksp_b",
        item="logs",
        day="2026-01-31",
        revision=1042,
        previous_revision=7,
        usage=usage,
        covered=usage - usage // 3,
        overage=usage // 3,
        delta=-usage,
        basis=basis,
        plans=plans,
        charge=charge,
        cause=cause,
        restated=restated,
    )
    footing, written = footing_text(basis, plans), encode(charge).decode()
    ending = ending_text(cause_text(**msgspec.structs.asdict(cause)), restated)
    text = OverageText("logs", "2026-01-31")
    found = text.of("acct_1", "wksp_b", 1042, 7, usage, usage // 3, -usage, footing, written, ending)
    assert found == (struct.record_key(), encode(struct))


@given(_lines)
def test_a_charge_text_writes_the_structs_bytes(line: LineStruct) -> None:
    struct = ChargeStruct(amount=line.amount, currency="CNY", lines=[line])
    text = ChargeText(line.retention_days or 0, line.unit_price, "CNY")
    assert text.of(line.quantity, line.units, line.amount).encode() == encode(struct)


@given(
    plans=st.lists(st.tuples(_ids, _counts, _counts), max_size=2),
    workspaces=st.lists(st.tuples(_ids, _counts, _counts), max_size=2, unique_by=lambda each: each[0]),
    more=st.sampled_from([0, 1, 12]),
    quota=_counts,
    covered=_counts,
)
def test_a_balance_text_writes_the_models_bytes(
    plans: list[tuple[str, int, int]], workspaces: list[tuple[str, int, int]], more: int, quota: int, covered: int
) -> None:
    model = QuotaBalance(
        account="acct_1",
        item="logs",
        day="2026-01-31",
        quota=quota + covered,
        covered=covered,
        left=quota,
        plans=[PlanBalance(plan_id=plan, quota=left + drawn, covered=drawn, left=left) for plan, left, drawn in plans],
        workspaces=[
            WorkspaceBalance(workspace=name, usage=drawn + over, covered=drawn, overage=over)
            for name, drawn, over in workspaces
        ],
        more=more or None,
        revision=3,
    )
    found = ",".join(plan_text(plan, left + drawn, drawn) for plan, left, drawn in plans)
    uses = {name: Use(usage=drawn + over, overage=over) for name, drawn, over in workspaces}
    named = workspaces_text(list(uses), uses)
    text = balance_text("acct_1", "logs", "2026-01-31", quota + covered, covered, found, named, more)
    assert f"{text}3}}".encode() == model.json_bytes()
    assert balance_key("acct_1", "logs", "2026-01-31") == model.record_key()


@given(threshold=st.sampled_from([80, 100]), state=st.sampled_from(["raised", "cleared"]), quota=_counts)
def test_an_alert_text_writes_the_models_bytes(threshold: int, state: str, quota: int) -> None:
    named, written = ("acct_1", "o-1", "logs", "2026-01-31", threshold), (state, quota, quota + 1, 3)
    fields: Any = dict(zip(QuotaAlert.model_fields, (*named, *written), strict=True))
    model = QuotaAlert(**fields)
    assert alert_text(*named, *written) == model.json_bytes()
    assert alert_key(*named) == model.record_key()
