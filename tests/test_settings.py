"""What the settings accept, refuse and hide."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from meter.settings import Settings, SettingsError, variable


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)


def refusal(**values: Any) -> str:
    """What is said of these values."""
    with pytest.raises(SettingsError) as caught:
        Settings.load(**values)
    return str(caught.value)


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = Settings.load()
    assert settings.broker == "127.0.0.1:9092"
    assert settings.topic_prefix == ""
    assert settings.partitions == 4
    assert settings.billing_time_zone == "Asia/Shanghai"
    assert settings.close_grace_seconds == 3600
    assert settings.restatement_horizon_days == 35
    assert settings.own_topics_max == 5000
    assert (settings.web_host, settings.web_port) == ("127.0.0.1", 6066)
    assert settings.replication_factor is None
    assert settings.create_topics


def test_every_field_has_a_variable_that_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METER_PARTITIONS", "7")
    monkeypatch.setenv("METER_TOPIC_PREFIX", "staging.")
    monkeypatch.setenv("METER_CREATE_TOPICS", "false")
    settings = Settings.load()
    assert (settings.partitions, settings.topic_prefix, settings.create_topics) == (7, "staging.", False)


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METER_PARTITIONS", "")
    assert Settings.load().partitions == 4


def test_the_journal_is_kept_ten_days_longer_than_the_horizon() -> None:
    assert Settings.load().journal_retention_days == 45
    assert Settings.load(restatement_horizon_days=3).journal_retention_days == 13
    assert Settings.load(restatement_horizon_days=3, journal_retention_days=13).journal_retention_days == 13
    assert "at least the horizon + 10 days, 13, this is 12" in refusal(
        restatement_horizon_days=3, journal_retention_days=12
    )


def test_a_day_closes_before_it_expires() -> None:
    assert Settings.load(restatement_horizon_days=1, close_grace_seconds=82_800).close_grace_seconds == 82_800
    assert "at most 82800" in refusal(restatement_horizon_days=1, close_grace_seconds=82_801)


@pytest.mark.parametrize("prefix", ["", "a.", "staging.", "A-_9.", "x" * 32 + "."])
def test_prefixes_that_are_taken(prefix: str) -> None:
    assert Settings.load(topic_prefix=prefix).topic_prefix == prefix


@pytest.mark.parametrize("prefix", ["usage.", "a", ".", "a.b.", "ä.", "a.\n", "x" * 33 + ".", "a b."])
def test_prefixes_that_are_refused(prefix: str) -> None:
    assert "METER_TOPIC_PREFIX" in refusal(topic_prefix=prefix)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "UTC", "Europe/Berlin", "+05:37", "-11:00", "+00:00"])
def test_time_zones_that_are_taken(zone: str) -> None:
    assert Settings.load(billing_time_zone=zone).billing_time_zone == zone


@pytest.mark.parametrize(
    "zone", ["Asia", "Mars/Olympus", "+24:00", "+5:37", "05:37", "+05:60", "../etc/passwd", "+05:37\n"]
)
def test_time_zones_that_are_refused(zone: str) -> None:
    assert "METER_BILLING_TIME_ZONE" in refusal(billing_time_zone=zone)


@pytest.mark.parametrize(
    "broker",
    [
        "localhost",
        "h:0",
        "h:65536",
        "h:9092,",
        "h 1:9092",
        "http://h:9092",
        "::1:9092",
        "[::1]",
        "[1]:9092",
        "[h]:9092",
    ],
)
def test_addresses_that_are_refused(broker: str) -> None:
    assert "host:port" in refusal(broker=broker)


@pytest.mark.parametrize("broker", ["::1:9092", "[::1]", "[1]:9092", "[h]:9092", "a:1,[::1:9092", "[127.0.0.1]:1"])
def test_addresses_of_the_sixth_version_that_are_refused(broker: str) -> None:
    assert "[IPv6]:port" in refusal(broker=broker)


def test_several_brokers_are_named_with_commas() -> None:
    settings = Settings.load(broker="a:1, b-2.example:2,[::1]:3")
    assert settings.bootstrap_servers == ["a:1", "b-2.example:2", "[::1]:3"]
    assert settings.addresses == [("a", 1), ("b-2.example", 2), ("::1", 3)]


@pytest.mark.parametrize(
    ("name", "value"),
    [("partitions", 0), ("partitions", "4.5"), ("web_port", 0), ("web_port", 65_536), ("own_topics_max", -1)],
)
def test_numbers_out_of_range_are_refused(name: str, value: object) -> None:
    assert f"{variable(name)}={value}: " in refusal(**{name: value})


def test_everything_wrong_is_reported_at_once() -> None:
    found = refusal(partitions=0, topic_prefix="usage.", restatement_horizon_days=0)
    assert len(found.splitlines()) == 4
    assert "METER_JOURNAL_RETENTION_DAYS" not in found


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert "METER_CATALOG" in refusal(catalog=tmp_path / "none.toml")


def test_without_a_catalog_the_shipped_one_is_used(tmp_path: Path) -> None:
    assert Settings.load().catalog_path.is_file()
    own = tmp_path / "own.toml"
    own.touch()
    assert Settings.load(catalog=own).catalog_path == own


def test_a_client_gets_addresses_and_security() -> None:
    assert Settings.load().kafka_client_kwargs() == {
        "bootstrap_servers": ["127.0.0.1:9092"],
        "security_protocol": "PLAINTEXT",
    }
    sasl = {"sasl_mechanism": "SCRAM-SHA-512", "sasl_username": "meter", "sasl_password": "geheim"}
    kwargs = Settings.load(security_protocol="SASL_SSL", **sasl).kafka_client_kwargs()
    assert kwargs["sasl_plain_username"] == "meter"
    assert kwargs["sasl_plain_password"] == "geheim"
    assert kwargs["sasl_mechanism"] == "SCRAM-SHA-512"
    assert kwargs["ssl_context"].verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    "values",
    [
        {"security_protocol": "SASL_SSL"},
        {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "sasl_username": "meter"},
        {"sasl_password": "geheim"},
        {"ssl_password": "geheim"},
        {"security_protocol": "SSL", "ssl_password": "geheim"},
        {"security_protocol": "SSL", "ssl_keyfile": __file__},
        {"sasl_mechanism": "GSSAPI"},
    ],
)
def test_security_that_does_not_fit_together_is_refused(values: dict[str, str]) -> None:
    found = refusal(**values)
    assert "METER_S" in found
    assert "geheim" not in found


def test_files_that_are_no_certificates_are_reported(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    settings = Settings.load(security_protocol="SSL", ssl_cafile=tmp_path / "ca.pem")
    with pytest.raises(SettingsError, match="check the PEM files"):
        settings.kafka_client_kwargs()


def test_passwords_are_never_shown() -> None:
    sasl = {"sasl_mechanism": "PLAIN", "sasl_username": "meter", "sasl_password": "geheim"}
    settings = Settings.load(security_protocol="SASL_SSL", **sasl)
    assert "geheim" not in repr(settings) + str(settings.model_dump())
