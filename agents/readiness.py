"""Whether the worker is ready, and what it waits for if not."""

from collections.abc import Callable

from meter.batch.faust_app import ChunkApp


class Readiness:
    """The worker's readiness, from the state of its apps."""

    def __init__(self) -> None:
        self.apps: list[ChunkApp] = []
        #: Whether it was asked to stop, or is stopping by itself.
        self.stopping = False
        #: Returns a line for each workspace topic of its share that it does not read.
        self.not_read: Callable[[], list[str]] = list

    def ready(self) -> bool:
        """Whether the groups have joined, every assigned partition is restored and read, and it is not stopping."""
        return not self.stopping and bool(self.apps) and all(app.tables.ready() for app in self.apps)

    def lines(self) -> list[str]:
        """The lines of `/ready`: `ready` and the workspace topics not read, or what the worker waits for."""
        return ["ready", *self.not_read()] if self.ready() else self._waiting_for()

    def _waiting_for(self) -> list[str]:
        if self.stopping:
            return ["not ready: stopping"]
        if not self.apps:
            return ["not ready: opening the journal"]
        lines = []
        for app in self.apps:
            if not app.tables.joined:
                lines.append(f"not ready: {app.conf.id} has not joined its group")
            elif not app.tables.member():
                silence = app.consumer.silence()
                lines.append(f"not ready: {app.conf.id} has not heard of its group for {silence:.0f} s")
            for lane in app.tables.opening():
                restore = getattr(lane, "restore", None)
                far = "" if restore is None else f": {restore.done} records restored, {restore.remaining} to go"
                lines.append(f"not ready: {lane.tp.topic}/{lane.tp.partition} is being opened{far}")
        return lines
