"""Declarations of lists and sets, and the limits of an indexed one."""

from __future__ import annotations

import enum
from typing import Any

import pytest

import rom
from rom._core.columns import collection
from rom._core.ops.index_fingerprint import declared_by


class CollectionState(enum.IntEnum):
    LOW = 1


class Cents(rom.Column[int]):
    """A column of a program's own, without a JSON form."""

    def encode(self, value: int) -> bytes:
        return b'%d' % value


def tags(text: str) -> Any:
    return text.split(',')


@pytest.mark.parametrize('kind', [rom.List, rom.Set])
@pytest.mark.parametrize(
    ('declare', 'says'),
    [
        (lambda kind: kind(rom.Text), r'expected a column, got its class; call it: Text\(\)'),
        (lambda kind: kind('text'), r"expected a column such as rom\.Text\(\), got 'text'"),
        (lambda kind: kind(rom.Json()), r'a Json cannot be an element'),
        (lambda kind: kind(rom.List(rom.Text())), r'a List cannot be an element'),
        (lambda kind: kind(rom.PrimaryKey()), r'a PrimaryKey cannot be an element'),
        (lambda kind: kind(rom.ExpireAt()), r'a ExpireAt cannot be an element'),
        (lambda kind: kind(rom.ManyToOne('X', 'no action')), r'a ManyToOne cannot be an element'),
        (lambda kind: kind(Cents()), r'a Cents has no JSON form, in which it would be stored; add'),
        (lambda kind: kind(rom.Text(required=True)), r'required belongs to the .*from the Text'),
        (lambda kind: kind(rom.Text(default='x')), r'default belongs to the'),
        (lambda kind: kind(rom.Text(unique=True)), r'unique belongs to the'),
        (lambda kind: kind(rom.Integer(index=True)), r'index belongs to the'),
        (lambda kind: kind(rom.Text(stored_as='x')), r'stored_as belongs to the'),
        (lambda kind: kind(rom.Date(auto_now_add=True)), r'stamps_insert belongs to the'),
        (lambda kind: kind(rom.Text(), choices=['a']), r'choices are those of the elements'),
        (lambda kind: kind(rom.Text(), max_length=0), r'expected max_length to be an int of at le'),
        (lambda kind: kind(rom.Text(), max_length='5'), r'expected max_length to be an int of at '),
        (lambda kind: kind(rom.Text(), index=True, max_length=10_001), r'at most 10000 elements'),
        (lambda kind: kind(rom.Text(), keygen=rom.IDENTITY), r'has no effect without an index'),
        (lambda kind: kind(rom.Text(), index=True, keygen='x'), r"must be callable, not 'x'"),
        (lambda kind: kind(rom.Text(), index=True, keygen=rom.SIMPLE), r'sort single values'),
        (lambda kind: kind(rom.Integer(), prefix=True), r'for elements that are strings, not In'),
        (lambda kind: kind(rom.Date(), suffix=True), r'for elements that are strings, not Date'),
        (lambda kind: kind(rom.Float(), index=True, keygen=tags), r'strings, not Float'),
        (lambda kind: kind(rom.Text(), validators=[5]), r'expected a validator that is callable'),
    ],
)
def test_wrong_declarations(kind: Any, declare: Any, says: str) -> None:
    with pytest.raises(rom.ColumnError, match=rf'^{kind.__name__} column: .*{says}'):
        declare(kind)


def test_one_column_of_elements_for_several_collections() -> None:
    tag = rom.Text(max_length=2)

    class CollectionPair(rom.Model):
        ones = rom.List(tag, index=True)
        others = rom.Set(tag, prefix=True)

    at: Any = CollectionPair
    assert (tag.name, tag.index, tag.prefix) == ('', False, False)
    assert (at.ones.element.name, at.others.element.name) == ('ones', 'others')
    with pytest.raises(rom.InvalidColumnValue, match=r'^CollectionPair\.others\[0\]: '):
        CollectionPair(others=['abc'])
    rom.session.rollback()


def test_the_fingerprint_changes_with_the_entries() -> None:
    def declared(column: Any) -> str:
        model: Any = type(rom.Model)('Kind', (rom.Model,), {'__module__': __name__, 'v': column})
        found = declared_by(model._schema)['v']
        rom.MODELS.pop('Kind')
        return found

    assert declared(rom.List(rom.Text(), index=True)) == 'Elements of Text: index'
    assert declared(rom.Set(rom.Text(), index=True)) == 'Elements of Text: index'
    assert declared(rom.Set(rom.Text(), prefix=True, keygen=tags)) == (
        'Elements of Text by tags: prefix'
    )
    assert declared(rom.Set(rom.Enum(CollectionState), index=True)) == (
        'Elements of Enum of integers: index'
    )


class CollectionLimits(rom.Model):
    words = rom.List(rom.Text(), index=True)
    plain = rom.List(rom.Text())


def test_an_indexed_collection_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, 'MOST_INDEXED', 4)
    monkeypatch.setattr(collection, 'MOST_CHARACTERS', 10)
    CollectionLimits(words=list('abcd'), plain=['long'] * 5)
    with pytest.raises(rom.InvalidColumnValue, match=r'words: .*has 5 elements; an index takes at'):
        CollectionLimits(words=list('abcde'))
    with pytest.raises(rom.InvalidColumnValue, match=r'words: .*is too long for an index: at most'):
        CollectionLimits(words=['abcdef', 'ghijk'])
    rom.session.rollback()


def test_validators_see_the_whole() -> None:
    class CollectionRuled(rom.Model):
        tags = rom.List(rom.Text(validators=[str.isalpha]), validators=[lambda all: len(all) != 2])

    CollectionRuled(tags=['a', 'b', 'c'])
    with pytest.raises(rom.InvalidColumnValue, match=r"tags: \['a', 'b'\]: the validator"):
        CollectionRuled(tags=['a', 'b'])
    with pytest.raises(rom.InvalidColumnValue, match=r"tags\[1\]: '1': the validator 'isalpha'"):
        CollectionRuled(tags=['a', '1'])
    rom.session.rollback()


def test_a_required_collection_may_be_empty() -> None:
    class CollectionRequired(rom.Model):
        tags = rom.Set(rom.Text(), required=True)

    assert CollectionRequired(tags=()).tags == set()
    with pytest.raises(rom.MissingColumn, match=r'CollectionRequired\.tags is required'):
        CollectionRequired()
    rom.session.rollback()
