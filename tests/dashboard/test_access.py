"""Who may read the dashboard: tokens, cookies, forms of other sites, host names, and what every answer carries."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from meter.dashboard.access import COOKIE, is_loopback
from meter.dashboard.answers import POLICY
from meter.errors import UserError
from tests.dashboard.served import TOKEN, WRITE_TOKEN, Served, served

PAGES = ("/", "/index.json", "/accounts/a/days/2026-01-31.json", "/alerts", "/dead-letters.csv", "/operations")
OTHERS = ("/assets/style.css", "/nowhere", "/accounts/a")
BOTH: dict[str, Any] = {"dashboard_token": SecretStr(TOKEN), "dashboard_write_token": SecretStr(WRITE_TOKEN)}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "meter.example.com"])
def test_without_a_token_it_listens_on_loopback_only(tmp_path: Path, host: str) -> None:
    async def start() -> None:
        async with served(tmp_path, dashboard_host=host):
            pass

    with pytest.raises(UserError, match="METER_DASHBOARD_TOKEN is not set"):
        asyncio.run(start())


def test_loopback_is_known_by_address_and_name() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "localhost.example.com", "10.0.0.1", ""))


def test_every_address_but_the_probes_asks_for_the_token(tmp_path: Path) -> None:
    async def ask() -> None:
        async with served(tmp_path, **BOTH) as dashboard:
            for path in (*PAGES, *OTHERS):
                for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": f"{COOKIE}={TOKEN}"}):
                    status, answered, text = await dashboard.get(path, **headers)
                    assert (status, "WWW-Authenticate" in answered) == (401, True), path
                    assert TOKEN not in text
            assert (await dashboard.get("/live"))[0] == 200
            assert (await dashboard.get("/ready"))[0] == 503

    asyncio.run(ask())


@pytest.mark.parametrize("token", [TOKEN, WRITE_TOKEN])
def test_either_token_reads(tmp_path: Path, token: str) -> None:
    async def ask() -> None:
        async with served(tmp_path, **BOTH) as dashboard:
            assert (await dashboard.get("/index.json", Authorization=f"Bearer {token}"))[0] == 200
            assert (await dashboard.get("/index.json", Authorization=f"bearer  {token} "))[0] == 200
            assert (await dashboard.get("/index.json", Authorization=f"Basic {token}"))[0] == 401

    asyncio.run(ask())


async def sign_in(dashboard: Served, token: str, target: str = "/", **headers: str) -> tuple[int, dict[str, str], str]:
    return await dashboard.ask("POST", "/sign-in", data={"token": token, "target": target}, headers=headers)


def test_the_form_sets_a_cookie_that_scripts_and_other_sites_do_not_get(tmp_path: Path) -> None:
    async def ask() -> None:
        async with served(tmp_path, **BOTH) as dashboard:
            status, headers, _ = await sign_in(dashboard, TOKEN, "/alerts?day=2026-01-31")
            cookie = headers["Set-Cookie"]
            assert (status, headers["Location"]) == (303, "/alerts?day=2026-01-31")
            assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
            assert TOKEN not in cookie
            given = cookie.partition(";")[0]
            assert (await dashboard.get("/index.json", Cookie=given))[0] == 200
            assert (await dashboard.get("/index.json", Cookie=given[:-1]))[0] == 401
            assert (await sign_in(dashboard, "wrong"))[0] == 401

    asyncio.run(ask())


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:x", "/a\nb"]
)
def test_the_form_leads_nowhere_else(tmp_path: Path, target: str) -> None:
    async def ask() -> None:
        async with served(tmp_path, **BOTH) as dashboard:
            status, headers, _ = await sign_in(dashboard, TOKEN, target)
            assert (status, headers["Location"]) == (303, "/")

    asyncio.run(ask())


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}]
)
def test_a_form_of_another_site_is_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    async def ask() -> None:
        async with served(tmp_path, **BOTH) as dashboard:
            assert (await sign_in(dashboard, TOKEN, **headers))[0] == 403

    asyncio.run(ask())


def test_a_name_that_points_to_this_machine_reads_nothing_without_a_token(tmp_path: Path) -> None:
    async def ask() -> None:
        async with served(tmp_path) as dashboard:
            assert (await dashboard.get("/index.json", Host="evil.example:6067"))[0] == 403
            for host in ("localhost:6067", "127.0.0.1", "[::1]:6067"):
                assert (await dashboard.get("/index.json", Host=host))[0] == 200

    asyncio.run(ask())


def test_every_answer_has_the_strict_headers(tmp_path: Path) -> None:
    async def ask() -> None:
        async with served(tmp_path, **BOTH) as dashboard:
            for given in ({}, {"Authorization": f"Bearer {TOKEN}"}):
                for path in (*PAGES, *OTHERS, "/live", "/ready", "/sign-in"):
                    _, headers, _ = await dashboard.get(path, **given)
                    assert headers["Content-Security-Policy"] == POLICY, path
                    assert headers["X-Content-Type-Options"] == "nosniff", path
                    assert headers["Referrer-Policy"] == "no-referrer", path
            assert "unsafe" not in POLICY

    asyncio.run(ask())


def test_no_token_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def ask() -> None:
        async with served(tmp_path, **BOTH) as dashboard:
            await sign_in(dashboard, TOKEN)
            await dashboard.get("/index.json", Authorization=f"Bearer {WRITE_TOKEN}")

    with caplog.at_level(logging.DEBUG):
        asyncio.run(ask())
    assert TOKEN not in caplog.text
    assert WRITE_TOKEN not in caplog.text


def test_a_base_path_comes_before_every_address(tmp_path: Path) -> None:
    async def ask() -> None:
        async with served(tmp_path, dashboard_base_path="/ops/meter", **BOTH) as dashboard:
            bearer = {"Authorization": f"Bearer {TOKEN}"}
            assert (await dashboard.get("/ops/meter/index.json", **bearer))[0] == 200
            assert (await dashboard.get("/ops/meter", **bearer))[0] == 200
            assert (await dashboard.get("/ops/meterless/index.json", **bearer))[0] == 404
            assert (await dashboard.get("/index.json", **bearer))[0] == 404
            assert (await dashboard.get("/live"))[0] == 404
            _, headers, _ = await dashboard.get("/ops/meter/accounts/a", **bearer)
            assert headers["Location"].startswith("/ops/meter/accounts/a/days/")
            _, headers, _ = await dashboard.ask("POST", "/ops/meter/sign-in", data={"token": TOKEN, "target": "/"})
            assert headers["Location"] == "/ops/meter/"
            assert "Path=/ops/meter" in headers["Set-Cookie"]

    asyncio.run(ask())
