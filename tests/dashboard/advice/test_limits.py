"""Advice never blocks the pages: one process at a time, a few that wait, a clear answer to the others, an end in time.

The process is a stand-in that says what it is asked to and waits as long as a file is there.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from meter.dashboard.advice import advising
from meter.dashboard.advice.advising import WAITING, Advising, Busy, Unavailable
from meter.dashboard.advice.question import Question
from meter.errors import UserError
from meter.settings import Settings
from tests.dashboard.served import served
from tests.end_to_end.workers import free_port

#: For a process to start, and for pages beside it, on a busy machine.
PATIENCE_SECONDS = 60.0
#: Writes its process id beside the gate, waits while the gate is there, then says what `said` holds.
STAND_IN = """
import os, pathlib, sys, time
gate, said = map(pathlib.Path, sys.argv[1:])
sys.stdin.buffer.read()
(gate.parent / f"began-{os.getpid()}").touch()
while gate.exists():
    time.sleep(0.01)
sys.stdout.write(said.read_text())
"""


class StandIn:
    """The process that advice is asked of."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gate, self.said = directory / "gate", directory / "said"
        self.says({"answer": {"currency": "CNY"}})
        command = (sys.executable, "-c", STAND_IN, str(self.gate), str(self.said))
        monkeypatch.setattr(advising, "COMMAND", command)

    def says(self, what: object) -> None:
        self.said.write_text(json.dumps(what))

    def began(self) -> list[int]:
        """The process ids that were started."""
        return [int(path.name.partition("-")[2]) for path in self.gate.parent.glob("began-*")]


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    return StandIn(tmp_path, monkeypatch)


def question(number: int) -> Question:
    return Question("advise", f"acct_{number}")


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not what():
            await asyncio.sleep(0.01)


def test_equal_questions_are_answered_once(process: StandIn) -> None:
    async def asked() -> None:
        asking = Advising(Settings())
        first = await asyncio.gather(*(asking.answer(question(1)) for _ in range(5)))
        assert {answer.body for answer in first} == {b'{"currency": "CNY"}'}
        assert (await asking.answer(question(1))).at_us == first[0].at_us
        assert len(process.began()) == 1

    asyncio.run(asked())


def test_one_is_worked_out_at_a_time_and_too_many_are_told_to_come_again(process: StandIn) -> None:
    async def asked() -> None:
        asking = Advising(Settings())
        process.gate.touch()
        running = [asyncio.create_task(asking.answer(question(0)))]
        await until(process.began)
        running += [asyncio.create_task(asking.answer(question(1 + number))) for number in range(WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await asking.answer(question(99))
        assert len(process.began()) == 1
        process.gate.unlink()
        await asyncio.gather(*running)
        assert len(process.began()) == 1 + WAITING
        await asking.answer(question(99))

    asyncio.run(asked())


def test_what_takes_too_long_is_killed(process: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advising, "SECONDS", 0.5)

    async def asked() -> None:
        asking = Advising(Settings())
        process.gate.touch()
        with pytest.raises(Unavailable, match=r"more than .* meter advise acct_1 --days 35"):
            await asking.answer(question(1))
        for pid in process.began():
            assert not is_alive(pid)
        process.gate.unlink()
        monkeypatch.setattr(advising, "SECONDS", PATIENCE_SECONDS)
        await asking.answer(question(1))

    asyncio.run(asked())


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(("kind", "error"), [("refused", UserError), ("kafka", Unavailable)])
def test_what_the_process_refuses_is_told_and_asked_again(process: StandIn, kind: str, error: type[Exception]) -> None:
    async def asked() -> None:
        asking = Advising(Settings())
        process.says({kind: "too little to advise"})
        with pytest.raises(error, match="too little to advise"):
            await asking.answer(question(1))
        process.says({"answer": {}})
        await asking.answer(question(1))

    asyncio.run(asked())


def test_a_process_that_fails_is_no_answer(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(advising, "COMMAND", (sys.executable, "-c", "raise SystemExit('a reason')"))
    with pytest.raises(Unavailable, match="log has the reason"):
        asyncio.run(Advising(Settings()).answer(question(1)))
    assert "a reason" in caplog.text


def test_old_answers_are_let_go(process: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    async def asked() -> None:
        asking = Advising(Settings())
        first = await asking.answer(question(1))
        monkeypatch.setattr(advising, "KEPT_SECONDS", 0.0)
        assert (await asking.answer(question(1))).at_us > first.at_us
        monkeypatch.setattr(advising, "KEPT_SECONDS", 60.0)
        monkeypatch.setattr(advising, "KEPT", 2)
        for number in range(2, 6):
            await asking.answer(question(number))
            assert len(asking._answers) <= 2

    asyncio.run(asked())


def test_other_pages_and_streams_go_on_while_advice_is_worked_out(tmp_path: Path, process: StandIn) -> None:
    async def asked() -> None:
        async with served(tmp_path) as board:
            board.store.writer.execute("INSERT INTO accounts VALUES ('a', 0)")
            process.gate.touch()
            slow = asyncio.create_task(board.get("/accounts/a/advise.json"))
            await until(process.began)
            waiting = [asyncio.create_task(board.get(f"/accounts/a/advise.json?days={day}")) for day in range(14, 18)]
            begun = time.monotonic()
            for path in ("/", "/alerts", "/accounts/a/plans"):
                assert (await board.get(path))[0] == 200
            assert time.monotonic() - begun < PATIENCE_SECONDS, "advice goes on as long as the gate is there"
            async with aiohttp.ClientSession() as session, session.get(f"{board.base}/index.events") as stream:
                for _ in range(2):  # as the page is, then that it still is
                    await asyncio.wait_for(stream.content.readuntil(b"\n\n"), PATIENCE_SECONDS)
            await until(lambda: board.advising.unanswered == 1 + WAITING)
            status, headers, text = await board.get("/accounts/a/advise?days=99")
            assert (status, headers["Retry-After"], headers["Refresh"]) == (503, "5", "5")
            assert "one question at a time" in text
            process.gate.unlink()
            assert [(await each)[0] for each in (slow, *waiting)] == [200] * 5

    asyncio.run(asked())


def test_a_form_leads_to_its_address_and_a_wrong_one_keeps_what_was_asked(tmp_path: Path, process: StandIn) -> None:
    async def asked() -> None:
        async with served(tmp_path) as board:
            board.store.writer.execute("INSERT INTO accounts VALUES ('a', 0)")
            status, headers, _ = await board.get("/accounts/a/simulate?buy:1=startup&buy-list:1=x,y&days=7&buy:2=")
            assert (status, headers["Location"]) == (303, "/accounts/a/simulate?days=7&buy=startup%3Dx%2Cy")
            status, _, text = await board.get("/accounts/a/simulate?buy=startup")
            assert status == 409
            assert "two names" in text and "Replay" in text
            assert process.began() == []
            status, _, text = await board.get("/accounts/a/simulate.json?buy=startup")
            assert (status, json.loads(text)["title"]) == (409, "No advice")
            assert (await board.get("/accounts/nobody/advise"))[0] == 404

    asyncio.run(asked())


def test_without_kafka_the_real_process_says_so(tmp_path: Path) -> None:
    async def asked() -> None:
        async with served(tmp_path, broker=f"127.0.0.1:{free_port()}") as board:
            board.store.writer.execute("INSERT INTO accounts VALUES ('a', 0)")
            status, _, text = await board.get("/accounts/a/advise.json")
            assert status == 503
            assert "no Kafka answers" in text

    asyncio.run(asked())
