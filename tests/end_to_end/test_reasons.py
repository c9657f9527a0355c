"""What is wrong between us and a Kafka with TLS and SASL is named as what it is, in commands and workers, at once."""

import time
from typing import Any

import pytest

from meter.kafka.reachability import BrokerUnreachable
from tests.end_to_end.strangers import command
from tests.end_to_end.workers import READY_SECONDS, Meter
from tests.oracle_reading import Settings
from tests.support.clusters import EXPIRED, SASL_PLAINTEXT, SASL_SSL, SSL, WRONG_HOST, Cluster

pytestmark = pytest.mark.e2e

#: Nobody waits until a request times out to be told of a wrong password; the rest is a busy machine.
TOLD_SECONDS = 30.0
USER = "worker"


def variables(cluster: Cluster, case: str) -> dict[str, str]:
    """What somebody set who made this mistake."""
    good = cluster.variables(USER)
    assert cluster.certificates is not None
    without_sasl = {name: value for name, value in good.items() if "_SASL_" not in name}
    without_tls = {name: value for name, value in good.items() if "_SSL_" not in name}
    mistakes: dict[str, dict[str, str]] = {
        "a wrong password": {**good, "METER_SASL_PASSWORD": "guess"},
        "a user that is unknown": {**good, "METER_SASL_USERNAME": "nobody"},
        "a wrong password in plain": {**cluster.variables(USER, mechanism="PLAIN"), "METER_SASL_PASSWORD": "guess"},
        "an authority that is not trusted": {**good, "METER_SSL_CAFILE": str(cluster.certificates.untrusted)},
        "the system's authorities": {name: value for name, value in good.items() if name != "METER_SSL_CAFILE"},
        "an expired certificate": cluster.variables(USER, EXPIRED),
        "another host's certificate": cluster.variables(USER, WRONG_HOST),
        "no TLS to a TLS port": {**without_tls, "METER_SECURITY_PROTOCOL": "SASL_PLAINTEXT"},
        "TLS to a port without": {**good, "METER_BROKER": cluster.address(SASL_PLAINTEXT)},
        "no user where one is needed": {**without_sasl, "METER_SECURITY_PROTOCOL": "SSL"},
        "a user where none is asked for": {**good, "METER_BROKER": cluster.address(SSL)},
        "neither TLS nor a user": {"METER_BROKER": cluster.address(SASL_SSL)},
    }
    return mistakes[case]


CASES = {
    "a wrong password": "does not accept the user worker with this password (SCRAM-SHA-512)",
    "a user that is unknown": "does not accept the user nobody with this password (SCRAM-SHA-512)",
    "a wrong password in plain": "does not accept the user worker with this password (PLAIN)",
    "an authority that is not trusted": "set METER_SSL_CAFILE to the PEM of the broker's authority",
    "the system's authorities": "trusted are the system's authorities: set METER_SSL_CAFILE",
    "an expired certificate": "certificate has expired; the broker needs a new one",
    "another host's certificate": "set METER_BROKER to a name that the certificate holds",
    "no TLS to a TLS port": "speaks TLS, METER_SECURITY_PROTOCOL is SASL_PLAINTEXT; set it to SASL_SSL",
    "TLS to a port without": "speaks no TLS, METER_SECURITY_PROTOCOL is SASL_SSL; set it to SASL_PLAINTEXT",
    "no user where one is needed": "closes connections that do not authenticate, METER_SECURITY_PROTOCOL is SSL",
    "a user where none is asked for": "does not use SASL, METER_SECURITY_PROTOCOL is SASL_SSL; set it to SSL",
    "neither TLS nor a user": "speaks TLS, METER_SECURITY_PROTOCOL is PLAINTEXT; set it to SSL",
}


@pytest.mark.parametrize("case", CASES)
def test_a_command_names_what_is_wrong_with_the_connection(
    secure_node: Cluster, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = time.monotonic()
    _, error, _ = command(monkeypatch, variables(secure_node, case), "overages")
    assert isinstance(error, BrokerUnreachable)
    assert CASES[case] in str(error)
    assert error.lasting
    assert time.monotonic() - begun < TOLD_SECONDS


@pytest.fixture
def meter(secure_node: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A meter of the one who may do everything."""
    made = Meter(secure_node.bootstrap, tmp_path_factory.mktemp("meter"), Settings(), **secure_node.variables("admin"))
    yield made
    made.close()


def test_a_worker_names_it_too_and_one_whose_password_was_changed_ends(secure_node: Cluster, meter: Meter) -> None:
    user = "changing"
    secure_node.add_user(user)
    for resource in ("TOPIC", "GROUP", "TRANSACTIONAL_ID"):
        secure_node.grant(user, "ALL", resource, meter.kafka.prefix, "PREFIXED")
    running = meter.start("changed", **secure_node.variables(user)).wait_ready()
    refused = meter.start("wrong", METER_SASL_PASSWORD="guess")
    refused.expected_dead = True
    assert refused.process.wait(READY_SECONDS) == 1
    assert "does not accept the user admin with this password" in refused.own_log()
    secure_node.remove_user(user)
    running.expected_dead = True
    assert running.process.wait(READY_SECONDS) == 1, running.log_tail()
    assert f"does not accept the user {user} with this password (SCRAM-SHA-512)" in running.own_log()


def test_sasl_without_tls_is_warned_of_in_workers_and_commands(
    secure_node: Cluster, meter: Meter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    unsafe = secure_node.variables("admin", SASL_PLAINTEXT, "PLAIN")
    command(monkeypatch, unsafe, "overages")
    warned = "the password and all records cross the network"
    assert [record.levelname for record in caplog.records if warned in record.getMessage()] == ["WARNING"]
    worker = meter.start("unsafe", METER_SSL_CAFILE="", **unsafe)
    worker.wait_ready()
    assert worker.own_log().count(warned) == 1
    assert "Sending username and password in the clear" not in worker.own_log()
    assert worker.stop() == 0
