"""The README's picture of a day, drawn from what must come of the demo: one account's logs against its quota.

`python -m tests.cli.day_picture` writes it to `docs/day.svg`.
"""

import json
from collections.abc import Iterator
from itertools import accumulate

from meter.demo.day import day_steps
from tests.cli.demo_expected import FILE as EXPECTED
from tests.cli.demo_expected import day_us
from tests.support.documents import ROOT

FILE = ROOT / "docs" / "day.svg"
ACCOUNT, ITEM, QUOTA = "juniper", "logs", 400_000_000
WIDTH, ROW, LEFT, RIGHT, TOP = 760, 30, 150, 160, 64
#: A bar that is wider has room for its number.
LABEL = 48
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .small { fill: #57606a } .inside { fill: #fff } .covered { fill: #4c8eda } .over { fill: #d1495b }
  .line { stroke: #24292f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9da7b1 } .inside { fill: #fff } .line { stroke: #e6edf3 }
  }
"""


def figures() -> list[tuple[str, dict[str, int | str]]]:
    """The workspaces of the account's plan in priority order, each with its figure."""
    found = json.loads(EXPECTED.read_text(encoding="utf-8"))["figures"]
    values = (
        json.loads(record.value) for step in day_steps(day_us()) for record in step.records if _is_order(record.value)
    )
    (names,) = (value["workspaces"] for value in values if value["order_id"] == f"{ACCOUNT}-plan")
    return [(name, found[f"{name}/{ITEM}"]) for name in names]


def _is_order(value: bytes) -> bool:
    return b'"workspaces"' in value and b'"order_id"' in value


def picture() -> str:
    """The SVG: a bar for each workspace, cut where the quota ends."""
    rows = figures()
    most = QUOTA + max(int(row["overage"]) for _, row in rows)
    scale = (WIDTH - LEFT - RIGHT) / most
    line, bottom = LEFT + QUOTA * scale, TOP + ROW * len(rows) + 8
    body = "\n".join(_bars(rows, scale))
    heading = f"{ACCOUNT}: a day's logs against a quota of {QUOTA // 1_000_000} M, drawn in the list's order"
    size = f'viewBox="0 0 {WIDTH} {bottom + 12}"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{heading}">
<style>{STYLE}</style>
<text x="0" y="18" font-weight="600">{heading}</text>
<text class="small" x="{line - 8:.1f}" y="{TOP - 14}" text-anchor="end">covered by the plan</text>
<text class="small" x="{line + 8:.1f}" y="{TOP - 14}">over, charged</text>
{body}
<line class="line" x1="{line:.1f}" x2="{line:.1f}" y1="{TOP - 28}" y2="{bottom}" stroke-dasharray="4 3"/>
</svg>
"""


def _bars(rows: list[tuple[str, dict[str, int | str]]], scale: float) -> Iterator[str]:
    begins = accumulate((int(row["covered"]) for _, row in rows), initial=0)
    for at, ((name, row), begin) in enumerate(zip(rows, begins, strict=False)):
        covered, over = int(row["covered"]), int(row["overage"])
        y = TOP + at * ROW
        yield _text("name", LEFT - 10, y, name, "end")
        if covered:
            x, width = LEFT + begin * scale, covered * scale
            yield _bar("covered", x, y, width)
            if width > LABEL:
                yield _text("inside", x + width / 2, y, _million(covered), "middle")
        if over:
            x, width = LEFT + QUOTA * scale, over * scale
            yield _bar("over", x, y, width)
            yield _text("small", x + width + 8, y, f"{_million(over)}: {row['charge']} CNY")


def _million(quantity: int) -> str:
    return f"{quantity / 1e6:.1f} M"


def _text(kind: str, x: float, y: int, text: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y + 16}" text-anchor="{anchor}">{text}</text>'


def _bar(kind: str, x: float, y: float, width: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="{ROW - 12}" rx="2"/>'


if __name__ == "__main__":
    FILE.write_text(picture(), encoding="utf-8")
