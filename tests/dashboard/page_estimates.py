"""The worked example with an estimate of the day's end and with budgets."""

from typing import Any

from tests.dashboard.page_models import DAY, MILLION, worked_day


def estimated_day() -> dict[str, Any]:
    """The worked day with an estimate of its end, and three budgets."""
    logs = {"low": 210 * MILLION, "middle": 236 * MILLION, "high": 262 * MILLION}
    traces = {"low": 4_600_000, "middle": 4_900_000, "high": 5_300_000}
    charges = {"now": "75.00", "end": {"low": "90.00", "middle": "129.00", "high": "168.90"}}
    items = {
        name: {"now": end["low"], "end": end, "compared_with": "the last 5 work days", "charges": charges}
        for name, end in (("logs", logs), ("traces", traces))
    }
    forecast = {"elapsed_seconds": 72_003, "length_seconds": 86_400, "estimate": True, "reason": None}
    return {**worked_day(), "forecast": {**forecast, "charges": charges, "items": items}, "budgets": budgets()}


def budgets() -> list[dict[str, Any]]:
    """A limit that is passed, one of units that was, a month's that is far."""
    record = {"account": "acme", "period": "day", "actual": [80, 100]}
    raised = {"kind": "actual", "threshold": 80, "state": "raised", "value": "75.00", "at": "2026-01-31T12:00:01Z"}
    estimated = {**raised, "kind": "forecast", "threshold": 100, "state": "cleared"}
    return [
        {
            "budget": {**record, "budget": "daily", "amount": "60.00"},
            "since": DAY,
            "limit": "60.00",
            "value": "75.00",
            "percent": 125,
            "states": [raised, {**raised, "threshold": 100}],
        },
        {
            "budget": {
                **record,
                "budget": "prod-logs",
                "item": "logs",
                "workspace": "acme-prod",
                "units": 120 * MILLION,
            },
            "since": DAY,
            "limit": "120000000",
            "value": "100000000",
            "percent": 83,
            "states": [raised, estimated],
        },
        {
            "budget": {**record, "budget": "month", "period": "month", "amount": "10000.00", "forecast": [100]},
            "since": "2026-01-01",
            "limit": "10000.00",
            "value": "1874.25",
            "percent": 18,
            "states": [],
        },
    ]
