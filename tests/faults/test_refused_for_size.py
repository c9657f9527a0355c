"""A topic whose max.message.bytes an operator lowered: the worker stops, says which, and goes on once it is raised."""

from hashlib import sha256

import pytest

from tests import records
from tests.end_to_end.judged import judge
from tests.faults.load import settings
from tests.faults.spoiling import refused, start_refused
from tests.faults.topics import set_config
from tests.faults.verdict import back_to_zero_lag
from tests.meters import StartMeter

pytestmark = [pytest.mark.e2e, pytest.mark.faults]


@pytest.mark.parametrize(("topic", "key"), [("plans", "b'acct/P'"), ("meter.changelog", "b'")])
def test_what_a_lowered_limit_refuses_is_reported_by_topic_key_and_setting(
    new_meter: StartMeter, topic: str, key: str
) -> None:
    meter = new_meter(settings())
    worker = meter.start().wait_ready()
    names = [sha256(b"%d" % number).hexdigest()[:24] for number in range(200)]  # which do not become shorter
    meter.kafka.send(records.binding_message(records.binding(name, "acct", "commercial")) for name in names)
    back_to_zero_lag(meter)
    set_config(meter.kafka, topic, "max.message.bytes", "2000")
    paid = records.top_up("acct", "t", "99999.00")
    bought = records.purchase("acct", "P", "startup", names, [records.pay("42000.00")])
    meter.kafka.send(records.order_message(order) for order in (paid, bought))
    name = f"{meter.kafka.prefix}{topic}"
    found = (f"under key {key}", f": the max.message.bytes of {name}/")
    mend = f"`kafka-configs.sh --entity-type topics --entity-name {name} --alter --add-config max.message.bytes="
    reason = refused(worker, "Kafka refused a batch of", *found, mend)
    assert "reopened" not in reason, "another try cannot help"
    if topic != "meter.changelog":  # with a changelog so set no worker starts, and says so
        start_refused(meter, *found, mend)
    set_config(meter.kafka, topic, "max.message.bytes", "8388608")
    meter.start().wait_ready()
    back_to_zero_lag(meter)
    judge(meter)
