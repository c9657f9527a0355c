"""Commits the meter group's positions for lag tools, once a second."""

import logging

from aiokafka.errors import KafkaError

from agents.meter.meter import Meter
from meter.batch.faust_app import ChunkApp
from meter.batch.stopping import spared
from meter.failpoints import reach

log = logging.getLogger(__name__)


async def publish_progress(app: ChunkApp, meter: Meter) -> None:
    """Commit positions for lag tools (the state has its own), and count the identities."""
    offsets = {}
    for lane in app.tables.lanes():
        if lane.opened:
            position = app.consumer.position(lane.tp) if app.consumer.idle(lane.tp) else lane.position
            offsets[lane.tp] = (max(position, lane.position), "")
    reach("meter.telling")
    try:
        await spared(app.consumer.commit_offsets(offsets))
        reach("meter.told")
    except (KafkaError, TimeoutError) as error:
        log.info("positions of the meter's group not committed (%r)", error)
    lanes = app.tables.lanes()
    meter.metrics.identities.set(sum(lane.state.known() for lane in lanes if lane.state is not None))
