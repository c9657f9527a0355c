"""A forecast as text of 80 columns, and as JSON."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from meter.advise.forecast import HOUR_US, ItemForecast
from meter.advise.open_day import Charges, DayForecast
from meter.advise.savings import cents
from meter.advise.sentences import money
from meter.advise.text import Row, columns, paragraph
from meter.rules.billing_days import day_text
from schemas.money import money_text

#: From which size on a unit is used, its letter.
SIZES = ((10**13, 10**12, "T"), (10**10, 10**9, "G"), (10**6, 10**6, "M"), (10**4, 10**3, "k"))


def text(account: str, zone: str, forecast: DayForecast) -> Iterator[str]:
    """The whole of it, line by line."""
    moment = forecast.moment
    hours = f"{moment.elapsed_us / HOUR_US:.1f} of {moment.length_us / HOUR_US:.0f} hours have passed"
    yield from paragraph(f"{account} on {day_text(moment.day)} ({zone}), {hours}.")
    if forecast.reason:
        yield from paragraph(f"{forecast.reason[:1].upper()}{forecast.reason[1:]}.")
    else:
        yield from paragraph(
            "An estimate: usage so far, divided by the share of their usage that past days had reached by this time; "
            "for a max item, its usual maximum."
        )
    if not forecast.items:
        yield "No usage yet that is over or covered by a plan."
        return
    yield ""
    rows: list[Row] = [("item", "now", "P10", "median", "P90", "charged now", "at the end")]
    rows += [_row(each, forecast.by_item[each.item]) for each in forecast.items]
    rows.append(("charges", "", "", "", "", *_money(forecast.charges)))
    yield from columns(rows, left=1)
    end = forecast.charges.end
    if end is not None:
        yield ""
        yield from paragraph(
            f"Charges at the end of the day: {money(end[0])} · {money(end[1])} · {money(end[2])} (P10 · median · P90)."
        )
    for sentence in dict.fromkeys(_compared(each) for each in forecast.items if not forecast.reason):
        yield from paragraph(sentence)


def _row(each: ItemForecast, charges: Charges) -> tuple[str, ...]:
    ends = ("–", "–", "–") if each.estimate is None else tuple(map(short, each.estimate))
    return (each.item, short(each.now), *ends, *_money(charges))


def _money(charges: Charges) -> tuple[str, str]:
    return money(charges.now), "–" if charges.end is None else money(charges.end[1])


def _compared(each: ItemForecast) -> str:
    return f"Compared with {each.by}." if each.estimate is not None else f"No estimate of {each.item}: {each.by}."


def short(value: int) -> str:
    """A quantity in a few characters: exact below 10,000, else cut to one decimal of k, M, G or T."""
    for least, unit, letter in SIZES:
        if value >= least:
            whole, tenth = divmod(value * 10 // unit, 10)
            return f"{whole:,}.{tenth} {letter}" if tenth else f"{whole:,} {letter}"
    return f"{value:,}"


def shape(account: str, zone: str, forecast: DayForecast) -> dict[str, Any]:
    """The forecast as JSON."""
    moment = forecast.moment
    return {
        "account": account,
        "day": day_text(moment.day),
        "time_zone": zone,
        "elapsed_seconds": moment.elapsed_us // 1_000_000,
        "length_seconds": moment.length_us // 1_000_000,
        "estimate": not forecast.reason,
        "reason": forecast.reason or None,
        "charges": _charges(forecast.charges),
        "items": {
            each.item: {
                "now": each.now,
                "end": None if each.estimate is None else each.estimate._asdict(),
                "compared_with": each.by if each.estimate is not None else None,
                "charges": _charges(forecast.by_item[each.item]),
            }
            for each in forecast.items
        },
    }


def _charges(charges: Charges) -> dict[str, Any]:
    names = ("low", "middle", "high")
    end = None if charges.end is None else dict(zip(names, map(_text, charges.end), strict=True))
    return {"now": money_text(charges.now), "end": end}


def _text(amount: Decimal) -> str:
    return money_text(cents(amount))
