"""Billing days as pages show them: times in the billing zone, and whether a day's figures can still change."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from meter.rules.billing_days import SECOND_US, BillingZone, day_text, parse_day, zone
from meter.settings import Settings

OPEN, CLOSED, FINAL = "open", "closed", "final"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Calendar:
    """The billing time zone, close grace and restatement horizon of this meter."""

    def __init__(self, zone_name: str, grace_seconds: int, horizon_days: int) -> None:
        self.adopt(zone_name, grace_seconds, horizon_days)

    def adopt(self, zone_name: str, grace_seconds: int, horizon_days: int) -> None:
        """Use these facts from now on."""
        self.facts = (zone_name, grace_seconds, horizon_days)
        self.zone: BillingZone = zone(zone_name)
        self.horizon_days = horizon_days
        self._grace_us = grace_seconds * SECOND_US
        self._rules = _rules(zone_name)

    @classmethod
    def of(cls, settings: Settings) -> "Calendar":
        """The calendar of the settings, which are those of the workers."""
        return cls(settings.billing_time_zone, settings.close_grace_seconds, settings.restatement_horizon_days)

    def today(self, now_us: int) -> str:
        """The billing day of an instant."""
        return day_text(self.zone.day_of(now_us))

    def time(self, time_us: int) -> str:
        """An instant in the billing zone, ISO 8601 with its offset, to the millisecond."""
        moment = EPOCH + timedelta(microseconds=time_us)
        return moment.astimezone(self._rules).isoformat(timespec="milliseconds")

    def time_ms(self, time_ms: int | None) -> str | None:
        """The same for milliseconds; None for None."""
        return None if time_ms is None else self.time(time_ms * 1000)

    def changes_until(self, day: str) -> str:
        """The last day on which usage of `day` still counts."""
        return day_text(parse_day(day) + self.horizon_days)

    def closes_at(self, day: str) -> int:
        """The earliest time at which the day can close: its end plus the grace, in µs."""
        return self.zone.end_of(parse_day(day)) + self._grace_us

    def bounds(self, day: str) -> tuple[int, int]:
        """First instant of the day, and first instant of the next."""
        number = parse_day(day)
        return self.zone.begin_of(number), self.zone.end_of(number)

    def oldest_kept(self, today: str) -> str:
        """The first day whose figures are kept; earlier days have been final for more than a day."""
        return self.days_before(today, self.horizon_days + 2)

    def days_before(self, today: str, days: int) -> str:
        """The day `days` days earlier."""
        return day_text(parse_day(today) - days)

    def state(self, day: str, now_us: int, stated: bool, closed_through: str | None) -> str:
        """Whether the figures of a day are open, closed or final.

        `stated`: its statement was published; `closed_through`: the latest day for which the account's partition
        published statements. Days close in order, so every earlier day is closed.
        """
        closed = stated or (closed_through is not None and day < closed_through)
        if not closed and now_us < self.closes_at(day):
            return OPEN
        expires = self.changes_until(day)
        over = now_us >= self.closes_at(expires)
        if over and ((closed_through is not None and closed_through >= expires) or self._long_over(expires, now_us)):
            return FINAL
        return CLOSED if closed or self._long_over(day, now_us) else OPEN

    def _long_over(self, day: str, now_us: int) -> bool:
        """Whether a day without a statement closed more than a day ago, so that there was nothing to state."""
        return now_us >= self.closes_at(day_text(parse_day(day) + 1))


def _rules(name: str) -> tzinfo:
    if name[0] in "+-":
        sign = -1 if name[0] == "-" else 1
        return timezone(sign * timedelta(hours=int(name[1:3]), minutes=int(name[4:])))
    return ZoneInfo(name)
