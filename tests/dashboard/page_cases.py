"""Every page once as people meet it: its name, its model, the request. Models without variants are in `samples/`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meter.dashboard.models import AsOf, Loading
from meter.dashboard.site import Site
from tests.dashboard.order_cases import ORDER_CASES
from tests.dashboard.page_estimates import estimated_day
from tests.dashboard.page_models import DAY, NOW, day_model, site, wide_day, worked_day

Case = tuple[str, dict[str, Any], Site]
SAMPLES = Path(__file__).parent / "samples"
UNKNOWN_VERDICT = {"level": "unknown", "verdict": "not known: Kafka has not been asked yet"}
PROBLEM = {"status": 404, "title": "Not found", "sentence": "there is no such page"}
NOTHING_YET = {"status": 404, "title": "Nothing yet", "sentence": "nothing is published of account acmee yet"}


def sample(name: str, **more: Any) -> dict[str, Any]:
    """A model of the samples with some fields of its own."""
    found: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return {**found, **more}


def closed_day(state: str = "closed") -> dict[str, Any]:
    """The worked day after its close, restated."""
    statement = {"account": "acme", "day": DAY, "amount_due": "75.00", "currency": "CNY", "plans": [], "workspaces": 2}
    return {**worked_day(), "state": state, "statement": {**statement, "restated": True, "revision": 2077}}


def short_day() -> dict[str, Any]:
    """A day of 23 hours: the clocks of Berlin go forward."""
    span = {"begins": "2026-03-29T00:00:00+01:00", "ends": "2026-03-30T00:00:00+02:00", "hours": 23.0}
    return day_model({}, day="2026-03-29", time_zone="Europe/Berlin", **span)


def open_group() -> dict[str, Any]:
    """The dead letters of one group."""
    model = sample("dead_letters", reason="unknown_item", source="usage")
    letter = model["groups"][0]["sample"]
    letters = [{**letter, "letter_offset": place, "tries": place, "value": "not json at all"} for place in range(3)]
    return {**model, "letters": letters}


def nothing_known() -> dict[str, Any]:
    """Operations before Kafka answered."""
    model = sample("operations", groups=[], workers=[], closings=[], broker_error="connection refused")
    unknown = {"balance": dict.fromkeys(model["balance"]), "verify": dict.fromkeys(model["verify"])}
    return {**model, **UNKNOWN_VERDICT, **unknown}


def document() -> dict[str, Any]:
    """A document."""
    text = (SAMPLES / "document.md").read_text(encoding="utf-8")
    names = ["orders.md", "spec.md", "dashboard.md"]
    return {"name": "dashboard.md", "title": "The dashboard", "markdown": text, "documents": names}


def no_accounts(search: str = "") -> dict[str, Any]:
    """The first page with nothing on it."""
    return sample("accounts", accounts=[], total=0, amount="0.00", alerts_raised=0, search=search)


def compared() -> dict[str, Any]:
    """Two days beside each other."""
    cell = {"workspace": "acme-staging", "item": "logs", "overage_before": 8_000_000, "overage": 50_000_000}
    money = {"charge_before": "12.00", "charge": "75.00", "difference": "63.00"}
    whole = {"before": "2026-01-29", "after": "2026-01-30", "amount_before": "12.00", "amount": "75.00"}
    return sample("history", comparison={**whole, "difference": "63.00", "cells": [{**cell, **money}], "reason": None})


def no_advice() -> dict[str, Any]:
    """Too few closed days."""
    words = "too little to advise: acme has 3 closed days with statements, advice needs 14 (two whole weeks)"
    return sample("advise", answer=None, problem=words)


def best_as_it_is() -> dict[str, Any]:
    """Nothing would be cheaper, on a few days, none of which can change; the rule says to buy."""
    answer = sample("advise")["answer"]
    dearer = {"mean": "-3.00", "p10": "-4.00", "median": "-3.00", "p90": "-2.00"}
    others = [{**each, "saves_a_day": dearer, "wins": 0} for each in answer["from_today"]["alternatives"][:1]]
    rules = [{**each, "reached": True} for each in answer["online_rule"]["packages"]]
    answer["from_today"]["alternatives"] = others
    answer["online_rule"]["packages"] = rules
    answer["days"]["may_change"] = 0
    return sample("advise", answer=answer)


def nothing_changed() -> dict[str, Any]:
    """A simulation before anything is changed."""
    return sample("simulate", words={}, command="meter simulate juniper --days 35")


ADVISE, SIMULATE = "/accounts/juniper/advise", "/accounts/juniper/simulate"
HISTORY, PLANS = "/accounts/acme/history", "/accounts/acme/plans"
LETTERS = {"reason": "unknown_item", "source": "usage"}
READING = Loading(records_read=1_200, records=40_000)
SILENT = AsOf(time=NOW, seconds_behind=None)

CASES: dict[str, Callable[[], Case]] = {
    "worked": lambda: ("day", worked_day(), site()),
    "estimated": lambda: ("day", estimated_day(), site()),
    "closed": lambda: ("day", closed_day(), site()),
    "final": lambda: ("day", closed_day("final"), site()),
    "short": lambda: ("day", short_day(), site(time_zone="Europe/Berlin")),
    "wide": lambda: ("day", wide_day(), site(f"/accounts/juniper/days/{DAY}")),
    "empty_day": lambda: ("day", day_model({}), site()),
    "accounts": lambda: ("accounts", sample("accounts"), site("/")),
    "no_accounts": lambda: ("accounts", no_accounts(), site("/", loading=READING)),
    "none_found": lambda: ("accounts", no_accounts("zzz"), site("/", query={"search": "zzz"})),
    "history": lambda: ("history", sample("history"), site(HISTORY)),
    "compared": lambda: ("history", compared(), site(HISTORY, query={"from": "2026-01-29", "to": "2026-01-30"})),
    "no_history": lambda: ("history", sample("history", days=[]), site(HISTORY)),
    "plans": lambda: ("plans", sample("plans"), site(PLANS)),
    "no_plans": lambda: ("plans", sample("plans", plans=[], wallets=[], orders=[]), site(PLANS)),
    "alerts": lambda: ("alerts", sample("alerts"), site("/alerts")),
    "no_alerts": lambda: ("alerts", sample("alerts", raised=[], cleared=[], more=0), site("/alerts")),
    "dead_letters": lambda: ("dead_letters", sample("dead_letters"), site("/dead-letters")),
    "letters": lambda: ("dead_letters", open_group(), site("/dead-letters", query=LETTERS)),
    "writable": lambda: ("dead_letters", sample("dead_letters"), site("/dead-letters", writable=True, signed_in=True)),
    "no_letters": lambda: ("dead_letters", sample("dead_letters", groups=[], count=0), site("/dead-letters")),
    "operations": lambda: ("operations", sample("operations"), site("/operations")),
    "nothing_known": lambda: ("operations", nothing_known(), site("/operations", as_of=SILENT)),
    "explain": lambda: ("explain", sample("explain"), site(f"/explain/acme/acme-staging/logs/{DAY}")),
    "advise": lambda: ("advise", sample("advise"), site(ADVISE)),
    "best_as_it_is": lambda: ("advise", best_as_it_is(), site(ADVISE)),
    "no_advice": lambda: ("advise", no_advice(), site(ADVISE)),
    "simulate": lambda: ("simulate", sample("simulate"), site(SIMULATE)),
    "nothing_changed": lambda: ("simulate", nothing_changed(), site(SIMULATE)),
    "docs": lambda: ("docs", document(), site("/docs/dashboard.md")),
    "plans_writable": lambda: ("plans", sample("plans"), site(PLANS, writable=True, signed_in=True)),
    **ORDER_CASES,
    "sign_in": lambda: ("sign_in", {"target": "/", "wrong": True}, site("/sign-in")),
    "problem": lambda: ("problem", PROBLEM, site("/account/acmee/history")),
    "nothing_yet": lambda: ("problem", NOTHING_YET, site("/accounts/acmee/history")),
}
