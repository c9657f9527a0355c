"""How the demo looks: workspaces in priority order with what just changed marked, and the totals at the end.

A table row is a workspace: its logs in full, of its other items what is over, and what all of it costs. It fits
80 columns; in wider terminals the list of the other items has room.
"""

from collections.abc import Mapping

from rich.console import ConsoleDimensions, Group, RenderableType
from rich.constrain import Constrain
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from meter.demo import story
from meter.demo.board import BY_USAGE, NO_FIGURE, Board, CellName, Figure
from meter.demo.clock import DAY_MINUTES, shown
from schemas.money import money_text

#: The item whose figures have columns of their own.
MAIN = "logs"
#: How long a change stays marked, in seconds.
MARKED_SECONDS = 2.5
#: Lines of the table without the empty ones between accounts, and lines around it.
TIGHT_LINES = len(story.WORKSPACES) + 2
ROSE, FELL, SAME = ("▲", "bold red"), ("▼", "bold green"), (" ", "")
#: In a wider terminal figures and workspaces would be too far apart.
WIDEST = 120
#: Columns that a row takes beside the list of its other items.
ROW_WIDTH = 63
#: What becomes of records, in words.
OUTCOMES = {"counted": "counted", "duplicate": "duplicates", "dead": "dead letters"}


def quantity(value: int) -> str:
    """A quantity in a few characters: exact below 10,000, else in thousands or millions with one decimal."""
    if value < 10_000:
        return f"{value:,}"
    size, unit = (1_000_000, "M") if value >= 1_000_000 else (1_000, "k")
    whole, tenth = divmod(value * 10 // size, 10)
    return f"{whole:,}.{tenth} {unit}" if tenth else f"{whole:,} {unit}"


class Marks:
    """What changed just now: of each workspace whether its overage rose or fell, of any item."""

    def __init__(self) -> None:
        self._seen: dict[CellName, int] = {}
        self._marked: dict[str, tuple[float, tuple[str, str]]] = {}

    def look(self, board: Board, now: float) -> None:
        """Compare with the last look. What is charged by usage rises with every report: that is no news."""
        for (workspace, item), figure in board.figures.items():
            before = self._seen.get((workspace, item), 0)
            if figure.overage != before:
                self._seen[workspace, item] = figure.overage
                if board.place(workspace) != BY_USAGE:
                    self._marked[workspace] = (now + MARKED_SECONDS, ROSE if figure.overage > before else FELL)

    def of(self, workspace: str, now: float) -> tuple[str, str]:
        """The mark of a workspace and its style."""
        until, mark = self._marked.get(workspace, (0.0, SAME))
        return mark if now < until else SAME


def picture(board: Board, marks: Marks, now: float, minute: int, size: ConsoleDimensions) -> RenderableType:
    """The live picture: how far the day is, the charges, the table."""
    head = Table.grid(padding=(0, 1), expand=True)
    head.add_column(width=5)
    head.add_column(ratio=1)
    head.add_column(justify="right")
    charge = Text(f"charges {board.charge():,.2f} CNY", style="bold")
    bar = ProgressBar(total=DAY_MINUTES, completed=minute, complete_style="cyan")
    head.add_row(Text(shown(minute), style="bold cyan"), bar, charge)
    airy = size.height > TIGHT_LINES + len(story.ACCOUNTS)
    return Group(Constrain(head, WIDEST), table(board, marks, now, size.width, airy))


def table(board: Board, marks: Marks, now: float, width: int, airy: bool) -> Table:
    """Every workspace, in priority order; `airy`: an empty line between accounts."""
    width = min(width, WIDEST)
    found = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", width=width)
    found.add_column("", width=1)
    found.add_column("workspace", no_wrap=True)
    found.add_column("plan", no_wrap=True, style="dim", min_width=9)
    for name in (MAIN, "covered", "over"):
        found.add_column(name, justify="right", no_wrap=True, min_width=7)
    found.add_column(" over too", no_wrap=True, overflow="ellipsis", ratio=1)
    found.add_column("charge", justify="right", no_wrap=True, min_width=8)
    previous = ""
    for workspace in story.WORKSPACES:
        if airy and previous not in ("", workspace.account):
            found.add_row()
        previous = workspace.account
        found.add_row(*row(board, workspace.name, *marks.of(workspace.name, now), width - ROW_WIDTH))
    return found


def row(board: Board, workspace: str, mark: str, style: str, room: int) -> list[Text]:
    """One workspace's cells; `room`: columns for the list of its other items."""
    main = board.figures.get((workspace, MAIN), NO_FIGURE)
    others = [
        f"{item} {quantity(figure.overage)}"
        for (name, item), figure in sorted(board.figures.items())
        if name == workspace and item != MAIN and figure.overage
    ]
    charge = board.charge(workspace)
    figures = [quantity(main.usage), quantity(main.covered), quantity(main.overage)] if main.usage else ["", "", ""]
    return [
        Text(mark, style),
        Text(workspace, "bold" if style else ""),
        Text(board.place(workspace)),
        Text(figures[0]),
        Text(figures[1], "green" if main.covered else "dim"),
        Text(figures[2], style or ("yellow" if main.overage else "dim")),
        Text(f" {fitting(others, room)}", "yellow"),
        Text(f"{charge:,.2f}" if charge else "", style or "bold"),
    ]


def fitting(parts: list[str], room: int) -> str:
    """As many of them as there is room for, and how many more there are."""
    for count in range(len(parts), 0, -1):
        text = ", ".join([*parts[:count], *([f"+{len(parts) - count}"] if count < len(parts) else [])])
        if len(text) <= room:
            return text
    return f"{len(parts)} item{'' if len(parts) == 1 else 's'}" if parts else ""


def effects(before: Mapping[CellName, Figure], after: Mapping[CellName, Figure], account: str) -> list[str]:
    """What a happening did to the figures of an account, the greatest change of a charge first."""
    changed = []
    for cell, figure in after.items():
        was = before.get(cell, NO_FIGURE)
        if cell[0].startswith(f"{account}-") and (figure.overage, figure.charge) != (was.overage, was.charge):
            changed.append((abs(figure.charge - was.charge), cell, was, figure))
    changed.sort(key=lambda each: (-each[0], each[1]))
    return [
        f"{workspace} {item}: over {quantity(was.overage)} → {quantity(now.overage)}, "
        f"charge {money_text(was.charge)} → {money_text(now.charge)}"
        for _, (workspace, item), was, now in changed
    ]


def totals(board: Board, sent: int, taken_in: Mapping[str, int]) -> Table:
    """What the day comes to: charges by account, orders, dead letters by reason, records by outcome."""
    accounts = ", ".join(f"{account} {money_text(board.charge(account + '-'))}" for account in story.ACCOUNTS)
    refused = [f"{each.order_id} {each.reason}" for each in board.outcomes.values() if each.reason]
    reasons = [f"{reason} {count}" for reason, count in sorted(board.dead_reasons.items())]
    counts = " + ".join(f"{taken_in.get(outcome, 0):,} {words}" for outcome, words in OUTCOMES.items())
    found = Table.grid(padding=(0, 2, 0, 0))
    found.add_row("charges", f"{money_text(board.charge())} CNY: {accounts}")
    found.add_row(
        "orders", f"{len(board.outcomes) - len(refused)} accepted, {len(refused)} refused: {', '.join(refused)}"
    )
    found.add_row("dead letters", f"{len(board.dead)}: {', '.join(reasons)}")
    equal = "=" if sum(taken_in.values()) == sent else "≠ (a partition was taken anew, some were read again)"
    found.add_row("records", f"{sent:,} sent {equal} {counts}")
    return found
