"""A number with its noun, as sentences need it: "1 record", "2,000 records"."""


def counted(number: int, noun: str) -> str:
    """So many of something; the noun's plural ends in s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
