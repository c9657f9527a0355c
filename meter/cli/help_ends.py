"""Ends the help of each command with the settings that it reads from the environment."""

import typer

CONNECTION = "METER_BROKER, METER_TOPIC_PREFIX, METER_SECURITY_PROTOCOL, METER_SASL_…, METER_SSL_…"
ALL = "all of them; `meter settings` shows them"
#: What commands take that do not just ask Kafka; None: nothing.
OTHERS: dict[str, str | None] = {
    "worker": ALL,
    "settings": ALL,
    "doctor": ALL,
    "schemas": None,
    "verify": f"{CONNECTION}, METER_DATA_DIR, METER_CATALOG",
    "demo": f"{CONNECTION}, METER_DATA_DIR",
    "dashboard": f"{CONNECTION}, METER_DASHBOARD_…, METER_DATA_DIR, METER_LOG_FORMAT",
    "catalog check": f"METER_CATALOG; with --against-journal also {CONNECTION}",
    "broker up": "METER_BROKER, for its port, METER_DATA_DIR",
    "broker down": "METER_DATA_DIR",
    "broker status": "METER_BROKER, METER_DATA_DIR",
    "broker jars": None,
    "budget watch": f"{CONNECTION}, METER_LOG_FORMAT",
}


def end_help(app: typer.Typer, group: str = "") -> None:
    """Let every command's help end with its settings."""
    for command in app.registered_commands:
        function = getattr(command.callback, "__name__", "")
        name = f"{group} {command.name or function.replace('_', '-')}".strip()
        settings = OTHERS.get(name, CONNECTION)
        command.epilog = None if settings is None else f"Settings: {settings}."
    for inner in app.registered_groups:
        if inner.typer_instance is not None:
            given = inner.name if isinstance(inner.name, str) else inner.typer_instance.info.name
            end_help(inner.typer_instance, str(given))
