"""`meter broker up|down|status`: a real Kafka on loopback, where no container engine is at hand."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from meter.local_broker.broker import Broker

DEFAULT_PORT = 9092
#: Where `up` lets Kafka listen, as METER_BROKER may spell it.
LOCAL = ("127.0.0.1", "localhost")
#: What the command line of a local broker contains.
MAIN, PROPERTIES = "kafka.Kafka", "/kafka/server.properties"

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
    running = broker.up(settings_port() if port is None else port)
    stop = "meter broker down" if data_dir is None else f"meter broker down --data-dir {data_dir}"
    typer.echo(f"Kafka is up on 127.0.0.1:{running.port} (process {running.pid}); stop it with `{stop}`")
    if local_port() != running.port:
        typer.echo(f"the other commands use it with METER_BROKER=127.0.0.1:{running.port}", err=True)


def down(data_dir: DataDir = None) -> None:
    """Stop the broker and wait until it is gone; its data stays."""
    broker = broker_of(data_dir)
    stopped = broker.down()
    if stopped:
        typer.echo(f"Kafka on 127.0.0.1:{stopped.port} is down")
        return
    others = [home.parent for home in running_homes() if home != broker.home]
    mend = "".join(f"; `meter broker down --data-dir {place}` stops the one that runs there" for place in others)
    typer.echo(f"no broker of {broker.data_dir} was running: nothing to stop{mend}")


def status(data_dir: DataDir = None) -> None:
    """Tell whether the broker runs and answers; exit code 1 if not."""
    from meter.errors import UserError
    from meter.local_broker.probe import is_kafka

    broker = broker_of(data_dir)
    running = broker.running()
    if running is None:
        port = local_port() or DEFAULT_PORT
        other = f"; another Kafka answers on port {port}" if is_kafka("127.0.0.1", port) else ""
        raise UserError(f"no broker of {broker.data_dir} is running{other}; `meter broker up` starts one")
    if not is_kafka("127.0.0.1", running.port):
        raise UserError(f"process {running.pid} runs, port {running.port} gives no answer; look into {broker.log}")
    typer.echo(f"Kafka is up on 127.0.0.1:{running.port} (process {running.pid}), data in {broker.home}")


def jars() -> None:
    """Fetch Kafka's jars through Maven, unless they are there already: the only download that `up` needs."""
    from meter.local_broker.jars import fetched_jars

    fetched_jars(typer.echo)


def broker_of(data_dir: Path | None) -> "Broker":
    """The broker of a data directory (default: the one in the settings), which tells what it does."""
    from meter.local_broker.broker import Broker
    from meter.settings import Settings

    return Broker(data_dir or Settings.load().data_dir, typer.echo)


def local_port() -> int | None:
    """The port of METER_BROKER where that is one address, on this machine; None otherwise."""
    from meter.settings import Settings

    (host, port), *others = Settings.load().addresses
    return port if not others and host in LOCAL else None


def settings_port() -> int:
    """The port that METER_BROKER names; `UserError` where a broker started here would not be the one that it names."""
    from meter.errors import UserError
    from meter.settings import Settings

    settings, port = Settings.load(), local_port()
    if port is None:
        raise UserError(
            f"METER_BROKER is {settings.broker}, `meter broker up` starts a Kafka on 127.0.0.1 only; "
            "unset METER_BROKER, or name a port with --port"
        )
    if settings.security_protocol != "PLAINTEXT":
        raise UserError(
            f"METER_SECURITY_PROTOCOL is {settings.security_protocol}, a Kafka of `meter broker up` speaks PLAINTEXT "
            "only; unset it, or name a port with --port"
        )
    return port


def running_homes() -> list[Path]:
    """Where the brokers lie that `up` started on this machine and that run now."""
    from meter.local_broker.processes import command_lines

    lines = (line.split() for line in command_lines())
    return sorted({Path(words[-1]).parent for words in lines if MAIN in words and words[-1].endswith(PROPERTIES)})
