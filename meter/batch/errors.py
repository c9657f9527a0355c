"""Errors after which a partition is not simply read on."""


class Reopen(Exception):
    """The partition must be reopened as if newly assigned: fenced, timed out, or the end of a transaction uncertain."""


class SetAside(Exception):
    """The partition cannot be continued and is set aside; the others go on."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
