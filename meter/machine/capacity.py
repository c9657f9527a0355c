"""Descriptors and memory that a worker needs for its partitions, and each partition's share.

A worker may come to own every partition when the others die, so before it starts it is checked for all of them.
"""

from pathlib import Path

from meter.batch import store
from meter.errors import UserError
from meter.machine import shortages as machine
from schemas.plurals import counted

#: Log, lock, event loop, pipes, jars of the interpreter.
PROCESS_DESCRIPTORS = 24
#: Kafka clients of a worker: consumers of three groups, followers, writers, and short-lived ones.
WORKER_CLIENTS = 12
#: Kafka clients of a partition: its transactional producer, and a reader while it is opened.
PARTITION_CLIENTS = 2
#: How many connections the web port serves at once (`agents.web`).
WEB_CONNECTIONS = 32
#: More open files are useless: at 64 MiB a file no partition has so many.
MOST_OPEN_FILES = 1 << 16
#: Stores may take a quarter of the memory, in equal parts; the cache gets two fifths of each part.
STORES_PART = 4
LEAST_STORE_BYTES = 4 << 20


def client_descriptors(brokers: int) -> int:
    """Connections of one client: to every broker, and to the coordinator of its group or transaction."""
    return brokers + 1


def descriptors_needed(partitions: int, brokers: int) -> int:
    """File descriptors of a worker that owns `partitions` journal partitions (0: an intake only).

    It has a store for each, and one of workspaces.
    """
    clients = (WORKER_CLIENTS + PARTITION_CLIENTS * partitions) * client_descriptors(brokers)
    return PROCESS_DESCRIPTORS + WEB_CONNECTIONS + clients + (partitions + 1) * store.LEAST_DESCRIPTORS


def require_descriptors(limit: int, partitions: int, brokers: int) -> None:
    """Refuse to start if the limit of open files would stop the worker later."""
    needed = descriptors_needed(partitions, brokers)
    if limit < needed:
        raise UserError(
            f"a worker that owns all {partitions} journal partitions, with {counted(brokers, 'broker')}, needs "
            f"{needed} file descriptors, this process may have {limit}; raise the hard limit to {needed} or more "
            "(`ulimit -Hn`, LimitNOFILE= of systemd, `--ulimit nofile=` of a container)"
        )


def store_room(limit: int, memory: int, partitions: int, brokers: int) -> store.Room:
    """What one of `partitions` stores may use, so that all of them stay within the limits."""
    spare = max(0, limit - descriptors_needed(partitions, brokers)) // partitions
    part = memory // STORES_PART // partitions
    full = store.MEMTABLES * store.MEMTABLE_BYTES + store.BLOCK_CACHE_BYTES
    share = min(1.0, max(part, LEAST_STORE_BYTES) / full)
    return store.Room(
        open_files=min(store.LEAST_OPEN_FILES + spare, MOST_OPEN_FILES),
        memtable_bytes=int(store.MEMTABLE_BYTES * share),
        cache_bytes=int(store.BLOCK_CACHE_BYTES * share),
    )


def limits(partitions: int, brokers: int, data_dir: Path) -> list[str]:
    """Sentences that compare what a worker needs with what this machine has; UserError if it is too little."""
    limit, memory = machine.raise_descriptors(), machine.memory_bytes()
    require_descriptors(limit, partitions, brokers)
    room = store_room(limit, memory, partitions, brokers)
    needed = descriptors_needed(partitions, brokers)
    stores = partitions * (store.MEMTABLES * room.memtable_bytes + room.cache_bytes)
    free = machine.free_bytes(data_dir)
    return [
        f"file descriptors: {needed} needed for {counted(partitions, 'partition')} and {counted(brokers, 'broker')}, "
        f"{limit} allowed",
        f"memory: stores take {stores / machine.MIB:.0f} MiB at most, the machine has {memory / machine.MIB:.0f} MiB",
        f"disk: {free / machine.MIB:.0f} MiB are free under {data_dir}",
    ]
