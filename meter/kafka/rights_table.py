"""The tables of rights as Markdown, for docs/security.md: `python -m meter.rights_table` prints them."""

from collections.abc import Iterable, Sequence

from meter.kafka.rights import COMMANDS, ROLES, Operation, Resource, Right

#: Operations in the order in which a cell names them.
ORDER = (Operation.READ, Operation.WRITE, Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS)


def roles_table() -> str:
    """A row for each resource, a column for each role."""
    resources = dict.fromkeys((right.resource, right.name) for rights in ROLES.values() for right in rights)
    rows = [
        [resource, f"`{name}`", *(cell(rights, resource, name) for rights in ROLES.values())]
        for resource, name in resources
    ]
    return table(["", "name", *(f"`--role {role}`" for role in ROLES)], rows)


def cell(rights: Iterable[Right], resource: Resource, name: str) -> str:
    """The operations of a role on a resource."""
    found = {right.operation for right in rights if (right.resource, right.name) == (resource, name)}
    return ", ".join(operation.word for operation in ORDER if operation in found)


def commands_table() -> str:
    """A row for each command."""
    rows = []
    for command, rights in COMMANDS.items():
        resources = dict.fromkeys((right.resource, right.name) for right in rights)
        grouped: dict[tuple[str, Resource], list[str]] = {}
        for resource, name in resources:
            grouped.setdefault((cell(rights, resource, name), resource), []).append(f"`{name}`")
        words = "; ".join(
            f"{operations} {resource} {', '.join(names)}" for (operations, resource), names in grouped.items()
        )
        rows.append([f"`meter {command}`".replace("meter …", "…"), words])
    return table(["command", "rights"], rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


if __name__ == "__main__":
    print(f"{roles_table()}\n\n{commands_table()}")
