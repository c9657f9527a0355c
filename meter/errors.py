"""UserError that a person can mend: told in one sentence, never as a traceback.

The sentence names the law, then the numbers, then what to do next. The command prints it and exits 1; a
worker logs it and stops. Anything that is no `UserError` is a bug and keeps its traceback.
"""


class UserError(Exception):
    """A problem whose text is all that its reader needs."""

    #: What the command exits with.
    exit_code = 1


class Interrupted(UserError):
    """Ctrl-C while something was under way: what was done, and what may have been."""

    exit_code = 130
