"""The Faust app of the group that distributes workspace topics among workers."""

from typing import Any

from agents.intake.intake import Intake
from agents.workspace_topics.lanes import Shares, SlotLane
from meter.batch.faust_app import ChunkApp


def workspace_topics_app(intake: Intake, shares: Shares) -> ChunkApp:
    """The Faust app of the group: it gets numbers assigned and reads nothing itself; `shares` reads their topics."""
    app = ChunkApp(
        intake.topics.own_intake_group,
        lane_for=lambda app, tp: SlotLane(app, tp, shares),
        client_kwargs=intake.kwargs,
        data_dir=str(intake.settings.data_dir),
    )

    @app.agent(app.chunk_topic(intake.topics.journal), name="own-topics")  # type: ignore[untyped-decorator]
    async def numbers(stream: Any) -> None:
        async for _ in stream.noack().events():
            raise AssertionError("a partition that is only a number is never read")

    return app
