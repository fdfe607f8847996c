"""What all columns have in common: options, the descriptor, defaults, and rom 1.x's encodings."""

import datetime as dt
import decimal
from collections.abc import Callable
from typing import Any

import pytest

from rom._core.columns.base import KEYGEN_NAMES
from rom._core.encoding import keygens
from rom._core.encoding.keygens import FULL_TEXT, IDENTITY, SIMPLE, Traits
from rom.columns import (
    Boolean,
    Column,
    Date,
    DateTime,
    Decimal,
    Float,
    Integer,
    Json,
    PrimaryKey,
    SaferDateTime,
    String,
    Text,
    Time,
)
from rom.exceptions import (
    ColumnError,
    CorruptRowError,
    InvalidColumnValue,
    InvalidOperation,
    MissingColumn,
)
from tests.support.golden import golden

KINDS: dict[str, type[Column[Any]]] = {
    kind.__name__: kind
    for kind in (Boolean, Date, DateTime, Decimal, Float, Integer, Json, SaferDateTime, String,
                 Text, Time)
}  # fmt: skip
NUMERIC = ['Date', 'DateTime', 'Decimal', 'Float', 'Integer', 'SaferDateTime', 'Time']
STRINGS = ['String', 'Text']
MAKE: dict[str, Callable[[Any], Any]] = {
    'str': str,
    'bytes': lambda text: text.encode('latin-1'),
    'int': int,
    'float': float,
    'bool': bool,
    'Decimal': decimal.Decimal,
    'datetime': dt.datetime.fromisoformat,
    'date': dt.date.fromisoformat,
    'time': dt.time.fromisoformat,
    'dict': dict,
    'list': list,
    'tuple': tuple,
}
CASES = golden('column')


def made(typed: dict[str, Any]) -> Any:
    """The Python value of a golden one."""
    [(kind, content)] = typed.items()
    return MAKE[kind](content)


def name(case: dict[str, Any]) -> str:
    return f'{case["column"]}-{ascii(case["value"])[:60]}'


class Thing:
    """The least that holds values, with a column of each kind of trouble."""

    _key = 'things:1'

    def __init__(self, **stored: bytes) -> None:
        self._values: dict[str, Any] = {}
        self._stored = stored
        self._seen: dict[str, bytes] = {}
        self.changes: list[tuple[str, Any]] = []

    def _set(self, name: str, value: Any) -> None:
        self._values[name] = value
        self.changes.append((name, value))

    def _look_into(self) -> None:
        """Nobody is to look for changes."""

    def _need_id(self) -> int | None:
        return 1

    text = Text()
    needed = Text(required=True)
    number = Integer(default=7)
    made = Json(default=dict)
    data = Json()


# Encodings.


@pytest.mark.parametrize('case', CASES, ids=name)
def test_values_are_stored_as_by_rom_1(case: dict[str, Any]) -> None:
    """But for an int in a Float, which is the float that 1.x reads there."""
    column = KINDS[case['column']]()
    stored = column.encode(column.check(made(case['value'])))
    expected = case['stored'].encode('latin-1')
    if (case['column'], [*case['value']]) == ('Float', ['int']):
        expected += b'.0'
    assert stored == expected


@pytest.mark.parametrize('case', CASES, ids=name)
def test_what_rom_1_stored_is_read(case: dict[str, Any]) -> None:
    column = KINDS[case['column']]()
    stored = case['stored'].encode('latin-1')
    value = column.decode(stored)
    expected = column.check(made(case['value']))
    if isinstance(expected, tuple):
        expected = list(expected)
    assert value == expected or (value != value and expected != expected)


@pytest.mark.parametrize(
    'case', [case for case in CASES if 'scores' in case and case['column'] != 'Boolean'], ids=name
)
def test_scores_are_those_of_rom_1(case: dict[str, Any]) -> None:
    column = KINDS[case['column']](index=True)
    value = column.check(made(case['value']))
    assert {'c': float(column.default_keys(value)[''])} == {  # type: ignore[call-overload,index]
        'c': float(case['scores']['c'])
    }
    assert column.score(made(case['value'])) == float(case['scores']['c'])


def test_the_golden_cases_are_there() -> None:
    assert {case['column'] for case in CASES} == set(KINDS)
    assert len(CASES) >= 97


# Options.


def complains(make: Callable[[], object], *parts: str) -> None:
    with pytest.raises(ColumnError) as caught:
        make()
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize('kind', KINDS)
def test_keygen_and_keygen2_exclude_each_other(kind: str) -> None:
    complains(
        lambda: KINDS[kind](index=True, keygen=IDENTITY, keygen2=lambda name, values: None),
        f'{kind} column',
        'keygen and keygen2',
        'drop one',
    )


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('option', ['keygen', 'keygen2'])
def test_a_keygen_without_an_index_is_an_error(kind: str, option: str) -> None:
    options: dict[str, Any] = {option: lambda *args: None}
    complains(lambda: KINDS[kind](**options), f'{kind} column', 'add index, prefix or suffix')


@pytest.mark.parametrize('kind', STRINGS)
@pytest.mark.parametrize('more', ['index', 'prefix', 'suffix'])
def test_an_index_of_strings_needs_a_keygen_and_names_them(kind: str, more: str) -> None:
    complains(lambda: KINDS[kind](**{'index': True, more: True}), f'{kind} column', KEYGEN_NAMES)


@pytest.mark.parametrize(
    ('kind', 'keygen'), [('Text', keygens.IDENTITY), ('String', keygens.IDENTITY_STRING)]
)
def test_a_prefix_or_suffix_alone_takes_the_whole_string(kind: str, keygen: Any) -> None:
    for options in ({'prefix': True}, {'suffix': True}, {'prefix': True, 'suffix': True}):
        assert KINDS[kind](**options).keygen is keygen
        assert KINDS[kind](**options, keygen=keygens.FULL_TEXT).keygen is keygens.FULL_TEXT
        assert KINDS[kind](**options, keygen2=lambda name, values: []).keygen is None
    assert KINDS[kind](unique=True).keygen is None


def test_the_keygens_named_are_those_that_there_are() -> None:
    assert set(KEYGEN_NAMES.split(', ')) | {'CASE_INSENSITIVE'} == {
        name for name in vars(keygens) if name.isupper() and name[0] != '_' and name != 'TRAITS'
    }


@pytest.mark.parametrize('kind', sorted(KINDS.keys() - {'Integer', *STRINGS}))
def test_unique_is_for_strings_and_integers(kind: str) -> None:
    complains(lambda: KINDS[kind](unique=True), f'{kind} column', 'unique', 'strings and integers')


@pytest.mark.parametrize('kind', ['Integer', *STRINGS])
def test_strings_and_integers_may_be_unique(kind: str) -> None:
    column = KINDS[kind](unique=True)
    assert column.unique
    assert not column.searched


def test_a_keygen_on_a_unique_column_is_taken() -> None:
    assert Text(unique=True, keygen=IDENTITY).keygen is IDENTITY


@pytest.mark.parametrize('kind', NUMERIC)
@pytest.mark.parametrize('option', ['prefix', 'suffix'])
def test_prefix_and_suffix_of_numbers_need_a_keygen(kind: str, option: str) -> None:
    complains(lambda: KINDS[kind](**{option: True}), f'{kind} column', 'add a keygen')
    column = KINDS[kind](**{option: True, 'keygen': lambda value: [str(value)]})
    assert column.searched


@pytest.mark.parametrize('kind', [*NUMERIC, 'Boolean'])
def test_numbers_and_booleans_need_no_keygen(kind: str) -> None:
    column = KINDS[kind](index=True)
    assert column.searched
    assert column.has_default_keys


def test_json_needs_a_keygen() -> None:
    complains(lambda: Json(index=True), 'Json column', 'keygen')
    assert Json(index=True, keygen=lambda value: list(value)).searched


@pytest.mark.parametrize('option', ['keygen', 'keygen2'])
def test_a_keygen_must_be_callable(option: str) -> None:
    options: dict[str, Any] = {option: 'IDENTITY'}
    complains(lambda: Text(index=True, **options), 'Text column', option, "'IDENTITY'", 'callable')


def test_options_are_truths() -> None:
    column = Text(required=1, unique='yes', index=[], prefix=None)  # type: ignore[arg-type]
    assert (column.required, column.unique, column.index, column.prefix) == (
        True,
        True,
        False,
        False,
    )


def test_positions_of_the_first_options() -> None:
    """Programs of rom 1.x give them by position."""
    column = Text(True, 'x', True, True, FULL_TEXT, True, True)
    assert column.required and column.unique and column.index and column.prefix and column.suffix
    assert (column.default, column.keygen, column.keygen2) == ('x', FULL_TEXT, None)


def test_traits_are_those_of_the_keygen() -> None:
    assert Text(index=True, keygen=SIMPLE).traits == Traits(sorts=True)
    assert Text().traits == Traits()


# The descriptor.


def test_the_class_has_the_column_itself() -> None:
    assert isinstance(Thing.text, Text)
    assert Thing.text.name == 'text'


def test_reading_decodes_once() -> None:
    thing = Thing(data=b'{"a": 1}')
    assert thing.data is thing.data
    assert thing.data == {'a': 1}
    assert thing.changes == []


def test_a_mutable_value_is_remembered_as_it_was_read() -> None:
    thing = Thing(data=b'{"a":1}')
    assert thing.data == {'a': 1}
    assert thing._seen == {'data': b'{"a": 1}'}


def test_what_is_not_stored_reads_as_none_or_the_default() -> None:
    thing = Thing()
    assert thing.text is None
    assert thing.number == 7
    assert thing.made == {}
    assert thing.changes == []


def test_a_callable_default_is_called_for_each() -> None:
    one, other = Thing(), Thing()
    one.made['a'] = 1
    assert other.made == {}


@pytest.mark.parametrize('how', ['initial', 'make_default'])
def test_a_mutable_default_is_not_shared(how: str) -> None:
    column = Json(default=[])
    column.name = 'c'
    args: tuple[Any, ...] = (Thing(), {}) if how == 'initial' else (Thing(),)
    getattr(column, how)(*args).append(1)
    assert getattr(column, how)(*args) == []


def test_setting_converts_and_notes() -> None:
    thing = Thing()
    thing.text = b'caf\xc3\xa9'  # type: ignore[assignment]
    thing.number = '12'  # type: ignore[assignment]
    assert thing.changes == [('text', 'café'), ('number', 12)]
    assert thing.text == 'café'


def test_setting_none_and_deleting_remove() -> None:
    thing = Thing(text=b'x', number=b'1')
    thing.text = None
    del thing.number
    assert thing.changes == [('text', None), ('number', None)]
    assert thing.text is None


@pytest.mark.parametrize('how', ['del', 'None'])
def test_a_required_column_cannot_be_removed(how: str) -> None:
    thing = Thing(needed=b'x')
    with pytest.raises(InvalidOperation) as caught:
        if how == 'del':
            del thing.needed
        else:
            thing.needed = None
    assert str(caught.value).startswith('Thing.needed is required')
    assert 'assign another value' in str(caught.value)
    assert thing.changes == []
    assert thing.needed == 'x'


def test_a_wrong_type_is_refused_by_name() -> None:
    thing = Thing(needed=b'x')
    with pytest.raises(InvalidColumnValue) as caught:
        thing.needed = 5  # type: ignore[assignment]
    assert str(caught.value) == 'Thing.needed: expected a str or UTF-8 bytes, got 5 (int)'
    assert caught.value.__cause__ is None
    assert thing.changes == []


def test_a_column_without_a_name_is_called_by_its_kind() -> None:
    with pytest.raises(
        InvalidColumnValue, match=r'^Integer: expected an int, got None \(NoneType\)$'
    ):
        Integer().check(None)


@pytest.mark.parametrize(
    ('column', 'raw'),
    [
        (Integer(), b'x'),
        (Integer(), b''),
        (Integer(), b'1.5'),
        (Float(), b'x'),
        (Decimal(), b'x'),
        (Decimal(), b'\xff'),
        (DateTime(), b'x'),
        (DateTime(), b'nan'),
        (DateTime(), b'inf'),
        (DateTime(), b'1e20'),
        (DateTime(), b'253402300800.0'),
        (Date(), b'-1e12'),
        (Time(), b'86400.0'),
        (Time(), b'-0.1'),
        (Json(), b'{'),
        (Json(), b'[' * 100_000),
        (Text(), b'\xff'),
        (String(), b'\xff'),
        (String(), '€'.encode()),
        (PrimaryKey(), b'x'),
    ],
    ids=lambda value: repr(value)[:20] if isinstance(value, bytes) else type(value).__name__,
)
def test_what_does_not_decode_is_a_corrupt_row(column: Column[Any], raw: bytes) -> None:
    column.name = 'c'
    with pytest.raises(CorruptRowError) as caught:
        column.read_stored(raw, 'things:1')
    error = caught.value
    assert (error.key, error.column, error.value) == ('things:1', 'c', raw)
    assert error.__cause__ is None
    message = str(error)
    for part in ("things:1, column 'c'", repr(raw[:80]), type(column).__name__, 'force=True'):
        assert part in message
    assert len(message) < 600


def test_a_corrupt_column_leaves_the_others_readable() -> None:
    thing = Thing(number=b'x', text=b'y')
    with pytest.raises(CorruptRowError):
        thing.number
    assert thing.text == 'y'
    thing.number = 5
    assert thing.number == 5


def test_what_a_new_entity_is_given() -> None:
    thing = Thing()
    assert Thing.text.initial(thing, {'text': 'a'}) == 'a'
    assert Thing.text.initial(thing, {}) is None
    assert Thing.number.initial(thing, {}) == 7
    assert Thing.number.initial(thing, {'number': 0}) == 0
    assert Thing.number.initial(thing, {'number': None}) == 7


@pytest.mark.parametrize('given', [{}, {'needed': None}])
def test_a_required_column_left_out_is_missing(given: dict[str, Any]) -> None:
    with pytest.raises(MissingColumn) as caught:
        Thing.needed.initial(Thing(), given)
    assert str(caught.value).startswith('Thing.needed is required')
    assert 'pass needed=...' in str(caught.value)
    assert 'default' in str(caught.value)


def test_a_required_column_may_be_empty() -> None:
    assert Thing.needed.initial(Thing(), {'needed': ''}) == ''


@pytest.mark.parametrize('default', ['x', lambda: 'x'])
def test_a_default_of_the_wrong_type_is_refused(default: Any) -> None:
    column = Integer(default=default)
    column.name = 'c'
    for call in (lambda: column.initial(Thing(), {}), lambda: column.make_default(Thing())):
        with pytest.raises(
            InvalidColumnValue, match=r"^Thing\.c: expected an int, got 'x' \(str\)"
        ):
            call()


def test_a_default_that_gives_nothing_does_not_serve_a_required_column() -> None:
    column = Text(required=True, default=lambda: None)  # type: ignore[arg-type,return-value]
    column.name = 'c'
    with pytest.raises(MissingColumn):
        column.initial(Thing(), {})


def test_a_default_that_raises_is_the_program_s_own_error() -> None:
    column = Integer(default=lambda: 1 // 0)
    column.name = 'c'
    with pytest.raises(ZeroDivisionError):
        column.initial(Thing(), {})


def test_false_and_zero_and_empty_are_defaults() -> None:
    for column, value in (
        (Boolean(default=False), False),
        (Integer(default=0), 0),
        (Text(default=''), ''),
    ):
        assert column.initial(Thing(), {}) == value  # type: ignore[attr-defined]


def test_a_plain_column_has_no_encoding() -> None:
    column: Column[Any] = Column()
    for method in (column.encode, column.decode, column.default_keys, column.score):
        with pytest.raises(NotImplementedError):
            method(b'')


def test_a_column_of_a_program_s_own() -> None:
    class Upper(Text):
        def check(self, value: Any) -> str:
            return super().check(value).upper()

    column = Upper()
    column.name = 'c'
    assert column.initial(Thing(), {'c': 'ab'}) == 'AB'


BIG = 10**5000


@pytest.mark.parametrize('kind', ['Date', 'DateTime', 'Float', 'SaferDateTime', 'Text', 'Time'])
def test_a_huge_number_is_refused_properly(kind: str) -> None:
    with pytest.raises(InvalidColumnValue):
        KINDS[kind]().check(BIG)


def test_the_message_does_not_repeat_a_long_value() -> None:
    with pytest.raises(InvalidColumnValue) as caught:
        Integer().check('x' * 1_000_000)
    assert len(str(caught.value)) < 1000
