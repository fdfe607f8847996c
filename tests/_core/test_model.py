"""Models and entities, as far as no server is needed: class bodies, constructors, values."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rom
from rom import ColumnError, InvalidColumnValue, InvalidOperation, MissingColumn, ORMError
from rom._core.writes.planner import plan


def forbidden(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError('nothing here may talk to a server')


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Entities register with the session and nothing more."""
    monkeypatch.setattr(rom.util, 'get_connection', forbidden)
    rom.session.rollback()
    yield
    rom.session.rollback()


class Person(rom.Model):
    _namespace = 'model-people'

    name = rom.Text(required=True, unique=True)
    age = rom.Integer(index=True)
    height = rom.Float(default=1.5)
    tags = rom.Json(default=list)
    data = rom.Json()
    born = rom.Date()


def make(name: str, bases: tuple[type, ...] = (rom.Model,), **body: Any) -> Any:
    return type(rom.Model)(name, bases, {'__module__': __name__, **body})


def loaded(**stored: bytes) -> Person:
    """An entity as a session makes it of a row."""
    person = Person._from_row(5, {'id': b'5', **stored})
    rom.session.add(person)
    return person


# The class.


def test_what_a_model_knows_of_itself() -> None:
    assert Person._namespace == 'model-people'
    assert Person._pkey == 'id'
    assert list(Person._columns) == ['name', 'age', 'height', 'tags', 'data', 'born', 'id']
    assert isinstance(Person._columns['id'], rom.PrimaryKey)
    assert Person.age is Person._columns['age']
    assert Person.id is Person._columns['id']
    assert rom.MODELS['Person'] is rom.MODELS['model-people'] is Person


def test_a_query_of_each_model_is_its_own() -> None:
    assert isinstance(Person.query, rom.Query)
    assert Person.query is not Person.query


def test_a_primary_key_of_another_name() -> None:
    thing = make('ModelThing', number=rom.PrimaryKey(), id=rom.Text())
    assert thing._pkey == 'number'
    assert thing(id='any')._columns.keys() == {'number', 'id'}


def test_an_id_that_is_no_primary_key() -> None:
    with pytest.raises(ColumnError) as caught:
        make('ModelThing', id=rom.Integer())
    message = str(caught.value)
    assert message.startswith('ModelThing.id is not a primary key')
    assert 'declare it as a PrimaryKey' in message


def test_two_primary_keys() -> None:
    with pytest.raises(ColumnError, match=r'^ModelThing has 2 primary keys \(a, b\); keep one'):
        make('ModelThing', a=rom.PrimaryKey(), b=rom.PrimaryKey())


@pytest.mark.parametrize('namespace', ['', 5, b'things', ['things']])
def test_a_namespace_that_is_no_string(namespace: Any) -> None:
    with pytest.raises(ORMError, match=r'^ModelThing\._namespace: expected a non-empty str'):
        make('ModelThing', _namespace=namespace)


@pytest.mark.parametrize(
    'name',
    [
        'save',
        'delete',
        'get',
        'get_by',
        'query',
        'update',
        'to_dict',
        'copy',
        'refresh',
        '_values',
        '_pk',
        '_session',
        '_key',
        '_conn',
        '_extra_ok',
        '_id',
    ],
)
def test_names_that_belong_to_the_model(name: str) -> None:
    with pytest.raises(ColumnError) as caught:
        make('ModelThing', **{name: rom.Text()})
    assert str(caught.value).startswith(f'ModelThing.{name}: ')
    assert 'rename the column' in str(caught.value)


@pytest.mark.parametrize(
    'groups', [[('a',)], [('a', 'b'), ('b', 'a')], [('a', 'nope')], [('a', 'id')]]
)
def test_unique_together_is_checked_when_the_class_is_made(groups: Any) -> None:
    with pytest.raises(ColumnError, match=r'^ModelThing\.unique_together'):
        make('ModelThing', a=rom.Text(), b=rom.Text(), unique_together=groups)
    assert 'ModelThing' not in rom.MODELS


def test_options_of_the_schema_come_from_the_body() -> None:
    thing = make(
        'ModelThing',
        a=rom.Text(),
        b=rom.Text(),
        unique_together=('b', 'a'),
        _keep_index_data=True,
    )
    assert thing._schema.uniques[0].columns == ('a', 'b')
    assert thing._schema.keep_index_data
    assert not Person._schema.keep_index_data


# Inheritance.


def test_columns_are_inherited_and_the_namespace_is_not() -> None:
    base = make('ModelBase', _namespace='model-bases', a=rom.Text(), b=rom.Text())
    sub = make('ModelSub', (base,), b=rom.Integer(), c=rom.Text())
    assert sub._namespace == 'ModelSub'
    assert list(sub._columns) == ['a', 'b', 'id', 'c']
    assert sub._columns['a'] is base._columns['a']
    assert isinstance(sub._columns['b'], rom.Integer)
    assert isinstance(base._columns['b'], rom.Text)
    entity = sub(a='x', b=5, c='y')
    assert (entity.a, entity.b, entity.c) == ('x', 5, 'y')
    assert isinstance(entity, base)


def test_an_indexed_column_that_is_inherited_has_the_keys_of_each_model() -> None:
    base = make('ModelBase', a=rom.Integer(index=True))
    sub = make('ModelSub', (base,))
    for model in (base, sub):
        [(key, _)] = model._schema.indexes['a'].entries({'a': 5})
        assert key == f'{model.__name__}:a:idx'.encode()


def test_a_primary_key_of_its_own_replaces_the_one_that_was_made() -> None:
    base = make('ModelBase', a=rom.Text())
    sub = make('ModelSub', (base,), number=rom.PrimaryKey())
    assert list(sub._columns) == ['a', 'number']
    assert sub._pkey == 'number'


def test_a_primary_key_beside_one_that_was_declared() -> None:
    base = make('ModelBase', number=rom.PrimaryKey())
    assert make('ModelSub', (base,))._pkey == 'number'
    with pytest.raises(ColumnError, match='2 primary keys'):
        make('ModelOther', (base,), other=rom.PrimaryKey())


def test_an_inherited_id_cannot_become_another_column() -> None:
    base = make('ModelBase', a=rom.Text())
    with pytest.raises(ColumnError, match=r'^ModelSub\.id is not a primary key'):
        make('ModelSub', (base,), id=rom.Text())


def test_of_several_bases_the_first_has_precedence() -> None:
    one = make('ModelOne', x=rom.Text())
    two = make('ModelTwo', x=rom.Integer(), y=rom.Text())
    both = make('ModelBoth', (one, two))
    assert both._columns['x'] is both.x is one.x
    assert both._columns['y'] is two.y


def test_in_a_diamond_the_columns_are_those_that_attributes_find() -> None:
    top = make('ModelTop', x=rom.Text())
    left = make('ModelLeft', (top,))
    right = make('ModelRight', (top,), x=rom.Integer())
    bottom = make('ModelBottom', (left, right))
    assert bottom.x is right.x
    assert bottom._columns['x'] is right.x


def test_an_inherited_column_can_be_taken_away() -> None:
    base = make('ModelBase', a=rom.Text(), b=rom.Text())
    try:
        sub = make('ModelSub', (base,), a=None)
    except ColumnError:
        return
    assert list(sub._columns) == ['b', 'id']


def test_columns_of_a_plain_mixin_count_or_are_an_error() -> None:
    mixin = type('ModelMixin', (), {'a': rom.Text()})
    try:
        thing = make('ModelThing', (mixin, rom.Model))
    except ColumnError:
        return
    assert 'a' in thing._columns


def test_methods_and_hooks_are_inherited() -> None:
    base = make('ModelBase', a=rom.Text(), shout=lambda self: self.a.upper())
    assert make('ModelSub', (base,))(a='x').shout() == 'X'


# The constructor.


def test_values_and_defaults() -> None:
    person = Person(name='Ann', age='42')
    assert (person.name, person.age, person.height, person.tags) == ('Ann', 42, 1.5, [])
    assert person.data is None and person.born is None


def test_unknown_names() -> None:
    with pytest.raises(InvalidColumnValue) as caught:
        Person(name='Ann', nope=1, neither=2)
    message = str(caught.value)
    assert message.startswith("Person has no column 'neither', 'nope'; it has name, age")
    assert '_extra_ok=True' in message


def test_extra_names_can_be_ignored() -> None:
    person = Person(_extra_ok=True, name='Ann', nope=1)
    assert person.name == 'Ann'
    assert not hasattr(person, 'nope')


def test_a_primary_key_cannot_be_passed_in() -> None:
    with pytest.raises(InvalidColumnValue) as caught:
        Person(name='Ann', id=5)
    assert 'Person.id is the primary key and cannot be assigned' in str(caught.value)
    assert Person(name='Ann', id=None).name == 'Ann'


def test_a_required_column_left_out() -> None:
    with pytest.raises(MissingColumn) as caught:
        Person(age=5)
    assert issubclass(MissingColumn, ColumnError)
    assert str(caught.value).startswith('Person.name is required: pass name=...')


@pytest.mark.parametrize(
    ('column', 'value', 'kind'),
    [
        ('name', 5, 'a str or UTF-8 bytes, got 5 (int)'),
        ('age', 1.5, 'an int, got 1.5 (float)'),
        ('age', True, 'an int, got True (bool)'),
        ('height', 'tall', "a float or int, got 'tall' (str)"),
        ('tags', 'x', "a dict, list or tuple, got 'x' (str)"),
        ('born', '2000-01-01', "a date, got '2000-01-01' (str)"),
    ],
)
def test_wrong_types(column: str, value: Any, kind: str) -> None:
    message = f'Person.{column}: expected {kind}'
    with pytest.raises(InvalidColumnValue) as caught:
        Person(**{'name': 'Ann', column: value})
    assert str(caught.value) == message
    person = Person(name='Ann')
    with pytest.raises(InvalidColumnValue) as caught:
        setattr(person, column, value)
    assert str(caught.value) == message


def test_text_that_latin_1_cannot_say() -> None:
    thing = make('ModelThing', a=rom.String())
    with pytest.raises(UnicodeEncodeError):
        thing(a='€')


def test_a_list_as_default_is_not_shared() -> None:
    thing = make('ModelThing', a=rom.Json(default=[]), b=rom.Json(default={'x': []}))
    one, other = thing(), thing()
    one.a.append(1)
    one.b['x'].append(1)
    assert (other.a, other.b) == ([], {'x': []})
    assert (thing().a, thing().b) == ([], {'x': []})


def test_an_entity_that_failed_is_not_in_the_session() -> None:
    for wrong in ({}, {'name': 5}, {'name': 'Ann', 'nope': 1}, {'name': 'Ann', 'id': 1}):
        with pytest.raises(ColumnError):
            Person(**wrong)
    assert not rom.session._identity.unsaved


def test_a_new_entity_is_in_the_session() -> None:
    person = Person(name='Ann')
    assert list(rom.session._identity.unsaved.values()) == [person]
    rom.session.forget(person)
    assert not rom.session._identity.unsaved


def test_the_base_has_no_entities() -> None:
    with pytest.raises(ORMError):
        rom.Model()


# An entity's life.


def test_a_new_entity() -> None:
    person = Person(name='Ann')
    assert person._new and person._modified and not person._deleted
    assert person._id is None
    assert person._key == 'model-people:(new)'
    assert person._namespace == 'model-people' and person._pkey == 'id'


def test_a_loaded_entity() -> None:
    person = loaded(name=b'Ann', age=b'42')
    assert not (person._new or person._modified or person._deleted)
    assert person._pk == 'model-people:5'
    assert person.id == 5
    assert (person.name, person.age, person.height) == ('Ann', 42, 1.5)
    assert not person._modified
    assert person._change(False, False) is None


def test_what_was_set_is_changed() -> None:
    person = loaded(name=b'Ann', age=b'42')
    person.age = 43
    assert person._modified
    change = person._change(False, False)
    assert change is not None
    assert (change.kind, change.id, change.wanted) == ('update', 5, {'age': b'43'})
    assert change.values == {'age': 43}


def test_what_was_set_to_what_it_was_is_not_written() -> None:
    person = loaded(name=b'Ann', age=b'42')
    person.age = 42
    person.data = None
    assert person._change(False, False) is None


def test_a_change_in_place_is_seen() -> None:
    person = loaded(tags=b'["a"]', data=b'{}')
    assert person.tags == ['a'] and not person._modified
    person.tags.append('b')
    assert person._modified
    change = person._change(False, False)
    assert change is not None and change.wanted == {'tags': b'["a", "b"]'}
    person.tags.pop()
    assert not person._modified


def test_spaces_in_stored_json_are_no_change() -> None:
    person = loaded(data=b'{"b":1,"a":2}')
    assert person.data == {'a': 2, 'b': 1}
    assert not person._modified
    assert person._change(False, False) is None


def test_removing() -> None:
    person = loaded(name=b'Ann', age=b'42', born=b'0.0')
    person.age = None
    del person.born
    change = person._change(False, False)
    assert change is not None and change.wanted == {'age': None, 'born': None}
    assert person.age is None and person.born is None


@pytest.mark.parametrize('how', [lambda p: delattr(p, 'name'), lambda p: setattr(p, 'name', None)])
def test_a_required_column_cannot_be_removed(how: Any) -> None:
    person = loaded(name=b'Ann')
    with pytest.raises(InvalidOperation, match=r'^Person\.name is required.*assign another value'):
        how(person)
    assert person.name == 'Ann' and not person._modified


@pytest.mark.parametrize('how', [
    lambda p: setattr(p, 'id', 7), lambda p: setattr(p, 'id', None), lambda p: delattr(p, 'id'),
])  # fmt: skip
def test_the_primary_key_cannot_be_set(how: Any) -> None:
    for person in (loaded(name=b'Ann'), Person(name='Ann')):
        with pytest.raises(InvalidOperation, match=r'^Person\.id is the primary key'):
            how(person)


def test_full_wants_every_column_but_the_key() -> None:
    person = loaded(name=b'Ann', age=b'42')
    change = person._change(True, False)
    assert change is not None and change.full
    assert change.wanted.keys() == Person._columns.keys() - {'id'}
    assert change.wanted['name'] == b'Ann' and change.wanted['data'] is None


def test_what_full_writes_does_not_depend_on_what_was_read() -> None:
    untouched, read = loaded(name=b'Ann'), loaded(name=b'Ann')
    assert read.height == 1.5
    first, second = untouched._change(True, False), read._change(True, False)
    assert first is not None and second is not None and first.wanted == second.wanted


def test_update_sets_several_and_returns_the_entity() -> None:
    person = loaded(name=b'Ann')
    assert person.update({'name': 'Bob'}, age='7', born=None) is person
    assert (person.name, person.age, person.born) == ('Bob', 7, None)
    assert person.update([('age', 8)]).age == 8


@pytest.mark.parametrize('wrong', [{'nope': 1}, {'age': 'x'}])
def test_update_sets_all_or_nothing(wrong: dict[str, Any]) -> None:
    person = loaded(name=b'Ann')
    with pytest.raises(InvalidColumnValue, match=r'^Person(\.age: | has no column)'):
        person.update(name='Bob', **wrong)
    assert person.name == 'Ann' and not person._modified


@pytest.mark.parametrize('wrong', [{'name': None}, {'id': 7}, {'id': None}])
def test_update_with_what_cannot_be_set_sets_nothing(wrong: dict[str, Any]) -> None:
    person = loaded(name=b'Ann')
    with pytest.raises(InvalidOperation):
        person.update({'age': 7, **wrong})
    assert person.age is None and not person._modified


def test_to_dict() -> None:
    person = loaded(name=b'Ann', tags=b'[1]', born=b'0.0')
    assert person.to_dict() == {
        'name': 'Ann',
        'age': None,
        'height': 1.5,
        'tags': [1],
        'data': None,
        'born': dt.date(1970, 1, 1),
        'id': 5,
    }
    assert not person._modified


def test_a_copy_is_new() -> None:
    person = loaded(name=b'Ann', age=b'42')
    twin = person.copy()
    assert twin is not person and twin._new and twin._id is None
    assert (twin.name, twin.age) == ('Ann', 42)


def test_a_copy_shares_nothing_that_changes() -> None:
    person = loaded(name=b'Ann', tags=b'[]')
    person.copy().tags.append(1)
    assert person.tags == [] and not person._modified


def test_copying_a_new_entity_needs_no_server() -> None:
    try:
        twin = Person(name='Ann').copy()
    except BaseException as error:
        raise AssertionError('it asked for an id') from error
    assert twin.name == 'Ann'


def test_repr() -> None:
    assert repr(Person(name='Ann')) == "<model-people:(new) name='Ann', height=1.5, tags=[]>"
    person = loaded(name=b'Ann', age=b'42', tags=b'[1]')
    assert repr(person) == "<model-people:5 name='Ann', age=42, tags=[1]>"
    assert person._values == {}


def test_repr_of_a_huge_integer() -> None:
    assert repr(Person(name='Ann', age=10**4299)).startswith('<model-people:(new)')


def test_a_corrupt_column_names_the_row() -> None:
    person = loaded(name=b'Ann', age=b'x')
    with pytest.raises(rom.CorruptRowError, match=r"^model-people:5, column 'age'"):
        person.age
    assert person.name == 'Ann'
    person.age = 5
    assert person.age == 5


def test_an_entity_that_changes_is_held_strongly() -> None:
    person = loaded(name=b'Ann')
    rom.session._identity.release()
    assert not rom.session.known
    person.age = 5
    assert list(rom.session.known.values()) == [person]


def test_after_a_save_only_what_was_saved_is_clean() -> None:
    person = loaded(name=b'Ann')
    person.age = 5
    change = person._change(False, False)
    assert change is not None
    person.age = 6
    person._saved(change, 5, plan(change).outcome, 0.0)
    assert person._modified and person.age == 6
    again = person._change(False, False)
    assert again is not None and again.wanted == {'age': b'6'}
    person._saved(again, 5, plan(again).outcome, 0.0)
    assert not person._modified


def test_a_first_save_gives_the_id() -> None:
    person = Person(name='Ann', tags=['a'])
    change = person._change(False, False)
    assert change is not None and change.kind == 'insert' and change.id is None
    person._saved(change, 9, plan(change).outcome, 0.0)
    assert (person.id, person._pk, person._new, person._modified) == (
        9,
        'model-people:9',
        False,
        False,
    )
    person.tags.append('b')
    assert person._modified


@given(
    st.text(st.characters(codec='utf-8'), min_size=1),
    st.none() | st.integers(),
    st.none() | st.dates(),
    st.lists(st.integers()),
)
def test_what_is_written_is_read(name: str, age: Any, born: Any, tags: list[int]) -> None:
    change = Person(name=name, age=age, born=born, tags=tags)._change(False, False)
    assert change is not None
    read = Person._from_row(7, {**plan(change).outcome, 'id': b'7'})
    assert (read.name, read.age, read.born, read.tags) == (name, age, born, tags)
    assert read._change(False, False) is None
    rom.session.rollback()
