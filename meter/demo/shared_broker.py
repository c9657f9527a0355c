"""The broker of a data directory while demos use it: one that ends does not stop it under another."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meter.local_broker.broker import Broker
from meter.machine import private_files as private

#: Held by each demo, in the broker's home; the kernel releases it however a demo ends.
USE = "demos"


@contextmanager
def used(home: Path) -> Iterator[None]:
    """Use a home's broker until the block ends, if there is such a home; wait first while another demo stops it."""
    if not home.is_dir():
        yield
        return
    with private.locked(home / USE, f"{home} is held", wait=True, shared=True):
        yield


def stopped_unless_used(broker: Broker) -> bool:
    """Stop a broker; False, and it runs on, while a demo uses it."""
    if not broker.home.is_dir():
        return True
    try:
        with private.locked(broker.home / USE, "a demo uses it"):
            broker.down()
    except private.InUse:
        return False
    return True
