"""Primary keys, without a server."""

from __future__ import annotations

from typing import Any

import pytest
from schematics import models, types

from rom.schematics import SimpleRedisMixin
from rom.schematics.primary_keys import asked_pk, own_pk


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
    assert own_pk(instance) == pk


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
    assert asked_pk(model, given) == pk
