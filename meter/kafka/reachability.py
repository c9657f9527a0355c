"""Finds out why no Kafka can be used: after a client gave up, each address is asked again step by step.

aiokafka drops the reason ("Unable to bootstrap"). A lasting reason (a password, a certificate, a protocol) needs an
operator; an unreachable broker may come back by itself.
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import Any, NamedTuple

from aiokafka.conn import AIOKafkaConnection, collect_hosts
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from meter.errors import UserError
from meter.local_broker.probe import ANSWER_LIMIT_BYTES, is_plain_kafka
from meter.settings import Settings

#: How long an address may take to answer a step.
ASK_MS = 4_000
#: How long a connection may take to close; then it is abandoned.
CLOSE_SECONDS = 0.5
#: The first byte of a TLS alert, read as the length of an answer.
TLS_ALERT = 0x15
#: OpenSSL's numbers of reasons to refuse a certificate.
EXPIRED, NOT_YET_VALID, OTHER_HOST, OTHER_ADDRESS = 10, 9, 62, 64
WITHOUT_TLS = {"SSL": "PLAINTEXT", "SASL_SSL": "SASL_PLAINTEXT"}
WITH_TLS = {"PLAINTEXT": "SSL", "SASL_PLAINTEXT": "SASL_SSL"}


class Reason(NamedTuple):
    """Why an address cannot be used, with what to do; `lasting`: waiting does not help."""

    sentence: str
    lasting: bool


class BrokerUnreachable(UserError):
    """No Kafka answers that the meter can use; `back`: it did not answer a moment ago, and does now."""

    def __init__(self, sentence: str, lasting: bool = False, back: bool = False) -> None:
        super().__init__(sentence)
        self.lasting = lasting
        self.back = back


async def unreachable(settings: Settings, error: BaseException) -> BrokerUnreachable:
    """The reason why no client could connect, after one failed with `error`."""
    reasons = await reasons_of(settings)
    if not reasons:
        return BrokerUnreachable(
            f"Kafka at {settings.broker} answers now, a moment ago it did not ({error}); try again", back=True
        )
    return as_error(reasons)


def as_error(reasons: Sequence[Reason]) -> BrokerUnreachable:
    """Reasons as one error, a line each."""
    return BrokerUnreachable("\n".join(reason.sentence for reason in reasons), all(each.lasting for each in reasons))


async def reasons_of(settings: Settings) -> list[Reason]:
    """A reason for each address that fails, of METER_BROKER and of the brokers' own names; none if one answers."""
    kwargs = settings.kafka_client_kwargs()
    del kwargs["bootstrap_servers"]
    hosts = [collect_hosts([server])[0][:2] for server in settings.bootstrap_servers]
    answers = await asyncio.gather(*(_asked(settings, kwargs, *each) for each in hosts))
    named = list(dict.fromkeys(broker for brokers, _ in answers for broker in brokers))
    if not named:
        return [reason for _, reason in answers if reason is not None]
    further = await asyncio.gather(*(_asked(settings, kwargs, *each) for each in named))
    wrong = [
        Reason(
            f"Kafka answers at {settings.broker} and names itself {host}:{port} (its `advertised.listeners`), but "
            + reason.sentence,
            reason.lasting,
        )
        for (host, port), (_, reason) in zip(named, further, strict=True)
        if reason is not None
    ]
    return wrong if len(wrong) == len(named) else []


async def _asked(
    settings: Settings, kwargs: dict[str, Any], host: str, port: int
) -> tuple[list[tuple[str, int]], Reason | None]:
    """The brokers that an address names, or the reason why it cannot be used."""
    connection = AIOKafkaConnection(host, port, request_timeout_ms=ASK_MS, **kwargs)
    connected = False
    try:
        await connection.connect()
        connected = True
        answer = await connection.send(MetadataRequest([]))
        return [(broker[1], broker[2]) for broker in answer.brokers], None
    except (KafkaError, OSError, TimeoutError, EOFError) as error:
        plain = settings.uses_tls and await asyncio.to_thread(is_plain_kafka, host, port)
        return [], reason_for(error, settings, f"{host}:{port}", connected=connected, plain=plain)
    finally:
        closed = connection.close()
        if connection._protocol is not None:
            await asyncio.wait({closed}, timeout=CLOSE_SECONDS)


def reason_for(error: BaseException, settings: Settings, place: str, *, connected: bool, plain: bool) -> Reason:
    """The reason behind an error of a connection.

    `connected`: the broker had answered which requests it supports. `plain`: it answered a request without TLS.
    """
    protocol = settings.security_protocol
    error = _root(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _of_certificate(error, settings, place)
    if plain:
        return _lasting(
            f"{place} speaks no TLS, METER_SECURITY_PROTOCOL is {protocol}; set it to {WITHOUT_TLS[protocol]}, "
            "or METER_BROKER to the broker's TLS port"
        )
    if isinstance(error, ssl.SSLError):
        return _of_tls(error, settings, place)
    if _length_of(error) >> 24 == TLS_ALERT:
        other = WITH_TLS.get(protocol, "SSL")
        return _lasting(
            f"{place} speaks TLS, METER_SECURITY_PROTOCOL is {protocol}; set it to {other} (and METER_SSL_CAFILE)"
        )
    if isinstance(error, KafkaError):
        return _of_kafka(error, settings, place, connected)
    return _of_network(error, place)


def _lasting(sentence: str) -> Reason:
    return Reason(sentence, True)


def _root(error: BaseException) -> BaseException:
    """The cause of a closed connection, if there is one."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    return next((cause for cause in causes if isinstance(cause, ssl.SSLError)), error)


def _length_of(error: BaseException) -> int:
    """The claimed length of an incomplete answer; absurd if the answer is not Kafka's."""
    cause = error.__cause__
    return cause.expected or 0 if isinstance(cause, asyncio.IncompleteReadError) else 0


def _of_certificate(error: ssl.SSLCertVerificationError, settings: Settings, place: str) -> Reason:
    words = f"the certificate of {place} is not accepted: {error.verify_message or error}"
    if error.verify_code == EXPIRED:
        return _lasting(f"{words}; the broker needs a new one (or this machine's clock is wrong)")
    if error.verify_code == NOT_YET_VALID:
        return _lasting(f"{words}; look at this machine's clock")
    if error.verify_code in (OTHER_HOST, OTHER_ADDRESS):
        return _lasting(f"{words}; set METER_BROKER to a name that the certificate holds")
    trusted = settings.ssl_cafile or "the system's authorities"
    return _lasting(f"{words}; trusted are {trusted}: set METER_SSL_CAFILE to the PEM of the broker's authority")


def _of_tls(error: ssl.SSLError, settings: Settings, place: str) -> Reason:
    why = (error.reason or str(error)).replace("_", " ").lower()
    if "certificate required" in why or "bad certificate" in why or "unknown ca" in why:
        return _lasting(
            f"{place} does not accept {settings.ssl_certfile or 'a client without a certificate'} ({why}); "
            "set METER_SSL_CERTFILE and METER_SSL_KEYFILE"
        )
    return _lasting(f"TLS with {place} fails: {why}; look at METER_BROKER's port and the broker's TLS versions")


def _of_kafka(error: KafkaError, settings: Settings, place: str, connected: bool) -> Reason:
    mechanism, user, protocol = settings.sasl_mechanism, settings.sasl_username, settings.security_protocol
    if isinstance(error, SaslAuthenticationFailed):
        return _lasting(
            f"{place} does not accept the user {user} with this password ({mechanism}): {error.args[0] or error}; "
            "look at METER_SASL_USERNAME, METER_SASL_PASSWORD and METER_SASL_MECHANISM"
        )
    if isinstance(error, UnsupportedSaslMechanismError):
        return _lasting(f"{place} does not offer {mechanism}; set METER_SASL_MECHANISM to one that it offers")
    if isinstance(error, IllegalSaslStateError):
        return _lasting(
            f"{place} does not use SASL, METER_SECURITY_PROTOCOL is {protocol}; "
            f"set it to {protocol.removeprefix('SASL_')}, or METER_BROKER to the broker's SASL port"
        )
    if connected and isinstance(error, KafkaConnectionError) and not protocol.startswith("SASL_"):
        needed = "SASL_SSL" if settings.uses_tls else "SASL_PLAINTEXT"
        return _lasting(
            f"{place} closes connections that do not authenticate, METER_SECURITY_PROTOCOL is {protocol}; "
            f"set it to {needed}, with METER_SASL_MECHANISM, METER_SASL_USERNAME and METER_SASL_PASSWORD"
        )
    if _length_of(error) > ANSWER_LIMIT_BYTES:
        return _lasting(f"what listens at {place} does not speak Kafka's protocol; look at METER_BROKER")
    return Reason(f"{place} closes the connection ({error}); look at the broker's log", False)


def _of_network(error: BaseException, place: str) -> Reason:
    if isinstance(error, socket.gaierror):
        return Reason(f"the name in {place} is not known here ({error.strerror}); look at METER_BROKER", False)
    if isinstance(error, ConnectionRefusedError):
        return Reason(
            f"no Kafka answers at {place} (connection refused); start one with `meter broker up`, or set METER_BROKER",
            False,
        )
    if isinstance(error, TimeoutError):
        return Reason(
            f"no Kafka answers at {place} within {ASK_MS / 1000:g} s; look at the broker, firewalls, METER_BROKER",
            False,
        )
    return Reason(f"the connection to {place} fails: {error or type(error).__name__}; look at METER_BROKER", False)
