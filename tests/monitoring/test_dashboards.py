"""The laws of a dashboard that others import: the rules of Grafana's dashboard linter that concern us."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.monitoring.expressions import DASHBOARDS, ROOT, board, panels

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
EACH = pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)


@EACH
def test_a_dashboard_is_named_for_good_and_changed_in_the_repository_only(path: Path) -> None:
    found = board(path)
    assert found["uid"] == path.stem
    assert found["title"]
    assert found["description"]
    assert found["editable"] is False
    assert found["schemaVersion"] == 39
    assert "__inputs" not in found, "a file that is provisioned has no inputs"


@EACH
def test_datasource_and_job_are_chosen_by_whoever_looks(path: Path) -> None:
    variables = {variable["name"]: variable for variable in board(path)["templating"]["list"]}
    assert list(variables) == ["datasource", "job"]
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
    assert variables["job"]["datasource"] == DATASOURCE
    assert variables["job"]["definition"] == "label_values(meter_build_info, job)"


@EACH
def test_a_panel_says_what_it_shows_in_which_unit(path: Path) -> None:
    for panel in panels(path):
        assert panel["title"], panel["id"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"] == DATASOURCE


@EACH
def test_every_query_asks_the_chosen_jobs_of_the_chosen_datasource(path: Path) -> None:
    for panel in panels(path):
        for target in panel["targets"]:
            selected = re.findall(r"\b(?:meter|process|python)_\w+(\{[^}]*\})?", target["expr"])
            assert selected, panel["title"]
            assert all('job=~"$job"' in labels for labels in selected), target["expr"]
            assert target["datasource"] == DATASOURCE
            assert not re.search(r"rate\([^[]*\[(?!\$__rate_interval)", target["expr"]), "a rate has Grafana's interval"
            assert "avg by (instance)" not in target["expr"]
            assert panel["type"] == "table" or target["legendFormat"], panel["title"]


@EACH
def test_panels_have_numbers_of_their_own_and_a_place_that_is_free(path: Path) -> None:
    every: list[dict[str, Any]] = board(path)["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    taken: set[tuple[int, int]] = set()
    for panel in every:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= WIDTH
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not taken & cells, panel["title"]
        taken |= cells


def test_what_is_provisioned_is_what_the_compose_file_mounts() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    mounted = dict(volume.split(":")[:2] for volume in services["grafana"]["volumes"])
    provisioning = ROOT / "ops/grafana/provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards/usage-meter.yaml").read_text())["providers"]
    assert mounted["./ops/grafana/dashboards"] == provider["options"]["path"]
    assert mounted["./ops/grafana/provisioning"] == "/etc/grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yaml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (ROOT / "ops/grafana/dashboards" / Path(home).name).exists()
    assert {services[name]["profiles"][0] for name in ("prometheus", "grafana")} == {"monitoring"}
