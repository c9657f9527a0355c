"""What would change a figure, and what changed it between two days or revisions (part of `meter.explain.model`)."""

from typing import Literal

from meter.explain.figure_model import Part

# ------------------------------------------------------------------------------------------------ what would change it


class TrafficToZero(Part, frozen=True, kw_only=True):
    """The fewest traffic packages, added to one plan, with which nothing of this workspace would be over.

    Workspaces before it in the list draw on them first; that is in the number. `price_a_day` is without a discount.
    """

    plan_id: str
    units: int
    capacity: int
    price_a_day: str


class PlaceInList(Part, frozen=True, kw_only=True):
    """The workspace's place in a plan's list, and its overage if it were first there."""

    plan_id: str
    place: int
    listed: int
    overage_if_first: int


class UsageBefore(Part, frozen=True, kw_only=True):
    """A workspace before it in a plan's list: what it used, and what of that this plan covers."""

    plan_id: str
    workspace: str
    usage: int
    drawn: int


class Listing(Part, frozen=True, kw_only=True):
    """The result if a plan listed the workspace too, at the end: overage is then priced as converted usage."""

    plan_id: str
    covered: int
    overage: int
    amount: str


class WhatWouldChangeIt(Part, frozen=True, kw_only=True):
    """Changes that would change the figure, counted exactly, all else equal."""

    #: None: nothing is over, or no traffic packages help; `traffic_reason` says which.
    traffic: TrafficToZero | None
    traffic_reason: str | None
    place: list[PlaceInList]
    usage_before: list[UsageBefore]
    #: Only for a workspace that no plan lists: the plans in force of its account.
    listing: list[Listing]


# ------------------------------------------------------------------------------------------------ drivers

DriverName = Literal["prices", "plans_and_quota", "workspaces_before", "own_volume", "retention_mix"]
#: The order in which the groups of inputs are exchanged.
DRIVERS: tuple[DriverName, ...] = ("prices", "plans_and_quota", "workspaces_before", "own_volume", "retention_mix")


class Compared(Part, frozen=True, kw_only=True):
    """One side of a comparison."""

    day: str
    revision: int
    usage: int
    covered: int
    overage: int
    amount: str


class Driver(Part, frozen=True, kw_only=True):
    """What the exchange of one group of inputs changes: overage in `units` of quantity, and money."""

    driver: DriverName
    units: int
    amount: str
    sentence: str


class Drivers(Part, frozen=True, kw_only=True):
    """Why `after` differs from `before`: the steps add up exactly to `units` and `amount`."""

    before: Compared
    after: Compared
    units: int
    amount: str
    steps: list[Driver]
