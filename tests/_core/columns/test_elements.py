"""Elements of every kind of column: stored, read back, and found by what was set."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import json
import math
import uuid
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

import rom
from tests.support.guises import Label, Level, Share

TEXT = st.text(st.characters(codec='utf-8'), max_size=5)


@dataclasses.dataclass(frozen=True)
class Grade:
    letter: str


class GradeColumn(rom.Column[Grade]):
    """A column of a program's own, with words and a JSON form."""

    accepts = Grade

    def check(self, value: Any) -> Grade:
        return Grade(value) if value in ('A', 'B') else super().check(value)

    def encode(self, value: Grade) -> bytes:
        return value.letter.encode()

    def decode(self, raw: bytes) -> Grade:
        return Grade(raw.decode())

    def default_keys(self, value: Grade) -> list[str | bytes]:
        return [value.letter]

    def to_json(self, value: Grade) -> str:
        return value.letter


class ElementsOfAll(rom.Model):
    _namespace = '{elements}all'
    text = rom.List(rom.Text(), index=True)
    folded = rom.List(rom.Text(), index=True, keygen=rom.IDENTITY_CI)
    string = rom.List(rom.String(), index=True)
    integer = rom.List(rom.Integer(), index=True)
    real = rom.List(rom.Float(), index=True)
    loose = rom.List(rom.Float())
    decimal = rom.List(rom.Decimal(), index=True)
    boolean = rom.List(rom.Boolean(), index=True)
    moment = rom.List(rom.DateTime(), index=True)
    aware = rom.List(rom.DateTime(tz=True), index=True)
    day = rom.List(rom.Date(), index=True)
    time = rom.List(rom.Time(), index=True)
    state = rom.List(rom.Enum(Label), index=True)
    level = rom.List(rom.Enum(Level), index=True)
    share = rom.List(rom.Enum(Share), index=True)
    key = rom.List(rom.UUID(), index=True)
    span = rom.List(rom.Duration(), index=True)
    ip = rom.List(rom.IPAddress(), index=True)
    grade = rom.List(GradeColumn(), index=True)


VALUES: dict[str, st.SearchStrategy[Any]] = {
    'text': TEXT,
    'folded': TEXT,
    'string': st.binary(max_size=5),
    'integer': st.integers(-(2**70), 2**70),
    'real': st.floats(allow_nan=False),
    'loose': st.floats(),
    'decimal': st.decimals(allow_nan=False),
    'boolean': st.booleans(),
    'moment': st.datetimes(),
    'aware': st.datetimes(timezones=st.just(dt.UTC)),
    'day': st.dates(),
    'time': st.times(),
    'state': st.sampled_from(Label),
    'level': st.sampled_from(Level),
    'share': st.sampled_from(Share),
    'key': st.uuids(),
    'span': st.timedeltas(),
    'ip': st.ip_addresses(),
    'grade': st.sampled_from([Grade('A'), Grade('B')]),
}


def test_every_column_is_tried() -> None:
    assert VALUES.keys() == ElementsOfAll._columns.keys() - {'id'}


@pytest.mark.parametrize('name', VALUES)
@given(st.data())
@settings(max_examples=60)
def test_encoded_and_back(name: str, data: Any) -> None:
    column: Any = ElementsOfAll._columns[name]
    value = column.check(data.draw(st.lists(VALUES[name], max_size=4)))
    raw = column.encode(value)
    assert isinstance(json.loads(raw), list)
    back = column.decode(raw)
    assert [type(one) for one in back] == [type(one) for one in value]
    assert back == value or repr(back) == repr(value)  # a NaN equals nothing
    assert column.encode(back) == raw
    # A set of the same elements is stored in one form, whatever their order.
    twin: Any = rom.Set(column.item)
    once = twin.check([one for one in value if one == one])
    assert twin.encode(once) == twin.encode(twin.check([*once][::-1]))
    assert twin.decode(twin.encode(once)) == once


SAMPLES: dict[str, tuple[Any, Any]] = {
    'text': ('a:b', 'a'),
    'folded': ('Ab', 'b'),
    'string': (b'\xff\0', b'\xff'),
    'integer': (2**60 + 1, 2**60),
    'real': (1.5, -1.5),
    'decimal': (decimal.Decimal('1.50'), '1.51'),
    'boolean': (True, False),
    'moment': (dt.datetime(2024, 1, 2, 3, 4, 5, 6), dt.datetime(2024, 1, 2)),
    'aware': (dt.datetime(2024, 1, 2, tzinfo=dt.UTC), dt.datetime(2024, 1, 3, tzinfo=dt.UTC)),
    'day': (dt.date(2024, 1, 2), dt.date(2024, 1, 3)),
    'time': (dt.time(1, 2), dt.time(1, 3)),
    'state': (Label.DONE, None),
    'level': (3, None),
    'share': (Share.HALF, None),
    'key': (uuid.UUID(int=2**127), str(uuid.UUID(int=1))),
    'span': (dt.timedelta(days=1), 1),
    'ip': ('2001:db8::1', '10.0.0.1'),
    'grade': (Grade('A'), Grade('B')),
}  # fmt: skip


@pytest.mark.one_server
@pytest.mark.parametrize('name', SAMPLES)
def test_found_and_counted(on_client: None, raw: redis.Redis, name: str) -> None:
    """By filters and facets, whatever form the server counts; and gone when it is removed."""
    one, other = SAMPLES[name]
    both = [one] if other is None else [one, other]
    ElementsOfAll(**{name: [one, one]})
    ElementsOfAll(**{name: both})
    rom.session.commit()
    at: Any = ElementsOfAll._columns[name]
    query = ElementsOfAll.query
    rom.session.rollback()
    assert query.filter(**{name: one}).ids() == [1, 2]
    assert query.filter(**{name: both}).count() == 2
    assert query.where(at.contains_all(*both)).ids() == ([1, 2] if other is None else [2])
    [counts] = [query.facets(name)]
    [kept, *_] = at.check([one])
    assert counts[kept] == 2
    assert sum(counts.values()) == 2 + (other is not None)
    assert query.update(**{name: at.remove(one)}) == 2
    assert query.filter(**{name: one}).count() == 0
    words = list(raw.scan_iter('*:idx'))
    assert len(words) == (other is not None)


@pytest.mark.one_server
def test_equal_numbers_are_one_element(on_client: None) -> None:
    """As in Python, 1.5 and 1.50 are equal, and so are 0.0 and -0.0."""
    ElementsOfAll(decimal=['1.5', '1.50'], real=[0.0, -0.0])
    ElementsOfAll(decimal=['1.500'], real=[-0.0])
    rom.session.commit()
    query = ElementsOfAll.query
    assert query.filter(decimal='1.5', real=0).count() == 2
    assert query.facets('decimal') == {decimal.Decimal('1.5'): 2}
    assert query.facets('real') == {0.0: 2}


@pytest.mark.one_server
def test_no_number_is_no_element_of_an_index(on_client: None) -> None:
    with pytest.raises(rom.InvalidColumnValue, match=r'real\[1\]: .* cannot hold NaN'):
        ElementsOfAll(real=[1.0, math.nan])
    loose = ElementsOfAll(loose=[math.nan])
    rom.session.commit()
    assert math.isnan(loose.loose[0])
    assert rom.session.commit() == 0


def dictionary(text: str) -> Any:
    return {'': len(text)}


class ElementsKeyed(rom.Model):
    wrong = rom.List(rom.Text(), index=True, keygen=dictionary)
    parts = rom.List(rom.Text(), index=True, prefix=True, keygen=lambda text: text.split('/'))


@pytest.mark.one_server
def test_a_keygen_of_the_elements(on_client: None, raw: redis.Redis) -> None:
    ElementsKeyed(parts=['red/green', 'blue'])
    rom.session.commit()
    query = ElementsKeyed.query
    assert query.filter(parts='green').count() == 1
    assert query.filter(parts='red/green').count() == 0
    assert query.startswith(parts='bl').count() == 1
    with pytest.raises(rom.QueryError, match=r'filter\(parts=5\): expected a str'):
        query.filter(parts=5)
    ElementsKeyed(wrong=['x'])
    with pytest.raises(rom.InvalidColumnValue, match=r'wrong: expected the keygen of its elements'):
        rom.session.commit()
    rom.session.rollback()


def test_stored_elements_may_be_longer_than_new_ones() -> None:
    short: Any = rom.List(rom.Text(max_length=2, choices=['a']))
    assert short.decode(b'["abc"]') == ['abc']
    with pytest.raises(rom.InvalidColumnValue):
        short.recheck(['abc'])


@pytest.mark.parametrize(
    ('column', 'form', 'says'),
    [
        (rom.List(rom.Integer()), [1, 'x'], r'\[1\]: expected an integer, got .x.'),
        (rom.List(rom.Integer()), [True], r'\[0\]: expected an integer, got True'),
        (rom.List(rom.Date()), ['2024-02-30'], r'\[0\]: expected a date like'),
        (rom.Set(rom.String()), ['?'], r'\[0\]: expected bytes in base64'),
        (rom.List(rom.Text()), 'text', r': expected a list, got .text.'),
    ],
)
def test_wrong_json(column: Any, form: Any, says: str) -> None:
    with pytest.raises(rom.InvalidColumnValue, match=rf'^(List|Set|\w+){says}'):
        column.take(column.from_json(form))
