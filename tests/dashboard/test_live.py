"""Streams of changes: what a reader gets, how often, and that nothing a reader does costs the dashboard memory."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from meter.dashboard import connections, live
from meter.dashboard.pages import assets
from tests.dashboard.live_board import Board, figures
from tests.dashboard.page_models import MILLION

LINKED = re.compile(r'hx-sse:connect="([^"]+)"')
PARTS = re.compile(r'<hx-partial id="([^"]+)"')
#: What may lie in the sockets and buffers of one reader that reads nothing.
BUFFERS = 4 << 20
#: How long a pattern may take to come; a stream says something every few seconds, so its silence ends no wait.
PATIENCE_SECONDS = 60.0


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    """A dashboard with one account."""
    with Board(tmp_path) as started:
        reports(started, 100)
        yield started


def reports(board: Board, millions: int, name: str = "logs") -> None:
    """Staging has used so much of an item."""
    board.feed(*figures("acme", board.today, name, 150 * MILLION, {"staging": millions * MILLION}, "staging"))


class Stream:
    """One reader of the day's stream."""

    def __init__(self, board: Board, address: str = "", **headers: str) -> None:
        path = address or f"/accounts/acme/days/{board.today}.events"
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{board.settings.dashboard_port}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.socket = socket.create_connection(("127.0.0.1", board.settings.dashboard_port), PATIENCE_SECONDS)
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.text = ""

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def until(self, pattern: str) -> str:
        """Read until this has come; everything that has."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, f"{pattern} has not come:\n{self.text[-2_000:]}"
            got = self.socket.recv(65_536)
            assert got, f"the stream ended before {pattern}:\n{self.text[-2_000:]}"
            self.text += got.decode()
        return self.text

    def events(self) -> list[list[str]]:
        """The parts that each event so far has brought."""
        return [PARTS.findall(event) for event in self.text.split("\n\n") if "data: " in event]


def only_how_new(stream: Stream) -> bool:
    """Whether every event so far said that and nothing else; there is one every few seconds."""
    return {tuple(parts) for parts in stream.events()} == {("as-of",)}


def page_of(board: Board) -> str:
    """The day, as HTML."""
    with Stream(board, f"/accounts/acme/days/{board.today}") as page:
        return page.until("</html>")


def test_a_stream_is_not_buffered_and_not_kept(board: Board) -> None:
    with Stream(board) as stream:
        head = stream.until("data: ").partition("\r\n\r\n")[0].lower()
    assert "content-type: text/event-stream" in head
    assert "x-accel-buffering: no" in head
    assert "cache-control: no-store" in head
    assert "content-security-policy: default-src 'none'" in head


def test_a_page_that_shows_the_newest_gets_only_how_new_that_is(board: Board) -> None:
    linked = LINKED.search(page_of(board))
    assert linked is not None
    with Stream(board, linked[1].replace("&amp;", "&")) as stream:
        stream.until("data: ")
        assert only_how_new(stream)
        reports(board, 200)
        stream.until('<hx-partial id="feed"')  # the last part
        changed = ["as-of", "head", f"strip-{board.today}", "item-logs", "bill", "clock", "feed"]
        assert changed in stream.events()


def test_an_unknown_page_gets_every_part(board: Board) -> None:
    with Stream(board) as stream:
        stream.until(r'id="feed"')
        assert stream.events() == [["as-of", "head", "strip", "waterline", "bill", "budgets", "clock", "feed"]]


def test_a_reader_that_comes_back_gets_what_it_has_missed(board: Board) -> None:
    with Stream(board) as first:
        names = re.findall(r"^id: (.+)$", first.until(r"\n\n"), re.MULTILINE)
    with Stream(board, Last_Event_ID=names[-1]) as again:
        again.until("data: ")
        assert only_how_new(again)
    reports(board, 200)
    with Stream(board, Last_Event_ID=names[-1]) as late:
        late.until("item-logs")


def test_a_reader_gets_at_most_four_events_a_second_and_the_last_state(board: Board) -> None:
    with Stream(board) as stream:
        stream.until("data: ")
        begun, before = time.monotonic(), len(stream.events())
        for millions in range(151, 251):
            reports(board, millions)
        stream.until(r'data value="250000000"')
        seconds = time.monotonic() - begun
    assert len(stream.events()) - before <= seconds / live.SEND_SECONDS + 2


def test_a_page_of_an_older_dashboard_is_asked_to_reload(board: Board) -> None:
    with Stream(board, f"/accounts/acme/days/{board.today}.events?pages=other") as stream:
        assert "event: outdated" in stream.until(r"\n\n")


def test_a_page_of_this_dashboard_goes_on(board: Board) -> None:
    with Stream(board, f"/accounts/acme/days/{board.today}.events?pages={assets.version()}") as stream:
        assert "outdated" not in stream.until(r"\n\n")


def test_there_are_so_many_streams_and_no_more(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "STREAMS", 2)
    with ExitStack() as streams:
        for _ in range(2):
            streams.enter_context(Stream(board)).until("data: ")
        refused = streams.enter_context(Stream(board))
        assert "503" in refused.until(r"\r\n\r\n")
        assert "Retry-After: 5" in refused.text


def test_readers_that_read_nothing_cost_no_memory_and_are_dropped(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "WRITE_SECONDS", 0.5)
    monkeypatch.setattr(live, "SEND_SECONDS", 0.0)
    waiting: list[int] = []
    many = {f"w{place}": (place + 1) * MILLION for place in range(200)}

    def more() -> None:
        many["w0"] += MILLION
        board.feed(*figures("acme", board.today, "traces", MILLION, many, "w0"))
        waiting.append(board.waiting_bytes())

    with ExitStack() as frozen:
        for _ in range(5):
            frozen.enter_context(Stream(board))
        board.until("five streams are open", lambda: board.streams() == 5)
        board.until("all of them are dropped", lambda: board.streams() == 0, more)
    assert max(waiting) < BUFFERS


def test_a_stream_of_what_is_not_there_is_no_stream(board: Board) -> None:
    with Stream(board, "/accounts/nobody/history.events") as stream:
        assert "404" in stream.until(r"\r\n\r\n")
