"""Factories of plain data."""

import pytest

import rom.query
from rom._core.query import results


@pytest.mark.parametrize(
    ('factory', 'expected'),
    [
        (results.as_dicts, {'a': 1, 'b': None}),
        (results.as_lists, [1, None]),
        (results.as_tuples, (1, None)),
    ],
)
def test_factories(factory: results.Factory, expected: object) -> None:
    made = factory(('a', 'b'))([1, None])
    assert made == expected
    assert type(made) is type(expected)


def test_named_tuples() -> None:
    made = results.as_namedtuples(('a', 'b'))([1, None])
    assert (made.a, made.b) == (1, None)
    assert results.as_namedtuples(('a', 'class'))([1, 2])._fields == ('a', '_1')
    # As in rom 1.x, without underscores in front.
    assert results.as_namedtuples(('_id', '__x'))([1, 2])._asdict() == {'id': 1, 'x': 2}
    with pytest.raises(ValueError, match='x, _x are not all different'):
        results.as_namedtuples(('x', '_x'))


def test_lists_are_new() -> None:
    values = [1]
    assert results.as_lists(('a',))(values) is not values


def test_names_of_rom_1() -> None:
    for name in ('dict', 'list', 'tuple', 'namedtuple'):
        assert getattr(rom.query, f'_{name}_data_factory') is getattr(results, f'as_{name}s')
    assert rom.query.__all__ == ['Query']
