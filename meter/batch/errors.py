"""Why a partition is not simply read on."""


class Reopen(Exception):
    """The partition must be taken as newly assigned: fenced, timed out, or an end of transaction in doubt."""


class SetAside(Exception):
    """This partition cannot be continued and may be left alone; the others go on."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
