"""Ordering in the browser broken on purpose, one place at a time: a test of it notices each."""

import inspect
import logging
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import SecretStr

from tests.dashboard import (
    test_order_effect,
    test_order_fields,
    test_order_forms,
    test_order_page,
    test_order_sending,
)
from tests.dashboard.order_worlds import OrderBoard, worked_example
from tests.dashboard.read_models import ReadModel
from tests.dashboard.served import TOKEN
from tests.simulation.mutations import Mutation, broken

EFFECT, FIELDS, FORMS = test_order_effect, test_order_fields, test_order_forms
PAGE, SENDING = test_order_page, test_order_sending

#: Who must notice (the first words of a test's name), the module, its code, what stands instead.
BROKEN: tuple[tuple[ModuleType, str, str, str, str], ...] = (
    (
        EFFECT,
        "fifty_packages",
        "orders.effect",
        "shares_of(each, name, day), usage)",
        "shares_of(plans[1], name, day), usage)",
    ),
    (EFFECT, "fifty_packages", "orders.effect", "after - before)", "before - after)"),
    (
        EFFECT,
        "another_order",
        "orders.effect",
        "order_before=_in_order(usage, before)",
        "order_before=_in_order(usage, after)",
    ),
    (EFFECT, "a_charge_by", "orders.effect", "if not usage or item is None or not item.retentions", "if True"),
    (EFFECT, "a_charge_by", "orders.effect", "if cell.workspace in before.listed", "if cell.workspace in ()"),
    (EFFECT, "fifty_packages", "orders.effect", "cell.usage - side.covered[cell.workspace]", "cell.usage"),
    (EFFECT, "what_cash", "orders.quoting", "if paid.decision.plan is not None", "if decision.plan is not None"),
    (EFFECT, "what_cash", "orders.quoting", "if fields.paying != SPLIT and paid.assumed", "if paid.assumed"),
    (EFFECT, "a_second_plan", "orders.quoting", "**holdings.plan_rows, decision", "decision"),
    (FIELDS, "an_emptied", "orders.fields", '",".join(self.workspaces) or NOBODY', '",".join(self.workspaces)'),
    (FIELDS, "a_workspace_is_added", "orders.fields", "if one and one not in names]", "if one]"),
    (FIELDS, "what_cash_has_not", "orders.reading", 'if shape["method"] != "cash"', "if True"),
    (FIELDS, "an_address_holds", "orders.fields", 'found["paying"] = SPLIT', "pass"),
    (
        FORMS,
        "one_id",
        "orders.answering",
        "taken = taken or (sent is not None and sent.state != FAILED)",
        "taken = False",
    ),
    (FORMS, "another_order", "orders.answering", "if found is not None and found.seen != seen", "if False"),
    (FORMS, "fields_that", "orders.answering", "or made.form.quote.seen != seen", ""),
    (FORMS, "an_order_that", "orders.quoting", "if decision.accepted else None", "if True else None"),
    (FORMS, "sending_asks", "orders.answering", "if not same_origin(request)", "if False"),
    (FORMS, "sending_asks", "orders.answering", "if not rights.write or ordering is None", "if ordering is None"),
    (FORMS, "a_form_that_comes", "orders.answering", "or seen_of(first, made.form.currency) != seen", ""),
    (FORMS, "a_form_that_comes", "orders.forms", " or decided(sight, fields.account, fields.order_id)", ""),
    (FORMS, "the_price_that", "orders.reading", '"discount": line.discount or None', '"discount": None'),
    (
        FORMS,
        "the_price_that",
        "orders.answering",
        "sending.begin(made.order, seen)",
        "sending.begin(made.order.model_copy(update={'payments': ()}), seen)",
    ),
    (FORMS, "a_list_of_a", "orders.answering", "if len(there) <= ADDRESS_LIMIT", "if there"),
    (FORMS, "a_form_that_is_too", "orders.answering", "if len(body) > FORM_BYTES", "if False"),
    (FORMS, "what_kafka", "orders.sending", "order.state, order.error = FAILED", "order.state, order.error = SENT"),
    (SENDING, "a_double", "orders.sending", "if before is not None and before.state != FAILED", "if False"),
    (
        SENDING,
        "an_order_that_kafka",
        "orders.sending",
        "if before is not None and before.state != FAILED",
        "if before is not None",
    ),
    (SENDING, "only_so_many_are_on", "orders.sending", ">= AT_ONCE", "> AT_ONCE"),
    (SENDING, "only_so_many_are_sent", "orders.sending", ">= A_MINUTE", "> A_MINUTE"),
    (SENDING, "memory", "orders.sending", "len(self._shown) - KEPT", "0"),
    (PAGE, "the_letter_of_its", "views.order", "if letter is not None", "if letter is not None and outcome is None"),
    (PAGE, "the_letter_of_its", "views.order", "if place is not None:\n        rows", "if False:\n        rows"),
    (PAGE, "a_letter_is_found", "views.order", 'order["account"] == account and', ""),
    (PAGE, "it_is_on", "views.order", "> LATE_US", "> 2 * LATE_US"),
    (
        PAGE,
        "an_outcome",
        "views.order",
        'return str(outcome["outcome"])',
        'return str(sent.state if sent else outcome["outcome"])',
    ),
)


def judge_of(module: ModuleType, begins: str) -> Callable[..., None]:
    """The test of a module whose name begins so."""
    found = [test for name, test in vars(module).items() if name.startswith(f"test_{begins}")]
    assert len(found) == 1, f"{module.__name__}: {begins} begins {len(found)} tests"
    one: Callable[..., None] = found[0]
    return one


def run(test: Callable[..., None], directory: Path) -> None:
    """Run a test with what it asks for."""
    wanted = inspect.signature(test).parameters
    with ExitStack() as stack:
        given: dict[str, Any] = {"tmp_path": directory / "test"}
        given["tmp_path"].mkdir()
        if "monkeypatch" in wanted:
            given["monkeypatch"] = stack.enter_context(pytest.MonkeyPatch.context())
        if "model" in wanted:
            given["model"] = ReadModel(directory / "dashboard.sqlite")
            stack.callback(given["model"].close)
        if "world" in wanted:
            given["world"] = test_order_effect.worked(directory)
            stack.callback(given["world"].model.close)
        if "board" in wanted:
            given["board"] = stack.enter_context(OrderBoard(directory, dashboard_token=SecretStr(TOKEN)))
            given["board"].feed(*worked_example(given["board"].today))
        test(**{name: value for name, value in given.items() if name in wanted})


@pytest.mark.parametrize("row", BROKEN, ids=[f"{row[2]}: {row[3][:40]}" for row in BROKEN])
def test_it_is_noticed(
    row: tuple[ModuleType, str, str, str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    judges, begins, module, old, new = row
    test = judge_of(judges, begins)
    with broken(Mutation(begins, f"meter.dashboard.{module}", ((old, new),))):
        try:
            run(test, tmp_path)
        except Exception:
            return
        except BaseException as error:  # pytest.raises and pytest.fail say so by an exception of their own
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            return
    pytest.fail(f"{begins} does not notice {new!r} instead of {old!r}")
