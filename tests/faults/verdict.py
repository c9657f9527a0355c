"""What has to hold after a fault: back to zero lag without a hand, and every figure the oracle's."""

from tests.end_to_end.judged import judge
from tests.end_to_end.workers import Meter
from tests.faults.load import Load
from tests.oracle import Prediction

#: After a fault is over issue 6 promises a minute; the rest is a busy machine, and a worker that starts on it.
ZERO_LAG_SECONDS = 150.0


def back_to_zero_lag(meter: Meter, seconds: float = ZERO_LAG_SECONDS) -> float:
    """Waits until all that was acknowledged is in the journal and all of that folded; the seconds it took."""
    took = meter.settle(seconds)
    print(f"zero lag after {took:.1f} s")
    return took


def judged(meter: Meter, load: Load | None = None) -> Prediction:
    """Everything is as the oracle says, for readers of committed and of uncommitted records; nothing acknowledged is
    missing."""
    missing = [] if load is None else load.missing()
    assert not missing, "\n".join(missing[:5])
    return judge(meter, crashed=True)
