"""The shipped catalog as the tables of docs/catalog.md: of items, and of plan packages."""

from schemas.catalog import Catalog, Item, TrafficPackage

ITEMS = (
    "| item | of a day | unit | price | kept for days (× against a plan; price without one) | traffic package a day |"
)
LINE = "|---"


def tables(catalog: Catalog) -> str:
    """The newest version, in the order of the file."""
    version = catalog.versions[-1]
    rows = [_item(item, version.traffic.get(name)) for name, item in version.items.items()]
    quotas = list(dict.fromkeys(item for plan in version.plans.values() for item in plan.quotas))
    packages = [
        f"| `{name}` | {plan.price:,f} | {' | '.join(f'{plan.quotas.get(item, 0):,}' for item in quotas)} |"
        for name, plan in version.plans.items()
    ]
    head = f"| package | price | {' | '.join(f'{item} a day' for item in quotas)} |"
    return "\n".join(
        [ITEMS, f"{LINE * 6}|", *rows, "", head, f"{LINE * (len(quotas) + 2)}|", *packages],
    )


def _item(item: Item, traffic: TrafficPackage | None) -> str:
    kept = [
        f"**{days}**" if days == item.default_retention else f"{days} (×{kind.factor}; {kind.price})"
        for days, kind in sorted(item.retentions.items())
    ]
    sold = "" if traffic is None else f"{traffic.capacity:,} for {traffic.price}"
    return f"| `{item.name}` | {item.aggregation} | {item.unit:,} | {item.price} | {', '.join(kept)} | {sold} |"
