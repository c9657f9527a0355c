"""The dashboard behind nginx under a path: pages, redirects, the cookie of the form, and who asks."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.dashboard.served import TOKEN, served
from tests.dashboard.test_access import BOTH
from tests.end_to_end.kafka import wait_until
from tests.end_to_end.workers import _is_free, free_port

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
CONFIGURATION = """
daemon off; pid {directory}/nginx.pid; error_log {directory}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  server {{
    listen 127.0.0.1:{port};
    location /ops/meter/ {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_http_version 1.1;
      proxy_set_header Host meter.example.com;
      proxy_set_header X-Forwarded-Proto https;
    }}
  }}
}}
"""


@contextmanager
def nginx(directory: Path, upstream: int) -> Iterator[int]:
    """nginx before a port; its own port."""
    port = free_port()
    file = directory / "nginx.conf"
    file.write_text(CONFIGURATION.format(directory=directory, port=port, upstream=upstream), encoding="utf-8")
    process = subprocess.Popen([NGINX, "-c", str(file), "-p", str(directory)], stderr=subprocess.DEVNULL)
    try:
        wait_until("nginx listens", lambda: not _is_free(port), 60)
        yield port
    finally:
        process.terminate()
        process.wait()


@pytest.mark.skipif(not Path(NGINX).exists(), reason="nginx is not installed (Debian: apt install nginx-light)")
def test_it_works_under_a_path_of_a_proxy(tmp_path: Path) -> None:
    async def ask() -> None:
        async with served(tmp_path, dashboard_base_path="/ops/meter", **BOTH) as dashboard:
            with nginx(tmp_path, dashboard.settings.dashboard_port) as port:
                dashboard.base = f"http://127.0.0.1:{port}"
                assert (await dashboard.get("/ops/meter/live"))[0] == 200
                status, headers, text = await dashboard.get("/ops/meter/")
                assert status == 401
                assert 'action="/ops/meter/sign-in"' in text
                form = {"token": TOKEN, "target": "/ops/meter/alerts"}
                origin = {"Origin": "https://meter.example.com", "Sec-Fetch-Site": "same-origin"}
                status, headers, _ = await dashboard.ask("POST", "/ops/meter/sign-in", data=form, headers=origin)
                assert (status, headers["Location"]) == (303, "/ops/meter/alerts")
                cookie = headers["Set-Cookie"]
                assert {"Path=/ops/meter", "Secure", "HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
                status, headers, text = await dashboard.get("/ops/meter/", Cookie=cookie.partition(";")[0])
                assert status == 200
                quoted = [part for name in ("href", "src") for part in text.split(f' {name}="')[1:]]
                addresses = [part.partition('"')[0] for part in quoted]
                assert addresses
                assert not [each for each in addresses if not each.startswith(("/ops/meter/", "#"))]
                for asset in (each for each in addresses if "/assets/" in each):
                    assert (await dashboard.get(asset, Cookie=cookie.partition(";")[0]))[0] == 200, asset

    asyncio.run(ask())
