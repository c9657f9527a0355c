"""What must come of the demo's day, by the oracle.

`python -m tests.cli.demo_expected` writes it to `meter/demo/expected.json`.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from meter.demo.day import day_steps
from schemas.money import money_text
from tests.oracle import Prediction, predict
from tests.oracle_reading import Settings
from tests.oracle_time import instant
from tests.records import Log, Message

FILE = Path(__file__).parents[2] / "meter" / "demo" / "expected.json"
ZONE = "+03:30"
MINUTE_US = 60_000_000


def day_us(day: str = "2026-11-24") -> int:
    """When a day begins in the zone of these predictions."""
    found = instant(f"{day}T00:00:00{ZONE}")
    assert found is not None
    return found


def sent(began_us: int) -> Log:
    """The day as a broker takes it in: everything shortly before midnight."""
    log = Log()
    for number, step in enumerate(day_steps(began_us)):
        now_us = began_us + (23 * 60 + 40) * MINUTE_US + number * 500_000
        log.send(now_us, [Message(record.topic, record.key, record.value) for record in step.records])
    return log


def prediction(began_us: int) -> Prediction:
    """The oracle's word on it."""
    return predict(Settings(ZONE), sent(began_us).sent)


def outcomes(began_us: int) -> dict[str, str]:
    """What becomes of each order: the demo waits for one before it goes on, so a later upgrade does not help it."""
    log = [record for record in sent(began_us).sent if record.topic != "usage"]
    found: dict[str, str] = {}
    for number, record in enumerate(log, 1):
        if record.topic == "plan-purchases":
            decided = predict(Settings(ZONE), log[:number]).outcomes
            found |= {order_id: outcome.reason or "accepted" for (_, order_id), outcome in decided.items()} | found
    return dict(sorted(found.items()))


def expected(began_us: int) -> dict[str, Any]:
    """The content of the file: what the outputs must say, and what became of the records."""
    predicted = prediction(began_us)
    figures = {
        f"{workspace}/{item}": {
            "usage": figure.usage,
            "covered": figure.covered,
            "overage": figure.overage,
            "charge": money_text(figure.amount),
        }
        for (_, workspace, item, _), figure in sorted(predicted.figures.items())
        if figure.basis != "free"
    }
    records: Counter[str] = Counter()
    for counts in predicted.counts.values():
        records.update(counts)
    dead = Counter(reasons[0] for reasons in predicted.dead.values())
    return {
        "records": {kind: records[kind] for kind in ("counted", "duplicate", "dead")},
        "dead_letters": dict(sorted(dead.items())),
        "orders": outcomes(began_us),
        "figures": figures,
    }


def text(began_us: int) -> str:
    """The file as it is written."""
    return json.dumps(expected(began_us), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(day_us()), encoding="utf-8")
