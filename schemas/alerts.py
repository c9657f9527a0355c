"""A plan's quota runs out (topic `quota-alerts`): raised iff quota > 0 and covered * 100 >= threshold * quota.

`QuotaAlert` is the model, and `alert_text` writes the same bytes (a test holds them together): every cell of a plan
raises two alerts a day as its quota is used up.
"""

from typing import Literal

from pydantic import Field

from schemas.days import Day
from schemas.ids import Id
from schemas.record import Record

#: Percent of the quota.
THRESHOLDS = (80, 100)


class QuotaAlert(Record):
    """One threshold of one plan's quota for an item on a day."""

    account: Id = Field(description="The billing account.", examples=["acct_1"])
    plan_id: Id = Field(description="The plan.", examples=["o-1"])
    item: Id = Field(description="The billing item.", examples=["logs"])
    day: Day = Field(description="The billing day.", examples=["2026-01-31"])
    threshold: Literal[80, 100] = Field(description="Percent of the quota.", examples=[80])
    state: Literal["raised", "cleared"] = Field(description="Whether it is reached.", examples=["raised"])
    quota: int = Field(description="What the plan covers that day.", ge=0, examples=[150000000])
    covered: int = Field(description="What was drawn from it.", ge=0, examples=[150000000])
    revision: int = Field(description="Rises in every key.", ge=1, examples=[1042])

    def record_key(self) -> str:
        """The record's key."""
        return alert_key(self.account, self.plan_id, self.item, self.day, self.threshold)


def alert_key(account: str, plan_id: str, item: str, day: str, threshold: int) -> str:
    """The key of an alert."""
    return f"{account}/{plan_id}/{item}/{day}/{threshold}"


def alert_text(
    account: str,
    plan_id: str,
    item: str,
    day: str,
    threshold: int,
    state: str,
    quota: int,
    covered: int,
    revision: int,
) -> bytes:
    """`QuotaAlert` as JSON; nothing in it has a character that JSON escapes."""
    return (
        f'{{"account":"{account}","plan_id":"{plan_id}","item":"{item}","day":"{day}","threshold":{threshold},'
        f'"state":"{state}","quota":{quota},"covered":{covered},"revision":{revision}}}'
    ).encode()
