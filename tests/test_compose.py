"""The compose file says the same as the shipped broker, and is one that Docker takes."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from meter.local_broker.broker import shipped_properties
from meter.settings import Settings, variable
from tests.support.languages import at_hand

ROOT = Path(__file__).parent.parent
#: Containers have a network and directories of their own.
OF_THE_NETWORK = {
    "advertised.listeners",
    "controller.quorum.voters",
    "listener.security.protocol.map",
    "listeners",
    "log.dirs",
}


def compose() -> Any:
    """The compose file."""
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def test_the_container_has_the_settings_of_the_shipped_broker() -> None:
    environment = compose()["services"]["kafka"]["environment"]
    contained = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environment.items()
        if name != "KAFKA_HEAP_OPTS"
    }
    shipped = shipped_properties()
    assert contained.keys() >= OF_THE_NETWORK
    assert {name: value for name, value in contained.items() if name not in OF_THE_NETWORK} == {
        name: value for name, value in shipped.items() if name not in OF_THE_NETWORK
    }


def test_the_container_is_the_version_of_the_shipped_broker() -> None:
    pom = (ROOT / "meter/local_broker/pom.xml").read_text(encoding="utf-8")
    version = compose()["services"]["kafka"]["image"].removeprefix("apache/kafka:")
    assert f"<artifactId>kafka_2.13</artifactId><version>{version}</version>" in pom


def test_the_worker_waits_for_kafka_and_logs_its_state() -> None:
    worker = compose()["services"]["worker"]
    assert worker["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert "/ready" in " ".join(worker["healthcheck"]["test"])
    known = {variable(name) for name in Settings.model_fields}
    assert set(worker["environment"]) <= known


def test_the_dashboard_asks_for_a_token_and_knows_the_worker() -> None:
    dashboard, worker = compose()["services"]["dashboard"], compose()["services"]["worker"]
    assert dashboard["image"] == worker["image"]
    known = {variable(name) for name in Settings.model_fields}
    assert set(dashboard["environment"]) <= known
    assert dashboard["environment"]["METER_DASHBOARD_TOKEN"].removeprefix("${METER_DASHBOARD_TOKEN:-") not in ("", "}")
    same = ("METER_BROKER", "METER_TOPIC_PREFIX", "METER_BILLING_TIME_ZONE")
    assert [dashboard["environment"][name] for name in same] == [worker["environment"][name] for name in same]
    assert "/live" in " ".join(dashboard["healthcheck"]["test"])


def test_what_must_outlive_a_container_is_in_named_volumes() -> None:
    described = compose()
    mounted = {name: service["volumes"][0].partition(":")[0] for name, service in described["services"].items()}
    assert mounted.pop("worker") == "/var/lib/meter", "each worker that --scale makes has one of its own"
    assert mounted == {
        "kafka": "kafka-data",
        "prometheus": "prometheus-data",
        "grafana": "grafana-data",
        "dashboard": "dashboard-state",
    }
    assert set(described["volumes"]) == set(mounted.values())


def test_workers_that_are_scaled_take_ports_of_their_own() -> None:
    described = compose()["services"]
    (published,) = described["worker"]["ports"]
    first, last = map(int, published.partition(":-")[2].partition("}")[0].split("-"))
    others = [port for name, service in described.items() if name != "worker" for port in service["ports"]]
    taken = {int(port.partition(":-")[2].partition("}")[0]) for port in others} | {
        Settings.model_fields["web_port"].default
    }
    assert last - first + 1 >= 10
    assert not taken & set(range(first, last + 1))
    assert not {"container_name", "hostname"} & set(described["worker"]), "one name is for one container"


def test_nothing_is_published_beyond_this_machine() -> None:
    for service in compose()["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])


CHECKER = ROOT / "tests/support/compose"
OF_ALL = {"kafka", "worker", "dashboard"}
OF_MONITORING = {"prometheus", "grafana"}
Taken = Callable[..., tuple[Any, str]]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    """What Compose's own library makes of the file, or of another: the services by name, and its complaints."""
    built = tmp_path_factory.mktemp("compose") / "check"
    if not at_hand(["go", "build", "-o", str(built), "."], CHECKER):
        pytest.skip("Go, or compose-go, is not on the machine: .ci/languages fetches it")

    def read(*profiles: str, path: Path = ROOT / "docker-compose.yml", **variables: str) -> tuple[Any, str]:
        command = [str(built), str(path), *profiles]
        done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=120)
        return json.loads(done.stdout)["services"] if done.returncode == 0 else {}, done.stderr

    return read


def test_compose_takes_the_file_with_and_without_monitoring(taken: Taken) -> None:
    assert set(taken()[0]) == OF_ALL
    assert set(taken("monitoring")[0]) == OF_ALL | OF_MONITORING


def test_compose_publishes_a_range_for_workers_and_takes_what_is_set(taken: Taken) -> None:
    services, _ = taken("monitoring")
    assert [port["published"] for port in services["worker"]["ports"]] == ["6070-6089"]
    assert {port["host_ip"] for service in services.values() for port in service["ports"]} == {"127.0.0.1"}
    services, _ = taken(METER_KAFKA_PORT="19092", METER_DASHBOARD_TOKEN="mine")
    assert services["kafka"]["ports"][0]["published"] == "19092"
    assert "HOST://127.0.0.1:19092" in services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert services["dashboard"]["environment"]["METER_DASHBOARD_TOKEN"] == "mine"


def test_compose_refuses_what_it_does_not_know(taken: Taken, tmp_path: Path) -> None:
    spoilt = tmp_path / "compose.yml"
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    spoilt.write_text(text.replace("restart: on-failure", "restarts: on-failure", 1), encoding="utf-8")
    assert "services.worker.restarts" in taken(path=spoilt)[1]


def has_compose() -> bool:
    """Whether `docker compose` is here (an engine is not needed to check a file)."""
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0


@pytest.mark.skipif(not has_compose(), reason="the docker client has no compose plugin here")
def test_docker_takes_the_file() -> None:
    for profiles in ([], ["--profile", "monitoring"]):
        command = ["docker", "compose", "-f", str(ROOT / "docker-compose.yml"), *profiles, "config", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
