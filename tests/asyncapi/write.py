"""Writes docs/asyncapi.yaml and docs/topics.md: `python -m tests.asyncapi.write` (`make docs`)."""

from pathlib import Path

import yaml

from meter.asyncapi.document import document
from meter.asyncapi.page import page

DOCS = Path(__file__).parents[2] / "docs"
YAML, TOPICS = DOCS / "asyncapi.yaml", DOCS / "topics.md"
HEAD = "# Written by `make docs` from the models and the settings that a worker enforces; tests/asyncapi compares.\n"


class _Plain(yaml.SafeDumper):
    """YAML without anchors, lists indented."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def files() -> dict[Path, str]:
    """What the files hold."""
    text = yaml.dump(document(), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=116)
    return {YAML: HEAD + text, TOPICS: "\n".join(page()) + "\n"}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
