"""The registries: names and namespaces are unique, and clearing works."""

from types import SimpleNamespace
from typing import Any

import pytest

import rom
from rom._core import model_registry
from rom._core.model_registry import MODELS, MODELS_REFERENCED, SKIP_ON_DELETE, register
from rom.exceptions import ORMError


def make(name: str, **body: Any) -> Any:
    return type(rom.Model)(name, (rom.Model,), {'__module__': __name__, **body})


def test_a_model_is_there_by_name_and_namespace() -> None:
    model = make('RegistryThing', _namespace='registry-things')
    assert MODELS['RegistryThing'] is MODELS['registry-things'] is model
    assert MODELS['Model'] is rom.Model


def test_without_a_namespace_the_name_is_both() -> None:
    model = make('RegistryThing')
    assert MODELS['RegistryThing'] is model
    assert model._namespace == 'RegistryThing'


@pytest.mark.parametrize(
    ('first', 'second', 'what'),
    [
        (('One', 'ones'), ('One', 'others'), "name 'One'"),
        (('One', 'ones'), ('Two', 'ones'), "namespace 'ones'"),
        (('One', None), ('Two', 'One'), "namespace 'One'"),
        (('One', 'Two'), ('Two', None), "name 'Two'"),
    ],
)
def test_two_models_cannot_share_a_name(first: Any, second: Any, what: str) -> None:
    make(first[0], _namespace=first[1])
    before = dict(MODELS)
    with pytest.raises(ORMError) as caught:
        make(second[0], _namespace=second[1])
    message = str(caught.value)
    assert f'two models have the {what}' in message
    assert f'{__name__}.{first[0]} and {__name__}.{second[0]}' in message
    assert 'rename one' in message and '_namespace' in message
    assert before == MODELS


def test_the_name_of_the_base_is_taken() -> None:
    with pytest.raises(ORMError, match="the name 'Model'"):
        make('Model')


def test_clearing_frees_the_names() -> None:
    """Programs do it in tests."""
    first = make('RegistryThing')
    for registered in (MODELS, MODELS_REFERENCED, SKIP_ON_DELETE):
        registered.clear()
    second = make('RegistryThing')
    assert MODELS['RegistryThing'] is second is not first


def test_the_registries_of_the_package_are_these() -> None:
    assert rom.MODELS is MODELS
    assert rom.MODELS_REFERENCED is MODELS_REFERENCED
    assert rom.SKIP_ON_DELETE is SKIP_ON_DELETE


def test_a_model_that_cannot_be_built_is_not_registered() -> None:
    with pytest.raises(rom.ColumnError):
        make('RegistryThing', unique_together=[('a', 'b')])
    assert 'RegistryThing' not in MODELS
    make('RegistryThing')


def test_register_enters_both() -> None:
    class Thing:
        _schema = SimpleNamespace(relations=(), links=())

    register('RegistryThing', 'registry-things', Thing)
    assert (
        model_registry.MODELS['RegistryThing'] is model_registry.MODELS['registry-things'] is Thing
    )


def test_references_are_found_by_name_and_namespace() -> None:
    target = make('RegistryThing', _namespace='registry-things')
    first = make('First', thing=rom.ManyToOne('RegistryThing', 'cascade'))
    second = make('Second', thing=rom.OneToOne('registry-things', 'cascade'))
    assert model_registry.references_to(target) == [(first, 'thing'), (second, 'thing')]
    assert model_registry.references_to(first) == []
    assert MODELS_REFERENCED['RegistryThing'] == [(first, 'thing')]


def test_a_model_in_the_place_of_another() -> None:
    """MODELS was cleared and the model declared anew; MODELS_REFERENCED still has the old one."""
    target = make('RegistryThing')
    make('Again', thing=rom.ManyToOne('RegistryThing', 'cascade'))
    del MODELS['Again']
    again = make('Again', thing=rom.ManyToOne('RegistryThing', 'cascade'))
    assert model_registry.references_to(target) == [(again, 'thing')]


@pytest.mark.parametrize('is_inner_first', [False, True])
@pytest.mark.parametrize(
    'namespace', ['shop:order', 'shop:order:x', 'shop:id', 'shop:a', 'shop:5', 'shop:', 'shop::x']
)
def test_namespaces_that_meet_are_refused(namespace: str, is_inner_first: bool) -> None:
    def outer() -> None:
        class Shop(rom.Model):
            _namespace = 'shop'
            order = rom.Text(index=True, keygen=rom.FULL_TEXT)
            a = rom.Integer()
            b = rom.Integer()
            unique_together = [('b', 'a')]

    def inner() -> None:
        class Order(rom.Model):
            _namespace = namespace
            lines = rom.Text(index=True, keygen=rom.FULL_TEXT)

    first, second = (inner, outer) if is_inner_first else (outer, inner)
    first()
    with pytest.raises(rom.ORMError, match=r'lies within .shop. of .*another _namespace'):
        second()


@pytest.mark.parametrize(
    'namespace',
    ['shop:item', 'shopping', 'shop.order', 'shop-order', 'shop:size', 'shop:at', 'shop:note'],
)
def test_namespaces_that_cannot_meet_are_taken(namespace: str) -> None:
    class Shop(rom.Model):
        _namespace = 'shop'
        order = rom.Text(index=True, keygen=rom.FULL_TEXT)
        size = rom.Integer(index=True)
        note = rom.Text()
        geo_index = [rom.GeoIndex('at', lambda e: {'lon': 0, 'lat': 0})]

    class Order(rom.Model):
        _namespace = namespace
        shop = rom.Text()
