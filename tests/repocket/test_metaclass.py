"""Class bodies, right and wrong."""

from typing import Any

import pytest

from rom.exceptions import ORMError
from rom.repocket import MODELS, ActiveRecord, attributes
from rom.repocket.errors import RepocketActiveRecordDefinitionError


def test_a_model_without_an_id_gets_one() -> None:
    class Plain(ActiveRecord):
        name = attributes.Unicode()

    assert list(Plain._record_schema.attributes) == ['id', 'name']
    assert isinstance(Plain.id, attributes.AutoUUID)  # type: ignore[attr-defined]
    assert Plain().id != Plain().id  # type: ignore[attr-defined]
    assert Plain().id.version == 1  # type: ignore[attr-defined]


def test_the_id_may_have_another_name() -> None:
    class Named(ActiveRecord):
        uid = attributes.AutoUUID()

    assert list(Named._record_schema.attributes) == ['uid']


def test_two_ids() -> None:
    with pytest.raises(RepocketActiveRecordDefinitionError, match=r'2 AutoUUIDs \(a, b\)'):

        class Twice(ActiveRecord):
            a = attributes.AutoUUID()
            b = attributes.AutoUUID()

    assert issubclass(RepocketActiveRecordDefinitionError, ORMError)


def test_an_id_that_is_none() -> None:
    with pytest.raises(RepocketActiveRecordDefinitionError, match='expected an AutoUUID'):

        class Numbered(ActiveRecord):
            id = attributes.Integer()


@pytest.mark.parametrize('name', ['save', 'get', 'delete', '_x', 'objects', 'to_dict', 'create'])
def test_names_that_are_taken(name: str) -> None:
    with pytest.raises(RepocketActiveRecordDefinitionError, match=f'Taken.{name}'):
        type(ActiveRecord)('Taken', (ActiveRecord,), {name: attributes.Unicode()})


def test_a_default_that_is_none_of_its_values() -> None:
    with pytest.raises(RepocketActiveRecordDefinitionError, match=r'Wrong\.n, its default'):

        class Wrong(ActiveRecord):
            n = attributes.Integer(default='x')


def test_attributes_are_inherited() -> None:
    class Base(ActiveRecord):
        a = attributes.Unicode()
        b = attributes.Unicode()

    class Child(Base):
        b = attributes.Integer()  # type: ignore[assignment]
        c = attributes.Unicode()

    assert list(Child._record_schema.attributes) == ['id', 'a', 'b', 'c']
    assert isinstance(Child._record_schema.attributes['b'], attributes.Integer)
    assert Child._record_schema.name.endswith(':Child')


def test_methods_that_append() -> None:
    class Log(ActiveRecord):
        out = attributes.ByteStream()
        err = attributes.ByteStream()

        def append_err(self, data: Any) -> str:
            return 'my own'

    assert Log().append_err(b'') == 'my own'
    assert Log().append_out(b'').endswith(':field:out')  # type: ignore[attr-defined]

    with pytest.raises(RepocketActiveRecordDefinitionError, match='append_out'):

        class Clash(ActiveRecord):
            out = attributes.ByteStream()
            append_out = attributes.Unicode()


def test_the_registry() -> None:
    class Registered(ActiveRecord):
        pass

    assert MODELS[f'{__name__}:Registered'] is Registered
    first = Registered

    class Registered(ActiveRecord):  # type: ignore[no-redef]
        pass

    assert MODELS[f'{__name__}:Registered'] is not first


@pytest.mark.parametrize('name', ['_shards', '_shard_by', '_shard_with'])
def test_partitions_are_refused(name: str) -> None:
    with pytest.raises(RepocketActiveRecordDefinitionError, match=rf'Parted\.{name}: partitions'):
        type(ActiveRecord)('Parted', (ActiveRecord,), {name: 'x'})
    assert 'Parted' not in MODELS
