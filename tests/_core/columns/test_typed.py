"""Typed: every kind of type, changes in place, errors with a path, and both sessions."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import io
import json
import math
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pydantic
import pytest
import redis
from typing_extensions import TypedDict

import rom
from rom import jsonl
from tests._core.pydantic_types.test_column_types import classes_of
from tests.support.stories import both

ROOT = Path(__file__).resolve().parents[3]


class Address(pydantic.BaseModel):
    city: str
    code: str = ''
    since: dt.date | None = pydantic.Field(None, alias='from')


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Size(TypedDict):
    width: int


class Pair(NamedTuple):
    left: int
    right: str


class Color(enum.Enum):
    RED = 'red'


def cities(address: Address) -> list[str]:
    return [address.city]


class TypedColumnUser(rom.Model):
    _namespace = '{typed}user'
    home = rom.Typed(Address, index=True, keygen=cities)
    past = rom.Typed(list[Address], default=list)
    at = rom.Typed(Point)
    sizes = rom.Typed(dict[str, Size], validators=[lambda sizes: len(sizes) < 3])
    start = rom.Typed(Address, default=Address(city='Oslo'))


User: Any = TypedColumnUser
KEY = '{typed}user:1'


@both(TypedColumnUser, whole=False)
@pytest.mark.one_server
async def test_stored_read_found_and_changed_in_place(s: Any, raw: redis.Redis) -> None:
    user = User(home={'city': 'Rome', 'from': '2020-01-31'}, at=Point(1))
    assert type(user.home) is Address
    await s.commit()
    assert raw.hget(KEY, 'home') == b'{"city":"Rome","code":"","from":"2020-01-31"}'
    assert (raw.hget(KEY, 'past'), raw.hget(KEY, 'at')) == (b'[]', b'{"x":1,"y":0}')
    assert await s.commit() == 0
    user.home.city = 'Bari'
    user.past.append(Address(city='Rome'))
    user.at.y = 5
    user.sizes = {'a': {'width': '3'}}
    await s.commit()
    user.sizes['a']['width'] = 4
    await s.commit()
    assert raw.hget(KEY, 'sizes') == b'{"a":{"width":4}}'
    s.rollback()
    read = await s.get(TypedColumnUser, 1)
    assert (read.home.city, read.home.since) == ('Bari', dt.date(2020, 1, 31))
    assert (read.past, read.at, read.sizes) == (
        [Address(city='Rome')], Point(1, 5), {'a': {'width': 4}}
    )  # fmt: skip
    assert await s.commit() == 0
    query = TypedColumnUser.query
    assert await s.count(query.filter(home='Bari')) == 1
    assert await s.count(query.filter(home='Rome')) == 0
    assert await s.update_all(query.filter(home='Bari'), home={'city': 'Pisa'}) == 1
    assert read.home == Address(city='Pisa')
    assert await s.count(query.filter(home='Pisa')) == 1
    [row] = await s.all(query.select('at'))
    assert row == {'at': Point(1, 5)}


@both(TypedColumnUser, whole=False)
@pytest.mark.one_server
async def test_races_and_refresh(s: Any, raw: redis.Redis) -> None:
    user = User(at=Point(1))
    await s.commit()
    user.at.x = 2
    raw.hset(KEY, 'at', '{"x":9,"y":9}')
    with pytest.raises(rom.DataRaceError):
        await s.commit()
    await s.refresh(user, force=True)
    assert user.at == Point(9, 9)


@pytest.mark.one_server
def test_a_constant_default_is_not_shared(on_client: None) -> None:
    one, other = User(), User()
    one.start.city = 'Bergen'
    rom.session.commit()
    assert (one.start.city, other.start.city, User().start.city) == ('Bergen', 'Oslo', 'Oslo')
    held = one.to_dict()['start']
    held.city = 'x'
    assert one.start.city == 'Bergen'
    rom.session.rollback()


@pytest.mark.parametrize(
    ('values', 'says'),
    [
        ({'home': {'code': 'x'}}, r'home\.city: expected a valid Address: Field required$'),
        ({'home': {'city': 5}}, r'home\.city: expected a valid Address: .* valid string, got 5'),
        ({'home': 5}, r'home: expected a valid Address: Input should be .*, got 5'),
        ({'past': [{'city': 'x'}, {}]}, r'past\[1\]\.city: expected a valid list\[.*Field req'),
        ({'sizes': {'a': {}, 'b': {}}}, r'sizes\.a\.width: .*Field required \(and 1 more\)'),
        ({'sizes': {n: {'width': 1} for n in 'abc'}}, r'sizes: .* the validator .* returned Fal'),
        ({'at': Point('x')}, r'at\.x: expected a valid Point: .* valid integer'),  # type: ignore[arg-type]
    ],
)
def test_wrong_values(values: Any, says: str) -> None:
    with pytest.raises(rom.InvalidColumnValue, match=rf'^TypedColumnUser\.{says}'):
        User(**values)
    rom.session.rollback()


@pytest.mark.one_server
@pytest.mark.parametrize('is_new', [True, False])
def test_a_wrong_change_in_place_is_refused(
    on_client: None, raw: redis.Redis, is_new: bool
) -> None:
    user = User(home=Address(city='Rome'))
    if not is_new:
        rom.session.commit()
    user.home.city = 5
    with pytest.raises(
        rom.InvalidColumnValue,
        match=r'^TypedColumnUser \S+: home\.city: .* got 5\. Nothing was written',
    ):
        rom.session.commit()
    assert bool(raw.exists(KEY)) is not is_new
    wrong = user.home
    with pytest.raises(rom.InvalidColumnValue, match=r'home\.city'):
        User.query.update(home=wrong)
    user.home.city = 'Bari'
    rom.session.commit()
    assert User.query.filter(home='Bari').count() == 1


@pytest.mark.one_server
@pytest.mark.parametrize('broken', ['{"code":"x"}', '5', '{', '\xff'])
def test_a_corrupt_row(on_client: None, raw: redis.Redis, broken: str) -> None:
    User(home=Address(city='Rome'))
    rom.session.commit()
    rom.session.rollback()
    raw.hset(KEY, 'home', broken)
    user = User.get(1)
    with pytest.raises(rom.CorruptRowError, match=r"user:1, column 'home': .* not a valid Typed"):
        print(user.home)
    user.home = {'city': 'Bari'}
    user.save(force=True)
    assert User.query.filter(home='Bari').count() == 1


@pytest.mark.one_server
def test_dump_and_load(on_client: None, raw: redis.Redis) -> None:
    User(home={'city': 'Rome', 'from': '2020-01-31'}, at=Point(1))
    rom.session.commit()
    text = b''.join(block.text for block in jsonl.dump(TypedColumnUser))
    assert json.loads(text)['columns']['home'] == {
        'city': 'Rome', 'code': '', 'from': '2020-01-31'
    }  # fmt: skip
    before = raw.hgetall(KEY)
    raw.flushdb()
    list(jsonl.load(io.BytesIO(text), TypedColumnUser))
    assert raw.hgetall(KEY) == before
    wrong = text.replace(b'"2020-01-31"', b'"soon"')
    with pytest.raises(rom.BulkError, match=r'home\.from: expected a valid Address: .*got .soon.'):
        list(jsonl.load(io.BytesIO(wrong), TypedColumnUser))


NAN: Any = math.nan
KINDS: list[tuple[Any, Any]] = [
    (int, 5),
    (Annotated[int, pydantic.Field(ge=0)], 5),
    (Literal['a', 'b'], 'b'),
    (Address | Point, Point(1, 2)),
    (Address | Point, Address(city='x')),
    (Color, Color.RED),
    (Pair, Pair(1, 'x')),
    (dict[str, list[Point]], {'a': [Point(1)]}),
    (set[int], {3, 1, 2}),
    (tuple[int, str], (1, 'x')),
    (frozenset[Color], frozenset({Color.RED})),
    (dict[int, dt.timedelta], {5: dt.timedelta(hours=1)}),
    (list[decimal.Decimal | None], [decimal.Decimal('1.50'), None]),
    (list[uuid.UUID], [uuid.UUID(int=1)]),
    (list[bytes], [b'abc', 'é'.encode()]),
    (list[float], [math.inf, -math.inf, 1.5]),
    (list[float], [NAN]),
    (pydantic.AwareDatetime, dt.datetime(2024, 1, 2, tzinfo=dt.UTC)),
]  # fmt: skip


@pytest.mark.parametrize(('of', 'value'), KINDS)
def test_types(of: Any, value: Any) -> None:
    """Each is set, stored, read as it was, and the same in the JSON of pydantic."""
    model, cls, _ = classes_of(rom.Typed(of))
    entity = model(value=value)
    rom.session.rollback()
    column = model._columns['value']
    raw = column.encode(entity.value)
    back = column.decode(raw)
    assert back == entity.value or repr(back) == repr(entity.value)  # a NaN equals nothing
    assert type(back) is type(entity.value)
    assert column.encode(column.decode(raw)) == raw
    assert column.encode(column.from_json(json.loads(raw))) == raw
    text = json.loads(cls(value=value).model_dump_json())['value']
    assert text == column.to_json(entity.value)


@pytest.mark.parametrize(
    ('of', 'value', 'says'),
    [
        (list[float | bytes], [math.inf], r"reads as \[b'Infinity'\] from its JSON"),
        (list[bytes], [b'\xff'], r'cannot be written as JSON'),
        (dict[Any, Any], {(1, 2): 1}, r'.'),
        (str | dt.date, dt.date(2024, 1, 2), r"reads as '2024-01-02' from its JSON"),
    ],
)
def test_values_that_json_does_not_keep_are_refused(of: Any, value: Any, says: str) -> None:
    with pytest.raises(rom.InvalidColumnValue, match=says):
        rom.Typed(of).check(value)


def failing(value: Any) -> Any:
    raise RuntimeError('broken')


@pytest.mark.parametrize(
    ('declare', 'says'),
    [
        (lambda: rom.Typed('Address'), r"expected a type, got its name 'Address'"),
        (lambda: rom.Typed(5), r'expected a type that pydantic can validate, got 5'),
        (lambda: rom.Typed(object.__class__('Plain', (), {})), r'that pydantic can validate, got'),
        (lambda: rom.Typed(Address, index=True), r'index=True needs a keygen'),
        (lambda: rom.Typed(Address, unique=True), r'unique=True is for strings and integers only'),
        (lambda: rom.Typed(Address, choices=[5]), r'choices: .*expected a valid Address'),
        (lambda: rom.List(rom.Typed(Address)), r'a Typed cannot be an element'),
    ],
)
def test_wrong_declarations(declare: Any, says: str) -> None:
    with pytest.raises(rom.ColumnError, match=says):
        declare()


def test_a_validator_of_the_type_that_fails() -> None:
    column = rom.Typed(Annotated[int, pydantic.AfterValidator(failing)])
    with pytest.raises(rom.InvalidColumnValue, match=r"failed with RuntimeError\('broken'\)"):
        column.check(5)


def test_the_schema_of_pydantic_is_that_of_the_type() -> None:
    _, cls, adapter = classes_of(rom.Typed(list[Address], default=[Address(city='x')]))
    for mode in ('validation', 'serialization'):
        schema: Any = cls.model_json_schema(mode=mode)
        assert set(schema['$defs']) == {'Address'}
        assert schema['properties']['value']['default'] == [{'city': 'x', 'code': '', 'from': None}]
    cls().value[0].city = 'y'
    assert cls().value[0].city == 'x'
    for validate in (cls.model_validate, adapter.validate_python):
        with pytest.raises(pydantic.ValidationError) as caught:
            validate({'value': [{'city': 'x'}, {}]})
        [error] = caught.value.errors()
        assert error['loc'] == ('value', 1, 'city')


def test_without_pydantic_the_error_names_the_extra() -> None:
    program = """
import sys
sys.modules['pydantic'] = None
import rom
try:
    rom.Typed(list[int])
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, '-c', program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == (
        "a Typed column needs the library pydantic: pip install 'rom-redis[pydantic]'\n"
    ), done.stderr
