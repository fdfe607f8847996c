"""JSON forms: that pydantic writes the same as the table says, for every kind of column."""

import json
import math
from typing import Any

import pytest
from hypothesis import given

import rom
from rom._core.columns.json_forms import FORMS, form_of
from tests._core.pydantic_types.test_column_types import COLUMNS, classes_of

#: The columns whose method `to_json` gives the form.
YOUNG = {'Duration', 'Enum', 'IPAddress', 'List', 'Set', 'Typed', 'UUID'}


@pytest.mark.parametrize('kind', COLUMNS)
def test_pydantic_writes_the_same(kind: str) -> None:
    column, values = COLUMNS[kind]
    model, cls, _ = classes_of(column)
    form = form_of(column)
    assert form is not None

    @given(values)
    def check(value: Any) -> None:
        entity = model(value=value)
        rom.session.rollback()
        text = json.loads(cls.model_validate(entity).model_dump_json())['value']
        assert text == json.loads(json.dumps(form.to_json(entity.value)))
        back = column.check(form.from_json(text))
        assert back == entity.value or (math.isnan(back) and math.isnan(entity.value))

    check()


def test_every_column_that_is_stored_has_a_form() -> None:
    kinds = [getattr(rom.columns, name) for name in (*rom.columns.__all__, *YOUNG)]
    stored = {
        kind
        for kind in kinds
        if isinstance(kind, type)
        and issubclass(kind, rom.columns.Column)
        and kind.is_stored
        and kind is not rom.columns.Column
    }
    assert {kind.__name__ for kind in stored if not FORMS.keys() & set(kind.__mro__)} == YOUNG
    assert all(getattr(rom, name).to_json is not rom.Column.to_json for name in YOUNG)
