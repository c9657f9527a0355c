"""The Faust app of the group that shares workspace topics out."""

from typing import TYPE_CHECKING, Any

from agents.workspace_topics.lanes import SlotLane
from meter.batch.faust_app import ChunkApp

if TYPE_CHECKING:
    from agents.workspace_topics.discovery import OwnTopics


def own_topics_app(own_topics: "OwnTopics") -> ChunkApp:
    """The Faust app of the group: it is given numbers, and reads nothing itself."""
    topics, intake = own_topics.intake.topics, own_topics.intake
    app = ChunkApp(
        topics.own_intake_group,
        lane_for=lambda app, tp: SlotLane(app, tp, own_topics),
        client_kwargs=intake.kwargs,
        data_dir=str(intake.settings.data_dir),
    )

    @app.agent(app.chunk_topic(topics.journal), name="own-topics")  # type: ignore[untyped-decorator]
    async def numbers(stream: Any) -> None:
        async for _ in stream.noack().events():
            raise AssertionError("what only stands for a number is not read")

    return app
