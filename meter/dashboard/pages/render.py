"""Pages as text: `page` makes a whole one, `prepare` the pieces of it that change by themselves."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from meter.dashboard.pages import (
    accounts,
    advice,
    alerts,
    assets,
    day,
    dead_letters,
    explain,
    history,
    operations,
    orders,
    other,
    plans,
)
from meter.dashboard.pages.environment import environment
from meter.dashboard.pages.parts import Part, View, digest, filled_all, stamp
from meter.dashboard.site import Site

Model = Mapping[str, Any]

VIEWS: dict[str, View] = {
    "accounts": accounts.VIEW,
    "day": day.VIEW,
    "history": history.VIEW,
    "plans": plans.VIEW,
    "advise": advice.ADVISE,
    "simulate": advice.SIMULATE,
    "order": orders.FORM,
    "sent_order": orders.SENT_ORDER,
    "explain": explain.VIEW,
    "alerts": alerts.VIEW,
    "dead_letters": dead_letters.VIEW,
    "operations": operations.VIEW,
    "docs": other.DOCS,
    "sign_in": other.SIGN_IN,
    "problem": other.PROBLEM,
}


class Prepared(NamedTuple):
    """A page before rendering: its view, the common template input, its lag, its other parts."""

    view: View
    shared: dict[str, Any]
    as_of: Part
    parts: list[Part]


def page(name: str, model: Model, site: Site) -> str:
    """The whole page `name` as HTML; `model` is also the answer of its `.json`."""
    view, shared, as_of, parts = prepare(name, model, site)
    regions = filled_all([as_of, *parts], shared)
    stream = site.here("events", seen=digest(map(stamp, parts)), pages=assets.version()) if view.live else ""
    return environment().get_template(view.template).render({**shared, "regions": regions, "stream": stream})


def prepare(name: str, model: Model, site: Site) -> Prepared:
    """The page in parts; nothing is rendered yet."""
    view = VIEWS[name]
    made = view.context(model)
    shared = {**model, **made, "model": model, "site": site, "view": view, "asset": _asset_of(site)}
    as_of = Part("as-of", "as_of.html", (site.as_of, site.loading))
    return Prepared(view, shared, as_of, view.parts(model, made))


def asset(address: str) -> tuple[bytes, str] | None:
    """Content and type of a file beside the pages, by the last part of its address."""
    found = assets.served(address)
    return None if found is None else (found.content, found.content_type)


def _asset_of(site: Site) -> Any:
    return lambda name: site.url("assets", assets.address(name))
