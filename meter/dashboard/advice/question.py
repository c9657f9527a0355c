"""Parses the question in an address: `/accounts/A/advise` and `/accounts/A/simulate`, in the words of the commands."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from meter.advise.changes import Change
from meter.advise.history import LEAST_DAYS
from meter.advise.words import MOST_DAYS, OPTIONS, changes_of, command_of, coverage_of
from meter.dashboard.asked import Asked
from meter.errors import UserError
from meter.settings import Settings
from schemas.ids import is_id
from schemas.money import parse_discount

Kind = Literal["advise", "simulate"]
#: The commands' default.
DAYS = 35
LEAST = {"advise": LEAST_DAYS, "simulate": 1}
#: Most words of one option; an order has fewer plans and lines.
WORDS = 100


@dataclass(frozen=True)
class Question:
    """One question; equal questions share an answer. `words`: a simulation's options, each with its words."""

    kind: Kind
    account: str
    days: int = DAYS
    target: str = "cost"
    discount: str = ""
    words: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def coverage(self) -> Decimal | None:
        """The target coverage; None means least cost; raises UserError."""
        return coverage_of(self.target)

    @property
    def offered(self) -> Decimal | None:
        """The discount on traffic packages; None means the account's latest; raises UserError."""
        try:
            return parse_discount(self.discount) if self.discount else None
        except ValueError as error:
            raise UserError(f"{error}; ?discount= is the discount on traffic packages, such as 0.8") from None

    @property
    def changes(self) -> list[Change]:
        """The simulated changes; raises UserError."""
        return changes_of(**dict(self.words))

    @property
    def command(self) -> str:
        """The command with the same answer."""
        if self.kind == "simulate":
            return command_of(self.account, self.days, dict(self.words))
        target = () if self.target == "cost" else ("--target", self.target)
        discount = ("--discount", self.discount) if self.discount else ()
        return shlex.join(["meter", "advise", self.account, "--days", str(self.days), *target, *discount])

    def check(self) -> None:
        """Raise UserError for options that the command refuses."""
        least = LEAST[self.kind]
        if not least <= self.days <= MOST_DAYS:
            raise UserError(f"?days= is {least} to {MOST_DAYS}, this is {self.days}")
        if self.kind == "simulate":
            self.changes  # noqa: B018 # raises for a wrong word
        else:
            self.coverage, self.offered  # noqa: B018


class Task(NamedTuple):
    """The input of a process."""

    settings: Settings
    question: Question


def question_of(asked: Asked) -> Question | None:
    """The question in an address, not yet checked; None if the address is not about advice."""
    match asked.parts:
        case ("accounts", account, "advise") if is_id(account):
            target, discount = (" ".join(_words(asked.query, name)) for name in ("target", "discount"))
            return Question("advise", account, _days(asked.query), target or "cost", discount)
        case ("accounts", account, "simulate") if is_id(account):
            words = tuple((option, found) for option in OPTIONS if (found := _words(asked.query, option)))
            return Question("simulate", account, _days(asked.query), words=words)
    return None


def _words(query: Mapping[str, str], name: str) -> tuple[str, ...]:
    """The words of an option, separated by spaces; no word contains one."""
    return tuple(query.get(name, "").split()[:WORDS])


def _days(query: Mapping[str, str]) -> int:
    """The number of days; 0, which is refused later, if it is no number."""
    text = query.get("days", "").strip() or str(DAYS)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
