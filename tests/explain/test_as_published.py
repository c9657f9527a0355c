"""Without the journal: published records alone give every standing figure, its plans and its charge."""

import json
import logging
from collections import Counter
from typing import Any

import pytest

from meter.explain.explain import Day, Sources, explanation
from meter.explain.history import Published
from meter.explain.model import Explanation
from meter.explain.published import Key, OfCell, cell_as_published
from meter.rules.billing_days import parse_day
from schemas.balances import QuotaBalance
from schemas.overages import Overage
from schemas.statements import WorkspaceStatement
from tests.explain import laws
from tests.explain.journal_world import World, histories

SEEDS = range(3_000, 3_120)


def explained(world: World, value: dict[str, Any], statements: bool) -> Explanation | None:
    """Why a standing figure is what it is, by the statements of its day (None: there are none) or by its balance."""
    account, workspace, item, day = (value[name] for name in ("account", "workspace", "item", "day"))
    stands = OfCell()
    for each in world.outputs["statements"]:
        if statements and each.key.startswith(f"{account}/{day}/"):
            statement = WorkspaceStatement.model_validate_json(json.dumps(each.value))
            stands.statements[statement.workspace] = statement
    for each in world.outputs["quota-balances"]:
        if not statements and each.key == f"{account}/{item}/{day}":
            stands.balance = QuotaBalance.model_validate_json(json.dumps(each.value))
    if statements and not stands.statements:
        return None
    ordinal, through = parse_day(day), len(world.log.records)
    key = Key(account, workspace, item, ordinal, day, 0)
    record = Overage.model_validate_json(json.dumps(value))
    priced = world.facts.priced(item, ordinal)
    cell = cell_as_published(key, priced, world.plans(account, through), "CNY", None, record, stands)
    when = Day(ordinal, world.facts.zone, "open", ordinal + 3)
    return explanation(cell, when, [Published(record, 0)], Sources())


@pytest.mark.parametrize("statements", [True, False])
def test_a_standing_figure_is_explained(statements: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    seen: Counter[str] = Counter()
    for history in histories(SEEDS):
        for world in history.worlds:
            latest = {each.key: each.value for each in world.published()}
            for key, value in latest.items():
                found = explained(world, value, statements)
                if found is None:
                    continue
                if found.usage.reported is not None:
                    problems = list(laws.of_figure(found, value))
                else:
                    problems = list(as_published(found, value))
                assert not problems, f"seed {history.seed}, {key}: {problems}"
                seen[f"{found.charge.basis}, {'known' if found.usage.reported is not None else 'not known'}"] += 1
    assert min(seen.values()) > 5 and len(seen) == (2 if statements else 3), seen


def as_published(found: Explanation, value: dict[str, Any]) -> list[str]:
    """What is known where the retentions are not."""
    pairs = [
        (found.usage.converted, value["usage"]),
        (found.covered, value["covered"]),
        (found.overage, value["overage"]),
        (found.charge.amount, value["charge"]["amount"]),
        ([plan.plan_id for plan in found.plans], value["plans"]),
        (sum(plan.covered for plan in found.plans), value["covered"]),
        (found.notes, []),
    ]
    return [f"{made} should be {wanted}" for made, wanted in pairs if made != wanted]
