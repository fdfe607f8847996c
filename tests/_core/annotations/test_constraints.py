"""Constraints: limits of `Annotated`, from both libraries, at every place of an annotation."""

import datetime
from typing import Any

import pytest

import rom
from tests.support.class_bodies import define

pytestmark = pytest.mark.one_server


@pytest.mark.parametrize(
    ('type_', 'good', 'bad', 'problem'),
    [
        ('Annotated[str, at.MaxLen(3)]', 'abc', 'abcd', 'has 4 characters; max_length is 3'),
        ('Annotated[bytes, at.MaxLen(3)]', b'abc', b'abcd', 'has 4 bytes; max_length is 3'),
        ('Annotated[str, at.MinLen(2)]', 'ab', 'a', 'expected a length of at least 2'),
        ('Annotated[str, at.Len(2, 3)]', 'ab', 'a', 'expected a length of at least 2'),
        ('Annotated[int, at.Ge(0)]', 0, -1, 'expected at least 0'),
        ('Annotated[int, at.Gt(0)]', 1, 0, 'expected more than 0'),
        ('Annotated[float, at.Le(1.5)]', 1.5, 1.6, 'expected at most 1.5'),
        ('Annotated[float, at.Lt(1.5)]', 1.4, 1.5, 'expected less than 1.5'),
        ('Annotated[float, at.Ge(0)]', 0.0, float('nan'), 'expected at least 0'),
        ('Annotated[int, at.Interval(ge=1, lt=3)]', 2, 3, 'expected less than 3'),
        ('Annotated[int, at.MultipleOf(5)]', 10, 11, 'expected a multiple of 5'),
        ('Annotated[str, at.Predicate(str.islower)]', 'a', 'A', 'validator .islower. returned'),
        ('Annotated[int, pydantic.Field(ge=0, description="age")]', 0, -1, 'at least 0'),
        ('Annotated[str, pydantic.StringConstraints(max_length=3)]', 'abc', 'abcd', 'max_length'),
        ('pydantic.PositiveInt', 1, 0, 'expected more than 0'),
        ('Annotated[Annotated[int, at.Ge(0)], at.Le(5), "unit"]', 5, 6, 'expected at most 5'),
        ('Annotated[int | None, at.Ge(0)]', None, -1, 'at least 0'),
        ('Annotated[int, at.Ge(0)] | None', None, -1, 'at least 0'),
        ('Optional[Annotated[int, at.Ge(0)]]', 3, -1, 'at least 0'),
        ('Age | None', 3, -1, 'at least 0'),
    ],
)
def test_a_limit_holds(on_client: Any, type_: str, good: Any, bad: Any, problem: str) -> None:
    Model = define(f'value: Mapped[{type_}]', before='Age = Annotated[int, at.Ge(0)]\n')
    assert Model(value=good).value == good
    with pytest.raises(rom.InvalidColumnValue, match=f'Defined.value: .*{problem}'):
        Model(value=bad)
    rom.session.rollback()


def test_limits_of_dates_and_columns(on_client: Any) -> None:
    """A limit also holds for a column that the body declares, beside its own validators."""
    Model = define(
        'day: Mapped[Annotated[date, at.Ge(date(2020, 1, 1))]]',
        'name: Mapped[Annotated[str, at.MinLen(2), at.MaxLen(4)]] = rom.Text('
        'required=True, validators=[str.isalpha])',
        'age: Mapped[Annotated[int, at.Ge(0)]] = column(validators=[lambda age: age != 13])',
    )
    given = {'day': datetime.date(2020, 1, 1), 'name': 'Ann', 'age': 5}
    Model(**given)
    for name, value in (
        ('day', datetime.date(2019, 12, 31)),
        *(('name', value) for value in ('a', 'abcde', 'a1')),
        *(('age', value) for value in (-1, 13)),
    ):
        with pytest.raises(rom.InvalidColumnValue, match=f'Defined.{name}: '):
            Model(**{**given, name: value})
    with pytest.raises(rom.InvalidColumnValue, match=r'Defined\.age: -5: expected at least 0'):
        Model.query.update(age=-5)


def test_a_time_zone_is_an_option_of_the_column() -> None:
    Model = define('at: Mapped[Annotated[datetime.datetime, at.Timezone(...)]]')
    assert Model._columns['at'].zone is not None


@pytest.mark.parametrize(
    ('line', 'problem'),
    [
        ('x: Mapped[Annotated[str, pydantic.AfterValidator(str.upper)]]', 'does not follow After'),
        ('x: Mapped[Annotated[str, pydantic.Field(pattern="a+")]]', 'does not follow .*pattern'),
        (
            'x: Mapped[Annotated[str, pydantic.StringConstraints(strip_whitespace=True)]]',
            'does not follow StringConstraints',
        ),
        ('x: Mapped[Annotated[str, pydantic.Field(default="x")]]', r'use rom.column\(default'),
        ('x: Mapped[Annotated[int, at.MaxLen(4)]]', 'kind Integer, which has no option .*max_leng'),
        (
            'x: Mapped[Annotated[str, at.MaxLen(4)]] = column(max_length=5)',
            r'the annotation gives max_length=4, and rom.column\(\) gives 5',
        ),
        (
            'x: Mapped[Annotated[str, at.MaxLen(4)]] = rom.Text(required=True, max_length=5)',
            'the annotation gives max_length=4, and Text does not',
        ),
        (
            'x: Mapped[Annotated[datetime.datetime, at.Timezone(...)]] = rom.DateTime()',
            r'declare DateTime\(tz=True\)',
        ),
    ],
)
def test_what_a_column_cannot_follow_is_refused(line: str, problem: str) -> None:
    with pytest.raises(rom.ColumnError, match=rf'Defined\.x: .*{problem}'):
        define(line)
