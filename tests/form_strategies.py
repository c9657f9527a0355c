"""Generators of order forms and of the accounts that fill them in; as small and dense as `tests/strategies.py`."""

from typing import NamedTuple

from hypothesis import strategies as st

from tests.strategies import WORKSPACES, workspace_lists


class OrderDay(NamedTuple):
    """Plans that an account has, what its workspaces use today, and the fields of one more order."""

    plans: list[tuple[str, tuple[str, ...], int]]
    usage: dict[tuple[str, str], tuple[int, int | None]]
    word: str
    fields: dict[str, str]


#: Items by how an order can change them: with retentions, without, over the day the highest.
ITEMS_OF_ORDERS = (("logs", 10_000_000, (None, 30)), ("backup_logs", 3_000_000, (None,)), ("datakit", 7, (None,)))


@st.composite
def order_days(draw: st.DrawFn) -> OrderDay:
    """Up to two plans of overlapping lists; every workspace uses every item, some of it beyond the quota."""
    lists = draw(st.lists(workspace_lists(), max_size=2))
    plans = [(f"p{number}", listed, draw(st.integers(0, 3))) for number, listed in enumerate(lists)]
    usage = {
        (workspace, item): (draw(st.integers(0, 4)) * size, draw(st.sampled_from(retentions)))
        for workspace in WORKSPACES
        for item, size, retentions in ITEMS_OF_ORDERS
    }
    words = ["buy", "add-traffic", "upgrade", "change-workspaces"] if plans else ["buy"]
    word = draw(st.sampled_from(words))
    fields = {"workspaces": ",".join(draw(workspace_lists()))} if word in ("buy", "change-workspaces") else {}
    if word in ("buy", "upgrade"):
        fields["plan"] = "startup" if word == "buy" else "growth"
    if word in ("buy", "add-traffic"):
        item = draw(st.sampled_from(["logs", "backup_logs", "datakit"]))
        fields |= {
            f"units.{item}": str(draw(st.integers(1, 3))),
            f"discount.{item}": draw(st.sampled_from(["", "0.8"])),
        }
    if word != "buy":
        fields["plan_id"] = draw(st.sampled_from([plan_id for plan_id, _, _ in plans]))
    return OrderDay(plans, usage, word, fields)


#: Text that somebody may have typed: ids, figures, and what is neither; an address and a form cut spaces at its ends.
TYPED = st.one_of(
    st.sampled_from(["acme-prod", "30", "0.8", "5000.00", "2026-01-31", '"><img>', "x" * 300, "\u202e", "a&b=c"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters=",-"), max_size=12),
).map(lambda text: "".join(text.split())[:256])


@st.composite
def typed_forms(draw: st.DrawFn) -> dict[str, list[str]]:
    """An order form as a browser sends it, whatever was typed."""
    simple = st.sampled_from(
        ["order_id", "plan_id", "plan", "first_day", "method", "instrument", "amount", "expires_on"]
    )
    form = {name: [draw(TYPED)] for name in draw(st.sets(simple))}
    for item in draw(st.sets(st.sampled_from(["logs", "sms", "a.b"]))):
        form |= {f"units.{item}": [draw(TYPED)], f"discount.{item}": [draw(TYPED)]}
    if draw(st.booleans()):
        form |= {"paying": ["split"], "pay.cash": [draw(TYPED)], "pay.coupon.c.1": [draw(TYPED)]}
    if draw(st.booleans()):
        form |= {"workspaces": ["-"], "workspace": draw(st.lists(TYPED, max_size=4))}
    return form
