"""Who is in the demo: 5 accounts, 20 workspaces, what each uses on its day, what is ordered, what goes wrong.

The totals of a day are written down here, so that every figure of the demo can be followed by hand; how a day's
total spreads over the hours is `curves`' and `day`'s. Times are minutes of the billing day.
"""

from typing import NamedTuple

THOUSAND = 1_000
MILLION = 1_000_000


class Use(NamedTuple):
    """What a workspace uses of an item in the whole day (of a max item: its highest count)."""

    item: str
    total: int
    retention_days: int | None = None
    curve: str = "web"


class Workspace(NamedTuple):
    """A workspace; the first part of its name is its account's."""

    name: str
    uses: tuple[Use, ...]
    tier: str = "commercial"

    @property
    def account(self) -> str:
        """Whose it is."""
        return self.name.partition("-")[0]


class Late(NamedTuple):
    """Reports that were kept back: those of `since` to `until` arrive at `until`, with the times of their usage."""

    workspace: str
    since: int
    until: int
    tells: str

    @property
    def account(self) -> str:
        """Whose reports they are."""
        return self.workspace.partition("-")[0]


def hosts(count: int) -> Use:
    """Monitored hosts: the highest count of the day."""
    return Use("datakit", count)


def millions(item: str, tenths: int, retention_days: int | None = None, curve: str = "web") -> Use:
    """Tenths of a million of an item."""
    return Use(item, tenths * MILLION // 10, retention_days, curve)


def thousands(item: str, count: int, retention_days: int | None = None) -> Use:
    """Thousands of an item."""
    return Use(item, count * THOUSAND, retention_days)


#: In the order of their plans' lists, account by account.
WORKSPACES = (
    # SPEC's example: 150 M of logs a day, first for production, then for staging; 100 M each.
    Workspace(
        "acme-prod", (millions("logs", 1000, curve="office"), millions("traces", 32), thousands("pv", 210), hosts(9))
    ),
    Workspace("acme-staging", (millions("logs", 1000, curve="load test"), millions("traces", 14), hosts(6))),
    # A Growth plan for eight: 400 M of logs, 50 M of traces, 2 M page views, 100 hosts.
    Workspace(
        "juniper-checkout", (millions("logs", 964), millions("traces", 142), thousands("triggers", 240), hosts(18))
    ),
    Workspace("juniper-store", (millions("logs", 1205), millions("traces", 110), thousands("pv", 1240), hosts(16))),
    Workspace(
        "juniper-payments", (millions("logs", 742), millions("traces", 96), thousands("triggers", 310), hosts(14))
    ),
    Workspace("juniper-search", (millions("logs", 588), millions("traces", 81), hosts(12))),
    Workspace("juniper-mobile", (millions("logs", 661), millions("traces", 64), thousands("pv", 610), hosts(14))),
    Workspace(
        "juniper-reports", (millions("logs", 483, curve="night"), millions("traces", 22, curve="night"), hosts(20))
    ),
    Workspace("juniper-staging", (millions("logs", 317, curve="office"), thousands("pv", 240), hosts(10))),
    Workspace("juniper-sandbox", (millions("logs", 129, curve="office"), millions("traces", 8), hosts(6))),
    # One workspace at the edge of a Startup plan (SPEC's W5), which buys traffic packages at 16:30 (W6).
    Workspace(
        "lumen-app",
        (
            hosts(25),
            millions("logs", 400, 30),
            millions("traces", 50, 14),
            thousands("pv", 400, 14),
            thousands("triggers", 210),
        ),
    ),
    Workspace("lumen-lab", (millions("logs", 26, 3, "office"), millions("backup_logs", 420, curve="night"))),
    Workspace("lumen-edge", (thousands("api_calls", 415), Use("sms", 140))),
    # A Startup plan for two; the third is free until 13:00 and on the plan from 14:00; the fourth stays free.
    Workspace("nimbus-web", (millions("logs", 224), millions("traces", 29), thousands("pv", 265), hosts(7))),
    Workspace("nimbus-api", (millions("logs", 112), millions("traces", 16), thousands("api_calls", 184), hosts(5))),
    Workspace("nimbus-beta", (millions("logs", 97), Use("sms", 85)), "free"),
    Workspace("nimbus-docs", (millions("logs", 11), thousands("pv", 12)), "free"),
    # No plan at all.
    Workspace("orbit-game", (millions("logs", 54), millions("logs", 32, 7), millions("logs", 18, 60), hosts(3))),
    Workspace("orbit-lobby", (thousands("pv", 88, 3), thousands("pv", 41, 14), thousands("api_calls", 131))),
    Workspace("orbit-tools", (millions("traces", 19, 3, "office"), thousands("triggers", 46))),
)
ACCOUNTS = tuple(dict.fromkeys(workspace.account for workspace in WORKSPACES))

LATE = (
    Late("juniper-checkout", 9 * 60, 19 * 60, "juniper-checkout, first in its list, reports ten hours late"),
    Late("acme-prod", 0, 20 * 60, "acme-prod, first in its list, reports its whole day at once"),
)


def _cash(account: str, amount: str) -> dict[str, object]:
    return {"order_id": f"{account}-cash", "account": account, "kind": "top_up", "method": "cash", "amount": amount}


def _purchase(account: str, plan: str, price: str, names: str, **more: object) -> dict[str, object]:
    workspaces = [f"{account}-{name}" for name in names.split()]
    order = {"order_id": f"{account}-plan", "account": account, "kind": "purchase", "plan": plan}
    return {**order, "workspaces": workspaces, "payments": [{"method": "cash", "amount": price}], **more}


def _list(order_id: str, names: str) -> dict[str, object]:
    workspaces = [f"nimbus-{name}" for name in names.split()]
    order = {"order_id": order_id, "account": "nimbus", "kind": "change_workspaces", "plan_id": "nimbus-plan"}
    return {**order, "workspaces": workspaces}


OPENS = "four accounts buy plans; acme with 110 traffic packages for logs"
#: What is ordered before the day's usage comes in.
FIRST_ORDERS = (
    _cash("acme", "105000.00"),
    _purchase("acme", "startup", "103380.00", "prod staging", traffic=[{"item": "logs", "units": 110}]),
    _cash("juniper", "250000.00"),
    {**_cash("juniper", "25000.00"), "order_id": "juniper-card", "method": "prepaid_card", "instrument": "card-9"},
    {**_cash("juniper", "5000.00"), "order_id": "juniper-coupon", "method": "coupon", "instrument": "welcome"},
    _purchase(
        "juniper",
        "growth",
        "250000.00",
        "checkout store payments search mobile reports staging sandbox",
        payments=[
            {"method": "cash", "amount": "250000.00"},
            {"method": "prepaid_card", "instrument": "card-9", "amount": "25000.00"},
            {"method": "coupon", "instrument": "welcome", "amount": "5000.00"},
        ],
    ),
    _cash("lumen", "60000.00"),
    _purchase("lumen", "startup", "42000.00", "app"),
    _cash("nimbus", "42000.00"),
    _purchase("nimbus", "startup", "42000.00", "web api"),
    _cash("orbit", "5000.00"),
)

NIMBUS_TOO_EARLY = _list("nimbus-list-1", "web api beta")
NIMBUS_LIST = _list("nimbus-list-2", "web api beta")
ORBIT_TOO_DEAR = _purchase("orbit", "startup", "42000.00", "game lobby tools")
LUMEN_TRAFFIC: dict[str, object] = {
    "order_id": "lumen-logs",
    "account": "lumen",
    "kind": "add_traffic",
    "plan_id": "lumen-plan",
    "traffic": [{"item": "logs", "units": 30, "discount": "0.8"}],
    "payments": [{"method": "cash", "amount": "13392.00"}],
}
NIMBUS_UPGRADE = {"workspace": "nimbus-beta", "account": "nimbus", "tier": "commercial"}
#: Taken back at 21:00: juniper's store had counted one of its log pipelines twice.
CORRECTION = ("juniper-store", "logs", -38 * MILLION)
