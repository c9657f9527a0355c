"""How a figure is made: usage, plans in drawing order, charge (`meter.explain.model` has the whole)."""

from typing import Literal

import msgspec

Basis = Literal["package", "pay_as_you_go", "free"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the answer."""


# ------------------------------------------------------------------------------------------------ usage


class Reported(Part, frozen=True, kw_only=True):
    """What was reported at one retention: `quantity` times `factor` is `converted`."""

    retention_days: int | None
    #: What reports and corrections add up to, at least 0.
    quantity: int
    #: The same before it is raised to 0; None: published records alone do not say.
    total: int | None
    factor: int
    converted: int


class Report(Part, frozen=True, kw_only=True):
    """The report, or the correction, that set the count of a max item, and the source record that brought it."""

    quantity: int
    corrected: bool
    time: str
    source: str
    id: str
    topic: str
    partition: int
    offset: int


class Usage(Part, frozen=True, kw_only=True):
    """The day's usage. `reported` is None, with the reason, where only the journal knows it."""

    aggregation: Literal["sum", "max"]
    unit: int
    reported: list[Reported] | None
    reported_reason: str | None
    #: Of a max item; None also where only the journal knows it.
    report: Report | None
    converted: int


# ------------------------------------------------------------------------------------------------ plans


class PackageLine(Part, frozen=True, kw_only=True):
    """The plan package in force that day, and what it covers of the item."""

    plan: str
    quota: int


class TrafficLine(Part, frozen=True, kw_only=True):
    """Traffic packages in force that day: `units` times `capacity` is `quota`."""

    units: int
    capacity: int
    quota: int
    first_day: str
    last_day: str


class Quota(Part, frozen=True, kw_only=True):
    """What a plan covers of the item that day: its package and its traffic packages."""

    total: int
    package: PackageLine
    traffic: list[TrafficLine]


class Draw(Part, frozen=True, kw_only=True):
    """What a workspace drew from a plan."""

    workspace: str
    drawn: int


class PlanDraw(Part, frozen=True, kw_only=True):
    """A plan that lists the workspace. `place` counts from 1 in the list, which has `listed` workspaces.

    quota.total - (drawn before) = left_before; covered = the smaller of that and what no earlier plan covered.
    """

    plan_id: str
    first_day: str
    last_day: str
    place: int
    listed: int
    quota: Quota
    #: By workspaces that stand before it in the list, in that order; those that drew nothing are left out.
    drawn_before: list[Draw]
    left_before: int
    covered: int
    left_after: int


# ------------------------------------------------------------------------------------------------ charge


class ChargeLine(Part, frozen=True, kw_only=True):
    """quantity ÷ unit, cut to two decimals, is `units`; times `price` it is `amount`, exactly."""

    retention_days: int | None
    quantity: int
    unit: int
    units: str
    #: What the cutting leaves out, as a quantity: less than a hundredth of a unit.
    cut: int
    price: str
    amount: str


class Charge(Part, frozen=True, kw_only=True):
    """What it costs: `basis` says whether a plan lists the workspace."""

    basis: Basis
    amount: str
    currency: str
    lines: list[ChargeLine]
