"""What a demo runs: a worker, and a dashboard (a process of `meter dashboard`) on which its day unfolds."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from meter.demo.stage import PortTaken, Stage, Started, Worker, free_port, launched, worker
from meter.local_broker.broker import HOST, bind_error
from meter.machine.web_address import web_address
from meter.settings import Settings

#: The account whose day is SPEC's worked example.
EXAMPLE = "acme"
#: How often worker and dashboard are started while others take their ports.
TRIES = 5


class Watched(Started):
    """A process of `meter dashboard`; it shows what there is, also before the first record."""

    @property
    def address(self) -> str:
        """Its first page."""
        return web_address(HOST, self.port, "/")

    @property
    def example(self) -> str:
        """Where the worked example happens."""
        return f"{self.address}accounts/{EXAMPLE}"


@contextmanager
def running_with_dashboard(stage: Stage, own: Mapping[str, str]) -> Iterator[tuple[Worker, Watched]]:
    """A worker and its dashboard with `own` variables, once both answer; they are gone at the end.

    A port that was free may be another's when they come to listen: they are started again then, on others.
    """
    for attempt in range(1, TRIES + 1):
        with ExitStack() as stack:
            try:
                both = started(stage, own, stack)
            except PortTaken:
                if attempt == TRIES:
                    raise
                continue
            yield both
            return


def started(stage: Stage, own: Mapping[str, str], stack: ExitStack) -> tuple[Worker, Watched]:
    """Start both on ports that are free now, and wait until they listen; raises `PortTaken`."""
    meter = stack.enter_context(worker(stage, own))
    metrics = {"METER_DASHBOARD_METRICS": web_address(HOST, meter.port, "/metrics")}
    pages = stack.enter_context(dashboard(stage, {**own, **metrics}))
    pages.wait_for("/live")
    meter.wait_for("/live")
    return meter, pages


@contextmanager
def dashboard(stage: Stage, own: Mapping[str, str]) -> Iterator[Watched]:
    """A dashboard with `own` variables, at its usual port if that is free; it is gone at the end."""
    port = port_for(stage.settings)
    variables = {**own, "METER_DASHBOARD_PORT": str(port)}
    with launched("dashboard", stage, variables) as (process, log):
        yield Watched("dashboard", process, port, log)


def port_for(settings: Settings) -> int:
    """METER_DASHBOARD_PORT if nobody listens there, else any free one."""
    return settings.dashboard_port if bind_error(settings.dashboard_port) is None else free_port()
