"""One of each published record, in SPEC's numbers: its model, its content, its key."""

from typing import Any

from schemas.alerts import QuotaAlert
from schemas.balances import QuotaBalance
from schemas.dead_letters import DeadLetter
from schemas.outcomes import OrderOutcome
from schemas.overages import Overage
from schemas.plans import Plan
from schemas.record import Record
from schemas.statements import AccountStatement, WorkspaceStatement
from schemas.wallets import Wallet

#: SPEC §9, and W1, W6 of §4 in its numbers.
OVERAGE: dict[str, Any] = {
    "account": "acct_1",
    "workspace": "wksp_b",
    "item": "logs",
    "day": "2026-01-31",
    "revision": 1042,
    "previous_revision": 0,
    "usage": 100000000,
    "covered": 50000000,
    "overage": 50000000,
    "delta": 50000000,
    "basis": "package",
    "plans": ["o-1"],
    "charge": {
        "amount": "75.00",
        "currency": "CNY",
        "lines": [
            {
                "retention_days": 14,
                "quantity": 50000000,
                "units": "50.00",
                "unit_price": "1.5",
                "amount": "75.00",
            }
        ],
    },
    "cause": {
        "kind": "usage",
        "workspaces": ["wksp_a"],
        "topic": "usage",
        "partition": 3,
        "first_offset": 991,
        "last_offset": 1010,
    },
    "restated": False,
}
BALANCE: dict[str, Any] = {
    "account": "acct_1",
    "item": "logs",
    "day": "2026-01-31",
    "quota": 150000000,
    "covered": 150000000,
    "left": 0,
    "plans": [{"plan_id": "o-1", "quota": 150000000, "covered": 150000000, "left": 0}],
    "workspaces": [
        {"workspace": "wksp_a", "usage": 100000000, "covered": 100000000, "overage": 0},
        {"workspace": "wksp_b", "usage": 100000000, "covered": 50000000, "overage": 50000000},
    ],
    "revision": 1042,
}
ALERT: dict[str, Any] = {
    "account": "acct_1",
    "plan_id": "o-1",
    "item": "logs",
    "day": "2026-01-31",
    "threshold": 80,
    "state": "raised",
    "quota": 150000000,
    "covered": 150000000,
    "revision": 1042,
}
ACCEPTED: dict[str, Any] = {
    "order_id": "o-1",
    "account": "acct_1",
    "kind": "purchase",
    "outcome": "accepted",
    "price": "55392.00",
    "currency": "CNY",
    "payments": [
        {"method": "cash", "amount": "53392.00"},
        {"method": "prepaid_card", "instrument": "card-9", "amount": "1500.00"},
    ],
    "plan_id": "o-1",
    "first_day": "2026-01-31",
    "last_day": "2027-02-06",
    "revision": 7,
}
REFUSED: dict[str, Any] = {
    "order_id": "o-1",
    "account": "acct_1",
    "kind": "purchase",
    "outcome": "refused",
    "reason": "unknown_plan",
    "error": "the plan package stands in the catalog's version of the day: there is no 'huge'",
    "revision": 7,
}
PLAN: dict[str, Any] = {
    "account": "acct_1",
    "plan_id": "o-1",
    "first_day": "2026-01-31",
    "last_day": "2027-02-06",
    "packages": [{"from": "2026-01-31", "plan": "startup", "price": "42000.00", "quotas": {"logs": 40000000}}],
    "lists": [{"from": "2026-01-31", "workspaces": ["wksp_a", "wksp_b"]}],
    "traffic": [
        {
            "item": "logs",
            "units": 30,
            "discount": "0.8",
            "capacity": 1000000,
            "from": "2026-01-31",
            "through": "2027-02-06",
        }
    ],
    "revision": 7,
}
CARD: dict[str, Any] = {
    "account": "acct_1",
    "method": "prepaid_card",
    "instrument": "card-9",
    "balance": "3500.00",
    "currency": "CNY",
    "expires_on": "2026-12-31",
    "revision": 7,
}
CASH: dict[str, Any] = {"account": "acct_1", "method": "cash", "balance": "0.00", "currency": "CNY", "revision": 7}
ACCOUNT_DAY: dict[str, Any] = {
    "account": "acct_1",
    "day": "2026-01-31",
    "amount_due": "87.00",
    "currency": "CNY",
    "plans": [
        {"plan_id": "o-1", "items": [{"item": "logs", "quota": 70000000, "covered": 70000000, "unused": 0}]},
    ],
    "workspaces": 1,
    "restated": False,
    "revision": 2077,
}
WORKSPACE_DAY: dict[str, Any] = {
    "account": "acct_1",
    "workspace": "wksp_a",
    "day": "2026-01-31",
    "basis": "package",
    "items": [
        {
            "item": "logs",
            "reported": [{"retention_days": 30, "quantity": 40000000}],
            "usage": 80000000,
            "coverage": [{"plan_id": "o-1", "covered": 70000000}],
            "covered": 70000000,
            "overage": 10000000,
            "charge": OVERAGE["charge"]
            | {
                "amount": "15.00",
                "lines": [
                    {
                        "retention_days": 14,
                        "quantity": 10000000,
                        "units": "10.00",
                        "unit_price": "1.5",
                        "amount": "15.00",
                    }
                ],
            },
        },
        {
            "item": "datakit",
            "reported": [{"quantity": 25}],
            "usage": 25,
            "coverage": [{"plan_id": "o-1", "covered": 20}],
            "covered": 20,
            "overage": 5,
            "charge": {
                "amount": "15.00",
                "currency": "CNY",
                "lines": [{"quantity": 5, "units": "5.00", "unit_price": "3", "amount": "15.00"}],
            },
        },
    ],
    "restated": False,
    "revision": 2077,
}
DEAD: dict[str, Any] = {
    "reason": "not_json",
    "error": "the value is not JSON in UTF-8: expected value at line 1 column 1",
    "topic": "usage",
    "partition": 3,
    "offset": 991,
    "key": "d2tzcF9h",
    "value": "bm90IGpzb24=",
    "headers": [{"name": "content-type", "value": "YXBwbGljYXRpb24vanNvbg=="}, {"name": "empty", "value": ""}],
    "at": "2026-01-31T08:00:01.000000Z",
}
SUMMARY: dict[str, Any] = {
    "reason": "not_json",
    "error": "15 bad records in usage/3, 991 to 1010, share this letter: not_json 14, unknown_item 1; the first: …",
    "topic": "usage",
    "partition": 3,
    "offset": 991,
    "last_offset": 1010,
    "records": 15,
    "reasons": {"not_json": 14, "unknown_item": 1},
    "ranges": [[991, 1000], [1006, 1010]],
    "sha256": "0f" * 32,
    "headers": [],
    "at": "2026-01-31T08:00:01.000000Z",
}
RECORDS: list[tuple[type[Record], dict[str, Any], str]] = [
    (Overage, OVERAGE, "acct_1/wksp_b/logs/2026-01-31"),
    (QuotaBalance, BALANCE, "acct_1/logs/2026-01-31"),
    (QuotaAlert, ALERT, "acct_1/o-1/logs/2026-01-31/80"),
    (OrderOutcome, ACCEPTED, "acct_1/o-1"),
    (OrderOutcome, REFUSED, "acct_1/o-1"),
    (Plan, PLAN, "acct_1/o-1"),
    (Wallet, CARD, "acct_1/prepaid_card/card-9"),
    (Wallet, CASH, "acct_1/cash"),
    (AccountStatement, ACCOUNT_DAY, "acct_1/2026-01-31"),
    (WorkspaceStatement, WORKSPACE_DAY, "acct_1/2026-01-31/wksp_a"),
    (DeadLetter, DEAD, "usage/3/991"),
    (DeadLetter, SUMMARY, "usage/3/991"),
]
