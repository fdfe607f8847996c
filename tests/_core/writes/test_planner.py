"""Changes: what a plan removes and adds is exactly what makes the old entries the new ones."""

import datetime as dt
import decimal
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rom._core.encoding.keygens import FULL_TEXT, IDENTITY, IDENTITY_STRING, SIMPLE_CI
from rom._core.encoding.legacy_entries import list_entries
from rom._core.schema import INDEX_DATA, Schema
from rom._core.schema_builder import build
from rom._core.writes.changes import Change, Kind, Write
from rom._core.writes.decoded_row import RowValues
from rom._core.writes.entry_changes import entries_of
from rom._core.writes.planner import plan
from rom.columns import (
    Boolean,
    Column,
    DateTime,
    Decimal,
    Float,
    Integer,
    Json,
    PrimaryKey,
    String,
    Text,
)
from rom.exceptions import CorruptRowError, InvalidColumnValue


def schema_of(
    columns: dict[str, Column[Any]], together: object = None, keeps_list: bool = False
) -> Schema:
    columns = {**columns, 'id': PrimaryKey()}
    for name, column in columns.items():
        column.name = name
    return build('N', columns, None, together, keeps_list, {})


def wide(name: str, values: Mapping[str, Any]) -> Any:
    """A keygen2 that reads other columns, and not always the same ones."""
    if values['flag']:
        return [f'{values["age"]}', values['note'] or '']
    return {'': len(values['wide'] or ''), 'x': None}


COLUMNS: dict[str, tuple[Column[Any], st.SearchStrategy[Any]]] = {
    'name': (
        Text(unique=True, index=True, prefix=True, suffix=True, keygen=FULL_TEXT),
        st.text('abÉ \0', max_size=4),
    ),
    'age': (Integer(unique=True, index=True), st.sampled_from([0, 1, 2**63, 2**256, -5])),
    'score': (Float(index=True), st.sampled_from([0.0, -0.0, 5e-324, 1.5, float('inf')])),
    'price': (Decimal(index=True), st.sampled_from(list(map(decimal.Decimal, ('1', '1.0', '2'))))),
    'flag': (Boolean(index=True), st.booleans()),
    'born': (DateTime(index=True), st.sampled_from([dt.datetime.min, dt.datetime.max])),
    'raw': (
        String(index=True, prefix=True, suffix=True, keygen=IDENTITY_STRING),
        st.binary(max_size=2),
    ),
    'sort': (
        Text(index=True, prefix=True, suffix=True, keygen=SIMPLE_CI),
        st.text('aAé', max_size=3),
    ),
    'tags': (
        Json(index=True, keygen=lambda tags: dict.fromkeys(tags) | {'': len(tags)}),
        st.lists(st.sampled_from('abc'), max_size=2),
    ),
    'wide': (Text(index=True, keygen2=wide), st.text('ab', max_size=2)),
    'note': (Text(), st.text('ab', max_size=2)),
}
MANY = schema_of({name: column for name, (column, _) in COLUMNS.items()}, [('age', 'flag', 'note')])
ROWS = st.fixed_dictionaries({name: st.none() | values for name, (_, values) in COLUMNS.items()})

Row = dict[str, Any]


def encoded(schema: Schema, row: Row) -> dict[str, bytes]:
    return {
        name: schema.columns[name].encode(value) for name, value in row.items() if value is not None
    }


def change(
    kind: Kind, old: Row, new: Row, schema: Schema = MANY, full: bool = False, forced: bool = False
) -> Change:
    """As an entity makes it: only what changed is wanted, unless it is all."""
    stored, wanted = encoded(schema, old), encoded(schema, new)
    names = {
        name
        for name in {**old, **new}
        if full or kind == 'insert' or stored.get(name) != wanted.get(name)
    }
    if kind == 'delete':
        names = set()
    else:
        names -= {'id'}
    known = {name: new[name] for name in names if name in new}
    if kind != 'insert':
        stored['id'] = b'1'
    raw = {name: wanted.get(name) for name in names}
    return Change(schema, kind, 1, stored, raw, known, full, forced)


def entries(schema: Schema, row: Row) -> dict[Any, Any]:
    return entries_of(schema, {**encoded(schema, row), 'id': b'1'})


def taken(schema: Schema, row: Row) -> dict[bytes, bytes | None]:
    return {unique.key: unique.value(encoded(schema, row)) for unique in schema.uniques}


def applied(before: Mapping[Any, Any], write: Write) -> dict[Any, Any]:
    """The entries after a write; what it removes must have been there."""
    assert write.removed.keys() <= before.keys()
    assert not write.removed.keys() & write.added.keys()
    after = {entry: score for entry, score in before.items() if entry not in write.removed}
    return after | write.added


def is_as_expected(write: Write, stored: Mapping[str, bytes]) -> None:
    assert list(write.expected)[: len(write.new_values)] == list(write.new_values)
    for name, raw in write.expected.items():
        assert raw == stored.get(name)
    assert 'id' not in write.expected
    assert INDEX_DATA in write.expected


# The property.


@given(ROWS, ROWS)
def test_an_update_turns_the_old_entries_into_the_new_ones(old: Row, new: Row) -> None:
    changing = change('update', old, new)
    write = plan(changing)
    before, after = entries(MANY, old), entries(MANY, new)
    assert applied(before, write) == after
    assert write.outcome == {**encoded(MANY, new), 'id': b'1'}
    is_as_expected(write, changing.stored)


@given(ROWS, ROWS)
def test_an_update_touches_nothing_but_what_changed(old: Row, new: Row) -> None:
    write = plan(change('update', old, new))
    before, after = entries(MANY, old), entries(MANY, new)
    stored, wanted = encoded(MANY, old), encoded(MANY, new)
    assert write.new_values.keys() == {n for n in MANY.columns if stored.get(n) != wanted.get(n)}
    assert write.removed.keys() == before.keys() - after.keys()
    assert write.added == {
        entry: score
        for entry, score in after.items()
        if entry not in before or before[entry] != score
    }


@given(ROWS, ROWS)
def test_an_update_gives_up_and_claims_what_changed(old: Row, new: Row) -> None:
    write = plan(change('update', old, new))
    before, after = taken(MANY, old), taken(MANY, new)
    changed = {key for key in before if before[key] != after[key]}
    assert dict(write.released) == {key: before[key] for key in changed if before[key] is not None}
    assert dict(write.claimed) == {key: after[key] for key in changed if after[key] is not None}


@given(ROWS)
def test_nothing_is_written_for_equal_rows(row: Row) -> None:
    write = plan(change('update', row, row))
    assert not (write.new_values or write.removed or write.added or write.released or write.claimed)


@given(ROWS)
def test_columns_that_are_wanted_as_they_are_cost_no_entry(row: Row) -> None:
    everything = {name: row[name] for name in row}
    same = change('update', row, row)
    raw = encoded(MANY, row)
    write = plan(same._replace(wanted={n: raw.get(n) for n in row}, values=everything))
    assert not (write.removed or write.added or write.released or write.claimed)


@given(ROWS)
def test_an_insert_adds_every_entry(row: Row) -> None:
    write = plan(change('insert', {}, row))
    assert write.added == entries(MANY, row)
    assert write.removed == {}
    assert write.expected == {}
    assert write.released == ()
    assert dict(write.claimed) == {k: v for k, v in taken(MANY, row).items() if v is not None}
    assert write.outcome == encoded(MANY, row)


@given(ROWS)
def test_a_delete_removes_every_entry(row: Row) -> None:
    changing = change('delete', row, {})
    write = plan(changing)
    assert write.removed == entries(MANY, row)
    assert write.added == {}
    assert write.new_values == {}
    assert write.claimed == ()
    assert dict(write.released) == {k: v for k, v in taken(MANY, row).items() if v is not None}
    is_as_expected(write, changing.stored)


@given(ROWS, ROWS)
def test_a_full_update_writes_every_new_entry_again(old: Row, new: Row) -> None:
    write = plan(change('update', old, new, full=True))
    before, after = entries(MANY, old), entries(MANY, new)
    assert write.added == after
    assert write.removed.keys() == before.keys() - after.keys()
    assert dict(write.claimed) == {k: v for k, v in taken(MANY, new).items() if v is not None}


@given(ROWS, ROWS, ROWS)
def test_two_updates_are_as_good_as_one(first: Row, second: Row, third: Row) -> None:
    after = applied(entries(MANY, first), plan(change('update', first, second)))
    after = applied(after, plan(change('update', second, third)))
    assert after == applied(entries(MANY, first), plan(change('update', first, third)))


# What is compared.

SMALL = schema_of(
    {
        'a': Integer(index=True),
        'b': Text(unique=True),
        'c': Text(),
        'd': Text(),
    },
    ('c', 'd'),
)


@pytest.mark.parametrize(
    ('new', 'compared'),
    [
        ({'a': 2, 'b': 'x', 'c': 'x', 'd': 'x'}, {'a'}),
        ({'a': 1, 'b': 'y', 'c': 'x', 'd': 'x'}, {'b'}),
        ({'a': 1, 'b': 'x', 'c': 'y', 'd': 'x'}, {'c', 'd'}),
        ({'a': None, 'b': None, 'c': 'x', 'd': 'x'}, {'a', 'b'}),
    ],
)
def test_only_what_the_outcome_depends_on_is_compared(new: Row, compared: set[str]) -> None:
    old = {'a': 1, 'b': 'x', 'c': 'x', 'd': 'x'}
    write = plan(change('update', old, new, SMALL))
    assert write.expected.keys() == compared | {INDEX_DATA}
    is_as_expected(write, {**encoded(SMALL, old)})


def test_a_delete_compares_what_has_entries_or_is_unique() -> None:
    write = plan(change('delete', {'a': 1, 'b': 'x', 'c': 'x'}, {}, SMALL))
    assert write.expected == {'a': b'1', 'b': b'x', 'c': b'x', 'd': None, INDEX_DATA: None}


def test_the_columns_that_a_keygen2_read_are_compared() -> None:
    old = {'flag': True, 'age': 1, 'note': 'n', 'wide': 'w', 'name': 'x'}
    write = plan(change('update', old, {**old, 'note': 'm'}))
    assert write.expected.keys() == {'note', 'wide', 'flag', 'age', INDEX_DATA}
    old['flag'] = False
    # What the keygen looked at decides whether it is concerned, so it is compared even if not.
    unconcerned = plan(change('update', old, {**old, 'price': None}))
    assert unconcerned.expected.keys() == {'wide', 'flag', INDEX_DATA}
    assert not unconcerned.added
    assert not unconcerned.removed
    write = plan(change('update', old, {**old, 'wide': 'v'}))
    assert write.expected.keys() == {'wide', 'flag', INDEX_DATA}


def test_a_keygen2_whose_columns_did_not_change_is_left_alone() -> None:
    old = {'flag': True, 'age': 1, 'note': 'n', 'wide': 'w', 'name': 'x'}
    write = plan(change('update', old, {**old, 'name': 'y'}))
    assert {key.split(b':')[1] for key, _ in write.added} == {b'name'}


def test_the_id_is_there_for_a_keygen2() -> None:
    schema = schema_of({'a': Text(index=True, keygen2=lambda name, values: [f'{values["id"]}'])})
    write = plan(change('insert', {}, {'a': 'x'}, schema))
    assert list(write.added) == [(b'N:a:1:idx', b'')]
    write = plan(change('delete', {'a': 'x'}, {}, schema))
    assert list(write.removed) == [(b'N:a:1:idx', b'')]
    assert 'id' not in write.expected


@pytest.mark.parametrize('look', [
    lambda values: values.get('gone'), lambda values: 'gone' in values,
    lambda values: values.get(5),
], ids=['get', 'in', 'get number'])  # fmt: skip
def test_what_is_no_column_is_not_compared(look: Any) -> None:
    schema = schema_of({'a': Text(index=True, keygen2=lambda name, values: look(values) or ['x'])})
    write = plan(change('update', {'a': 'x'}, {'a': 'y'}, schema))
    assert write.expected.keys() == {'a', INDEX_DATA}


# Values that do not decode.


def corrupt(kind: Kind, raw: Row, wanted: Row, schema: Schema, **options: bool) -> Change:
    changed = {name: schema.columns[name].encode(value) for name, value in wanted.items()}
    return Change(schema, kind, 1, {**raw, 'id': b'1'}, changed, wanted, **options)


def test_a_corrupt_old_value_that_is_overwritten_is_an_error() -> None:
    with pytest.raises(CorruptRowError) as caught:
        plan(corrupt('update', {'a': b'x'}, {'a': 5}, SMALL))
    assert caught.value.column == 'a'
    assert 'force=True' in str(caught.value)


def test_a_corrupt_value_elsewhere_does_not_matter() -> None:
    write = plan(corrupt('update', {'a': b'x'}, {'b': 'y'}, SMALL))
    assert write.expected.keys() == {'b', INDEX_DATA}


def test_a_corrupt_old_value_can_be_overwritten_by_force() -> None:
    write = plan(corrupt('update', {'a': b'x'}, {'a': 5}, SMALL, forced=True))
    assert write.added == {(b'N:a:idx', b''): b'5.0'}
    assert write.removed == {}


def test_a_corrupt_row_can_be_deleted() -> None:
    write = plan(corrupt('delete', {'a': b'x', 'b': b'y'}, {}, SMALL))
    assert write.removed == {}
    assert write.released == ((b'N:b:uidx', b'y'),)


def test_a_corrupt_value_that_only_a_keygen2_reads_does_not_matter() -> None:
    wide = Text(index=True, keygen2=lambda name, values: [str(values['a'])])
    schema = schema_of({'a': Integer(), 'b': Text(), 'w': wide})
    write = plan(corrupt('update', {'a': b'x'}, {'b': 'y'}, schema))
    assert write.added == {}


def raising(value: Any) -> Any:
    if value == 'old':
        raise RuntimeError('this keygen was another when the row was written')
    return [value]


RAISING = schema_of({'a': Text(index=True, keygen=raising), 'n': Float(index=True)})


@pytest.mark.parametrize('stored', [{'a': b'old'}, {'n': b'nan'}])
def test_a_row_that_a_keygen_fails_on_can_be_deleted(stored: Row) -> None:
    assert plan(corrupt('delete', stored, {}, RAISING)).removed == {}


@pytest.mark.parametrize(
    ('stored', 'wanted'), [({'a': b'old'}, {'a': 'new'}), ({'n': b'nan'}, {'n': 1.0})]
)
def test_a_value_that_a_keygen_fails_on_can_be_overwritten_by_force(
    stored: Row, wanted: Row
) -> None:
    assert len(plan(corrupt('update', stored, wanted, RAISING, forced=True)).added) == 1


@pytest.mark.parametrize('kind', ['insert', 'update'])
def test_a_keygen_that_fails_on_a_new_value_stops_the_write(kind: Kind) -> None:
    write = plan(change(kind, {'a': 'x'} if kind == 'update' else {}, {'a': 'old'}, RAISING))
    with pytest.raises(InvalidColumnValue, match=r"^N\.a: the keygen failed on 'old'"):
        assert write.added


# The list of rom 1.x.

LISTED = schema_of({'a': Text(index=True, prefix=True, keygen=IDENTITY), 'n': Integer(index=True)})
KEEPING = schema_of(
    {'a': Text(index=True, prefix=True, keygen=IDENTITY), 'n': Integer(index=True)}, keeps_list=True
)


def with_list(kind: Kind, old: Row, new: Row, schema: Schema, listed: Any) -> Change:
    made = change(kind, old, new, schema)
    raw = listed if isinstance(listed, bytes) else json.dumps(listed).encode()
    return made._replace(stored={**made.stored, INDEX_DATA: raw})


def test_a_row_with_a_list_loses_it_and_what_it_names() -> None:
    listed = [['a:old', 'gone:word'], ['n', 'gone'], [['a', 'old']], ['home', ['a', 'dlo']], {}]
    old = {'a': 'old', 'n': 1}
    write = plan(with_list('update', old, {'a': 'new', 'n': 1}, LISTED, listed))
    assert write.removed.keys() == {
        (b'N:a:old:idx', b''),
        (b'N:a:pre', b'old\0'),
        (b'N:gone:word:idx', b''),
        (b'N:gone:idx', b''),
        (b'N:a:suf', b'dlo\0'),
        (b'N:home:geo', b''),
    }
    assert write.added == entries(LISTED, {'a': 'new', 'n': 1})
    assert write.new_values == {'a': b'new', INDEX_DATA: None}
    assert write.expected.keys() == {'a', 'n', INDEX_DATA}
    assert write.expected[INDEX_DATA] == json.dumps(listed).encode()
    assert INDEX_DATA not in write.outcome


def test_what_a_list_does_not_name_is_removed_all_the_same() -> None:
    write = plan(with_list('update', {'a': 'old'}, {'a': None}, LISTED, [{}, {}, {}, {}, {}]))
    assert write.removed.keys() == {(b'N:a:old:idx', b''), (b'N:a:pre', b'old\0')}


@pytest.mark.parametrize('broken', [b'', b'{', b'null', b'5', b'[]', b'\xff'])
def test_a_broken_list_is_dropped(broken: bytes) -> None:
    write = plan(with_list('update', {'n': 1}, {'n': 2}, LISTED, broken))
    assert write.new_values == {'n': b'2', INDEX_DATA: None}
    assert write.removed == {}
    assert write.added == {(b'N:n:idx', b''): b'2.0'}


def test_a_delete_removes_what_the_list_names() -> None:
    write = plan(with_list('delete', {'n': 1}, {}, LISTED, [['gone:word'], ['n'], [], [], []]))
    assert write.removed.keys() == {(b'N:gone:word:idx', b''), (b'N:n:idx', b'')}
    assert write.new_values == {}
    assert INDEX_DATA in write.expected


@given(ROWS, ROWS)
def test_a_list_that_is_right_changes_nothing_about_the_entries(old: Row, new: Row) -> None:
    before, after = entries(MANY, old), entries(MANY, new)
    listed = list_entries(MANY.keys, {e: s for e, s in before.items() if is_text(e)})
    write = plan(with_list('update', old, new, MANY, listed))
    assert applied(before, write) == after
    assert write.added == after


def is_text(entry: tuple[bytes, bytes]) -> bool:
    """rom 1.x has no others."""
    try:
        return bool(b''.join(entry).decode() or True)
    except UnicodeDecodeError:
        return False


def test_a_model_that_keeps_the_list_writes_it() -> None:
    write = plan(change('insert', {}, {'a': 'x', 'n': 1}, KEEPING))
    assert json.loads(write.new_values[INDEX_DATA] or b'') == [['a:x'], ['n'], [['a', 'x']], [], []]
    write = plan(change('update', {'a': 'x', 'n': 1}, {'a': 'y', 'n': 1}, KEEPING))
    assert json.loads(write.new_values[INDEX_DATA] or b'') == [['a:y'], ['n'], [['a', 'y']], [], []]
    assert write.expected[INDEX_DATA] is None


def test_a_list_that_stays_the_same_is_not_written_again() -> None:
    same = with_list('update', {'n': 1}, {'n': 2}, KEEPING, [[], ['n'], [], [], []])
    write = plan(same)
    assert write.new_values == {'n': b'2'}
    assert write.expected[INDEX_DATA] == b'[[], ["n"], [], [], []]'


def test_a_delete_with_a_kept_list_writes_none() -> None:
    write = plan(with_list('delete', {'n': 1}, {}, KEEPING, [[], ['n'], [], [], []]))
    assert write.new_values == {}
    assert write.removed.keys() == {(b'N:n:idx', b'')}


# RowValues, Change and Write.


def test_row_values_are_decoded_when_they_are_asked_for() -> None:
    values = RowValues(SMALL, {'a': b'5', 'c': b'\xff'}, {'b': 'known'}, lenient=False)
    assert values['a'] == 5
    assert values['b'] == 'known'
    assert values['d'] is None
    assert list(values) == ['a', 'b', 'c', 'd', 'id']
    assert len(values) == 5
    assert values.get('nope', 7) == 7
    assert 'nope' not in values and 'd' in values
    with pytest.raises(KeyError):
        values['nope']
    with pytest.raises(CorruptRowError, match="column 'c'"):
        values['c']


def test_lenient_row_values_are_none_where_they_do_not_decode() -> None:
    values = RowValues(SMALL, {'a': b'x'}, {}, lenient=True)
    assert values['a'] is None


def test_what_is_known_counts_more_than_what_is_stored() -> None:
    assert RowValues(SMALL, {'a': b'5'}, {'a': 6}, lenient=False)['a'] == 6
    assert RowValues(SMALL, {'a': b'5'}, {'a': None}, lenient=False)['a'] is None


def test_changes_and_writes_are_frozen() -> None:
    made = change('insert', {}, {'a': 1}, SMALL)
    with pytest.raises(AttributeError):
        made.id = None  # type: ignore[misc]
    with pytest.raises(AttributeError):
        plan(made).expected = {}  # type: ignore[misc]


def test_planning_changes_nothing_of_its_own_input() -> None:
    made = with_list('update', {'n': 1}, {'n': 2}, LISTED, [[], ['n'], [], [], []])
    stored, wanted = dict(made.stored), dict(made.wanted)
    plan(made)
    assert (made.stored, made.wanted) == (stored, wanted)


def test_entries_of_a_row_that_does_not_decode() -> None:
    with pytest.raises(CorruptRowError, match="column 'a'"):
        entries_of(SMALL, {'a': b'x'})
    assert entries_of(SMALL, {}) == {}
