"""The dead letters page: uncounted records by reason and source, their worth, and the remedy."""

from collections.abc import Mapping
from typing import Any

from meter.dashboard.mends import DIES_AGAIN
from meter.dashboard.pages.parts import Part, View

Model = Mapping[str, Any]
#: Cells of a group's worth shown without a click.
WORTH_SHOWN = 4


def context(model: Model) -> dict[str, Any]:
    """The groups, the one that is open marked."""
    return {"worth_shown": WORTH_SHOWN, "open_group": (model["reason"], model["source"]), "dies_again": DIES_AGAIN}


def parts(model: Model, made: dict[str, Any]) -> list[Part]:
    """The groups, the letters of the open one, and the attempts to resend."""
    found = [Part("groups", "dead_letters/groups.html", (model["count"], model["groups"]))]
    found.append(Part("letters", "dead_letters/letters.html", model["letters"]))
    found.append(Part("attempts", "dead_letters/attempts.html", model["attempts"]))
    return found


VIEW = View("dead_letters/page.html", "dead-letters", context, parts, csv=True)
