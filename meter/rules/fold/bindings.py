"""Applies bindings: the account of a workspace, and the day from which it is charged.

A binding may arrive many times and in any order. The account never changes; of several first `commercial` days the
earliest applies, and the days from it on are priced again.
"""

from collections.abc import Iterable, Iterator, Sequence

from meter.rules.state.cause import SourceRange
from meter.rules.state.context import FoldContext
from meter.rules.state.rows import Cell
from schemas.journal import BindingGroup, Named
from schemas.rows import Binding


class RecordNames:
    """The workspaces that a record names, by number and by id, and a cache of their accounts' cells."""

    __slots__ = ("_by_id", "by_number", "cells")

    def __init__(self, named: Sequence[Named]) -> None:
        self.by_number = named
        self._by_id: dict[str, Named] | None = None
        #: (account, first day) -> its cells from that day on; cleared when usage is counted, which may add cells.
        self.cells: dict[tuple[str, int], list[Cell]] = {}

    def of(self, workspace: str) -> Named | None:
        """The record's entry of a workspace, if it names it."""
        if self._by_id is None:
            self._by_id = {each.workspace: each for each in self.by_number}
        return self._by_id.get(workspace)


def bind(
    context: FoldContext, named: Named, names: RecordNames, brought_by: SourceRange | None = None
) -> list[Cell] | None:
    """Apply a workspace's binding; return the cells whose basis it changes, or None if nothing is new.

    `brought_by`: the usage or order whose entry carried the binding before the workspace's own record arrived. Usage
    is counted only after its workspace is bound, so a new workspace has no cells.
    """
    known = context.rows.binding(named.workspace)
    if known is not None and known.commercial <= named.commercial:
        return None
    context.rows.put_binding(named.workspace, Binding(named.account, named.commercial))
    if known is None:
        context.rows.account(named.account)
        return []
    key = (named.account, context.known().live_from(named.commercial))
    if key not in names.cells:
        names.cells[key] = list(context.rows.cells_from(*key))
    changed = [cell for cell in names.cells[key] if named.workspace in cell.uses]
    for cell in changed:
        context.change(cell).reprice(named.workspace, brought_by)
    return changed


def bind_named(context: FoldContext, named: Iterable[Named], names: RecordNames, brought_by: SourceRange) -> None:
    """Apply the bindings of workspaces that usage names; most are known."""
    known = context.rows.binding
    for each in named:
        binding = known(each.workspace)
        if binding is None or each.commercial < binding.commercial:
            bind(context, each, names, brought_by)


def bind_group(context: FoldContext, group: BindingGroup, names: RecordNames) -> Iterator[None]:
    """Apply records of `workspaces`; the intake has dropped repeats.

    Usage that arrived earlier may have brought the same binding; for the metrics the record still counts once.
    """
    for entry in group.entries:
        workspace = names.by_number[entry.named]
        changed = bind(context, workspace, names)
        if not context.repeats.known(group.topic, group.partition, entry.offset):
            context.metric("workspace", "counted")
            context.repeats.passed(group.topic, group.partition, entry.offset)
        for cell in changed or ():
            context.change(cell).by_workspace(workspace.workspace, group.topic, group.partition, entry.offset)
        yield
