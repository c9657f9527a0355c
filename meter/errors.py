"""Errors that a user can fix: one sentence instead of a traceback.

The sentence says what was wrong, with the numbers, then what to do next. A command prints it and exits with 1; a worker
logs it and stops. Any other exception is a bug and keeps its traceback.
"""


class UserError(Exception):
    """An error whose text tells the user everything needed."""

    #: The exit code of a command.
    exit_code = 1


class Interrupted(UserError):
    """Ctrl-C while something was under way: what was done, and what may have been."""

    exit_code = 130
