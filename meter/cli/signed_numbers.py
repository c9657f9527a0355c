"""A command whose arguments may be negative numbers, so that it can explain why they are wrong."""

import re
from typing import Any

from typer.core import TyperCommand

_NUMBER = re.compile(r"-[0-9.,]+")


class SignedNumbers(TyperCommand):
    """Takes `-5` for a value; everything else that begins with a dash stays an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments, numbers below 0 among them."""
        ctx.ignore_unknown_options = any(_NUMBER.fullmatch(each) for each in args)
        return super().parse_args(ctx, args)
