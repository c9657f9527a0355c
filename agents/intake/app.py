"""The Faust app of the shared topics: a lane for each source partition, and their commits."""

import logging
from typing import Any

from aiokafka.errors import KafkaError

from agents.intake.intake import Intake
from agents.intake.orders_lane import OrdersLane
from agents.intake.source_lane import SourceLane
from agents.intake.usage_lane import UsageLane
from agents.intake.workspaces_lane import WorkspacesLane
from meter.batch.faust_app import ChunkApp
from meter.batch.stopping import spared
from meter.failpoints import reach

log = logging.getLogger(__name__)

#: Handled offsets are committed this often.
COMMIT_SECONDS = 0.25


def intake_app(intake: Intake) -> ChunkApp:
    """The Faust app of the shared topics."""
    topics, settings = intake.topics, intake.settings
    lanes: dict[str, type[SourceLane]] = {
        topics.usage: UsageLane,
        topics.workspaces: WorkspacesLane,
        topics.plan_purchases: OrdersLane,
    }
    app = ChunkApp(
        topics.intake_group,
        lane_for=lambda app, tp: lanes[tp.topic](app, tp, intake),
        client_kwargs=intake.kwargs,
        data_dir=str(settings.data_dir),
    )
    shared = app.chunk_topic(*topics.shared_sources)

    @app.agent(shared, name="intake")  # type: ignore[untyped-decorator]
    async def intake_agent(stream: Any) -> None:
        async for event in stream.noack().events():
            app.tables.offer(event.value)

    async def committed() -> None:
        await commit_progress(app, intake)

    app.timer(COMMIT_SECONDS)(committed)
    app.commit_progress = committed

    return app


async def commit_progress(app: ChunkApp, intake: Intake) -> None:
    """Step 6: commit the handled offsets, also where only markers were passed."""
    offsets, lanes = {}, app.tables.lanes()
    for lane in lanes:
        if not lane.opened:
            continue
        if app.consumer.idle(lane.tp):
            lane.idle_at(app.consumer.position(lane.tp))
        moved = lane.progress()
        if moved is not None:
            offsets[lane.tp] = moved
    try:
        if offsets:
            reach("intake.committing")
        if offsets and await spared(app.consumer.commit_offsets(offsets)):
            reach("intake.committed")
            for lane in lanes:
                if lane.tp in offsets:
                    lane.note_commit(offsets[lane.tp][0])
    except (KafkaError, TimeoutError) as error:
        log.warning("offsets of %s not committed (%r); trying again", app.conf.id, error)
