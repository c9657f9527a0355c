"""The Faust app of the meter: a lane for each journal partition, the day's end, and the progress once a second."""

from typing import Any

from aiokafka.errors import KafkaError

from agents.meter.day_end import DayEnd, OwnedPartition
from agents.meter.journal_lane import JournalLane
from agents.meter.meter import Meter
from agents.meter.progress import publish_progress
from agents.meter.watermarks import Watermarks
from meter.batch.faust_app import ChunkApp
from meter.errors import UserError


def meter_app(meter: Meter) -> ChunkApp:
    """The Faust app that folds the journal."""
    app = ChunkApp(
        meter.topics.meter_group,
        lane_for=lambda app, tp: JournalLane(app, tp, meter),
        client_kwargs=dict(meter.kwargs),
        data_dir=str(meter.settings.data_dir),
        cooperates_with_tables=True,
    )
    records = app.chunk_topic(meter.topics.journal)
    meter.app = app
    day_ends = DayEnd(Watermarks(meter.settings, meter.kwargs), meter.metrics)

    def owned() -> list[OwnedPartition]:
        lanes: list[Any] = [lane for lane in app.tables.lanes() if lane not in app.tables.opening()]
        return [partition for lane in lanes if (partition := lane.owned()) is not None]

    @app.agent(records, name="meter")  # type: ignore[untyped-decorator]
    async def meter_agent(stream: Any) -> None:
        async for event in stream.noack().events():
            app.tables.offer(event.value)

    @app.timer(1.0)  # type: ignore[untyped-decorator]
    async def day_end() -> None:
        try:
            await day_ends.serve(owned)
        except (KafkaError, UserError) as error:
            app.fail(error)

    @app.timer(1.0)  # type: ignore[untyped-decorator]
    async def progress() -> None:
        await publish_progress(app, meter)

    return app
