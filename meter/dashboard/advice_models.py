"""The pages of advice: what `meter advise` and `meter simulate` answer, beside what can be changed."""

from meter.dashboard.models import AsOf, Model, Record


class PlanToChange(Model):
    """A plan in force or still to begin, as it is: what its fields in the form begin with."""

    plan_id: str
    package: str
    last_day: str
    workspaces: list[str]


class PackageOnOffer(Model):
    """A plan package of today's catalog."""

    name: str
    price: str


class OnOffer(Model):
    """What a simulation may change: plans that there are, what can be bought, for whom."""

    plans: list[PlanToChange]
    packages: list[PackageOnOffer]
    #: Items that have traffic packages.
    traffic_items: list[str]
    workspaces: list[str]


class AdvicePage(Model):
    """`/accounts/A/advise`, `/accounts/A/simulate`; their `.json` is `answer` alone, as the commands print it."""

    account: str
    as_of: AsOf
    currency: str
    days: int
    target: str
    discount: str
    #: By option of `meter simulate`, its words.
    words: dict[str, list[str]]
    command: str
    #: None: there is none, and `problem` says why.
    answer: Record | None
    problem: str
    offer: OnOffer
