"""The documents of the code name what there is: files, sections, reasons."""

import re
from collections import Counter
from pathlib import Path

import pytest

from schemas.reasons import DeadReason, Refusal

ROOT = Path(__file__).parent.parent
#: A file or directory of ours in backticks, from the repository's root.
NAMED = re.compile(r"`((?:agents|benchmarks|docs|meter|schemas|tables|tests)/[\w./*-]*)`")
#: Another document, and a heading of it, in a link.
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
ARCHITECTURE = "docs/architecture.md"
RULES = "meter/rules/README.md"
MAPS = (ARCHITECTURE, RULES, "tests/README.md", "tests/simulation/README.md")
DOCUMENTS = [
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/*.md", "docs/examples/*.md")
    for path in sorted(ROOT.glob(pattern))
]
ROUTES = ("A usage record", "An order", "A day's closing", "A restart", "`meter verify`")
ROUTE_LINES = 10
DECISION_LINES = 9
#: A section of the architecture that code cites.
CITED = re.compile(r"(?:architecture(?:\.md)?|DESIGN(?:'s)?),? \(?§ ?(\d+)")
CITED_BY_THE_SPEC = re.compile(r"SPEC,? §§? ?(\d+)")


def text_of(document: str) -> str:
    """A document's text."""
    return (ROOT / document).read_text(encoding="utf-8")


def there(name: str) -> bool:
    """Whether a path, or a pattern of paths, names something."""
    return any(ROOT.glob(name)) if "*" in name else (ROOT / name).exists()


@pytest.mark.parametrize("document", MAPS)
def test_every_file_that_a_map_names_is_there(document: str) -> None:
    named = NAMED.findall(text_of(document))
    assert [name for name in named if not there(name)] == []
    assert named or document in (RULES, "tests/simulation/README.md")


def test_every_file_of_the_rules_is_on_their_map() -> None:
    names = {*re.findall(r"`([\w/]+\.py)`", text_of(RULES))}
    assert [name for name in names if not (ROOT / "meter/rules" / name).exists()] == []
    root = {path.name for path in (ROOT / "meter/rules").glob("*.py")} - {"__init__.py"}
    assert root - names == set(), "each file of the rules' root has its law on the map"


@pytest.mark.parametrize("document", sorted({*DOCUMENTS, *MAPS} - {"CHANGELOG.md"}))
def test_every_link_leads_somewhere(document: str) -> None:
    wrong = []
    for target, heading in LINK.findall(re.sub(r"`[^`]*`", "", text_of(document))):
        path = (ROOT / document).parent / target if target else ROOT / document
        if not path.exists() or (heading and heading not in headings(path)):
            wrong.append(f"{target}#{heading}")
    assert wrong == []


def headings(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def route(heading: str) -> list[str]:
    """The lines of a route through the code."""
    section = text_of(ARCHITECTURE).partition(f"\n### {heading}\n")[2].partition("\n### ")[0]
    return [line for line in section.splitlines() if re.match(r"\d+\. ", line)]


@pytest.mark.parametrize("heading", ROUTES)
def test_a_route_has_ten_lines_and_names_each_file_once(heading: str) -> None:
    lines = route(heading)
    assert len(lines) == ROUTE_LINES
    named = Counter(name for line in lines for name in NAMED.findall(line))
    assert [name for name in named if not there(name)] == []
    assert [name for name, times in named.items() if times > 1] == []
    assert len(named) >= ROUTE_LINES


@pytest.mark.parametrize(("document", "cited"), [(ARCHITECTURE, CITED), ("docs/spec.md", CITED_BY_THE_SPEC)])
def test_every_section_that_the_code_cites_is_there(document: str, cited: re.Pattern[str]) -> None:
    sections = {*re.findall(r"^## (\d+)\. ", text_of(document), re.MULTILINE)}
    wrong = [
        f"{path.relative_to(ROOT)}: §{number}"
        for part in ("agents", "benchmarks", "meter", "schemas", "tables", "tests")
        for path in sorted((ROOT / part).rglob("*.py"))
        for number in cited.findall(path.read_text(encoding="utf-8"))
        if number not in sections
    ]
    assert sections
    assert wrong == []


def test_the_reasons_of_the_contract_are_those_of_the_code_in_their_order() -> None:
    text = text_of("docs/spec.md")
    refusals = text.partition("Refusal reasons, the first that applies")[2].partition("Order ids")[0]
    dead = text.partition("**Dead letters**")[2].partition("\n")[0]
    assert [*listed(refusals, Refusal)] == list(Refusal)
    assert [*listed(dead, DeadReason)] == [reason for reason in DeadReason if reason != DeadReason.RECORDS_LOST]


def listed(text: str, reasons: type[DeadReason] | type[Refusal]) -> list[str]:
    """The reasons that a text names, in its order."""
    return [name for name in re.findall(r"`(\w+)`", text) if name in set(reasons)]


def test_a_decision_has_context_choice_and_consequences_in_a_few_lines() -> None:
    decisions = re.split(r"^## (?=\d+\. )", text_of("DECISIONS.md").partition("\n## Readings")[0], flags=re.MULTILINE)[
        1:
    ]
    parts = ("**Context.**", "**Decision.**", "**Consequences.**")
    assert [int(decision.partition(".")[0]) for decision in decisions] == [*range(1, len(decisions) + 1)]
    assert len(decisions) >= 15
    for decision in decisions:
        assert re.search(r" \(\d{4}-\d\d-\d\d\)$", decision.splitlines()[0]), "a decision has a date"
        assert re.findall(r"\*\*\w+\.\*\*", decision) == list(parts), decision
        assert len(decision.splitlines()) <= DECISION_LINES, decision


@pytest.mark.parametrize("document", ["DECISIONS.md", "CHANGELOG.md"])
def test_a_merge_by_union_brought_no_old_section_back(document: str) -> None:
    headings = Counter(re.findall(r"^##+ (.*)$", text_of(document), re.MULTILINE))
    again = [name for name, times in headings.items() if times > 1]
    old = [name for name in ("Added", "Changed", "Fixed", "Running it", "The batch path", "Faults") if name in headings]
    assert again + old == [], f"take main's {document} and add your lines at its end"
