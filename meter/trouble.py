"""Trouble that a person can mend: told in one sentence, never as a traceback.

The sentence names the law, then the numbers, then what to do next. The command prints it and exits 1; a
worker logs it and stops. Anything that is no `Trouble` is a bug and keeps its traceback.
"""


class Trouble(Exception):
    """A problem whose text is all that its reader needs."""
