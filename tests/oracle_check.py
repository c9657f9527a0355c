"""Holds what was published against the oracle's prediction; each function answers sentences, none is good news.

Published records come as {key: content of the highest revision}, contents as parsed JSON.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from tests.oracle import Place, Prediction
from tests.oracle_figures import Cell, Figure
from tests.oracle_orders import Outcome
from tests.oracle_time import day_text, ordinal

AMOUNT = re.compile(r"-?[0-9]+\.[0-9]{2,}")
UNITS = re.compile(r"[0-9]+\.[0-9]{2}")
PRICE = re.compile(r"[0-9]+(\.[0-9]*[1-9])?")
Json = Mapping[str, Any]


def cell_key(cell: Cell) -> str:
    """The key of a cell on `overages`."""
    account, workspace, item, day = cell
    return f"{account}/{workspace}/{item}/{day_text(day)}"


def overage_differences(prediction: Prediction, latest: Mapping[str, Json]) -> list[str]:
    """Cells that are over or charged must be there; cells that are there must be right."""
    figures = {cell_key(cell): figure for cell, figure in prediction.figures.items()}
    found = []
    for key, figure in figures.items():
        if key in latest:
            found += [f"{key}: {problem}" for problem in _figure_problems(figure, latest[key], prediction)]
            found += [f"{key}: {problem}" for problem in _key_problems(key, latest[key])]
        elif figure.overage > 0 or figure.amount > 0:
            found.append(f"{key}: never published, should be over by {figure.overage}, charged {figure.amount}")
    return found + [f"{key}: published, but has no counted usage" for key in latest if key not in figures]


def _key_problems(key: str, record: Json) -> list[str]:
    fields = "/".join(str(record.get(name)) for name in ("account", "workspace", "item", "day"))
    return [] if fields == key else [f"the fields say {fields}"]


def _figure_problems(figure: Figure, record: Json, prediction: Prediction) -> list[str]:
    if figure.basis == "free":
        return ["published, but this is a free day"]
    expected = {
        "usage": figure.usage,
        "covered": figure.covered,
        "overage": figure.overage,
        "basis": figure.basis,
        "plans": list(figure.plans),
    }
    problems = [
        f"{name} is {record.get(name)!r}, should be {value!r}"
        for name, value in expected.items()
        if record.get(name) != value
    ]
    return problems + charge_problems(figure, record.get("charge") or {}, prediction.market.book.currency)


def charge_problems(figure: Figure, charge: Json, currency: str) -> list[str]:
    amount = str(charge.get("amount"))
    if not AMOUNT.fullmatch(amount) or Decimal(amount) != figure.amount or charge.get("currency") != currency:
        return [f"the charge is {amount} {charge.get('currency')}, should be {figure.amount} {currency}"]
    lines = [_line(line) for line in charge.get("lines", ())]
    expected = [
        (line.retention, line.quantity, line.units, line.unit_price, line.amount, "well written")
        for line in figure.lines
    ]
    return [] if lines == expected else [f"the lines are {lines}, should be {expected}"]


def _line(line: Json) -> tuple[Any, ...]:
    texts = [str(line.get(name)) for name in ("units", "unit_price", "amount")]
    written = all(form.fullmatch(text) for form, text in zip((UNITS, PRICE, AMOUNT), texts, strict=True))
    numbers = [Decimal(text) for text in texts] if written else texts
    how = "well written" if written else "badly written"
    return (line.get("retention_days"), line.get("quantity"), *numbers, how)


def outcome_differences(prediction: Prediction, latest: Mapping[str, Json]) -> list[str]:
    """Every order that was read has one outcome, the right one."""
    outcomes = {f"{account}/{order_id}": outcome for (account, order_id), outcome in prediction.outcomes.items()}
    found = [f"{key}: an outcome of an order that nobody sent" for key in latest if key not in outcomes]
    for key, outcome in outcomes.items():
        if key not in latest:
            found.append(f"{key}: no outcome; should be {outcome.reason or 'accepted'}")
        else:
            found += [f"{key}: {problem}" for problem in _outcome_problems(outcome, latest[key])]
    return found


def _outcome_problems(outcome: Outcome, record: Json) -> list[str]:
    order = outcome.order
    expected: dict[str, Any] = {
        "order_id": order.order_id,
        "account": order.account,
        "kind": order.kind,
        "outcome": "refused" if outcome.reason else "accepted",
        "reason": outcome.reason,
    }
    if not outcome.reason and order.kind != "top_up":
        expected |= {"plan_id": outcome.plan_id, "price": outcome.price}
        expected |= {"first_day": day_text(outcome.first_day or 0), "last_day": day_text(outcome.last_day or 0)}
    seen = dict(record)
    if "price" in expected and AMOUNT.fullmatch(str(seen.get("price"))):
        seen["price"] = Decimal(seen["price"])
    problems = [
        f"{name} is {seen.get(name)!r}, should be {value!r}"
        for name, value in expected.items()
        if seen.get(name) != value
    ]
    if outcome.reason and not record.get("error"):
        problems.append(f"refused for {outcome.reason} without a sentence that says why")
    return problems


def wallet_differences(prediction: Prediction, latest: Mapping[str, Json]) -> list[str]:
    """Every instrument that ever had money, with its last balance."""
    wallets = {
        "/".join(part for part in (account.name, *key) if part): wallet
        for account in prediction.accounts.values()
        for key, wallet in account.wallets.items()
    }
    found = [f"{key}: a wallet that nobody filled" for key in latest if key not in wallets]
    for key, wallet in wallets.items():
        record = latest.get(key, {})
        balance, expires_on = str(record.get("balance")), record.get("expires_on")
        if not AMOUNT.fullmatch(balance) or Decimal(balance) != wallet.balance:
            found.append(f"{key}: the balance is {balance}, should be {wallet.balance}")
        if (None if expires_on is None else ordinal(expires_on)) != wallet.expires_on:
            found.append(f"{key}: expires on {expires_on}, should be day {wallet.expires_on}")
    return found


#: In place of the reason of a record that one letter sums up with others.
SUMMED_UP = "summed up"


def dead_places(letter: Json) -> list[tuple[Place, str]]:
    """The places that a dead letter speaks of, with its reason; of a summary that of many stands for each."""
    topic, partition = letter["topic"], letter["partition"]
    if "records" not in letter:
        return [((topic, partition, letter["offset"]), letter["reason"])]
    runs = letter["ranges"]
    return [((topic, partition, offset), SUMMED_UP) for first, last in runs for offset in range(first, last + 1)]


def summary_differences(prediction: Prediction, letters: Iterable[Json]) -> list[str]:
    """A summary tells how many of its records are dead for which reason."""
    found = []
    for letter in letters:
        if "records" not in letter:
            continue
        places = [place for place, _ in dead_places(letter)]
        where, reasons = f"{letter['topic']}/{letter['partition']}/{letter['offset']}", letter["reasons"]
        if not letter["records"] == sum(reasons.values()) == len(places):
            found.append(f"{where}: {letter['records']} records, {reasons}, {len(places)} offsets")
        if (letter["offset"], letter["last_offset"]) != (places[0][2], places[-1][2]):
            found.append(f"{where}: from {letter['offset']} to {letter['last_offset']}, not as its ranges say")
        allowed = [prediction.dead.get(place, ()) for place in places]
        for reason, count in reasons.items():
            least = sum(each == (reason,) for each in allowed)
            most = sum(reason in each for each in allowed)
            if not least <= count <= most:
                found.append(f"{where}: {count} records are dead for {reason}, should be {least} to {most}")
    return found


def dead_differences(prediction: Prediction, letters: Iterable[tuple[Place, str]], crashed: bool = False) -> list[str]:
    """Every dead letter that must be there is there, for a reason that SPEC allows; once, unless something crashed.

    Of a contested identity (two contents through two partitions) any but one place may be dead.
    """
    seen: dict[Place, list[str]] = {}
    for place, reason in letters:
        seen.setdefault(place, []).append(reason)
    found = []
    for place, reasons in prediction.dead.items():
        if place in prediction.contested_places:
            continue
        if place not in seen:
            found.append(f"{place}: no dead letter; should be one for {reasons[0]}")
        elif not set(seen[place]) <= {*reasons, SUMMED_UP}:
            found.append(f"{place}: dead for {seen[place]}, should be {reasons[0]}")
        elif len(seen[place]) > 1 and not crashed:
            found.append(f"{place}: {len(seen[place])} dead letters")
    for place, those in seen.items():
        if place in prediction.contested_places:
            found += [f"{place}: dead for {reason}" for reason in those if reason != "conflicting_duplicate"]
        elif place not in prediction.dead:
            found.append(f"{place}: dead for {those}, should have been read")
    return found
