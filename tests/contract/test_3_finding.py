"""Contract, section 3: models, how entities are found. Each docstring quotes what its test
proves.
"""

from typing import Any

import pytest

import rom
from tests.contract.support import ids, model, saved

pytestmark = pytest.mark.one_server


def test_get() -> None:
    """'`Model.get(id)` -> entity or None; `Model.get([ids])` -> the found ones, in the order
    asked.'
    """
    N = model()
    one, two, three = (saved(N()) for _ in range(3))
    assert (N.get(2), N.get(9)) == (two, None)
    assert N.get([3, 9, 1, 2]) == [three, one, two]
    rom.session.rollback()
    assert ids(N.get([3, 9, 1, 2])) == [3, 1, 2]


class TestGetBy:
    """'`Model.get_by(col=value)`'."""

    @pytest.fixture
    def P(self) -> Any:
        P = model(
            'P',
            code=rom.Text(unique=True),
            serial=rom.Integer(unique=True, index=True),
            age=rom.Integer(index=True),
            name=rom.Text(index=True, keygen=rom.IDENTITY),
            plain=rom.Integer(),
        )
        for n in (1, 2, 3, 4):
            P(code=f'c{n}', serial=10 * n, age=n, name='even' if n % 2 == 0 else 'odd').save()
        return P

    def test_unique(self, P: Any) -> None:
        """'a unique column gives the entity or None (a list of values: a list)'."""
        assert (P.get_by(code='c2'), P.get_by(serial=20), P.get_by(code='c9')) == (
            P.get(2),
        ) * 2 + (None,)
        assert ids(P.get_by(code=['c3', 'c9', 'c1'])) == [3, 1]
        assert P.get_by(code=[]) == P.get_by(serial=[99]) == []

    @pytest.mark.parametrize(
        ('value', 'found'),
        [((2, 3), [2, 3]), ((3, None), [3, 4]), ((None, 2), [1, 2]), ((None, None), [1, 2, 3, 4])],
        ids=str,
    )
    def test_ranges(self, P: Any, value: Any, found: list[int]) -> None:
        """'`col=(low, high)` on a numeric index gives a list, `None` an open end'."""
        assert ids(P.get_by(age=value)) == found

    def test_other_values(self, P: Any) -> None:
        """'any other indexed value gives a list.'"""
        assert (ids(P.get_by(name='even')), ids(P.get_by(age=3))) == ([2, 4], [3])
        assert P.get_by(name='none') == []

    def test_limit(self, P: Any) -> None:
        """'`_limit=(offset, count)`'."""
        assert ids(P.get_by(age=(None, None), _limit=(1, 2))) == [2, 3]

    def test_numeric(self, P: Any) -> None:
        """'`_numeric=True` (use the numeric index although the column is unique).'"""
        assert ids(P.get_by(serial=(20, 30), _numeric=True)) == [2, 3]
        assert ids(P.get_by(serial=20, _numeric=True)) == [2]

    @pytest.mark.parametrize(
        'asked',
        [
            {},
            {'age': 1, 'name': 'odd'},
            {'plain': 1},
            {'none': 1},
            {'serial': (1, 20)},
            {'code': ('c1', 'c2')},
        ],
        ids=str,
    )
    def test_errors(self, P: Any, asked: dict[str, Any]) -> None:
        """'More or fewer than one column: `QueryError`; a column without an index: `QueryError`; a
        range on a unique-only column: `QueryError`.'
        """
        with pytest.raises(rom.QueryError):
            P.get_by(**asked)

    def test_from_an_instance(self, P: Any) -> None:
        """'Works from an instance too.'"""
        assert P.get(1).get_by(code='c2') is P.get(2)


def test_does_not_startwith() -> None:
    """'`Model.does_not_startwith(attr, values, blocksize=100)` and `does_not_endwith(...)`: iterate
    the entities whose indexed value has none of these prefixes / suffixes.'
    """
    N = model(a=rom.Text(prefix=True, suffix=True, keygen=rom.IDENTITY))
    for value in ('ab', 'ba', 'ca', None, 'cb'):
        N(a=value).save()
    assert sorted(ids(N.does_not_startwith('a', ['a', 'b']))) == [3, 5]
    assert sorted(ids(N.does_not_endwith('a', ['a'], blocksize=1))) == [1, 5]
    assert next(N.does_not_startwith('a', ['a', 'b', 'ca'], blocksize=2)).id == 5
