"""The version of this program, as it was installed."""

from importlib import metadata

#: The name of the distribution, as `pip` knows it.
DISTRIBUTION = "usage-meter"
#: The version of a work tree that is not installed.
NOT_INSTALLED = "unknown"


def version() -> str:
    """The version of the installed distribution; `unknown` where the code runs without being installed."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return NOT_INSTALLED
