"""A read model in a temporary file, fed as Kafka would feed it: any cut into batches, topics in any order, repeats."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from meter.dashboard.asked import Asked
from meter.dashboard.calendar import Calendar
from meter.dashboard.ingest.batch import Ingest
from meter.dashboard.ingest.published import Published, Region
from meter.dashboard.routes import route_of
from meter.dashboard.sight import Live, Sight
from meter.dashboard.store import Store
from meter.kafka.topics import OUTPUTS
from meter.rules.billing_days import parse_day, parse_time
from meter.settings import Settings
from schemas.catalog import Catalog, load_catalog
from tests.simulation.kafka import Cluster

#: Of the worlds of the simulation.
DENSE = load_catalog(Path(__file__).parent.parent / "dense_catalog.toml")


class ReadModel:
    """The store of one dashboard, its ingest, and the pages of it."""

    def __init__(self, path: Path, zone: str = "+00:00", horizon_days: int = 35, catalog: Catalog = DENSE) -> None:
        self.calendar = Calendar(zone, 3600, horizon_days)
        self.catalog = catalog
        self.store = Store(path)
        self.store.begin("m")
        self.live = Live()
        self.ingest = Ingest(self.store.writer, self.calendar)

    def take(self, published: Sequence[Published], today: str) -> set[Region]:
        """A batch."""
        positions: dict[tuple[str, int], int] = {}
        for record in published:
            place = (record.topic, record.partition)
            positions[place] = max(positions.get(place, 0), record.offset + 1)
        return self.ingest.take(published, positions, today)

    def page(self, path: str, now: str, form: str = "json", **query: str) -> dict[str, Any]:
        """The JSON of an address at an instant."""
        asked = Asked(tuple(part for part in path.split("/") if part), form, query)
        with self.store.reading() as connection:
            sight = Sight(connection, self.calendar, self.catalog, Settings(), parse_time(now), self.live)
            model = route_of(asked).model(sight, asked)
        found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(model))
        return found

    def rows(self, query: str, *values: object) -> list[Any]:
        """Of the file as it is."""
        return self.store.writer.execute(query, values).fetchall()

    def close(self) -> None:
        self.store.close()


def published_of(cluster: Cluster) -> dict[tuple[str, int], list[Published]]:
    """The committed records of all output topics, by partition."""
    found: dict[tuple[str, int], list[Published]] = {}
    for (topic, partition), log in sorted(cluster.logs.items()):
        if topic in OUTPUTS:
            found[topic, partition] = [
                Published(topic, partition, each.offset, each.timestamp, each.key or b"", each.value or b"")
                for each in log.committed()
            ]
    return found


def interleaved(logs: dict[tuple[str, int], list[Published]], rng: Random) -> Iterable[list[Published]]:
    """Batches of all logs until their ends; now and then a batch is read again from before, as after a lost commit."""
    positions: dict[tuple[str, int], int] = defaultdict(int)
    while True:
        left = [place for place, log in logs.items() if positions[place] < len(log)]
        if not left:
            return
        batch: list[Published] = []
        for place in rng.sample(left, rng.randint(1, len(left))):
            begin = positions[place]
            if rng.random() < 0.1:
                begin = max(0, begin - rng.randint(1, 5))
            end = begin + rng.choice((1, 2, 5, 50))
            batch += logs[place][begin:end]
            positions[place] = max(positions[place], min(end, len(logs[place])))
        yield batch


def day_after(day: str, days: int) -> str:
    """The day so many days later."""
    from meter.rules.billing_days import day_text

    return day_text(parse_day(day) + days)
