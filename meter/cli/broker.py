"""`meter broker up|down|status`: a real Kafka on loopback, where no container engine is at hand."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from meter.broker import Broker

DEFAULT_PORT = 9092

Port = Annotated[
    int | None,
    typer.Option(help="Port on 127.0.0.1; its controller takes the next free one. Default: that of METER_BROKER."),
]
DataDir = Annotated[
    Path | None, typer.Option(help="Its data goes into `kafka` below this directory. Default: METER_DATA_DIR.")
]


def register(app: typer.Typer) -> None:
    """Add `meter broker`."""
    broker = typer.Typer(
        help="A real Kafka for development: started from Maven's jars, on this machine only.", no_args_is_help=True
    )
    broker.command()(up)
    broker.command()(down)
    broker.command()(status)
    broker.command()(jars)
    app.add_typer(broker, name="broker")


def up(port: Port = None, data_dir: DataDir = None) -> None:
    """Start the broker, unless it runs already, and wait until it answers."""
    broker = broker_of(data_dir)
    running = broker.up(port or default_port())
    typer.echo(f"Kafka is up on 127.0.0.1:{running.port} (process {running.pid}); stop it with `meter broker down`")


def down(data_dir: DataDir = None) -> None:
    """Stop the broker and wait until it is gone; its data stays."""
    stopped = broker_of(data_dir).down()
    typer.echo(f"Kafka on 127.0.0.1:{stopped.port} is down" if stopped else "no broker was running: nothing to stop")


def status(data_dir: DataDir = None) -> None:
    """Tell whether the broker runs and answers; exit code 1 if not."""
    from meter.kafka_probe import is_kafka
    from meter.trouble import Trouble

    broker = broker_of(data_dir)
    running = broker.running()
    if running is None:
        port = default_port()
        other = f"; another Kafka answers on port {port}" if is_kafka("127.0.0.1", port) else ""
        raise Trouble(f"no broker of {broker.data_dir} is running{other}; `meter broker up` starts one")
    if not is_kafka("127.0.0.1", running.port):
        raise Trouble(f"process {running.pid} runs, port {running.port} gives no answer; look into {broker.log}")
    typer.echo(f"Kafka is up on 127.0.0.1:{running.port} (process {running.pid}), data in {broker.home}")


def jars() -> None:
    """Fetch Kafka's jars through Maven, unless they are there already: the only download that `up` needs."""
    from meter.broker_jars import fetched_jars

    fetched_jars(typer.echo)


def broker_of(data_dir: Path | None) -> "Broker":
    """The broker of a data directory (default: the one in the settings), which tells what it does."""
    from meter.broker import Broker
    from meter.settings import Settings

    return Broker(data_dir or Settings.load().data_dir, typer.echo)


def default_port() -> int:
    """The port of METER_BROKER where that is on this machine, else Kafka's usual one."""
    from meter.settings import Settings

    host, _, port = Settings.load().bootstrap_servers[0].rpartition(":")
    return int(port) if host in ("127.0.0.1", "localhost") else DEFAULT_PORT
