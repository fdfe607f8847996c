"""Declaring: what the metaclass refuses, and the names that columns may have."""

from typing import Any

import pytest
import redis

import rom

# Column objects, and names that arguments have.


@pytest.mark.parametrize(
    'make', [rom.Text, rom.Integer, rom.UnsafeColumn, lambda: rom.OneToMany('SharedColumn')]
)
def test_a_column_object_has_one_name(make: Any) -> None:
    """In one model, in two, and in a mixin; the first model is none the worse for it."""
    with pytest.raises(rom.ColumnError, match=r"SharedTwice.b: .* already has the name 'a'"):

        class SharedTwice(rom.Model):
            a = b = make()

    class SharedColumn(rom.Model):
        a = make()

    with pytest.raises(rom.ColumnError, match=r'SharedOther.b: .* create another one, as in b = '):

        class SharedOther(rom.Model):
            b = SharedColumn.a

    class Mixin:
        c = d = make()

    with pytest.raises(rom.ColumnError, match=r'SharedMixed.d: .* already has the name .c.'):

        class SharedMixed(Mixin, rom.Model):
            pass

    assert SharedColumn.a.name == 'a'
    assert not {'SharedTwice', 'SharedOther', 'SharedMixed'} & {*rom.MODELS}


def test_a_column_object_may_be_in_two_models_by_one_name() -> None:
    note = rom.Text()

    class OneNote(rom.Model):
        text = note

    class OtherNote(rom.Model):
        text = note

    assert (OneNote(text='a').text, OtherNote(text='b').text) == ('a', 'b')


ARGUMENTS = ('self', 'cls', 'model', 'defaults', 'values', 'create', 'unique', 'name')


@pytest.mark.one_server
@pytest.mark.parametrize('name', ARGUMENTS)
def test_a_column_may_be_called_as_an_argument_is(raw: redis.Redis, name: str) -> None:
    """Wherever columns are passed by name."""
    rom.util.CONNECTION = raw
    column = rom.Text(unique=True, index=True, prefix=True, suffix=True, keygen=rom.IDENTITY)
    Named = type(rom.Model)('ArgumentNamed', (rom.Model,), {name: column, 'n': rom.Integer()})
    entity: Any = Named(**{name: 'x'})  # type: ignore[operator]
    entity.save()
    model: Any = Named
    assert model.get_by(**{name: 'x'}) is entity
    assert model.get_or_create({'n': 1}, **{name: 'x'}) == (entity, False)
    assert model.get_or_create({'n': 1}, **{name: 'y'})[0].n == 1
    assert model.upsert({'n': 2}, **{name: 'x'}) == (entity, False)
    assert model.upsert({'n': 2}, {'n': 3}, **{name: 'z'})[0].n == 3
    for how in ('filter', 'startswith', 'endswith', 'like'):
        assert getattr(model.query, how)(**{name: 'x'}).all() == [entity]
    for how in ('does_not_startwith', 'does_not_endwith'):
        assert getattr(model.query, how)(**{name: 'x'}).count() == 2
    assert entity.update(**{name: 'xx'}) is entity
    entity.save()
    assert model.query.filter(**{name: 'xx'}).update(**{name: 'xxx'}) == 1
    assert getattr(entity, name) == 'xxx'
    assert getattr(entity.copy(), name) == 'xxx'
    rom.session.rollback()


@pytest.mark.one_server
def test_arguments_by_name_are_taken_as_such(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw

    class PassedByName(rom.Model):
        key = rom.Text(unique=True)
        values = rom.Integer()
        n = rom.Integer(default=0)

    assert PassedByName.get_or_create(defaults={'n': 4}, key='a')[0].n == 4
    found, made = PassedByName.upsert(values={'n': PassedByName.n + 1}, create={'n': 9}, key='b')
    assert made and found.n == 9
    assert PassedByName.upsert(key='b', values={'n': PassedByName.n + 1})[0].n == 10
    with pytest.raises(rom.QueryError):
        PassedByName.get_or_create({'n': 4}, defaults={'n': 5}, key='c')
    with pytest.raises(rom.QueryError):
        PassedByName.upsert(key='c')
