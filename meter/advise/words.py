"""The options of simulations and advice, as the command and the page's address write them."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from pydantic import ValidationError

from meter.advise.changes import AddTraffic, Buy, Change, ChangeWorkspaces, Upgrade, Without
from meter.errors import UserError
from schemas.ids import check_id
from schemas.money import price_text
from schemas.orders import TrafficLine
from schemas.record import problem

#: Days for which statements are kept.
MOST_DAYS = 400
#: The options that change something, as an address names them; the command writes `-` for `_`.
OPTIONS = ("buy", "add_traffic", "upgrade", "workspaces", "without")


def coverage_of(target: str) -> Decimal | None:
    """The share asked for; None: least cost."""
    word, equals, percent = target.partition("=")
    if target == "cost":
        return None
    if word == "coverage" and equals and percent.isascii() and percent.isdecimal() and 1 <= int(percent[:4]) <= 100:
        return Decimal(percent) / 100
    raise UserError(f"--target is cost, or coverage=P with P from 1 to 100, such as coverage=90; this is {target!r}")


def changes_of(
    buy: Sequence[str] = (),
    add_traffic: Sequence[str] = (),
    upgrade: Sequence[str] = (),
    workspaces: Sequence[str] = (),
    without: Sequence[str] = (),
) -> list[Change]:
    """The changes that the options name: plans go first, then come lists, packages, purchases and traffic packages."""
    found: list[Change] = [Without(checked("--without", plan_id)) for plan_id in without]
    found += [ChangeWorkspaces(plan_id, listed(names)) for plan_id, names in _pairs("--workspaces", workspaces)]
    found += [Upgrade(plan_id, checked("--upgrade", plan)) for plan_id, plan in _pairs("--upgrade", upgrade)]
    lines: dict[str, list[TrafficLine]] = {}
    for plan_id, word in _pairs("--add-traffic", add_traffic, ":"):
        lines.setdefault(plan_id, []).append(traffic(word))
    for number, (plan, names) in enumerate(_pairs("--buy", buy), 1):
        plan_id = f"new-{number}"
        found.append(Buy(plan_id, plan, listed(names), tuple(lines.pop(plan_id, ()))))
    return [*found, *(AddTraffic(plan_id, tuple(more)) for plan_id, more in lines.items())]


def words_of(changes: Iterable[Change]) -> dict[str, list[str]]:
    """The options that name these changes: `changes_of` reads them back."""
    found: dict[str, list[str]] = {option: [] for option in OPTIONS}
    for change in changes:
        match change:
            case Buy(plan_id, package, workspaces, lines):
                found["buy"].append(f"{package}={','.join(workspaces)}")
                found["add_traffic"] += [f"{plan_id}:{_written(line)}" for line in lines]
            case AddTraffic(plan_id, lines):
                found["add_traffic"] += [f"{plan_id}:{_written(line)}" for line in lines]
            case Upgrade(plan_id, package):
                found["upgrade"].append(f"{plan_id}={package}")
            case ChangeWorkspaces(plan_id, workspaces):
                found["workspaces"].append(f"{plan_id}={','.join(workspaces)}")
            case Without(plan_id):
                found["without"].append(plan_id)
    return {option: words for option, words in found.items() if words}


def command_of(account: str, days: int, words: Mapping[str, Sequence[str]]) -> str:
    """The command that simulates the same. Quoted, so that words from an address cannot run anything else."""
    options = [(f"--{option.replace('_', '-')}", word) for option in OPTIONS for word in words.get(option, ())]
    return shlex.join(["meter", "simulate", account, "--days", str(days), *(part for pair in options for part in pair)])


def _pairs(option: str, words: Sequence[str], mark: str = "=") -> list[tuple[str, str]]:
    pairs = [word.partition(mark) for word in words]
    for word, (first, _, second) in zip(words, pairs, strict=True):
        if not first or not second:
            raise UserError(
                f"{option} is two names with {mark!r} between them, this is {word!r}; see `meter simulate --help`"
            )
    return [(checked(option, first), second) for first, _, second in pairs]


def checked(option: str, name: str) -> str:
    """A name that is a valid id: it goes into commands that people copy."""
    try:
        return check_id(name)
    except ValueError as error:
        raise UserError(f"{option}: {error}; see `meter simulate --help`") from None


def listed(names: str) -> tuple[str, ...]:
    """A list of workspaces, each once."""
    found = tuple(checked("a list of workspaces", name) for name in names.split(",") if name)
    if not found or len(set(found)) != len(found):
        raise UserError(f"a list names workspaces, each once, with commas between them; this is {names!r}")
    return found


def traffic(word: str) -> TrafficLine:
    """One traffic line out of `ITEM=UNITS[@DISCOUNT]`."""
    item, equals, rest = word.partition("=")
    units, at, discount = rest.partition("@")
    if not equals or not (units.isascii() and units.isdecimal()):
        raise UserError(
            f"--add-traffic is PLAN_ID:ITEM=UNITS or PLAN_ID:ITEM=UNITS@DISCOUNT, such as o-1:logs=30@0.8; "
            f"after the plan this says {word!r}"
        )
    fields = {
        "item": checked("--add-traffic", item),
        "units": int(units[:20]),
        **({"discount": discount} if at else {}),
    }
    try:
        return TrafficLine.model_validate(fields)
    except ValidationError as wrong:
        raise UserError(f"--add-traffic {word!r}: {problem(wrong)}") from None


def _written(line: TrafficLine) -> str:
    return f"{line.item}={line.units}" + ("" if line.discount == 1 else f"@{price_text(line.discount)}")
