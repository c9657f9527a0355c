"""The curves: what grows, through which sizes, everything else as it is in the other benchmarks."""

from collections.abc import Sequence
from dataclasses import dataclass

HORIZON_DAYS = 45


@dataclass(frozen=True)
class Point:
    """One size of one curve, and the load and the workers that it means."""

    curve: str
    size: float
    workspaces: int = 2_000
    accounts: int = 500
    repeats: float = 0.01
    days: int = 1
    #: Events of other identities counted before.
    before: int = 0
    #: Workspaces that send to topics of their own; None: the load lies in Kafka before the workers start.
    own_topics: int | None = None
    roles: tuple[str, ...] = ("intake", "meter")


@dataclass(frozen=True)
class Curve:
    """What one plot shows."""

    title: str
    points: Sequence[Point]
    logarithmic: bool = True


def curves(largest: float = 1.0) -> dict[str, Curve]:
    """All of them by name; `largest` below 1 leaves out what is above that share of a curve's last size."""
    found = {
        "workspaces": Curve(
            "workspaces, four an account",
            [Point("workspaces", n, n, max(1, n // 4)) for n in (100, 1_000, 10_000, 100_000)],
        ),
        "accounts": Curve(
            "accounts, one workspace each", [Point("accounts", n, n, n) for n in (100, 1_000, 10_000, 100_000)]
        ),
        "workspaces-an-account": Curve(
            "workspaces an account, of 10,000 workspaces",
            [Point("workspaces-an-account", n, 10_000, 10_000 // n) for n in (1, 10, 100, 1_000)],
        ),
        "repeats": Curve(
            "share of exact repeats", [Point("repeats", share, repeats=share) for share in (0.0, 0.3, 0.6, 0.9)], False
        ),
        "identities": Curve(
            "identities in the store before, millions",
            [Point("identities", n, before=round(n * 1e6)) for n in (0, 1, 5, 20)],
            False,
        ),
        "topics": Curve("workspace topics", [Point("topics", n, own_topics=n) for n in (1, 10, 100, 1_000, 2_000)]),
        "days": Curve(
            "days in play; all but the last are closed, their statements restated",
            [Point("days", n, days=n) for n in (1, 5, 10, 20, 40)],
            False,
        ),
        "processes": Curve(
            "worker processes with both roles, on two cores",
            [Point("processes", n, roles=("all",) * n) for n in (1, 2, 4)],
            False,
        ),
    }
    return {
        name: Curve(
            curve.title,
            [each for each in curve.points if each.size <= largest * curve.points[-1].size],
            curve.logarithmic,
        )
        for name, curve in found.items()
    }


def interleaved(chosen: Sequence[Curve]) -> list[Point]:
    """The first sizes of all curves, then the second ones: a machine that slows down does so for all curves alike."""
    longest = max(len(curve.points) for curve in chosen)
    return [curve.points[place] for place in range(longest) for curve in chosen if place < len(curve.points)]
