"""`meter skip TOPIC PARTITION OFFSET`: accept that records are lost, by name, where the intake refuses to go on."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from meter.commands.skip import PartitionStatus
    from schemas.control import Skip


def register(app: typer.Typer) -> None:
    """Add `meter skip`."""
    app.command()(skip)


def skip(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="An input topic, as the refusal names it.")],
    partition: Annotated[int, typer.Argument(metavar="PARTITION", min=0, help="Of that topic.")],
    offset: Annotated[int, typer.Argument(metavar="OFFSET", min=0, help="Where reading goes on.")],
) -> None:
    """Let the intake go on at OFFSET where records before it are gone; they count as lost.

    It holds for the gap that is there now, once: the intake takes it only if it cannot go on where it stands. The gap
    is counted in `meter_records_lost_total` and stands with its range among the dead letters (`records_lost`).
    """
    from meter.cli.asking import answered
    from meter.commands.skip import input_topic
    from meter.commands.skip import skip as ordered
    from meter.kafka.rights import to_skip
    from meter.settings import Settings

    settings = Settings.load()
    rights = to_skip(settings, input_topic(settings, topic))
    for line in written_lines(*answered(settings, "skip", rights, ordered(settings, topic, partition, offset))):
        typer.echo(line)


def written_lines(order: "Skip", status: "PartitionStatus") -> list[str]:
    """What was ordered, and what follows from it."""
    where = f"{order.topic}/{order.partition}"
    lost = order.offset - order.instead_of
    gap = (
        f"records {order.instead_of} to {order.offset - 1} ({lost:,}) count as lost"
        if lost > 0
        else f"it is read anew from {order.offset} on; what the former topic held from {order.instead_of} on is lost"
    )
    lines = [f"{where}: ordered to go on at {order.offset} instead of {order.instead_of}: {gap}"]
    if lost > 0 and order.offset > status.beginning:
        unread = order.offset - max(order.instead_of, status.beginning)
        lines.append(f"{unread:,} of them are still there and could be read: `{status.beginning}` would keep them")
    lines.append("an intake that was stopped by the gap takes it when it starts; one that set it aside, within seconds")
    return lines
