"""What a simulation may change, from the read model: the account's plans, today's catalog, the account's workspaces."""

from meter.dashboard.advice_models import OnOffer, PackageOnOffer, PlanToChange
from meter.dashboard.asked import Asked
from meter.dashboard.sight import Sight
from meter.dashboard.views import plans
from meter.rules.billing_days import parse_day
from schemas.money import money_text

#: Workspaces named in the form; a longer list needs the address or the command.
NAMED = 1_000


def offer_of(sight: Sight, account: str) -> OnOffer:
    """Raises NotThere for an account that was never published."""
    version = sight.catalog.version(parse_day(sight.today))
    found = plans.page(sight, Asked(("accounts", account, "plans"), "", {})).plans
    workspaces = sight.rows("SELECT workspace FROM workspaces WHERE account = ? ORDER BY 1 LIMIT ?", account, NAMED)
    return OnOffer(
        plans=[
            PlanToChange(
                plan_id=each.plan["plan_id"],
                package=each.package,
                last_day=each.plan["last_day"],
                workspaces=each.workspaces,
            )
            for each in found
            if each.state != "expired"
        ],
        packages=[
            PackageOnOffer(name=name, price=money_text(package.price))
            for name, package in sorted(version.plans.items(), key=lambda one: (one[1].price, one[0]))
        ],
        traffic_items=sorted(version.traffic),
        workspaces=[row[0] for row in workspaces],
    )
