"""Advice and simulations as tables for a spreadsheet; `?table=` selects one, else the first."""

from typing import Any

from meter.dashboard.advice.question import Question
from meter.dashboard.answers import Table
from meter.dashboard.sight import NotThere

Json = dict[str, Any]


def table_of(question: Question, answer: Json, name: str) -> Table:
    """The table with this name; raises NotThere if there is none."""
    tables = SIMULATED if question.kind == "simulate" else ADVISED
    if name and name not in tables:
        raise NotThere(f"there is no table {name[:40]!r}; ?table= is one of {', '.join(tables)}")
    return tables[name or next(iter(tables))](answer)


def alternatives(answer: Json) -> Table:
    """A row for each alternative, those from today first."""
    columns = ("basis", "alternative", "pays_today", "packages_a_day", "overage_a_day", "cost_a_day")
    ranges = ("saves_mean", "saves_p10", "saves_median", "saves_p90", "wins", "days", "worst_day", "worst_day_saves")
    shares = ("coverage", "utilisation", "unused_quota_a_day", "orders")
    return (*columns, *ranges, *shares), [
        _alternative(basis, each, answer["days"]["count"])
        for basis in ("from_today", "hindsight")
        for each in (answer[basis]["stay"], *answer[basis]["alternatives"])
    ]


def _alternative(basis: str, each: Json, days: int) -> tuple[object, ...]:
    figures = (each[name] for name in ("pays_today", "packages_a_day", "overage_a_day", "cost_a_day"))
    saves = each.get("saves_a_day", {})
    worst = each.get("worst_day", {})
    return (
        basis,
        each["title"],
        *figures,
        *(saves.get(name) for name in ("mean", "p10", "median", "p90")),
        each.get("wins"),
        days,
        worst.get("day"),
        worst.get("saves"),
        each["coverage"],
        each["utilisation"],
        each["unused_quota_a_day"],
        "; ".join(each.get("orders", ())),
    )


def by_day(answer: Json) -> Table:
    """The cost of each alternative from today on each day, packages included."""
    table = answer["from_today"]
    every = [table["stay"], *table["alternatives"]]
    days = answer["days"]["days"]
    may_change = answer["days"]["may_change"]
    rows = []
    for number, day in enumerate(days):
        for each in every:
            over, packages = each["overage_by_day"][number], each["packages_a_day"]
            rows.append((day, number >= len(days) - may_change, each["title"], packages, over))
    return ("day", "may_change", "alternative", "packages", "overage"), rows


def curve(answer: Json) -> Table:
    """The cost curve: a day's cost by the number of packages bought."""
    rows = [(name, count, cost) for name, points in answer["cost_curves"].items() for count, cost in points]
    return ("package", "bought", "cost_a_day"), rows


def simulated_days(answer: Json) -> Table:
    """Both sides of a simulation, day by day."""
    return ("day", "as_it_was", "changed"), [
        (each["day"], each["as_it_was"], each["changed"]) for each in answer["days"]
    ]


def shifted(answer: Json) -> Table:
    """Charges of every workspace and item over all days, actual and simulated."""
    rows = []
    for kind in ("workspace", "item"):
        before, after = (answer[side][f"charges_by_{kind}"] for side in ("as_it_was", "changed"))
        rows += [(kind, name, before.get(name, "0.00"), after.get(name, "0.00")) for name in sorted({*before, *after})]
    return ("of", "name", "as_it_was", "changed"), rows


ADVISED = {"alternatives": alternatives, "days": by_day, "curve": curve}
SIMULATED = {"days": simulated_days, "charges": shifted}
