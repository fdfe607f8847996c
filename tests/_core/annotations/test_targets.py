"""Targets: how the model of a relation may be written."""

from __future__ import annotations

from typing import Any, ForwardRef, Optional, Union

import pytest

import rom
from rom._core.annotations.targets import Target, item_of, target_of

pytestmark = pytest.mark.one_server


class TargetTeam(rom.Model):
    pass


ALIAS = TargetTeam


def evaluate(text: str) -> Any:
    return eval(text, globals())


@pytest.mark.parametrize(
    'annotation',
    [
        TargetTeam,
        'TargetTeam',
        "'TargetTeam'",
        ForwardRef('TargetTeam'),
        'ALIAS',
        'unknown.models.TargetTeam',
    ],
)
def test_a_model(annotation: Any) -> None:
    assert target_of(annotation, evaluate) == Target('TargetTeam', False)


@pytest.mark.parametrize(
    'annotation',
    [
        'Later | None',
        'None | Later',
        "'Later' | None",
        "'Later | None'",
        'Optional[Later]',
        'typing.Optional[models.Later]',
        'Union[Later, None]',
        'Union["Later", None]',
        Optional[ForwardRef('Later')],  # noqa: UP045
        Union[ForwardRef('Later'), None],  # noqa: UP007
    ],
)
def test_a_model_that_is_not_there_or_none(annotation: Any) -> None:
    assert target_of(annotation, evaluate) == Target('Later', True)


@pytest.mark.parametrize(
    ('annotation', 'problem'),
    [
        ('A | B', 'expected one model, or one model and None, got A | B'),
        ('None', 'expected one model'),
        (int, 'expected a model, got int'),
        ('int', 'expected a model, got int'),
        ('list[Later]', r'expected a model, got list\[Later\]'),
        ('Later[', 'is not Python'),
        ('1', 'expected a model, got 1'),
    ],
)
def test_anything_else_is_refused(annotation: Any, problem: str) -> None:
    with pytest.raises(rom.ColumnError, match=problem):
        target_of(annotation, evaluate)


@pytest.mark.parametrize(
    'annotation',
    [
        'list[Later]',
        'List[Later]',
        'Sequence[Later]',
        'typing.List[Later]',
        ForwardRef('list[Later]'),
    ],
)
def test_the_elements_of_a_list(annotation: Any) -> None:
    assert item_of(annotation) == 'Later'
    assert item_of(list[TargetTeam]) is TargetTeam


@pytest.mark.parametrize('annotation', ['Later', TargetTeam, 'dict[str, Later]', 'set[Later]'])
def test_what_is_no_list(annotation: Any) -> None:
    with pytest.raises(rom.ColumnError, match='expected a list of a model, got'):
        item_of(annotation)
