"""The documents of this version at /docs."""

import asyncio
import re
from pathlib import Path

from meter.dashboard import documents
from tests.dashboard.served import served

#: A link or picture beside the document.
LINK = re.compile(r'(?:href|src)="((?![a-z]+:|/|#)[^"]+)"')


def test_every_document_is_served_and_listed(tmp_path: Path) -> None:
    every = sorted(path.name for path in Path("docs").glob("*.md"))

    async def ask() -> None:
        async with served(tmp_path) as dashboard:
            assert sorted(documents.names()) == every
            for name in every:
                status, _, text = await dashboard.get(f"/docs/{name}")
                assert status == 200, name
                assert documents.document(name).title.split("`")[0].strip()[:20] in text, name
            status, headers, _ = await dashboard.get("/docs")
            assert (status, headers["Location"]) == (302, "/docs/start.md")
            picture = await dashboard.head("/docs/images/day-dark.png")
            assert picture["Content-Type"] == "image/png"
            assert (await dashboard.get("/docs/day.svg"))[1]["Content-Type"].startswith("image/svg+xml")

    asyncio.run(ask())


def test_every_link_of_a_document_leads_to_a_document(tmp_path: Path) -> None:
    async def ask() -> set[str]:
        async with served(tmp_path) as dashboard:
            texts = [(await dashboard.get(f"/docs/{name}"))[2] for name in documents.names()]
            inside = {found.partition("#")[0] for text in texts for found in LINK.findall(text)} - {""}
            asked = {found: (await dashboard.head(f"/docs/{found}"))["status"] for found in inside}
            return {found for found, status in asked.items() if status != "200"}

    assert asyncio.run(ask()) == set()


def test_the_documents_are_installed_where_the_dashboard_looks() -> None:
    text = Path("pyproject.toml").read_text(encoding="utf-8")
    assert f'"{documents.INSTALLED}" = ["docs/*.md", "docs/*.svg"]' in text
