"""The files beside the pages: what is not ours is what its manifest says, and none asks for what the policy forbids."""

import re
from pathlib import Path

from meter.dashboard.pages import assets, render
from tests import vendor

PAGES = vendor.STATIC.parent
#: What of htmx needs `unsafe-eval`, and fails without a word.
EVALUATED = re.compile(r"hx-on|hx-live|\bjs:|javascript:|hx-vals|hx-vars|hx-trigger=\"[^\"]*\[")
OWN_LINES = 100
OWN_SCRIPTS = ("meter.js", "orders.js")


def test_what_is_not_ours_is_what_its_manifest_says() -> None:
    for entry in vendor.listed():
        content = (vendor.STATIC / entry["file"]).read_bytes()
        assert (vendor.integrity(content), len(content)) == (entry["integrity"], entry["bytes"]), entry["file"]
        assert entry["licence"]
        assert entry["version"] in entry["file"] or entry["path"] == "LICENSE"


def test_every_file_is_ours_or_in_the_manifest() -> None:
    known = {entry["file"] for entry in vendor.listed()}
    ours = {"meter.css", *OWN_SCRIPTS, "icon.svg", "manifest.json"}
    assert {path.name for path in vendor.STATIC.iterdir()} == known | ours


def test_our_scripts_are_small_and_evaluate_nothing() -> None:
    for name in OWN_SCRIPTS:
        script = (vendor.STATIC / name).read_text(encoding="utf-8")
        assert len(script.splitlines()) <= OWN_LINES
        assert not re.search(
            r"\beval\b|\bFunction\b|innerHTML|outerHTML|insertAdjacent|document\.write|https?:", script
        )


def test_the_templates_use_nothing_that_is_evaluated_or_unescaped() -> None:
    for path in sorted((PAGES / "templates").rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        assert not EVALUATED.search(text), path
        assert not re.search(r"\|\s*safe\b|autoescape|style=|Markup", text), path
        assert not re.search(r"=\{\{|=[^\"'\s>{]*\{\{", text), f"{path}: an attribute without quotes"


def test_the_style_names_no_other_host() -> None:
    style = (vendor.STATIC / "meter.css").read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|https?:", style)


def test_an_address_has_the_hash_of_its_file() -> None:
    for name, asset in assets.all_assets().items():
        assert asset.address.endswith(f"-{name}")
        assert render.asset(asset.address) == (asset.content, asset.content_type)
    assert render.asset("meter.css") is None
    assert render.asset("../templates/layout.html") is None


def test_the_package_holds_every_file() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert "dashboard/pages/static/*" in project
    for directory in {path.parent for path in (PAGES / "templates").rglob("*.html")}:
        pattern = f"dashboard/pages/{directory.relative_to(PAGES)}/*.html"
        assert pattern in project or "dashboard/pages/templates/**/*.html" in project, pattern
