"""The job as the Python contenders know it: events, accounts, ranks, quota; and where to read and write."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec


class Counted(msgspec.Struct, gc=False):
    """What an event counts."""

    item: str
    quantity: int


class Event(msgspec.Struct, gc=False):
    """A usage event: what the job needs of it."""

    id: str
    source: str
    subject: str
    time: str
    data: Counted


decode = msgspec.json.Decoder(Event).decode


@dataclass(frozen=True)
class Job:
    """One run, as RACE_… variables have it."""

    broker: str
    run: str
    input: str
    output: str
    quota: int
    workspaces: int
    accounts: int
    directory: str

    @classmethod
    def given(cls) -> "Job":
        env = os.environ
        return cls(
            env["RACE_BROKER"],
            env["RACE_RUN"],
            env["RACE_INPUT"],
            env["RACE_OUTPUT"],
            int(env["RACE_QUOTA"]),
            int(env["RACE_WORKSPACES"]),
            int(env["RACE_ACCOUNTS"]),
            env["RACE_DIRECTORY"],
        )

    @property
    def ranks(self) -> int:
        """Workspaces of an account."""
        return self.workspaces // self.accounts

    def homes(self) -> dict[str, tuple[str, int]]:
        """Of each workspace its account, and its rank in the account's priority order."""
        accounts = self.accounts
        return {f"wksp_{n}": (f"acct_{n % accounts}", n // accounts) for n in range(self.workspaces)}

    def workspace(self, account: str, rank: int) -> str:
        return f"wksp_{int(account.removeprefix('acct_')) + rank * self.accounts}"

    def overages(self, usage: Sequence[int]) -> list[int]:
        """Usage in priority order, each covered by what the ones before left of the quota."""
        left, over = self.quota, []
        for used in usage:
            covered = min(used, left)
            left -= covered
            over.append(used - covered)
        return over
