"""What a value is to pydantic, and in JSON: there and back again, for every kind of column."""

import datetime as dt
import decimal
import ipaddress
import json
import math
import uuid
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rom
from tests.support.class_bodies import define
from tests.support.guises import Label, Level, Share

TEXT = st.text(st.characters(exclude_categories=['Cs']))
INSIDE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | TEXT | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
).filter(lambda value: 'inf' not in repr(value))

COLUMNS: dict[str, tuple[Any, Any]] = {
    'Integer': (rom.Integer(), st.integers(-(10**40), 10**40)),
    'Float': (rom.Float(), st.floats()),
    'Decimal': (rom.Decimal(), st.decimals(allow_nan=False)),
    'Boolean': (rom.Boolean(), st.booleans()),
    'String': (rom.String(), st.binary()),
    'Text': (rom.Text(), TEXT),
    'Json': (rom.Json(), st.lists(INSIDE) | st.dictionaries(TEXT, INSIDE)),
    'DateTime': (rom.DateTime(), st.datetimes()),
    'SaferDateTime': (rom.SaferDateTime(), st.datetimes()),
    'ExpireAt': (rom.ExpireAt(), st.datetimes()),
    'Date': (rom.Date(), st.dates()),
    'Time': (rom.Time(), st.times()),
    'DateTime with a zone': (rom.DateTime(tz=True), st.datetimes(timezones=st.just(dt.UTC))),
    'Enum': (rom.Enum(Label), st.sampled_from(Label)),
    'Enum of integers': (rom.Enum(Level), st.sampled_from(Level)),
    'Enum by name': (rom.Enum(Share), st.sampled_from(Share)),
    'UUID': (rom.UUID(), st.uuids()),
    'Duration': (rom.Duration(), st.timedeltas()),
    'IPAddress': (rom.IPAddress(), st.ip_addresses()),
    'List': (rom.List(rom.Text()), st.lists(TEXT)),
    'List of bytes': (rom.List(rom.String()), st.lists(st.binary())),
    'List of times': (
        rom.List(rom.DateTime(tz=True)),
        st.lists(st.datetimes(timezones=st.just(dt.UTC))),
    ),
    'Set': (rom.Set(rom.Text()), st.sets(TEXT)),
    'Set of integers': (rom.Set(rom.Integer(), index=True), st.sets(st.integers())),
    'Set of an enum': (rom.Set(rom.Enum(Level)), st.sets(st.sampled_from(Level))),
    'Set of floats': (rom.Set(rom.Float()), st.sets(st.floats(allow_nan=False))),
}


def classes_of(column: Any) -> tuple[Any, Any, Any]:
    """A model with this column, its pydantic class, and the model itself as a type."""
    model: Any = type(rom.Model)('Kind', (rom.Model,), {'__module__': __name__, 'value': column})
    return model, model.pydantic(exclude='id'), pydantic.TypeAdapter(model)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and math.isnan(one):
        return isinstance(other, float) and math.isnan(other)
    return type(one) is type(other) and bool(one == other)


@pytest.mark.parametrize('kind', COLUMNS)
def test_through_json_and_back(kind: str) -> None:
    column, values = COLUMNS[kind]
    model, cls, adapter = classes_of(column)

    @given(values)
    def check(value: Any) -> None:
        entity = model(value=value)
        rom.session.rollback()
        one = cls.model_validate(entity)
        assert same(one.value, entity.value)
        text = one.model_dump_json()
        assert json.loads(adapter.dump_json(entity, exclude={'id'})) == json.loads(text)
        assert same(cls.model_validate_json(text).value, entity.value)
        assert same(adapter.validate_json(text).value, entity.value)
        # As FastAPI does it: JSON is read first, and validated as Python's objects.
        assert same(cls.model_validate(json.loads(text)).value, entity.value)
        assert same(model(**one.model_dump()).value, entity.value)
        rom.session.rollback()

    check()


@pytest.mark.parametrize('kind', COLUMNS)
def test_none_travels_too(kind: str) -> None:
    model, cls, adapter = classes_of(COLUMNS[kind][0])
    assert cls.model_validate(model()).model_dump_json() == '{"value":null}'
    assert cls.model_validate_json('{"value":null}').value is None
    assert adapter.validate_json('{"value":null}').value is None


@pytest.mark.parametrize(
    ('column', 'given', 'kept'),
    [
        (rom.Integer(), '5', 5),
        (rom.Integer(), 5.0, 5),
        (rom.Float(), 5, 5.0),
        (rom.Decimal(), 1.1, decimal.Decimal('1.1')),
        (rom.Decimal(), 'NaN', None),
        (rom.Text(), b'\xc3\xa9', 'é'),
        (rom.String(), '/wA=', b'\xff\x00'),
        (rom.String(), b'/wA=', b'/wA='),
        (rom.Json(), (1, 2), [1, 2]),
        (rom.Json(), {1: 'x'}, {'1': 'x'}),
        (rom.DateTime(), '2024-05-06T07:08:09+02:00', dt.datetime(2024, 5, 6, 5, 8, 9)),
        (rom.DateTime(), '2024-05-06T07:08:09', dt.datetime(2024, 5, 6, 7, 8, 9)),
        (rom.DateTime(), 100_000_000_000, dt.datetime(5138, 11, 16, 9, 46, 40)),
        (rom.Date(), 86400, dt.date(1970, 1, 2)),
        (rom.Date(), dt.datetime(2024, 5, 6, 23, tzinfo=dt.timezone(-dt.timedelta(hours=2))),
         dt.date(2024, 5, 7)),
        (rom.Time(), 61.5, dt.time(0, 1, 1, 500000)),
        (rom.Enum(Label), 'done', Label.DONE),
        (rom.Enum(Share), 'HALF', Share.HALF),
        (rom.UUID(), f'{{{uuid.UUID(int=5)}}}', uuid.UUID(int=5)),
        (rom.Duration(), 'PT1M', dt.timedelta(minutes=1)),
        (rom.Duration(), 1.5, dt.timedelta(seconds=1.5)),
        (rom.IPAddress(), '::1', ipaddress.ip_address('::1')),
        (rom.List(rom.Integer()), ['5', 5.0], [5, 5]),
        (rom.List(rom.UUID()), (str(uuid.UUID(int=5)),), [uuid.UUID(int=5)]),
        (rom.Set(rom.Enum(Label)), ['done', 'done'], {Label.DONE}),
    ],
)  # fmt: skip
def test_what_is_taken(column: Any, given: Any, kept: Any) -> None:
    _, cls, adapter = classes_of(column)
    for value in (cls(value=given).value, adapter.validate_python({'value': given}).value):
        if kept is None:
            assert value.is_nan()
        else:
            assert same(value, kept)


@pytest.mark.parametrize(
    ('column', 'given', 'says'),
    [
        (rom.Integer(), True, 'value: expected an int, got True (bool)'),
        (rom.Integer(), 'five', 'valid integer'),
        (rom.Float(), False, 'got False (bool)'),
        (rom.Float(index=True), 'NaN', 'an indexed column cannot hold NaN'),
        (rom.Decimal(), True, 'got True (bool)'),
        (rom.Boolean(), 'perhaps', 'valid boolean'),
        (rom.Text(), 5, 'valid string'),
        (rom.Text(), 'a\ud800', 'lone surrogate'),
        (rom.String(), 'é', 'base64'),
        (rom.String(), '/wA', 'base64'),
        (rom.Json(), 'text', "a dict, list or tuple, got 'text' (str)"),
        (rom.Json(), [object()], 'cannot be written as JSON'),
        (rom.DateTime(), 'soon', 'valid datetime'),
        (rom.DateTime(), 1e30, 'out of range'),
        (rom.DateTime(), '0001-01-01T00:00:00+05:00', 'no UTC equivalent'),
        (rom.SaferDateTime(), 5, 'value: expected a datetime, got 5 (int)'),
        (rom.Date(), '2024-02-30', 'valid date'),
        (rom.Time(), '12:00:00Z', 'has a zone; use a time without one'),
        (rom.DateTime(tz=True), '2024-05-06T07:08:09', 'has no zone'),
        (rom.Enum(Label), 'gone', "value: expected a member of Label or one of 'done'"),
        (rom.Enum(Level), True, r'got True (bool)'),
        (rom.UUID(), 'x', 'value: expected a UUID or its text'),
        (rom.Duration(), 'P1Y', 'value: '),
        (rom.IPAddress(), '10.0.0.0/8', 'value: expected an address of IPv4 or IPv6'),
        (rom.ManyToOne('Kind', 'no action'), True, 'is not an entity'),
        (rom.ManyToOne('Kind', 'no action'), 0, 'greater than or equal to 1'),
        (rom.ManyToOne('Kind', 'no action'), 'x', 'valid integer'),
        (
            rom.ManyToOne('Kind', 'no action'),
            object(),
            'is not an entity of Kind or an id; its type is object',
        ),
    ],
)
def test_what_is_refused(column: Any, given: Any, says: str) -> None:
    """With the place, and by the class and the model alike."""
    _, cls, adapter = classes_of(column)
    for validate in (cls.model_validate, adapter.validate_python):
        with pytest.raises(pydantic.ValidationError) as caught:
            validate({'value': given})
        [error] = caught.value.errors()
        assert error['loc'][0] == 'value'
        assert says in error['msg']


@pytest.mark.parametrize(
    ('column', 'given', 'loc', 'says'),
    [
        (rom.List(rom.Text()), 'text', (), 'valid list'),
        (rom.List(rom.Text()), ['a', 5], (1,), 'valid string'),
        (rom.List(rom.Text(max_length=2)), ['abc'], (0,), 'at most 2 characters'),
        (rom.List(rom.Text(choices=['a'])), ['a', 'b'], (1,), "expected one of 'a', got 'b'"),
        (rom.List(rom.Integer(), max_length=1), [1, 2], (), 'at most 1 item'),
        (rom.Set(rom.Enum(Label)), ['gone'], (0,), 'expected a member of Label'),
        (rom.List(rom.Float(), index=True), ['NaN'], (), 'cannot hold NaN'),
        (rom.List(rom.Integer(), validators=[any]), [0], (), "the validator 'any' returned False"),
    ],
)
def test_errors_of_elements_have_their_position(
    column: Any, given: Any, loc: tuple[int, ...], says: str
) -> None:
    _, cls, adapter = classes_of(column)
    for validate in (cls.model_validate, adapter.validate_python):
        with pytest.raises(pydantic.ValidationError) as caught:
            validate({'value': given})
        [error] = caught.value.errors()
        assert error['loc'] == ('value', *loc)
        assert says in error['msg']


@pytest.mark.parametrize('mode', ['validation', 'serialization'])
@pytest.mark.parametrize(
    ('column', 'expected'),
    [
        (
            rom.List(rom.Text(choices=['a', 'b']), max_length=5, required=True),
            {'items': {'type': 'string', 'enum': ['a', 'b']}, 'maxItems': 5},
        ),
        (
            rom.Set(rom.Enum(Level), required=True, default={Level.HIGH}),
            {
                'items': {'type': 'integer', 'enum': [3], 'title': 'Level'},
                'uniqueItems': True,
                'default': [3],
            },
        ),
    ],
)
def test_schemas_of_elements(column: Any, expected: Any, mode: Any) -> None:
    _, cls, _ = classes_of(column)
    found = cls.model_json_schema(mode=mode)['properties']['value']
    assert found == {'type': 'array', 'title': 'Value', **expected}


def test_a_constant_default_is_not_shared() -> None:
    _, cls, _ = classes_of(rom.List(rom.Text(), default=['a']))
    cls().value.append('b')
    assert cls().value == ['a']


def test_a_set_is_written_in_its_order() -> None:
    _, cls, _ = classes_of(rom.Set(rom.Text()))
    assert cls(value=set('cab')).model_dump_json() == '{"value":["a","b","c"]}'
    assert cls(value=set('cab')).model_dump() == {'value': set('abc')}


def test_a_timedelta_is_so_long_from_now() -> None:
    _, cls, _ = classes_of(rom.ExpireAt())
    left = cls(value=dt.timedelta(hours=1)).value - dt.datetime.now(dt.UTC).replace(tzinfo=None)
    assert dt.timedelta(minutes=59) < left <= dt.timedelta(hours=1)


def test_a_column_of_ones_own() -> None:
    class Email(rom.Text):
        def check(self, value: Any) -> str:
            text = super().check(value)
            return text if '@' in text else self.refuse(value, 'has no @ in it: {0}')

    _, cls, adapter = classes_of(Email())
    assert cls.model_json_schema()['properties']['value']['anyOf'][0] == {'type': 'string'}
    assert adapter.validate_python({'value': 'a@b'}).value == 'a@b'
    with pytest.raises(pydantic.ValidationError, match=r'has no @ in it: \{0\}'):
        cls(value='ab')


def test_a_column_of_no_kind() -> None:
    class Anything(rom.Column[Any]):
        def encode(self, value: Any) -> bytes:
            return repr(value).encode()

    _, cls, adapter = classes_of(Anything())
    assert cls(value=1j).value == adapter.validate_python({'value': 1j}).value == 1j


def test_formats(every: Any) -> None:
    def kinds(schema: Any) -> dict[str, Any]:
        found = {name: field.get('anyOf', [field]) for name, field in schema['properties'].items()}
        assert all({'type': 'null'} in kinds for name, kinds in found.items() if name != 'id')
        return {
            name: [kind for kind in kinds if kind != {'type': 'null'}]
            for name, kinds in found.items()
        }

    coming = kinds(every.pydantic().model_json_schema())
    going = kinds(every.pydantic().model_json_schema(mode='serialization'))
    assert [kind['type'] for kind in coming.pop('exact')] == ['number', 'string']
    assert [kind['type'] for kind in going.pop('exact')] == ['string']
    moment = [{'type': 'string', 'format': 'date-time'}]
    assert going == coming
    assert coming == {
        'number': [{'type': 'integer'}],
        'real': [{'type': 'number'}],
        'flag': [{'type': 'boolean'}],
        'raw': [{'type': 'string', 'contentEncoding': 'base64'}],
        'text': [{'type': 'string'}],
        'data': [{'type': 'object', 'additionalProperties': True}, {'type': 'array'}],
        'moment': moment,
        'strict': moment,
        'until': moment,
        'day': [{'type': 'string', 'format': 'date'}],
        'time': [{'type': 'string', 'format': 'time'}],
        'of': [{'type': 'integer', 'minimum': 1}],
        'one': [{'type': 'integer', 'minimum': 1}],
        'customer': [{'type': 'integer'}],
        'id': [{'type': 'integer', 'title': 'Id', 'readOnly': True}],
    }


# Models declared by annotations.


def test_limits_are_those_of_pydantic() -> None:
    """In the schema, and in errors of its own; also those of columns of the other style."""
    Model = define(
        'age: Mapped[Annotated[int, at.Ge(0), at.Lt(150)]]',
        'name: Mapped[Annotated[str, at.Len(2, 9)] | None] = column(default=None)',
        'price: Mapped[Annotated[decimal.Decimal, at.Gt(0)]]',
        'code = rom.Text(max_length=3)',
        'day: Mapped[Annotated[date, at.Ge(date(2020, 1, 1))]]',
    )
    fields = Model.pydantic().model_json_schema()['properties']
    assert fields['age'] == {
        'title': 'Age', 'type': 'integer', 'minimum': 0, 'exclusiveMaximum': 150,
    }  # fmt: skip
    assert fields['name']['anyOf'][0] == {'type': 'string', 'minLength': 2, 'maxLength': 9}
    assert fields['price']['anyOf'][0] == {'type': 'number', 'exclusiveMinimum': 0}
    assert fields['code']['anyOf'][0] == {'type': 'string', 'maxLength': 3}
    good = {'id': 1, 'age': 5, 'price': '1.50', 'day': '2020-01-01'}
    assert Model.pydantic().model_validate(good).price == decimal.Decimal('1.50')
    for name, value, kind in [
        ('age', -1, 'greater_than_equal'),
        ('name', 'x', 'string_too_short'),
        ('price', 0, 'greater_than'),
        ('code', 'abcd', 'string_too_long'),
        ('day', '2019-12-31', 'invalid_column_value'),
    ]:
        with pytest.raises(pydantic.ValidationError) as caught:
            Model.pydantic().model_validate({**good, name: value})
        assert [error['type'] for error in caught.value.errors()] == [kind]


def test_the_items_of_a_document_are_validated() -> None:
    Model = define(
        'counts: Mapped[dict[str, int]] = column(default=dict)',
        'words: Mapped[list[str] | None] = rom.Json(default=None)',
        'anything: Mapped[dict] = column(default=dict)',
        'shape: Mapped[Shape | None] = column(default=None)',
        before='from typing_extensions import TypedDict\nclass Shape(TypedDict):\n    width: int\n',
    )
    cls = Model.pydantic(exclude='id')
    fields = cls.model_json_schema()['properties']
    assert fields['counts']['additionalProperties'] == {'type': 'integer'}
    assert fields['words']['anyOf'][0] == {'type': 'array', 'items': {'type': 'string'}}
    assert cls(counts={'a': 1}, words=['x'], shape={'width': 2}).shape == {'width': 2}
    for name, value, where in [
        ('counts', {'a': 'x'}, ('counts', 'a')),
        ('words', ['x', 5], ('words', 1)),
        ('shape', {}, ('shape', 'width')),
        ('anything', [1], ('anything',)),
    ]:
        with pytest.raises(pydantic.ValidationError) as caught:
            cls(**{name: value})
        assert [error['loc'] for error in caught.value.errors()] == [where]


def test_a_typed_dict_of_typing_is_taken_on_every_python() -> None:
    """Python 3.11 has one that pydantic refuses: its items are not checked then."""
    before = 'import typing\nclass Shape(typing.TypedDict):\n    width: int\n'
    Model = define('shape: Mapped[Shape] = column()', before=before)
    assert Model.pydantic()(id=1, shape={'width': 2}).shape == {'width': 2}
