"""The JSON Schema (2020-12) of every record and of the catalogue file: what `meter schemas` writes.

A file is named as its topic is; `statements` has two kinds of key, so it has two files. What is sent to the
meter is described as it may be written, what the meter publishes as it is written.
"""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from schemas.alerts import QuotaAlert
from schemas.balances import QuotaBalance
from schemas.catalog_file import CatalogueFile
from schemas.dead_letters import DeadLetter
from schemas.orders import Order
from schemas.outcomes import OrderOutcome
from schemas.overages import Overage
from schemas.plans import Plan
from schemas.statements import AccountStatement, WorkspaceStatement
from schemas.usage import UsageEvent
from schemas.wallets import Wallet
from schemas.workspaces import WorkspaceTier

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SENT: dict[str, Any] = {
    "usage": UsageEvent,
    "workspaces": WorkspaceTier,
    "plan-purchases": Order,
    "catalogue": CatalogueFile,
}
PUBLISHED: dict[str, Any] = {
    "overages": Overage,
    "order-outcomes": OrderOutcome,
    "plans": Plan,
    "wallets": Wallet,
    "statements": AccountStatement,
    "statements-of-workspaces": WorkspaceStatement,
    "quota-balances": QuotaBalance,
    "quota-alerts": QuotaAlert,
    "dead-letters": DeadLetter,
}


def documents() -> dict[str, str]:
    """File name and content of every schema."""
    sent = {f"{name}.json": document(model, "validation") for name, model in SENT.items()}
    published = {f"{name}.json": document(model, "serialization") for name, model in PUBLISHED.items()}
    return sent | published


def document(model: Any, mode: Literal["validation", "serialization"]) -> str:
    """One schema as a file."""
    schema = TypeAdapter(model).json_schema(mode=mode)
    return json.dumps({"$schema": DIALECT} | schema, indent=2, ensure_ascii=False) + "\n"


def write_documents(directory: Path) -> list[Path]:
    """Write every schema below `directory`; the paths written."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in documents().items():
        (directory / name).write_text(content, encoding="utf-8")
        written.append(directory / name)
    return written
