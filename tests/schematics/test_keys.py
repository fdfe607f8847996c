"""The names of keys, and primary keys, without a server."""

from __future__ import annotations

from typing import Any

import pytest
from schematics import models, types

from rom.schematics import SimpleRedisMixin
from rom.schematics.keys import ModelKeys, pk_of_clauses, pk_of_object


def keys(**body: Any) -> ModelKeys:
    body = {'pk': types.StringType(), **body}
    kind: Any = type(models.Model)('Ice', (models.Model, SimpleRedisMixin), body)
    return ModelKeys(kind())


def test_as_the_contract_has_them() -> None:
    plain = keys()
    assert plain.key('x') == b'Ice:x'
    assert plain.key('x', 'field') == b'Ice:x:field'
    assert plain.hash('field') == b'Ice:field'
    assert plain.pattern() == b'Ice:*'
    assert plain.pattern('pk') == b'Ice:*:pk'
    assert plain.pk_of(b'Ice:a:b') == 'a:b'
    assert plain.pk_of(b'Ice:a:b:pk', 'pk') == 'a:b'


@pytest.mark.parametrize('key', [b'Ice:', b'IceCream:x', b'ice:x', b'Ice:\xff', b'x'])
def test_keys_of_others(key: bytes) -> None:
    assert keys().pk_of(key) is None


def test_a_prefix_is_no_pattern() -> None:
    assert keys(__prefix__='a[b]*?\\').pattern() == b'a\\[b\\]\\*\\?\\\\:*'


def test_a_model_may_say_otherwise() -> None:
    class Turned:
        @property
        def key(self) -> str:
            return f'{self.pk}@{self.__prefix__}'  # type: ignore[attr-defined]

    turned = keys(key=Turned.key, __set_key__=property(lambda self: self.shop), shop='s')
    assert (turned.key('x'), turned.set_key) == (b'x@Ice', b's')
    assert turned.pattern() == b'*@Ice'
    assert turned.pk_of(b'x@Ice') == 'x'


def test_the_primary_key_must_be_in_the_key() -> None:
    with pytest.raises(TypeError, match='contains the primary key'):
        keys(key='always the same')


def test_asking_leaves_the_object_as_it_was() -> None:
    body = {'pk': types.StringType()}
    kind: Any = type(models.Model)('Ice', (models.Model, SimpleRedisMixin), body)
    for given in ({}, {'pk': 'x'}):
        one = kind(given)
        before = dict(one._data.converted)
        ModelKeys(one)
        assert dict(one._data.converted) == before


class Plain(models.Model, SimpleRedisMixin):  # type: ignore[misc]
    pk = types.StringType()
    id = types.IntType()
    when = types.DateType()


class Grouped(models.Model, SimpleRedisMixin):  # type: ignore[misc]
    __unique_together__ = ('when', 'number')
    pk = types.StringType()
    when = types.DateType()
    number = types.IntType()


class Given(models.Model, SimpleRedisMixin):  # type: ignore[misc]
    pk = types.StringType(default='given')
    id = types.IntType()


@pytest.mark.parametrize(
    ('instance', 'pk'),
    [
        (Plain({'pk': 'a', 'id': 5}), 'a'),
        (Plain({'pk': '', 'id': 0}), '0'),
        (Plain({}), None),
        (Grouped({'when': '2030-01-02', 'number': 7}), '2030-01-02.7'),
        (Grouped({'when': '2030-01-02'}), None),
        (Given({'id': 5}), 'given'),
    ],
)
def test_own(instance: Any, pk: str | None) -> None:
    assert pk_of_object(instance) == pk


@pytest.mark.parametrize(
    ('model', 'given', 'pk'),
    [
        (Plain, {'pk': 'a'}, 'a'),
        (Plain, {'id': 5}, '5'),
        (Plain, {'when': 5}, None),
        (Plain, {'id': None}, None),
        (Grouped, {'number': 7}, None),
        (Given, {'id': 5}, None),
        (Given, {'pk': 'x', 'id': 5}, 'x'),
    ],
)
def test_asked(model: Any, given: Any, pk: str | None) -> None:
    assert pk_of_clauses(model, given) == pk
