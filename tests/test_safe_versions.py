"""No bound, no locked version and no jar has a known hole, and the audit fails for what has no reason."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from meter.local_broker.jars import kafka_jars
from tests import audit
from tests.safe_versions import JAR, exceptions, locked, normal, table, unsafe

ROOT = Path(__file__).parent.parent
POM = re.compile(r"<artifactId>([^<]+)</artifactId><version>([^<]+)</version>")
HOLE = {"name": "x", "version": "1", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2"]}]}


def bounds() -> dict[str, str]:
    """The least version that pyproject.toml lets in, of each name in it."""
    described = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = [*described["build-system"]["requires"], *described["project"]["dependencies"]]
    lines += described["project"]["optional-dependencies"]["dev"]
    found = (re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?>=([0-9.]+)", line) for line in lines)
    return {normal(match[1]): match[2] for match in found if match}


def test_no_bound_lets_in_a_version_with_a_known_hole() -> None:
    assert len(bounds()) > 15
    assert unsafe("python", bounds()) == []


def test_no_locked_version_has_a_known_hole() -> None:
    assert unsafe("python", locked()) == []
    assert table()["python"].keys() <= locked().keys(), "what nobody uses any more needs no line"


def asked_by(pom: str) -> dict[str, str]:
    """Artifact and version of each dependency of a pom."""
    return dict(POM.findall(re.sub(r">\s+<", "><", (ROOT / pom).read_text(encoding="utf-8"))))


def test_no_pom_asks_for_a_version_with_a_known_hole() -> None:
    broker, race = asked_by("meter/local_broker/pom.xml"), asked_by("benchmarks/race/streams/pom.xml")
    assert unsafe("jars", broker | race) == []
    assert race["kafka-streams"] == broker["kafka_2.13"], "the race is on one version"


@pytest.mark.skipif(not kafka_jars().is_dir(), reason="`make test` fetches Kafka's jars first")
def test_no_jar_that_kafka_brings_has_a_known_hole() -> None:
    found = [match for match in map(JAR.fullmatch, (path.name for path in kafka_jars().glob("*.jar"))) if match]
    jars = {match["artifact"]: match["version"] for match in found}
    assert table()["jars"].keys() - jars.keys() == {"kafka-streams"}, "what Kafka no longer brings needs no line"
    assert unsafe("jars", jars) == []


def test_a_version_below_the_least_safe_one_is_named_with_its_advisory() -> None:
    (found,) = unsafe("python", {"aiohttp": "3.14.3", "uvloop": "0.1"})
    assert found.startswith("aiohttp 3.14.3 is below 3.14.4: PYSEC-2026-4369")
    assert [line.split()[0] for line in unsafe("jars", {"kafka-clients": "4.1.1", "jackson-core": "2.21.10"})] == [
        "kafka-clients"
    ]


@pytest.mark.parametrize(
    ("accepted", "holes"), [({}, 1), ({"CVE-1": "why"}, 0), ({"PYSEC-1": "why"}, 0), ({"X": "y"}, 1)]
)
def test_a_hole_without_a_reason_fails_the_audit(accepted: dict[str, str], holes: int) -> None:
    report = {
        "dependencies": [HOLE, {"name": "y", "version": "1", "vulns": []}, {"name": "z", "skip_reason": "unknown"}]
    }
    found, asked, of = audit.judged(report, accepted)
    assert (len(found), asked, of) == (holes, 2, 3)


def test_the_audits_exit_code_is_about_holes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> Any:
        raise ValueError("no route")

    monkeypatch.setattr(audit, "report", unreachable)
    assert audit.main() == 0
    monkeypatch.setattr(audit, "report", lambda: {"dependencies": [HOLE]})
    assert audit.main() == 1
    monkeypatch.setattr(audit, "report", lambda: {"dependencies": []})
    assert audit.main() == 0


def test_every_exception_has_a_reason() -> None:
    assert all(len(reason) > 20 for reason in exceptions().values())
