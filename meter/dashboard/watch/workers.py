"""Reads the workers' `/metrics` and `/ready` at the addresses of METER_DASHBOARD_METRICS."""

import asyncio
import math
import os
from collections.abc import Iterable
from socket import AF_INET, SOCK_STREAM
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from meter.dashboard.operations_models import Balance, WorkerView
from schemas.ids import shown

#: Time limit of a worker's answer, and most bytes read of it.
ASK_SECONDS, ANSWER_BYTES = 3.0, 4 << 20
#: Outcomes of records, as `meter_records_total` names them.
COUNTED, DUPLICATE, DEAD, NULL = "counted", "duplicate", "dead", "null"

Samples = dict[tuple[str, str], float]  # metric name and its most specific label -> value


class Worker(NamedTuple):
    """One worker's answers."""

    view: WorkerView
    samples: Samples


def addresses(setting: str) -> list[str]:
    """The addresses in METER_DASHBOARD_METRICS; a bare `host:port` means http and /metrics."""
    found = []
    for each in (part.strip() for part in setting.split(",")):
        if each:
            whole = each if "://" in each else f"http://{each}"
            found.append(whole if urlsplit(whole).path not in ("", "/") else f"{whole.rstrip('/')}/metrics")
    return found


async def workers(setting: str) -> list[Worker]:
    """Every worker's answers."""
    asked = addresses(setting)
    if not asked:
        return []
    every = [each for address in asked for each in await behind(address)]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_SECONDS)) as session:
        return await asyncio.gather(*(_worker(session, address) for address in every))


async def behind(address: str) -> list[str]:
    """The addresses behind a name: `docker compose --scale worker=2` gives two workers one name. TLS keeps its name."""
    parts = urlsplit(address)
    if parts.scheme != "http" or parts.hostname is None:
        return [address]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, parts.port or 80, type=SOCK_STREAM)
    except OSError:
        return [address]
    hosts = sorted({str(each[4][0]) for each in found if each[0] == AF_INET})
    if len(hosts) < 2:
        return [address]
    return [urlunsplit(parts._replace(netloc=f"{host}:{parts.port or 80}")) for host in hosts]


async def _worker(session: aiohttp.ClientSession, address: str) -> Worker:
    try:
        samples = parsed(await _text(session, address))
        ready = await _text(session, address.rpartition("/")[0] + "/ready")
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return Worker(_view(address, {}, why_no_answer(error), []), {})
    return Worker(_view(address, samples, None, ready.splitlines()), samples)


def why_no_answer(error: Exception) -> str:
    """Why a worker does not answer, in a few words: connection refused, no answer within 3 s."""
    if isinstance(error, TimeoutError):
        return f"no answer within {ASK_SECONDS:.0f} s"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name has no address"
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
        number = error.os_error.errno
        if number is not None and number > 0:
            return os.strerror(number).lower()
    return shown(str(error) or type(error).__name__)


async def _text(session: aiohttp.ClientSession, address: str) -> str:
    async with session.get(address, allow_redirects=False) as answer:
        body = await answer.content.read(ANSWER_BYTES)
        return body.decode("utf-8", "replace")


def parsed(text: str) -> Samples:
    """The samples of a metrics page, summed by name and label."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            label = next((sample.labels[name] for name in ("outcome", "version") if name in sample.labels), "")
            key = (sample.name, label)
            found[key] = found.get(key, 0.0) + sample.value
    return found


def balance_of(found: Iterable[Samples]) -> Balance:
    """Records in = counted + duplicates + dead + null, summed over the workers since their starts.

    Refused orders belong to the counted records: each has an outcome.
    """
    every = list(found)
    if not any(name == "meter_records_total" for samples in every for name, _ in samples):
        return Balance(records=None, counted=None, duplicates=None, dead=None, null=None, difference=None, refused=None)

    def total(outcome: str) -> int:
        return int(sum(samples.get(("meter_records_total", outcome), 0) for samples in every))

    records = int(sum(value for samples in every for (name, _), value in samples.items() if name == RECORDS))
    parts = {name: total(name) for name in (COUNTED, DUPLICATE, DEAD, NULL)}
    refused = int(sum(samples.get(("meter_orders_total", "refused"), 0) for samples in every))
    return Balance(
        records=records,
        counted=parts[COUNTED],
        duplicates=parts[DUPLICATE],
        dead=parts[DEAD],
        null=parts[NULL],
        difference=records - sum(parts.values()),
        refused=refused,
    )


RECORDS = "meter_records_total"


def _view(address: str, samples: Samples, error: str | None, ready: list[str]) -> WorkerView:
    version = next((label for name, label in samples if name == "meter_build_info"), None)
    return WorkerView(
        address=address,
        reachable=error is None,
        error=error,
        version=version,
        ready=ready,
        partitions=_whole(samples, "meter_partitions_assigned"),
        freshness_seconds=_figure(samples, "meter_freshness_seconds"),
        restore_seconds=_figure(samples, "meter_restore_seconds"),
        identities=_whole(samples, "meter_identities"),
        verify_differences=_whole(samples, "meter_verify_differences"),
        days_unclosed=_whole(samples, "meter_days_unclosed"),
    )


def _figure(samples: Samples, name: str) -> float | None:
    value = samples.get((name, ""))
    return None if value is None or math.isnan(value) else value


def _whole(samples: Samples, name: str) -> int | None:
    value = _figure(samples, name)
    return None if value is None else int(value)
