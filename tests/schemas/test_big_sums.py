"""Sums have any size: what msgspec cannot write as 64 bits is written the long way, equal in everything else."""

import json

import msgspec
import pytest

from schemas.record import encode
from schemas.rows import NO_RETENTION, Correction, Use, pack, unpacker


class BigSum(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A struct as the outputs have them."""

    usage: int
    name: str = "x"
    more: int | None = None


@pytest.mark.parametrize("usage", [0, 1 << 63, (1 << 64) - 1, 1 << 64, 20_000 * 10**15, 10**40, -(1 << 63) - 1])
def test_a_figure_of_any_size_is_a_json_integer(usage: int) -> None:
    assert json.loads(encode(BigSum(usage=usage, name="µ"))) == {"usage": usage, "name": "µ"}


@pytest.mark.parametrize("total", [0, 1 << 63, 1 << 64, 10**40, -(10**40)])
def test_a_row_of_any_size_is_read_back(total: int) -> None:
    for sums in (total, {NO_RETENTION: total, 14: 5}):
        use = Use(sums, 7, Correction(1, "s", "i", 3))
        assert unpacker(Use)(pack(use)) == use
