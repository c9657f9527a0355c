"""Where workspaces belong, and from which day they are charged.

A binding is a fact that may arrive many times and in any order: the account never changes, of first `commercial`
days the least holds. A workspace that turns out to be commercial from an earlier day gets those days priced.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from schemas.journal import BindingGroup, Named
from schemas.rows import Binding

if TYPE_CHECKING:
    from meter.rules.fold.fold import Fold
    from meter.rules.state.context import Cell


class RecordNames:
    """The workspaces that a record names, by number and by id; and the cells of their accounts, looked up once."""

    __slots__ = ("_by_id", "by_number", "cells")

    def __init__(self, named: Sequence[Named]) -> None:
        self.by_number = named
        self._by_id: dict[str, Named] | None = None
        #: (account, first day) -> its cells from that day on; forgotten when usage is counted, which may bring others.
        self.cells: dict[tuple[str, int], list[Cell]] = {}

    def of(self, workspace: str) -> Named | None:
        """What the record says of a workspace, if it names it."""
        if self._by_id is None:
            self._by_id = {each.workspace: each for each in self.by_number}
        return self._by_id.get(workspace)


def bind(fold: "Fold", named: Named, names: RecordNames) -> "list[Cell] | None":
    """Remember what a record says of a workspace; the cells whose basis that changes, touched.

    None if it tells nothing new. Whatever is counted is bound before, so a workspace that is new has no cells.
    """
    known = fold.memory.binding(named.workspace)
    if known is not None and known.commercial <= named.commercial:
        return None
    fold.memory.put_binding(named.workspace, Binding(named.account, named.commercial))
    if known is None:
        fold.memory.account(named.account)
        return []
    key = (named.account, fold.known().live_from(named.commercial))
    if key not in names.cells:
        names.cells[key] = list(fold.memory.cells_from(*key))
    changed = [cell for cell in names.cells[key] if named.workspace in cell.uses]
    for cell in changed:
        fold.touch(cell).reprice(named.workspace)
    return changed


def bind_group(fold: "Fold", group: BindingGroup, names: RecordNames) -> Iterator[None]:
    """Apply records of `workspaces`. Each tells something new: the intake keeps repeats back, by their offsets.

    That usage may have told the same first, on its way past it, does not make the record a repeat.
    """
    for entry in group.entries:
        workspace = names.by_number[entry.named]
        changed = bind(fold, workspace, names)
        if not fold.repeats.known(group.topic, group.partition, entry.offset):
            fold.count("workspace", "counted")
            fold.repeats.passed(group.topic, group.partition, entry.offset)
        for cell in changed or ():
            fold.touch(cell).by_workspace(workspace.workspace, group.topic, group.partition, entry.offset)
        yield
