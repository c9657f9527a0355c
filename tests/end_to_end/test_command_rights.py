"""Every right of every command taken away once, on a Kafka with an authorizer: it is named at once."""

import time
from pathlib import Path

import pytest

from meter.errors import UserError
from meter.kafka.rights import COMMANDS, MissingRights, Right, of_command, to_redrive, to_skip
from tests.end_to_end.strangers import User, command, lacking, until, user_of
from tests.end_to_end.workers import free_port
from tests.support.clusters import Cluster

pytestmark = pytest.mark.e2e

#: A command that is refused does not wait until a request times out; the rest is a busy machine.
REFUSED_SECONDS = 30.0

COMMAND_LINES = {
    "send usage": ("send", "usage", "{file}"),
    "send workspaces": ("send", "workspaces", "{file}"),
    "send orders": ("send", "orders", "{file}"),
    "send --check": ("send", "workspaces", "{file}", "--check"),
    "top-up": ("top-up", "acct", "1.00"),
    "buy": ("buy", "acct", "startup", "w"),
    "add-traffic": ("add-traffic", "acct", "o-1", "--traffic", "logs=1"),
    "upgrade": ("upgrade", "acct", "o-1", "growth"),
    "change-workspaces": ("change-workspaces", "acct", "o-1", "w"),
    "… --order-id": ("top-up", "acct", "1.00", "--order-id", "o-9"),
    "… --pay auto": ("buy", "acct", "startup", "w", "--pay", "auto"),
    "quote": ("quote", "purchase", "acct", "startup", "w"),
    "plans": ("plans", "acct"),
    "advise": ("advise", "acct"),
    "simulate": ("simulate", "acct"),
    "forecast": ("forecast", "acct"),
    "budget set": ("budget", "set", "acct", "b", "--money", "1.00"),
    "budget clear": ("budget", "clear", "acct", "b"),
    "budget list": ("budget", "list", "acct"),
    "budget watch": ("budget", "watch"),
    "wallets": ("wallets", "acct"),
    "overages": ("overages",),
    "explain": ("explain", "acct", "w", "logs", "2026-01-31"),
    "explain --record": ("explain", "--record", "usage", "0", "0"),
    "verify": ("verify",),
    "catalog check --against-journal": ("catalog", "check", "{catalog}", "--against-journal"),
    "dashboard": ("dashboard",),
    "dashboard (writing)": ("dashboard",),
    "redrive": ("redrive",),
    "skip": ("skip", "usage", "0", "0"),
}

#: Settings that make a command of another name.
WRITING = {"METER_DASHBOARD_TOKEN": "read", "METER_DASHBOARD_WRITE_TOKEN": "write"}


@pytest.fixture(scope="module")
def command_user(secure_node: Cluster) -> User:
    """Somebody with topics, and no rights yet."""
    user = user_of(secure_node)
    user.create_topics()
    return user


@pytest.mark.parametrize("name", COMMAND_LINES)
def test_a_command_names_each_right_that_is_missing_at_once(
    command_user: User, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "records"
    file.write_text('{"workspace":"w","account":"acct","tier":"free"}\n')
    catalog = Path(__file__).parent.parent.parent / "meter" / "catalog.toml"
    line = [part.format(file=file, catalog=catalog) for part in COMMAND_LINES[name]]
    settings = command_user.settings
    rights = to_skip(settings, "usage") if name == "skip" else of_command(settings, name)
    variables = {**command_user.variables, "METER_DATA_DIR": str(tmp_path), "METER_DASHBOARD_PORT": str(free_port())}
    variables |= WRITING if name.endswith("(writing)") else {}

    def refused() -> tuple[Right, ...]:
        begun = time.monotonic()
        _, error, _ = command(monkeypatch, variables, *line)
        assert time.monotonic() - begun < REFUSED_SECONDS
        assert isinstance(error, UserError)
        return error.rights if isinstance(error, MissingRights) else ()

    assert set(refused()) == set(rights)
    for right in rights:
        others = [other for other in rights if other != right]
        command_user.grant(others)
        assert until(refused, (right,)) == (right,)
        command_user.revoke(*others)


def test_every_command_of_the_table_is_tried() -> None:
    assert set(COMMAND_LINES) | {"redrive --send"} == set(COMMANDS)


def test_sending_letters_again_takes_the_right_to_write_where_they_go(command_user: User) -> None:
    rights = to_redrive(command_user.settings, ["usage", "usage.w"])
    command_user.grant(rights[:2])
    assert until(lambda: lacking(command_user, rights), [rights[2]]) == [rights[2]]
