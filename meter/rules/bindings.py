"""Where workspaces belong, and from which day they are charged.

A binding is a fact that may arrive many times and in any order: the account never changes, of first `commercial`
days the least holds. A workspace that turns out to be commercial from an earlier day gets those days priced.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from schemas.journal import BindingGroup, Named
from schemas.rows import Binding

if TYPE_CHECKING:
    from meter.rules.fold import Fold
    from meter.rules.memory import Cell


def bind(fold: "Fold", named: Named) -> "list[Cell] | None":
    """Remember what a record says of a workspace; the cells whose basis that changes, touched.

    None if it tells nothing new.
    """
    known = fold.memory.binding(named.workspace)
    if known is not None and known.commercial <= named.commercial:
        return None
    fold.memory.put_binding(named.workspace, Binding(named.account, named.commercial))
    if known is None:
        fold.memory.account(named.account)
    changed = []
    for cell in fold.memory.cells_from(named.account, fold.known().live_from(named.commercial)):
        if named.workspace in cell.uses:
            fold.touch(cell).reprice()
            changed.append(cell)
    return changed


def bind_group(fold: "Fold", group: BindingGroup, named: Sequence[Named]) -> None:
    """Apply records of `workspaces`; one that tells nothing new was written before, or usage told the same first."""
    for entry in group.entries:
        workspace = named[entry.named]
        changed = bind(fold, workspace)
        if not fold.repeats.known(group.topic, group.partition, entry.offset):
            fold.count("workspace", "duplicate" if changed is None else "counted")
            fold.repeats.passed(group.topic, group.partition, entry.offset)
        for cell in changed or ():
            fold.touch(cell).by_workspace(workspace.workspace, group.topic, group.partition, entry.offset)
