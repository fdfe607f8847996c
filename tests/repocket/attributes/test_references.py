"""A pointer takes the key of a record of its model, and of no other."""

from __future__ import annotations

import uuid

import pytest

from rom.exceptions import InvalidColumnValue
from rom.repocket import ActiveRecord, attributes
from rom.repocket.keys import Reference, name_of

ID = uuid.UUID('5f3c6f38-9d4b-11ee-b962-0242ac120002')


class PointedProject(ActiveRecord):
    name = attributes.Unicode()


class PointedLarge(PointedProject):
    size = attributes.Integer()


class PointedSecret(ActiveRecord):
    password = attributes.Unicode()


@pytest.mark.parametrize('model', [PointedProject, PointedLarge])
def test_a_key_of_the_model(model: type[ActiveRecord]) -> None:
    key = f'repocket:{name_of(model)}:{ID}'
    found = attributes.Pointer(PointedProject).cast(key)
    assert found == Reference(name_of(model), ID)


@pytest.mark.parametrize('as_type', [str, str.encode])
@pytest.mark.parametrize('name', [name_of(PointedSecret), 'not.imported:Secret'])
def test_a_key_of_another_model_is_refused(name: str, as_type: type) -> None:
    with pytest.raises((InvalidColumnValue, ValueError)):
        attributes.Pointer(PointedProject).cast(as_type(f'repocket:{name}:{ID}'))
