"""The catalog as a user writes it (TOML) and the journal keeps it (JSON), and the laws it must obey.

Both have one shape. All problems are found in one pass, each with its place and its numbers.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from schemas.days import DAY_PATTERN, parse_date
from schemas.ids import QUANTITY_LIMIT, Id
from schemas.money import Price, price_text
from schemas.record import quoted, sentence

#: A plan is valid for at most a century; a retention as long.
DAYS_LIMIT = 36_600
#: A factor multiplies quantities: with the limits of an event it keeps figures within reason.
FACTOR_LIMIT = 10**6
#: The opening record holds the catalog and must fit in a journal record, and in a message of the default size.
CATALOG_LIMIT_BYTES = 400 * 1024
#: Items by name over all versions: a statement has every item of every plan, and a plan's packages may come from many
#: versions. Retentions of an item: a charge has a line for each.
ITEMS_LIMIT = 500
RETENTIONS_LIMIT = 100


class CatalogError(Exception):
    """Everything that is wrong with a catalog; `problems` are sentences, str() lists them under the file's name."""

    def __init__(self, source: str, problems: list[str]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__(source, self.problems)

    def __str__(self) -> str:
        count = f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''} in the catalog"
        return "\n".join([f"{self.source}: {count}", *(f"  {problem}" for problem in self.problems)])


def _since(given: object) -> date:
    if isinstance(given, date) and not isinstance(given, datetime):  # TOML's own date
        return given
    return parse_date(given)


def _retention_key(given: object) -> int:
    if type(given) is str and given.isascii() and given.isdigit() and len(given) <= 5 and given[0] != "0":
        given = int(given)
    if type(given) is int and 1 <= given <= DAYS_LIMIT:
        return given
    raise ValueError(f"a retention must be a whole number of days from 1 to {DAYS_LIMIT}")


Since = Annotated[date, BeforeValidator(_since), WithJsonSchema({"type": "string", "pattern": f"^{DAY_PATTERN}$"})]
RetentionKey = Annotated[int, BeforeValidator(_retention_key)]
Whole = Annotated[int, Field(ge=1, le=QUANTITY_LIMIT)]
Days = Annotated[int, Field(ge=1, le=DAYS_LIMIT)]

Model = TypeVar("Model", bound=BaseModel)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", populate_by_name=True)


class RetentionFile(_Part):
    """A retention other than the default one."""

    factor: int = Field(
        ge=1, le=FACTOR_LIMIT, description="A quantity at this retention counts so many times.", examples=[2]
    )
    price: Price = Field(description="Pay-as-you-go price of a unit at this retention.", examples=["2"])


class ItemFile(_Part):
    """A billing item: how its reports add up over the day, its unit and its prices."""

    aggregation: Literal["sum", "max"] = Field(
        description="Over the day: `sum` of the reports, or the highest (`max`).", examples=["sum"]
    )
    unit: Whole = Field(description="The quantity that `price` is for.", examples=[1000000])
    price: Price = Field(description="Price of a unit (at the default retention).", examples=["1.5"])
    default_retention_days: Days | None = Field(
        None, description="The retention of usage that states none.", examples=[14]
    )
    retentions: dict[RetentionKey, RetentionFile] = Field(
        {}, description="The other retentions, by days.", examples=[{"30": {"factor": 2, "price": "2"}}]
    )


class PlanFile(_Part):
    """A plan package: what it covers a day, and its price."""

    title: str | None = Field(
        None,
        description="What people call it; absent: its name.",
        examples=["Startup Acceleration Package"],
        min_length=1,
        max_length=200,
    )
    price: Price = Field(description="Price for the whole validity.", examples=["42000"])
    value: Price | None = Field(
        None, description="What its quotas would cost as pay-as-you-go: a check, not data.", examples=["72168"]
    )
    quotas: dict[Id, Whole] = Field(description="What it covers of an item a day.", examples=[{"logs": 40000000}])


class TrafficFile(_Part):
    """A traffic package of an item: capacity and price, of one, a day."""

    capacity: Whole = Field(description="What one package covers a day.", examples=[1000000])
    price: Price = Field(description="Price of one package a day.", examples=["1.5"])


class VersionFile(_Part):
    """Items, plan packages and traffic packages in force from a day until the next version's."""

    from_: Since = Field(alias="from", description="The first billing day of this version.", examples=["2024-01-01"])
    items: dict[Id, ItemFile] = Field(description="Billing items by name.", min_length=1)
    plans: dict[Id, PlanFile] = Field({}, description="Plan packages by name.")
    traffic: dict[Id, TrafficFile] = Field({}, description="Traffic packages by the item they cover.")


class CatalogFile(_Part):
    """The whole catalog."""

    currency: str = Field(
        description="Of every price: a code of three capital letters.", examples=["CNY"], pattern=r"^[A-Z]{3}$"
    )
    validity_days: Days = Field(description="Days a plan is valid, its first day included.", examples=[372])
    versions: list[VersionFile] = Field(description="Dated versions, in any order.", min_length=1)


def read_catalog(raw: object, source: str) -> CatalogFile:
    """The catalog in `raw` (parsed TOML or JSON); raises CatalogError with all that is wrong."""
    catalog, problems = _read(CatalogFile, raw)
    versions = raw.get("versions") if isinstance(raw, dict) else None
    if isinstance(versions, list):
        problems += _same_days(versions)
        validity = raw.get("validity_days") if isinstance(raw, dict) else None
        for number, version in enumerate(versions):
            problems += version_problems(version, validity, f"versions[{number}]")
    if catalog is None or problems:
        raise CatalogError(source, problems)
    return catalog


def read_version(raw: object, source: str) -> VersionFile:
    """One version in `raw`; raises CatalogError with all that is wrong."""
    version, problems = _read(VersionFile, raw)
    problems += version_problems(raw, None, "")
    if version is None or problems:
        raise CatalogError(source, problems)
    return version


def version_problems(version: object, validity: object, place: str) -> list[str]:
    """The problems of a version: each part is checked even if others cannot be parsed."""
    if not isinstance(version, dict):
        return []
    items, dot = _table(version, "items"), f"{place}." if place else ""
    problems = []
    for name, item in items.items():
        problems += [f"{dot}items.{quoted(name)}: {problem}" for problem in _item_problems(item)]
    for name, plan in _table(version, "plans").items():
        quotas = plan.get("quotas") if isinstance(plan, dict) else None
        for item in quotas if isinstance(quotas, dict) else ():
            if item not in items:
                problems.append(f"{dot}plans.{quoted(name)}.quotas.{quoted(item)}: {_no_such_item(items)}")
        problems += [
            f"{dot}plans.{quoted(name)}.value: {problem}" for problem in _value_problems(plan, items, validity)
        ]
    for name in _table(version, "traffic"):
        if name not in items:
            problems.append(f"{dot}traffic.{quoted(name)}: {_no_such_item(items)}")
    return problems


def _item_problems(item: object) -> Iterator[str]:
    if not isinstance(item, dict):
        return
    default, others = item.get("default_retention_days"), _table(item, "retentions")
    if item.get("aggregation") == "max" and (default is not None or others):
        yield "a max item has no retentions"
    if others and default is None:
        yield f"an item with retentions has default_retention_days, this one has {len(others)} and none"
    if default is not None and str(default) in map(str, others):
        yield f"the default retention {default} stands in retentions too: its factor is 1, its price the item's"


def _value_problems(plan: object, items: dict[Any, Any], validity: object) -> Iterator[str]:
    """SPEC §3: (sum of quota / unit * price) * validity is the stated value, at as many decimals as it states."""
    read = _parsed(PlanFile, plan)
    if read is None or read.value is None or type(validity) is not int:
        return
    total = Fraction(0)
    for name, quota in read.quotas.items():
        item = _parsed(ItemFile, items.get(name))
        if item is None:
            return
        total += Fraction(quota, item.unit) * Fraction(item.price)
    scale = 10 ** len(price_text(read.value).partition(".")[2])
    worth = Decimal(int(total * validity * scale + Fraction(1, 2))) / scale
    if worth != read.value:
        law = f"(sum of quota / unit * price) * {validity} days is the stated value"
        yield f"{law}: it is {price_text(worth)}, stated is {price_text(read.value)}"


def _same_days(versions: list[Any]) -> list[str]:
    days = Counter(day.from_ for day in map(_First.of, versions) if day)
    return [
        f"versions: no two begin on one day, {count} begin on {day.isoformat()}"
        for day, count in days.items()
        if count > 1
    ]


class _First(BaseModel):
    """The first day of a version, even if the rest cannot be parsed."""

    from_: Since = Field(alias="from")

    @classmethod
    def of(cls, version: object) -> "_First | None":
        return _parsed(cls, version)


def _parsed(model: type[Model], raw: object) -> Model | None:
    return _read(model, raw)[0]


def _read(model: type[Model], raw: object) -> tuple[Model | None, list[str]]:
    try:
        return model.model_validate(raw), []
    except ValidationError as wrong:
        return None, [sentence(error) for error in wrong.errors(include_url=False)]


def _table(parent: dict[Any, Any], name: str) -> dict[Any, Any]:
    table = parent.get(name)
    return table if isinstance(table, dict) else {}


def _no_such_item(items: dict[Any, Any]) -> str:
    return f"it names an item of the version: {', '.join(map(quoted, items)) or 'it has none'}"
