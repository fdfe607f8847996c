"""The methods of attributes, with the names that repocket gave them, on each of them."""

import datetime as dt
import decimal
import json
import uuid
from typing import Any

import pytest

from rom.exceptions import InvalidColumnValue
from rom.repocket import ActiveRecord, attributes
from rom.repocket.attributes.base import Attribute
from rom.repocket.errors import RepocketActiveRecordDefinitionError
from rom.repocket.keys import Reference
from tests.support.guises import PAIRS, named

ID = uuid.UUID('5f3c6f38-9d4b-11ee-b962-0242ac120002')


class AttributeTarget(ActiveRecord):
    name = attributes.Unicode()


REFERENCE = Reference(AttributeTarget._record_schema.name, ID)
VALUES = [
    (Attribute(), b'x\x00', b'x\x00', bytes),
    (attributes.Bytes(), b'bytes', b'bytes', bytes),
    (attributes.Bytes(), b'', b'', bytes),
    (attributes.Bytes(), bytes(range(256)), bytes(range(256)), bytes),
    (attributes.ByteStream(), b'stream', b'stream', bytes),
    (attributes.Unicode(), 'café €', 'café €'.encode(), str),
    (attributes.Integer(), -(2**70), b'-1180591620717411303424', int),
    (attributes.Float(), 0.1, b'0.1', float),
    (attributes.Decimal(), decimal.Decimal('1.10'), b'1.10', decimal.Decimal),
    (attributes.JSON(), {'a': [1, None, 'x']}, b'{"a": [1, null, "x"]}', object),
    (attributes.JSON(), 'text', b'"text"', object),
    (
        attributes.DateTime(),
        dt.datetime(2014, 10, 1, 12, 30, 0, 5),
        b'2014-10-01T12:30:00.000005',
        dt.datetime,
    ),
    (attributes.UUID(), ID, str(ID).encode(), uuid.UUID),
    (attributes.AutoUUID(), ID, str(ID).encode(), uuid.UUID),
    (attributes.Pointer(AttributeTarget), REFERENCE, REFERENCE.key.encode(), AttributeTarget),
]
IDS = [f'{type(attribute).__name__}-{value!r:.12}' for attribute, value, _, _ in VALUES]


@pytest.mark.parametrize(('attribute', 'value', 'text', 'base'), VALUES, ids=IDS)
def test_there_and_back(attribute: Attribute, value: Any, text: bytes, base: type) -> None:
    assert attribute.get_base_type() is base
    assert attribute.cast(value) == value
    assert attribute.to_string(value) == text
    assert attribute.from_string(text) == value
    found = attribute.to_python(value)
    assert {'module', 'type', 'value'} <= found.keys()
    assert found['module'] == 'repocket.attributes'
    assert found['type'] == type(attribute).__name__
    assert attribute.from_python(found) == value
    assert attribute.to_python(value, simple=True) == value
    raw = attribute.to_json(value)
    assert list(json.loads(raw))[:3] == ['type', 'value', 'module']
    assert attribute.from_json(raw) == value
    assert attribute.from_json(raw.encode()) == value
    assert type(attribute.from_json(raw)) is type(value)


@pytest.mark.parametrize(
    ('attribute', 'value', 'raw'),
    [
        (
            attributes.Unicode(),
            'é',
            '{"type": "Unicode", "value": "\\u00e9", "module": "repocket.attributes"}',
        ),
        (
            attributes.JSON(),
            {'a': 'b'},
            '{"type": "JSON", "value": "{\\"a\\": \\"b\\"}", "module": "repocket.attributes"}',
        ),
        (
            attributes.Integer(null=True),
            None,
            '{"type": "Integer", "value": null, "module": "repocket.attributes"}',
        ),
        (
            attributes.Bytes(),
            b'\xff',
            '{"type": "Bytes", "value": "/w==", "module": "repocket.attributes", '
            '"encoding": "base64"}',
        ),
    ],
)
def test_json_bit_for_bit(attribute: Attribute, value: Any, raw: str) -> None:
    assert attribute.to_json(value) == raw
    assert attribute.from_json(raw) == value


@pytest.mark.parametrize('kind', [Attribute, attributes.Bytes])
def test_bytes_take_int_str_and_bytes(kind: type[Attribute]) -> None:
    assert kind.cast(10) == b'10'
    assert kind.cast('é') == 'é'.encode()
    assert kind.cast(b'\xff') == b'\xff'
    assert kind(encoding='latin-1').cast('é') == b'\xe9'
    assert kind.cast(None) is None


@pytest.mark.parametrize('kind', [getattr(attributes, name) for name in attributes.__all__])
def test_the_class_answers_as_well(kind: type[Attribute]) -> None:
    assert kind.cast(None) is None
    assert kind.to_python(None)['type'] == kind.__name__
    assert kind.from_json(kind.to_json(None)) is None


@pytest.mark.parametrize(
    'attribute',
    [attributes.UUID(), attributes.AutoUUID(), attributes.DateTime(), VALUES[-1][0]],
    ids=lambda attribute: type(attribute).__name__,
)
@pytest.mark.parametrize('word', ['null', 'none', 'NULL', 'None', b'nUll'])
def test_words_that_mean_nothing(attribute: Attribute, word: Any) -> None:
    assert attribute.cast(word) is None
    assert attribute.from_string(word) is None
    assert attribute.from_python({'value': word if isinstance(word, str) else 'null'}) is None


@pytest.mark.parametrize('kind', [attributes.Unicode, attributes.Bytes])
def test_elsewhere_they_are_words(kind: type[Attribute]) -> None:
    assert kind().from_string(b'null') in ('null', b'null')


@pytest.mark.parametrize(
    ('attribute', 'value'),
    [
        (attributes.Bytes(), 1.5),
        (attributes.Bytes(), True),
        (attributes.Unicode(), 5),
        (attributes.Unicode(), b'\xff'),
        (attributes.Unicode(), '\ud800'),
        (attributes.Integer(), 'x'),
        (attributes.Integer(), 1.5),
        (attributes.Integer(), []),
        (attributes.Float(), 'x'),
        (attributes.Float(), dt.date(2020, 1, 1)),
        (attributes.Decimal(), 1.1),
        (attributes.Decimal(), 'x'),
        (attributes.JSON(), {1: 'a'}),
        (attributes.JSON(), {'a': {2}}),
        (attributes.JSON(), b'x'),
        (attributes.DateTime(), 5),
        (attributes.DateTime(), dt.date(2020, 1, 1)),
        (attributes.DateTime(), 'tomorrow'),
        (attributes.UUID(), 'x'),
        (attributes.UUID(), 5),
        (attributes.Pointer(AttributeTarget), 'x'),
        (attributes.Pointer(AttributeTarget), 'repocket:a:b'),
        (attributes.Pointer(AttributeTarget), 5),
    ],
)
def test_a_wrong_value(attribute: Attribute, value: Any) -> None:
    with pytest.raises(InvalidColumnValue):
        attribute.cast(value)


@pytest.mark.parametrize(
    ('attribute', 'text'),
    [
        (attributes.Integer(), 'x'),
        (attributes.Unicode(), b'\xff'),
        (attributes.JSON(), 'hello there'),
        (attributes.DateTime(), 'x'),
        (attributes.Pointer(AttributeTarget), 'x'),
    ],
)
def test_text_that_no_attribute_wrote(attribute: Attribute, text: Any) -> None:
    with pytest.raises(InvalidColumnValue, match='expected encoded text'):
        attribute.from_string(text)


def test_what_is_missing() -> None:
    empty = {name: getattr(attributes, name).plain().missing() for name in attributes.__all__}
    assert empty.pop('AutoUUID') != attributes.AutoUUID().missing()
    assert empty == {
        'Attribute': b'',
        'Bytes': b'',
        'ByteStream': b'',
        'Unicode': '',
        'Integer': 0,
        'Float': 0.0,
        'Decimal': decimal.Decimal('0'),
        'JSON': None,
        'DateTime': None,
        'Pointer': None,
        'UUID': None,
    }
    assert attributes.Integer(null=True).missing() is None
    assert attributes.Integer(default=3).missing() == 3
    assert attributes.Integer(default=lambda: 4).missing() == 4


def test_a_default_that_can_change_is_a_new_one_each_time() -> None:
    attribute = attributes.JSON(default={'a': []})
    attribute.missing()['a'].append(1)
    assert attribute.missing() == {'a': []}


@pytest.mark.parametrize('kind', [attributes.JSON, attributes.ByteStream])
@pytest.mark.parametrize('option', ['index', 'unique'])
def test_no_index(kind: Any, option: str) -> None:
    with pytest.raises(RepocketActiveRecordDefinitionError, match=kind.__name__):
        kind(**{option: True})


def test_a_pointer_points_to_a_model() -> None:
    with pytest.raises(RepocketActiveRecordDefinitionError, match='subclass of ActiveRecord'):
        attributes.Pointer(int)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ('attribute', 'one', 'other'),
    [
        (attributes.Decimal(), decimal.Decimal('1.50'), decimal.Decimal('1.5')),
        (attributes.Decimal(), decimal.Decimal('-0'), decimal.Decimal('0.000')),
        (attributes.Decimal(), decimal.Decimal('1E+2'), decimal.Decimal('100')),
        (attributes.Float(), -0.0, 0.0),
        (
            attributes.DateTime(),
            dt.datetime(2020, 1, 1, 13, tzinfo=dt.timezone(dt.timedelta(hours=1))),
            dt.datetime(2020, 1, 1, 12),
        ),
    ],
)
def test_equal_values_have_one_identity(attribute: Attribute, one: Any, other: Any) -> None:
    assert attribute.identity(one) == attribute.identity(other)


def test_different_values_have_different_identities() -> None:
    numbers = [decimal.Decimal(text) for text in ('1', '-1', '10', '1.1', '0', '0.1', '1E-5')]
    assert len({attributes.Decimal().identity(number) for number in numbers}) == len(numbers)


@pytest.mark.parametrize(('guise', 'value'), PAIRS, ids=named)
def test_a_guise_becomes_the_plain_value(guise: Any, value: Any) -> None:
    """Of enums, numpy and pendulum: what is kept, and what is written."""
    kinds = {
        str: attributes.Unicode, bytes: attributes.Bytes, int: attributes.Integer,
        float: attributes.Float, decimal.Decimal: attributes.Decimal,
        dt.datetime: attributes.DateTime,
    }  # fmt: skip
    if type(value) not in kinds:
        pytest.skip('repocket has no attribute for it')
    attribute = kinds[type(value)]()
    assert type(attribute.cast(guise)) is type(value)
    assert attribute.to_json(guise) == attribute.to_json(value)


@pytest.mark.parametrize('sign', [1, -1])
def test_an_integer_has_no_more_digits_than_python_reads(sign: int) -> None:
    largest = sign * (10**4300 - 1)
    assert attributes.Integer().cast(largest) == largest
    with pytest.raises(InvalidColumnValue, match='at most 4,300 digits'):
        attributes.Integer().cast(largest + sign)
