"""Placement: ids inside and outside a partition, and the declarations of a class body."""

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rom
from rom._core import schema as schemas
from rom._core.sharding.placement import Part

SHARDS = rom.Shards('places', 4)
counts = st.integers(1, 512)
ids = st.integers(1, 2**60)


@given(count=counts, id=ids, other=ids)
def test_ids_are_exactly_invertible(count: int, id: int, other: int) -> None:
    shards = rom.Shards('x', count)
    part = Part(None, shards.partition_of(id), count)
    assert part.global_id(part.local_id(id)) == id and part.local_id(id) >= 1
    mark = part.last_at(other)
    assert mark == 0 or part.global_id(mark) <= other
    assert part.global_id(mark + 1) > other
    first = part.first_at(other)
    assert part.global_id(first) >= other
    assert first == 1 or part.global_id(first - 1) < other


def test_threads_get_the_same_schema_of_a_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    whole: schemas.Schema = declare(a=rom.Integer(index=True))._schema
    real = schemas._in_partition
    others: list[schemas.Schema | None] = []

    def meanwhile(schema: schemas.Schema, number: int) -> schemas.Schema:
        """Let another thread make the schema after this one has seen that there is none."""
        if not others:
            others.append(None)
            thread = threading.Thread(target=lambda: others.append(whole.at(number)))
            thread.start()
            thread.join()
        return real(schema, number)

    monkeypatch.setattr(schemas, '_in_partition', meanwhile)
    assert whole.at(2) is others[1] is whole.at(2)


def declare(**body: Any) -> Any:
    return type(rom.Model)('PlacedThing', (rom.Model,), {'_shards': SHARDS, **body})


REFUSED: list[tuple[str, Any]] = [
    ('expected rom.Shards', lambda: declare(_shards='shop')),
    ('the model has no group', lambda: declare(_shards=None, _shard_by='a')),
    ('both decide', lambda: declare(a=rom.Integer(), _shard_by='a', _shard_with='b')),
    (
        'a relation to PlacedThing',
        lambda: declare(
            a=rom.Integer(), b=rom.ManyToOne('X', 'no action'), _shard_by='a', _shard_with='b'
        ),
    ),
    ('expected a column with a value', lambda: declare(_shard_by='a')),
    ('expected a column with a value', lambda: declare(_shard_by=5)),
    ("_shard_with = 'r'", lambda: declare(r=rom.ManyToOne('X', 'no action'), _shard_by='r')),
    ('may change', lambda: declare(j=rom.Json(), _shard_by='j')),
    ('may change', lambda: declare(at=rom.DateTime(auto_now=True), _shard_by='at')),
    ('may change', lambda: declare(_shard_by='id')),
    ('may change', lambda: declare(ends=rom.ExpireAt(), _shard_by='ends')),
    ('expected a ManyToOne', lambda: declare(a=rom.Integer(), _shard_with='a')),
    ('leave the braces out', lambda: declare(_namespace='{a}b')),
    ('_keep_index_data', lambda: declare(_keep_index_data=True)),
    ("primary key 'key'", lambda: declare(key=rom.PrimaryKey(index=True))),
]  # fmt: skip


@pytest.mark.parametrize(('said', 'make'), REFUSED)
def test_declarations_that_are_refused(said: str, make: Any) -> None:
    with pytest.raises(rom.ORMError) as caught:
        make()
    assert said in str(caught.value) and 'PlacedThing' in str(caught.value)


def test_a_group_has_one_number_of_partitions() -> None:
    class PlacedFirst(rom.Model):
        _shards = SHARDS

    with pytest.raises(rom.ColumnError, match='PlacedFirst declares the group with 4'):

        class PlacedOther(rom.Model):
            _shards = rom.Shards('places', 8)


def test_schemas_of_partitions() -> None:
    class PlacedUser(rom.Model):
        _shards, _shard_by, _namespace = SHARDS, 'tenant', 'user'
        tenant = rom.Integer(index=True, unique=True)
        name = rom.Text(index=True, prefix=True, keygen=rom.IDENTITY)
        compound_index = [('name', 'tenant')]
        geo_index = [rom.GeoIndex('home', lambda row: (row['tenant'], 0))]

    schema = PlacedUser._schema
    part = schema.at(2)
    assert PlacedUser._namespace == '{places}user' and part is schema.at(2)
    head = f'{{{SHARDS.tag(2)}}}user:'.encode()
    assert part.keys.head == head and part.placement is None and part.part is not None
    keys = (
        part.indexes['tenant'].numbers_key, part.uniques[0].key, part.places['home'].key,
        part.compounds[0].first.numbers_key,
    )  # fmt: skip
    assert all(key.startswith(head) for key in keys)
    assert part.seen_namespace == '{places}user' and part.seen_id(1) == 3
    assert schema.at_id(7) is part
