"""Renders figures as elements without a template: a day page has hundreds and is rendered several times a second.

The output equals that of the macros `quantity` and `amount` in `figures.html`.
"""

from markupsafe import Markup, escape

from meter.dashboard.pages.figures import full, money, short


def quantity(value: int, style: str = "") -> Markup:
    """A quantity in a few characters; all its digits are in the title."""
    kind = f' class="{escape(style)}"' if style else ""
    return Markup(f'<data value="{int(value)}" title="{full(value)}"{kind}>{short(value)}</data>')


def in_money(value: object, signed: bool = False) -> Markup:
    """An amount of money without its currency."""
    return Markup(f'<data value="{escape(str(value))}" class="money">{money(value, signed)}</data>')
