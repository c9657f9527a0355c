"""Whether the worker is ready, and if not, what it waits for."""

from collections.abc import Callable

from meter.batch.faust_app import ChunkApp


class Readiness:
    """The worker's readiness, from the state of its apps."""

    def __init__(self) -> None:
        self.apps: list[ChunkApp] = []
        #: It was asked to stop, or stops for a reason of its own.
        self.stopping = False
        #: The workspace topics of its share that it does not read, a line each.
        self.not_read: Callable[[], list[str]] = list

    def ready(self) -> bool:
        """The groups have joined, every assigned partition is restored and being read, and it does not stop."""
        return not self.stopping and bool(self.apps) and all(app.tables.ready() for app in self.apps)

    def lines(self) -> list[str]:
        """The answer of `/ready`: ready and the workspace topics not read, or why it is not ready, a line each."""
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
