"""Dated versions of the catalog on a real Kafka: the journal's are the fact, whatever file a worker has."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from meter.rules.billing_days import zone
from schemas import journal
from schemas.catalog import load_catalog, version_json
from schemas.journal import CatalogVersion
from tests import records, revisions
from tests.end_to_end.commands import run
from tests.end_to_end.judged import PARTITIONS, judge
from tests.end_to_end.kafka import JOURNAL, REQUEST_SECONDS, wait_until
from tests.end_to_end.workers import READY_SECONDS, Meter
from tests.meters import StartMeter
from tests.oracle_catalog import of_product
from tests.oracle_reading import Settings
from tests.oracle_time import billing_day, day_text
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

SHIPPED = (Path(__file__).parents[2] / "meter" / "catalog.toml").read_text(encoding="utf-8")
#: Accounts enough to be in every journal partition.
ACCOUNTS = [f"acct_{number}" for number in range(12)]
MILLION = 1_000_000
#: Midnight comes when the workers are up and have announced: 3 to 4 minutes, for a busy machine.
MIDNIGHT_SECONDS = 240
FOLLOWED_SECONDS = 60.0


def now_us() -> int:
    return time.time_ns() // 1000


def written(directory: Path, name: str, text: str) -> Path:
    """A catalog file."""
    path = directory / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def with_version(since: str, changes: Sequence[tuple[str, str]] = ()) -> str:
    """The shipped catalog and a version from a day on: some text of its only version replaced."""
    version = SHIPPED[SHIPPED.index("\n[[versions]]\n") :].replace("from = 2024-01-01", f"from = {since}")
    version = re.sub(r"\nvalue = .*", "", version)
    for old, new in changes:
        assert old in version
        version = version.replace(old, new, 1)
    return f"{SHIPPED}\n{version}"


_LOGS = '[versions.items.logs]\naggregation = "sum"\nunit = 1_000_000\nprice = '
_CALLS = '[versions.items.calls]\naggregation = "sum"\nunit = 10\nprice = "0.3"\n\n'
#: Tomorrow: logs cost 2 and are kept 7 days by default, `startup` costs 84,000, and there is a new item.
TOMORROW = (
    (f'{_LOGS}"1.5"', f'{_LOGS}"2"'),
    ("default_retention_days = 14", "default_retention_days = 7"),
    ("7 = { factor", "14 = { factor"),
    ('price = "42000"', 'price = "84000"'),
    ("[versions.items.backup_logs]", f"{_CALLS}[versions.items.backup_logs]"),
)


def use(meter: Meter, name: str, item: str, time_us: int) -> None:
    """One event of every account's workspace."""
    events = [records.usage(f"{account}-w", item, 3 * MILLION, time_us, id=f"{name}-{item}") for account in ACCOUNTS]
    meter.kafka.send([records.usage_message(event) for event in events])


def order(meter: Meter, account: str, order_id: str, price: str) -> None:
    """Buys `startup` with cash that is there."""
    bought = records.purchase(account, order_id, "startup", [f"{account}-w"], [records.pay(price)])
    meter.kafka.send(
        [records.order_message(each) for each in (records.top_up(account, f"t-{order_id}", price), bought)]
    )


def refusal(meter: Meter, name: str, **variables: str) -> str:
    """What a worker says that may not start."""
    before = dict(meter.variables)
    meter.variables.update(variables)
    try:
        worker = meter.start(name)
    finally:
        meter.variables = before
    worker.expected_dead = True
    wait_until(f"{name} ends", lambda: not worker.alive(), READY_SECONDS, worker.log_tail)
    assert worker.process.returncode == 1, worker.log_tail()
    return worker.log_text()


def charges(meter: Meter, item: str, day: str) -> set[str]:
    """What accounts without a plan are charged for an item on a day, as last published."""
    last = revisions.latest(meter.kafka.published("overages")).values()
    found = [value for value in last if (value["item"], value["day"]) == (item, day)]
    return {value["charge"]["amount"] for value in found if value["account"] in ACCOUNTS[2:]}


def test_a_version_announced_by_one_worker_holds_for_all_from_its_first_day(
    new_meter: StartMeter, tmp_path: Path
) -> None:
    began = now_us()
    name = midnight_zone(began, MIDNIGHT_SECONDS)
    today = billing_day(began, name)
    days, midnight_us = (day_text(today), day_text(today + 1)), zone(name).begin_of(today + 1)
    old, new = written(tmp_path, "old", SHIPPED), written(tmp_path, "new", with_version(days[1], TOMORROW))
    meter = new_meter(Settings(name, of_product(load_catalog(new))), METER_CATALOG=str(old))
    first = meter.start("first").wait_ready()
    meter.kafka.send([records.binding_message(records.binding(f"{account}-w", account)) for account in ACCOUNTS])
    use(meter, "today", "logs", now_us())
    meter.variables["METER_CATALOG"] = str(new)
    assert "would announce the version of" in run(meter, "catalog", "check", str(new), "--against-journal")[1]
    second = meter.start("second").wait_ready()
    wait_until("it announces", lambda: f"announced version {days[1]}" in second.log_text(), FOLLOWED_SECONDS)
    wait_until("the first follows", lambda: "announced from" in first.log_text(), FOLLOWED_SECONDS, first.log_tail)
    assert now_us() < midnight_us, "the machine is too slow for this test: midnight has come"
    order(meter, "acct_0", "o-today", "42000.00")
    use(meter, "today", "calls", now_us())
    meter.settle()
    assert charges(meter, "logs", days[0]) == {"4.50"}
    time.sleep(max(0.0, (midnight_us - now_us()) / 1e6) + 0.5)

    use(meter, "tomorrow", "logs", now_us())
    use(meter, "tomorrow", "calls", now_us())
    use(meter, "late", "logs", midnight_us - 1)
    order(meter, "acct_1", "o-tomorrow", "84000.00")
    first.kill()
    meter.settle()
    judge(meter, crashed=True)
    assert charges(meter, "logs", days[1]) == {"6.00"}
    assert charges(meter, "calls", days[1]) == {"90000.00"}

    late = refusal(meter, "first", METER_CATALOG=str(old))
    assert f"version {days[1]} is in the journal but missing from METER_CATALOG" in late
    code, logged = run(meter, "catalog", "check", str(old), "--against-journal")
    assert (code, f"version {days[1]} is in the journal but missing" in logged) == (1, True)
    assert second.stop() == 0


@pytest.fixture(scope="module")
def opened(module_meter: StartMeter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Meter, Path]]:
    """A meter that runs with the shipped catalog, and a directory for other files."""
    meter = module_meter(Settings("Asia/Shanghai"))
    worker = meter.start().wait_ready()
    yield meter, tmp_path_factory.mktemp("catalogs")
    assert worker.stop() == 0


FACTS: Mapping[str, tuple[Mapping[str, str], tuple[str, str]]] = {
    "time zone": ({"METER_BILLING_TIME_ZONE": "Asia/Tokyo"}, ("Asia/Tokyo", "Asia/Shanghai")),
    "partition count": ({"METER_PARTITIONS": "5"}, ("must have 5 partitions", "it has 4")),
    "close grace": ({"METER_CLOSE_GRACE_SECONDS": "60"}, ("is 60", "with 3600")),
    "horizon": ({"METER_RESTATEMENT_HORIZON_DAYS": "34"}, ("is 34", "with 35")),
}


@pytest.mark.parametrize("fact", FACTS)
def test_a_worker_with_another_fact_refuses_to_start_and_names_both(opened: tuple[Meter, Path], fact: str) -> None:
    variables, both = FACTS[fact]
    found = refusal(opened[0], fact.replace(" ", "-"), **variables)
    assert all(each in found for each in both), found


FILES = {
    "another currency": (SHIPPED.replace('"CNY"', '"EUR"'), "currency is recorded as CNY, the file says EUR"),
    "a changed price": (
        SHIPPED.replace('30 = { factor = 2, price = "2" }', '30 = { factor = 2, price = "1.9" }', 1),
        "version 2024-01-01: items.logs.retentions.30.price is recorded as 2, the file says 1.9",
    ),
    "a version in the past": (with_version("2026-01-01"), "version 2026-01-01 is not recorded, the file adds it"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_worker_with_another_past_refuses_to_start_and_names_the_difference(
    opened: tuple[Meter, Path], name: str
) -> None:
    meter, directory = opened
    text, difference = FILES[name]
    path = written(directory, name.replace(" ", "-"), text)
    assert difference in refusal(meter, path.stem, METER_CATALOG=str(path))
    code, logged = run(meter, "catalog", "check", str(path), "--against-journal")
    assert (code, difference in logged) == (1, True)


def test_copies_are_written_by_whoever_runs_if_the_announcing_worker_died(opened: tuple[Meter, Path]) -> None:
    meter, directory = opened
    path = written(directory, "far", with_version("2099-01-01"))
    entry = CatalogVersion(version_json(load_catalog(path).versions[-1]))
    meter.kafka.producer.produce(meter.kafka.prefix + JOURNAL, journal.encode(entry), partition=0)
    meter.kafka.producer.flush(REQUEST_SECONDS)

    def copied() -> bool:
        entries = [(record.partition(), record.value()) for record in meter.kafka.read(JOURNAL)]
        return {place for place, value in entries if journal.announces(value or b"")} == set(range(PARTITIONS))

    wait_until("every partition has the version", copied, FOLLOWED_SECONDS, meter.logs)


def test_when_the_journal_no_longer_begins_with_the_opening_the_state_still_has_the_facts(
    new_meter: StartMeter, tmp_path: Path
) -> None:
    name = midnight_zone(now_us(), 12 * 3600)
    path = written(tmp_path, "new", with_version("2099-01-01", TOMORROW))
    meter = new_meter(Settings(name, of_product(load_catalog(path))), METER_CATALOG=str(tmp_path / "old.toml"))
    written(tmp_path, "old", SHIPPED)
    meter.start().wait_ready()
    meter.kafka.send([records.binding_message(records.binding(f"{account}-w", account)) for account in ACCOUNTS])
    meter.variables["METER_CATALOG"] = str(path)
    assert meter.workers[0].stop() == 0
    worker = meter.start().wait_ready()
    use(meter, "before", "logs", now_us())
    meter.settle()
    assert worker.stop() == 0
    forget_journal(meter)

    worker = meter.start("other").wait_ready()
    use(meter, "after", "logs", now_us())
    meter.settle()
    judge(meter)
    sentence = refusal(meter, "past", METER_CATALOG=str(written(tmp_path, "past", FILES["a changed price"][0])))
    assert FILES["a changed price"][1] in sentence
    assert worker.stop() == 0


def forget_journal(meter: Meter) -> None:
    """Lets Kafka drop the journal's records, as its retention would."""
    ends = meter.kafka.ends((JOURNAL,))
    places = [TopicPartition(meter.kafka.prefix + topic, number, end) for (topic, number), end in ends.items()]
    for future in meter.kafka.admin.delete_records(places).values():
        future.result()
