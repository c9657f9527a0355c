"""The documents of this version at /docs."""

import asyncio
from pathlib import Path

from meter.dashboard import documents
from tests.dashboard.served import served


def test_every_document_is_served_and_listed(tmp_path: Path) -> None:
    every = sorted(path.name for path in Path("docs").glob("*.md"))

    async def ask() -> None:
        async with served(tmp_path) as dashboard:
            assert sorted(documents.names()) == every
            for name in every:
                status, _, text = await dashboard.get(f"/docs/{name}")
                assert status == 200, name
                assert documents.document(name).title.split("`")[0].strip()[:20] in text, name
            assert (await dashboard.get("/docs"))[0] == 200
            assert (await dashboard.get("/docs/day.svg"))[1]["Content-Type"].startswith("image/svg+xml")

    asyncio.run(ask())


def test_the_documents_are_installed_where_the_dashboard_looks() -> None:
    text = Path("pyproject.toml").read_text(encoding="utf-8")
    assert f'"{documents.INSTALLED}" = ["docs/*.md", "docs/*.svg"]' in text
