"""Records that the meter cannot count, as they come by on any ordinary day: each becomes a dead letter."""

from meter.demo.records import MINUTE_US, Sent, binding, event, json_bytes, usage

DAY_US = 24 * 60 * MINUTE_US
MORNING, NOON, EVENING = 8 * 60 + 30, 12 * 60, 18 * 60


def bad_records(day_us: int) -> dict[int, tuple[Sent, ...]]:
    """Bad records by the minute at which they arrive; `day_us` is the instant at which the day begins."""
    return {MORNING: _morning(day_us), NOON: _noon(day_us), EVENING: _evening(day_us)}


def _morning(day_us: int) -> tuple[Sent, ...]:
    """A collector is set up by hand."""
    at = day_us + MORNING * MINUTE_US
    cut_off = json_bytes(event("orbit-game", "logs", 120_000, at, "bad-1"))[:97]
    return (
        Sent("usage", "orbit-game", cut_off),
        Sent("usage", "orbit-game", json_bytes({"workspace": "orbit-game", "logs": 120_000})),
        usage(event("orbit-gmae", "logs", 120_000, at, "bad-3")),
        usage(event("orbit-gmae", "logs", 130_000, at, "bad-4")),
        usage(event("orbit-tools", "cpu_seconds", 3600, at, "bad-5")),
    )


def _noon(day_us: int) -> tuple[Sent, ...]:
    """A new version writes its records in other ways."""
    at = day_us + NOON * MINUTE_US
    return (
        usage(event("lumen-lab", "logs", 1.5e6, at, "bad-6", 3)),
        usage(event("lumen-lab", "logs", 150_000, at, "bad-7", 90)),
        usage({**event("lumen-edge", "sms", 12, at, "bad-8"), "type": "usage.deleted"}),
    )


def _evening(day_us: int) -> tuple[Sent, ...]:
    """Clocks are wrong, an id is used twice, a workspace is to move."""
    at = day_us + EVENING * MINUTE_US
    return (
        usage(event("nimbus-api", "logs", 90_000, at + DAY_US, "bad-9")),
        usage(event("nimbus-api", "logs", 90_000, at - 40 * DAY_US, "bad-10")),
        usage(event("acme-staging", "traces", 0, at, "twice")),
        usage(event("acme-staging", "traces", 700_000, at, "twice")),
        binding("nimbus-docs", "orbit", "free"),
    )
