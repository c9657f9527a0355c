"""The words of a simulation: what an address and the command say of some changes is read back as the same changes."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from meter.advise.changes import AddTraffic, Buy, Change, ChangeWorkspaces, Upgrade, Without
from meter.advise.words import changes_of, command_of, words_of
from schemas.orders import TrafficLine

IDS = st.text("ab-9._", min_size=1, max_size=5).map(lambda text: f"x{text}")
LISTS = st.lists(IDS, min_size=1, max_size=4, unique=True).map(tuple)
LINES = st.lists(
    st.builds(
        lambda item, units, discount: TrafficLine(item=item, units=units, discount=discount),
        IDS,
        st.integers(1, 1_000_000),
        st.sampled_from([Decimal(1), Decimal("0.8"), Decimal("0.0001"), Decimal("0.75")]),
    ),
    max_size=3,
).map(tuple)


@st.composite
def changes(draw: st.DrawFn) -> list[Change]:
    """Changes in the order in which words are read: each plan has traffic packages once."""
    plans = draw(st.lists(IDS.filter(lambda name: not name.startswith("new-")), max_size=4, unique=True))
    found: list[Change] = [Without(plan_id) for plan_id in plans[:1]]
    found += [ChangeWorkspaces(plan_id, draw(LISTS)) for plan_id in plans[1:2]]
    found += [Upgrade(plan_id, draw(IDS)) for plan_id in plans[2:3]]
    buys = draw(st.integers(0, 2))
    found += [Buy(f"new-{number}", draw(IDS), draw(LISTS), draw(LINES)) for number in range(1, buys + 1)]
    lines = draw(LINES)
    return [*found, *(AddTraffic(plan_id, lines) for plan_id in plans[3:] if lines)]


@given(changes())
def test_words_are_read_back(some: list[Change]) -> None:
    words = words_of(some)
    assert changes_of(**words) == some
    command = command_of("acct", 35, words)
    assert command.split()[:5] == ["meter", "simulate", "acct", "--days", "35"]
    assert all(word in command.split() for found in words.values() for word in found)
