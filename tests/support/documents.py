"""Documents as readers see them: their fenced blocks (by Sybil), and the day on which their examples are set."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from sybil.document import Document
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/examples/*.md")})
#: Documents whose sessions a test types. In this order: what consumers.md reads is what producers.md sent.
SESSIONS = ("producers.md", "consumers.md", "orders.md", "start.md", "account-managers.md")
#: This one beside nothing else: it counts what there is.
COMMANDS = "commands.md"
#: When the examples of documents happen.
SET_AT = datetime(2026, 1, 31, 8, tzinfo=UTC)
INFO = re.compile(r"(?P<info>[^\n]*)\n")
TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b(?!T\d)")
QUOTED = re.compile(r"\s*((?:>[^\n]*\n)+)")
#: Stands for any text, also over several lines.
ANYTHING = "…"


@dataclass(frozen=True)
class Block:
    """A fenced block: `language` and the `words` behind it, its text, and the block quote that follows it."""

    path: Path
    line: int
    language: str
    words: tuple[str, ...]
    text: str
    quoted: tuple[str, ...]

    @property
    def records(self) -> list[str]:
        """The records in it: each begins a line with a brace, and goes on in lines that do not."""
        return re.split(r"\n(?=\{)", self.text.strip("\n"))

    @property
    def place(self) -> str:
        """Where it is, for whoever reads a failure."""
        return f"{self.path.relative_to(ROOT)}:{self.line}"


@lru_cache
def blocks(path: Path) -> tuple[Block, ...]:
    """The fenced blocks of a document, in their order."""
    document = Document.parse(str(path))
    found = []
    for region in RawFencedCodeBlockLexer(INFO)(document):
        language, *words = (region.lexemes["info"].split() or [""]) if region.lexemes else [""]
        line = document.text.count("\n", 0, region.start) + 1
        quote = QUOTED.match(document.text, region.end)
        quoted = tuple(each[1:].strip() for each in quote.group(1).splitlines()) if quote else ()
        found.append(Block(path, line, language, tuple(words), str(region.lexemes["source"]), quoted))
    return tuple(found)


@dataclass(frozen=True)
class Clock:
    """Moves the examples' time to now, and what is said of them back."""

    now: datetime
    today: date

    def to_now(self, text: str) -> str:
        """An example as it would be written now."""
        return self._moved(text, self.now - SET_AT, self.today - SET_AT.date())

    def to_document(self, text: str) -> str:
        """What was said now as the document would write it."""
        return self._moved(text, SET_AT - self.now, SET_AT.date() - self.today)

    def _moved(self, text: str, time: timedelta, days: timedelta) -> str:
        def instant(found: re.Match[str]) -> str:
            return f"{datetime.fromisoformat(found.group()) + time:%Y-%m-%dT%H:%M:%SZ}"

        def day(found: re.Match[str]) -> str:
            return str(date.fromisoformat(found.group()) + days)

        return TIME.sub(instant, DAY.sub(day, text))


def noon() -> tuple[str, Clock]:
    """A zone in which it is about noon, so that no example is about midnight, and the examples' clock in it."""
    now = datetime.now(UTC).replace(microsecond=0)
    offset = 12 - now.hour
    return f"{offset:+03d}:00", Clock(now, (now + timedelta(hours=offset)).date())


def matches(expected: str, said: str) -> bool:
    """Whether an output is the expected one; `…` stands for anything, spaces at the ends of lines for nothing."""
    pattern = ".*".join(map(re.escape, _trimmed(expected).split(ANYTHING)))
    return re.fullmatch(pattern, _trimmed(said), re.DOTALL) is not None


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


@dataclass(frozen=True)
class Step:
    """A command of a `console` block and what it printed."""

    place: str
    command: str
    expected: str


def is_run(block: Block) -> bool:
    """Whether a session is one that tests type; `console shown`: it needs what they have not, and was run by hand."""
    return block.language == "console" and block.words != ("shown",)


def steps(path: Path, where: Callable[[Block], bool] = is_run) -> list[Step]:
    """The commands of a document's `console` blocks: `$` begins one, `>` goes on with it."""
    found: list[Step] = []
    for block in blocks(path):
        if not where(block):
            continue
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            more = next((at for at, line in enumerate(lines[1:], 1) if not line.startswith("> ")), len(lines))
            command = "\n".join([lines[0], *(line[2:] for line in lines[1:more])])
            found.append(Step(block.place, command, "\n".join(lines[more:])))
    return found
