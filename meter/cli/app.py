"""The `meter` command, put together.

To add a command: put a module beside this one with a function `register(app)` that adds it; it is found by
itself. Import what is heavy (Faust, aiokafka, pydantic, rocksdict) inside the command's function, so that
`meter --help` stays quick, and raise `meter.errors.UserError` for whatever the user can mend.
"""

import gc
import importlib
import io
import json
import logging
import os
import pkgutil
import sys
from typing import Annotated, Any

import typer

import meter.cli
from meter.cli.help_ends import end_help
from meter.errors import UserError
from meter.machine.interrupts import interrupts_kept
from meter.machine.shortages import shortage
from meter.own_packages import require_own_packages


def assembled() -> typer.Typer:
    """The command with every sub-command of this package."""
    app = typer.Typer(
        name="meter",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for found in sorted(pkgutil.iter_modules(meter.cli.__path__), key=lambda module: module.name):
        if found.name.startswith("_") or found.name == "app":
            continue
        module = importlib.import_module(f"meter.cli.{found.name}")
        if hasattr(module, "register"):
            module.register(app)
    end_help(app)
    return app


#: Commands that answer once and end: they make few cycles, and looking for some costs a sixth of their imports.
ANSWERS = ("explain", "advise", "simulate", "forecast", "plans", "wallets")


def _version(wanted: bool) -> None:
    if wanted:
        from meter.version import version

        typer.echo(f"usage-meter {version()}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Turns a stream of usage into coverage, overage and money, exactly once, on Apache Kafka."""


class Output(io.FileIO):
    """Standard output, which remembers that it could not be written: any other OSError is a bug's."""

    failure: OSError | None = None

    def write(self, content: Any) -> int:
        """Write what fits, as FileIO does."""
        try:
            return super().write(content)
        except OSError as error:
            self.failure = error
            raise


@interrupts_kept()
def main() -> None:
    """Run the command; trouble that the user can mend is one sentence on stderr and exit code 1."""
    if sys.argv[1:2] and sys.argv[1] in ANSWERS:
        gc.disable()
    # Commands explain Kafka's errors themselves; a worker configures logging again.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    output = watched_output()
    try:
        try:
            require_own_packages()
            assembled()()
        finally:
            sys.stdout.flush()
    except UserError as trouble:
        print(f"meter: {trouble}", file=sys.stderr)
        if "--json" in sys.argv[1:]:
            print(json.dumps({"error": str(trouble), "exit_code": trouble.exit_code}, ensure_ascii=False), flush=True)
        sys.exit(trouble.exit_code)
    except (OSError, MemoryError, RuntimeError) as error:
        reason = cut(output) if error is output.failure else shortage(error)
        if reason is None:
            raise
        if not isinstance(error, BrokenPipeError):  # the reader of a pipe closed it
            print(f"meter: {reason}", file=sys.stderr)
        sys.exit(1)


def watched_output() -> Output:
    """Standard output, made to remember its failure; what is printed to a closed one (`>&-`) is dropped."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 # for as long as the process lives
    output = Output(sys.stdout.fileno(), "w", closefd=False)
    encoding, is_terminal = sys.stdout.encoding, sys.stdout.isatty()
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(output), encoding, line_buffering=is_terminal)
    return output


def cut(output: Output) -> str:
    """Drop what cannot be written, so that flushing the rest cannot fail; the reason."""
    assert output.failure is not None, "it failed"
    os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())
    return f"the output cannot be written: {output.failure.strerror}; what was shown is cut"
