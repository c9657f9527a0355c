"""The settings: one field for each `METER_…` variable, read from the environment and from nowhere else.

A `Settings` object is always valid: an error names everything wrong with the variables at once, with what to do next.
`meter settings` shows the descriptions below, and docs/settings.md repeats them.
"""

import logging
import os
import re
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from meter.errors import UserError
from meter.rules.billing_days import zone

log = logging.getLogger(__name__)

PREFIX = "METER_"
#: Days older than the horizon are final; ten more days leave time to read them again (SPEC §10).
JOURNAL_RETENTION_BEYOND_HORIZON_DAYS = 10
#: At most this many workers can share a journal; beyond that the broker is the limit.
PARTITIONS_MAX = 1024
#: Identities are kept as long as a day can change; more than a year of them would fill disks.
RESTATEMENT_HORIZON_DAYS_MAX = 366
#: The shortest billing day (a daylight-saving change), to check that a day closes before it expires.
SHORTEST_DAY_SECONDS = 23 * 3600

#: Fields whose names end so are never shown.
SECRETS = ("password", "token")

TOPIC_PREFIX = re.compile(r"([A-Za-z0-9_-]{1,32}\.)?", re.ASCII)
BASE_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*", re.ASCII)
ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+)):(?P<port>[0-9]{1,5})", re.ASCII)

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class Address(NamedTuple):
    """Where a broker listens; an IPv6 address has no brackets."""

    host: str
    port: int

    @classmethod
    def of(cls, text: str) -> "Address":
        """Parse `host:port` or `[IPv6]:port`; ValueError with a sentence for any other text."""
        match = ADDRESS.fullmatch(text)
        if match is None or not 1 <= int(match["port"]) <= 65_535 or not _is_v6(match["v6"]):
            raise ValueError(f"an address must be host:port or [IPv6]:port with a port of 1–65535, not {text!r}")
        return cls(match["v6"] or match["name"], int(match["port"]))


def _is_v6(host: str | None) -> bool:
    try:
        return host is None or bool(IPv6Address(host))
    except ValueError:
        return False


class SettingsError(UserError):
    """One line for each variable that is wrong."""


def least_journal_retention(known: dict[str, Any]) -> int:
    """The default and least days of journal retention; `known`: the settings validated so far."""
    horizon: int = known.get("restatement_horizon_days", 35)
    return horizon + JOURNAL_RETENTION_BEYOND_HORIZON_DAYS


def setting(default: object, meaning: str, **law: float) -> Any:
    """A field with its description and its bounds (`ge`, `le`)."""
    return Field(default, description=meaning, **law)  # type: ignore[call-overload]


class Settings(BaseSettings):
    """The settings; the field `topic_prefix` is read from METER_TOPIC_PREFIX, and so on."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, validate_default=True
    )

    broker: str = setting("127.0.0.1:9092", "Kafka to use: `host:port` or `[IPv6]:port`, several with commas")
    topic_prefix: str = setting("", "before every topic, group and transactional id: `[A-Za-z0-9_-]{1,32}.` or empty")
    data_dir: Path = setting(
        Path(".meter"), "local state of one worker, rebuilt from Kafka if lost; one for each worker"
    )
    create_topics: bool = setting(True, "create missing topics; `false`: refuse with the list of them")
    partitions: int = setting(4, "partitions of journal and outputs; fixed for good", ge=1, le=PARTITIONS_MAX)
    replication_factor: int | None = setting(
        None,
        "copies of topics it creates, from 3 on with `min.insync.replicas=2`; unset: the broker's",
        ge=1,
        le=32_767,
    )
    catalog: Path | None = setting(None, "catalog file (TOML); unset: the default one, shipped with the package")
    billing_time_zone: str = setting("Asia/Shanghai", "where billing days begin: IANA name or fixed offset (`+05:37`)")
    close_grace_seconds: int = setting(3600, "seconds from the end of a billing day to its closing", ge=0)
    restatement_horizon_days: int = setting(
        35, "days for which late usage still changes a day", ge=1, le=RESTATEMENT_HORIZON_DAYS_MAX
    )
    journal_retention_days: int = Field(
        default_factory=least_journal_retention,
        description="days the journal is kept; unset, and at least: horizon + 10",
    )
    own_topics_max: int = setting(5000, "how many workspace topics (`usage.<workspace>`) are read", ge=0)
    web_host: str = setting("127.0.0.1", "where `/live`, `/ready` and `/metrics` listen")
    web_port: int = setting(6066, "the port of the same", ge=1, le=65_535)
    log_format: Literal["text", "json"] = setting("text", "how processes log: `text`, or `json`, an object a line")
    dashboard_host: str = setting(
        "127.0.0.1", "where `meter dashboard` listens; another host than loopback needs a token"
    )
    dashboard_port: int = setting(6067, "the port of the same", ge=1, le=65_535)
    dashboard_base_path: str = setting("", "path before every dashboard address, behind a proxy: `/meter` or empty")
    dashboard_token: SecretStr | None = setting(None, "token that reading the dashboard asks for; never shown")
    dashboard_write_token: SecretStr | None = setting(
        None, "token for orders and redrive in the dashboard; unset: it writes nothing; never shown"
    )
    dashboard_metrics: str = setting("", "addresses of workers' `/metrics` for the operations page, with commas")
    dashboard_db: Path | None = setting(
        None, "the dashboard's SQLite file; unset: `dashboard.sqlite` in METER_DATA_DIR"
    )
    security_protocol: SecurityProtocol = setting("PLAINTEXT", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL")
    sasl_mechanism: SaslMechanism | None = setting(None, "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; with a SASL protocol")
    sasl_username: str | None = setting(None, "the user that SASL names")
    sasl_password: SecretStr | None = setting(None, "that user's password; never shown")
    ssl_cafile: Path | None = setting(
        None, "PEM of the authorities to trust; unset: the system's; with an SSL protocol"
    )
    ssl_certfile: Path | None = setting(None, "PEM of our own certificate, where the broker asks for one")
    ssl_keyfile: Path | None = setting(None, "PEM of its key; unset: it stands in the certificate file")
    ssl_password: SecretStr | None = setting(None, "password of that key; never shown")

    @field_validator("broker")
    @classmethod
    def _addresses(cls, value: str) -> str:
        for address in value.split(","):
            Address.of(address.strip())
        return value

    @field_validator("topic_prefix")
    @classmethod
    def _prefix(cls, value: str) -> str:
        if TOPIC_PREFIX.fullmatch(value) is None:
            raise ValueError(f"a prefix must be 1–32 of A-Za-z0-9_- and a full stop, as in `staging.`, not {value!r}")
        if value == "usage.":
            raise ValueError("with `usage.` the meter's topics would look like workspaces' own; take another prefix")
        return value

    @field_validator("dashboard_base_path")
    @classmethod
    def _base_path(cls, value: str) -> str:
        if BASE_PATH.fullmatch(value) is None:
            raise ValueError(f"a base path must be empty or like /meter, of A-Za-z0-9._~- and /, not {value!r}")
        return value

    @field_validator("billing_time_zone")
    @classmethod
    def _time_zone(cls, value: str) -> str:
        zone(value)
        return value

    @field_validator("catalog", "ssl_cafile", "ssl_certfile", "ssl_keyfile")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        if value is not None and not os.access(value, os.R_OK):
            raise ValueError(f"{value} is no file that can be read here; set the path of one, or unset the variable")
        return value

    @model_validator(mode="after")
    def _days_in_order(self) -> Self:
        least = self.restatement_horizon_days + JOURNAL_RETENTION_BEYOND_HORIZON_DAYS
        if self.journal_retention_days < least:
            raise ValueError(
                f"METER_JOURNAL_RETENTION_DAYS is at least the horizon + {JOURNAL_RETENTION_BEYOND_HORIZON_DAYS} days, "
                f"{least}, this is {self.journal_retention_days}; raise it or unset it"
            )
        most = self.restatement_horizon_days * SHORTEST_DAY_SECONDS
        if self.close_grace_seconds > most:
            raise ValueError(
                f"a day must close before it expires: METER_CLOSE_GRACE_SECONDS is at most {most} "
                f"with a horizon of {self.restatement_horizon_days} days, this is {self.close_grace_seconds}"
            )
        return self

    @model_validator(mode="after")
    def _security(self) -> Self:
        sasl = (self.sasl_mechanism, self.sasl_username, self.sasl_password)
        if self.security_protocol.startswith("SASL_"):
            if None in sasl:
                raise ValueError(
                    f"{self.security_protocol} needs METER_SASL_MECHANISM, METER_SASL_USERNAME and METER_SASL_PASSWORD"
                )
        elif any(part is not None for part in sasl):
            raise ValueError(
                f"METER_SASL_… is set, METER_SECURITY_PROTOCOL is {self.security_protocol}; set it to SASL_SSL"
            )
        if not self.uses_tls and any((self.ssl_cafile, self.ssl_certfile, self.ssl_keyfile, self.ssl_password)):
            raise ValueError(
                f"METER_SSL_… is set, METER_SECURITY_PROTOCOL is {self.security_protocol}; set it to SSL or SASL_SSL"
            )
        if self.ssl_certfile is None and (self.ssl_keyfile or self.ssl_password):
            raise ValueError("a key belongs to a certificate: set METER_SSL_CERTFILE too, or unset the key")
        return self

    @classmethod
    def load(cls, **overrides: Any) -> "Settings":
        """The settings of the environment, with `overrides` (by field name) before it; raises `SettingsError`."""
        try:
            settings = cls(**overrides)
        except ValidationError as error:
            raise SettingsError(problems(error)) from None
        if settings.security_protocol == "SASL_PLAINTEXT":
            log.warning(
                "METER_SECURITY_PROTOCOL is SASL_PLAINTEXT: %s cross the network to %s unencrypted; use SASL_SSL",
                "the password and all records" if settings.sasl_mechanism == "PLAIN" else "all records",
                settings.broker,
            )
        return settings

    @property
    def uses_tls(self) -> bool:
        """Whether the connection to Kafka is encrypted."""
        return self.security_protocol in ("SSL", "SASL_SSL")

    @property
    def bootstrap_servers(self) -> list[str]:
        """The brokers of METER_BROKER, as `host:port`."""
        return [address.strip() for address in self.broker.split(",")]

    @property
    def addresses(self) -> list[Address]:
        """The brokers of METER_BROKER, as addresses."""
        return [Address.of(address) for address in self.bootstrap_servers]

    @property
    def catalog_path(self) -> Path:
        """The catalog file in use: METER_CATALOG, or the one shipped beside this module."""
        return self.catalog or Path(__file__).with_name("catalog.toml")

    def kafka_client_kwargs(self) -> dict[str, Any]:
        """The arguments for every aiokafka client (consumer, producer, admin): addresses and security.

        Every client is made with them, so this also installs the patches of aiokafka's connections.
        """
        from meter.batch.patches import bootstrapping, connections

        connections.install()
        bootstrapping.install()
        kwargs: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol,
        }
        if self.uses_tls:
            kwargs["ssl_context"] = self._ssl_context()
        if self.sasl_mechanism is not None and self.sasl_password is not None:
            kwargs["sasl_mechanism"] = self.sasl_mechanism
            kwargs["sasl_plain_username"] = self.sasl_username
            kwargs["sasl_plain_password"] = self.sasl_password.get_secret_value()
        return kwargs

    def _ssl_context(self) -> Any:
        import ssl

        password = self.ssl_password.get_secret_value() if self.ssl_password else ""
        try:
            context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=self.ssl_cafile)
            if self.ssl_certfile is not None:
                # Even if empty: without a password OpenSSL would ask on the terminal.
                context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile, lambda: password)
        except (ssl.SSLError, OSError) as error:
            files = ", ".join(str(path) for path in (self.ssl_cafile, self.ssl_certfile, self.ssl_keyfile) if path)
            raise SettingsError(f"METER_SSL_… cannot be used ({files}): {error}; check the PEM files") from error
        return context


def variable(field: str) -> str:
    """The environment variable of a field of `Settings`."""
    return PREFIX + field.upper()


def problems(error: ValidationError) -> str:
    """A line for each variable that is wrong: its name and value, then what it must be."""
    lines = []
    for problem in error.errors():
        if problem["type"] == "default_factory_not_called":
            continue  # it only repeats that another variable is wrong
        text = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            lines.append(text)
            continue
        field = str(problem["loc"][0])
        secret = field.endswith(SECRETS)
        value = "…" if secret else str(problem["input"])
        lines.append(f"{variable(field)}={value}: {text}")
    return "\n".join(lines) + "\n`meter settings` explains every variable"
