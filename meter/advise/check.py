"""The check that every advice prints: the replay of what happened equals the published statements, to the cent."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from meter.advise.history import ClosedDay, History, ItemUse
from meter.advise.replay import DayReplay, ItemReplay, Replay
from meter.rules.billing_days import day_text
from meter.rules.charges import exact_sum
from schemas.money import money_text


@dataclass(frozen=True, slots=True)
class Check:
    """How the replay compares with what was published; `differences`: a sentence for each figure that differs."""

    days: int
    replayed: Decimal
    published: Decimal
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every figure is the published one."""
        return not self.differences

    def sentence(self) -> str:
        """The check in one line."""
        if self.passed:
            return (
                f"{self.days} days replayed as they were: {money_text(self.replayed)}, "
                f"published: {money_text(self.published)}, equal"
            )
        more = f", and {len(self.differences) - 1} more" if len(self.differences) > 1 else ""
        return f"the replay differs from the published statements: {self.differences[0]}{more}"


def checked(history: History, replay: Replay) -> Check:
    """Replay every day under the plans that it had, and compare all figures with those published."""
    differences: list[str] = []
    total = Decimal(0)
    for day in history.days:
        found = replay.day(day, history.plans)
        total += found.due
        differences += compared(day, found)
    published = exact_sum(day.due for day in history.days)
    return Check(len(history.days), total, published, tuple(differences))


def compared(day: ClosedDay, found: DayReplay) -> Sequence[str]:
    """What differs of a day: amounts, and of every workspace and item coverage, overage and charge."""
    differences = []
    if found.due != day.due:
        differences.append(f"{day_text(day.day)}: amount due {money_text(found.due)}, published {money_text(day.due)}")
    for who, each in day.workspaces.items():
        for name, published in each.items.items():
            differences += [
                f"{day_text(day.day)} {who} {name}: {word} {got}, published {want}"
                for word, got, want in _figures(who, found.items[name], published)
                if got != want
            ]
    return differences


def _figures(who: str, found: ItemReplay, published: ItemUse) -> list[tuple[str, object, object]]:
    drawn = {plan_id: draws[who] for plan_id, draws in found.drawn.items() if draws.get(who)}
    return [
        ("covered", drawn, published.drawn),
        ("overage", found.overage[who], published.overage),
        ("charge", found.charge[who], published.charge),
    ]
