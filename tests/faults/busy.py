"""How busy the machine is, for bounds that are to stay tight on a quiet one."""

import os


def busy() -> float:
    """How many programs want each core, 1 at the least: so many times longer may things take."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
