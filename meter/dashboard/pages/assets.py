"""The files beside the pages: style, scripts, icon; read once, each with its hash in its address.

`static/manifest.json` lists every third-party file with its package, version, licence and SHA-384.
"""

import hashlib
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

#: Characters of the hash in an address.
HASH_SHOWN = 12
TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "png": "image/png", "txt": "text/plain"}


class Asset(NamedTuple):
    """A file as served: cacheable forever, since other content has another address."""

    content: bytes
    content_type: str
    address: str


@lru_cache(1)
def all_assets() -> dict[str, Asset]:
    """Every file by its name."""
    found = {}
    for entry in files("meter.dashboard.pages").joinpath("static").iterdir():
        ending = entry.name.rpartition(".")[2]
        if ending in TYPES:
            content = entry.read_bytes()
            digest = hashlib.sha384(content).hexdigest()[:HASH_SHOWN]
            found[entry.name] = Asset(content, TYPES[ending], f"{digest}-{entry.name}")
    return found


def address(name: str) -> str:
    """The last part of a file's address."""
    return all_assets()[name].address


def served(address: str) -> Asset | None:
    """The file of an address; None for any other address."""
    return next((asset for asset in all_assets().values() if asset.address == address), None)


@lru_cache(1)
def version() -> str:
    """The version of the files: an open page of another version reloads itself."""
    return hashlib.sha384("".join(sorted(asset.address for asset in all_assets().values())).encode()).hexdigest()[
        :HASH_SHOWN
    ]
