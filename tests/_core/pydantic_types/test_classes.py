"""`Model.pydantic`: which fields a class has, and what it is called; that there is one of each."""

import datetime as dt
import decimal
import gc
import threading
import weakref
from typing import Any

import pydantic
import pytest

import rom
from rom import ColumnError, InvalidOperation
from rom._core.pydantic_types.classes import RowClass


def test_all_columns_that_hold_a_value(every: Any) -> None:
    cls = every.pydantic()
    assert issubclass(cls, pydantic.BaseModel)
    assert list(cls.model_fields) == [
        'number', 'real', 'exact', 'flag', 'raw', 'text', 'data', 'moment', 'strict', 'day', 'time',
        'until', 'of', 'one', 'customer', 'id',
    ]  # fmt: skip
    assert (cls.__name__, cls.__module__, cls.__doc__) == (
        'Every',
        every.__module__,
        'One of each.',
    )


def test_title_and_description(every: Any, account: Any) -> None:
    schema = every.pydantic().model_json_schema()
    assert (schema['title'], schema['description']) == ('Every', 'One of each.')
    assert schema['properties']['customer']['description'] == 'Id of Customer.'
    assert schema['properties']['of']['description'] == 'Id of Every.'
    assert 'description' not in account.pydantic().model_json_schema()


def test_required_and_defaults(account: Any) -> None:
    schema = account.pydantic(exclude='id').model_json_schema()
    assert schema['required'] == ['name']
    shown = {name: f['default'] for name, f in schema['properties'].items() if 'default' in f}
    assert shown == {
        'plan': 'free',
        'limit': '1.50',
        'digest': '/wA=',
        'since': '2024-01-02T03:04:05Z',
        'notes': {'a': [1]},
    }
    one = account.pydantic(exclude='id')(name='x')
    assert (one.plan, one.limit, one.token) == ('free', decimal.Decimal('1.50'), 'made')
    assert (one.digest, one.since) == (b'\xff\x00', dt.datetime(2024, 1, 2, 3, 4, 5))
    assert one.until > dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(hours=23)
    one.notes['a'].append(2)
    assert account.pydantic(exclude='id')(name='x').notes == {'a': [1]}
    assert one.model_dump(exclude_unset=True) == {'name': 'x'}


def test_a_class_makes_the_entity_that_the_model_makes(account: Any) -> None:
    body = account.pydantic(exclude='id')(name='x')
    entity, plain = account(**body.model_dump(exclude_unset=True)), account(name='x')
    assert entity._values.keys() == plain._values.keys()
    assert {**entity._values, 'until': 0} == {**plain._values, 'until': 0}
    assert account(**body.model_dump()).since == plain.since


def test_what_is_required_takes_no_null(account: Any) -> None:
    for cls in (account.pydantic(exclude='id'), account.pydantic(partial=True)):
        for name in ('name', 'plan'):
            with pytest.raises(pydantic.ValidationError, match='valid string'):
                cls(**{'name': 'x', name: None})
        assert cls(name='x', token=None).token is None


def test_partial(account: Any) -> None:
    cls = account.pydantic(partial=True)
    assert cls.__name__ == 'PartialAccount'
    assert 'id' not in cls.model_fields
    assert 'id' in account.pydantic(partial=True, include=['id', 'name']).model_fields
    schema = cls.model_json_schema()
    assert 'required' not in schema
    assert not any('default' in field for field in schema['properties'].values())
    assert set(cls().model_dump().values()) == {None}
    sent = cls.model_validate_json('{"token": null, "limit": "2"}')
    entity = account(name='x')
    entity.update(sent.model_dump(exclude_unset=True))
    assert (entity.name, entity.token, entity.limit) == ('x', None, 2)


def test_include_and_exclude(every: Any) -> None:
    def fields(**options: Any) -> list[str]:
        return list(every.pydantic(**options).model_fields)

    assert fields(include='number') == ['number']
    assert fields(include=['text', 'number']) == ['number', 'text']  # as in the model
    assert fields(include=iter(['text', 'id', 'all'])) == ['text', 'id', 'all']
    assert fields(include={'text', 'id'}, exclude={'id', 'day'}) == ['text']
    assert 'text' not in fields(exclude='text')


@pytest.mark.parametrize(
    ('options', 'name'),
    [
        ({}, 'Label'),
        ({'include': ['id', 'first_name', 'age', 'town']}, 'Label'),
        ({'exclude': 'id'}, 'LabelWithoutId'),
        ({'include': ['first_name', 'age', 'town']}, 'LabelWithoutId'),
        ({'include': ['id', 'first_name']}, 'LabelFirstNameId'),
        ({'partial': True}, 'PartialLabel'),
        ({'partial': True, 'exclude': 'first_name'}, 'PartialLabelWithoutFirstName'),
        ({'partial': True, 'exclude': ['age'], 'name': 'Change'}, 'Change'),
        ({'include': ['town', 'first_name', 'age', 'friends']}, 'LabelFirstNameAgeTownFriends'),
    ],
)
def test_names(options: Any, name: str) -> None:
    class Label(rom.Model):
        first_name = rom.Text()
        age = rom.Integer()
        town = rom.ManyToOne('Label', 'no action')
        friends = rom.OneToMany('Label')

    cls = Label.pydantic(**options)
    assert cls.__name__ == cls.model_json_schema()['title'] == name


def test_each_is_made_once(account: Any) -> None:
    assert account.pydantic() is account.pydantic()
    assert account.pydantic(exclude=['id', 'name']) is account.pydantic(exclude={'name', 'id'})
    assert account.pydantic(name='Other') is not account.pydantic()
    assert account.pydantic(partial=True) is not account.pydantic(exclude='id')

    class Special(account):  # type: ignore[misc]
        more = rom.Text()

    assert 'more' in Special.pydantic().model_fields
    assert 'more' not in account.pydantic().model_fields


def test_threads_get_the_same(every: Any) -> None:
    start, found = threading.Barrier(4), []

    def ask() -> None:
        start.wait()
        found.append(every.pydantic())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(map(id, found))) == 1


def test_a_class_goes_with_its_model() -> None:
    def make() -> Any:
        class Fleeting(rom.Model):
            name = rom.Text()

        made = weakref.ref(Fleeting.pydantic())
        rom.MODELS.pop('Fleeting')
        return made

    made = make()
    gc.collect()
    assert made() is None


def test_names_that_pydantic_had_once() -> None:
    class Document(rom.Model):
        json = rom.Text()
        schema = rom.Text()
        model_number = rom.Text()

    cls = Document.pydantic(exclude='id')
    sent = {'json': 'a', 'schema': 'b', 'model_number': 'c'}
    assert cls(**sent).model_dump() == sent
    assert cls.model_validate(Document(**sent)).model_dump() == sent


def test_names_that_pydantic_needs() -> None:
    class Car(rom.Model):
        model_fields = rom.Text()
        colour = rom.Text()

    with pytest.raises(ColumnError, match=r"Car.model_fields: .*exclude='model_fields'"):
        Car.pydantic()
    assert list(Car.pydantic(exclude=['model_fields', 'id']).model_fields) == ['colour']


@pytest.mark.parametrize(
    ('options', 'says'),
    [
        (
            {'include': 'nope'},
            r"Every.pydantic\(include=...\): expected one of .*number.*, got 'nope'",
        ),
        ({'exclude': ['nope']}, r"Every.pydantic\(exclude=...\): expected .* got 'nope'"),
        ({'include': [5]}, 'got 5'),
        ({'include': 'words'}, "'words' is an IndexOnly .* that it indexes, 'text'"),
        ({'include': 'key'}, "'key' is an UnsafeColumn"),
        ({'include': []}, 'nothing is left'),
        ({'include': 'text', 'exclude': 'text'}, 'nothing is left'),
    ],
)
def test_wrong_names(every: Any, options: Any, says: str) -> None:
    with pytest.raises(ColumnError, match=says):
        every.pydantic(**options)


def test_the_base_of_all_models_has_no_columns() -> None:
    with pytest.raises(InvalidOperation, match='name a model that declares some'):
        rom.Model.pydantic()
    with pytest.raises(InvalidOperation, match='name a model that declares some'):
        pydantic.TypeAdapter(rom.Model)


def test_what_is_unknown_is_ignored_as_pydantic_does(account: Any) -> None:
    """So a response model filters; a subclass may say otherwise."""
    assert account.pydantic(include='name')(name='x', secret=1).model_dump() == {'name': 'x'}

    class Strict(account.pydantic(include='name')):  # type: ignore[misc]
        model_config = pydantic.ConfigDict(extra='forbid')

    with pytest.raises(pydantic.ValidationError, match='not permitted'):
        Strict(name='x', secret=1)


def test_from_what_is_no_entity(account: Any) -> None:
    class Other:
        name, plan = 'x', 'y'

    assert account.pydantic(include=['name', 'plan']).model_validate(Other()).plan == 'y'
    assert issubclass(account.pydantic(), RowClass)
