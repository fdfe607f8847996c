"""Arithmetic with columns: what Python's operators make of them, and what comes of it."""

import datetime
import decimal
import operator
from collections.abc import Callable
from typing import Any

import pytest

import rom
from rom._core.columns.arithmetic import Arithmetic, columns_in, evaluate, shown


class Scored(rom.Model):
    score = rom.Integer(index=True)
    bonus = rom.Integer()
    rate = rom.Float()
    price = rom.Decimal()
    name = rom.Text()
    day = rom.Date()
    at = rom.DateTime()
    tags = rom.Json()


MORE = ['b']
VALUES: dict[str, Any] = {
    'score': 7,
    'bonus': 2,
    'rate': 1.5,
    'price': decimal.Decimal('2.50'),
    'name': 'Ann',
    'day': datetime.date(2024, 2, 28),
    'at': datetime.datetime(2024, 2, 28, 23),
    'tags': ['a'],
}


def worked_out(expression: Any, **values: Any) -> Any:
    found = {**VALUES, **values}
    return evaluate(expression, lambda column: found[column.name])


@pytest.mark.parametrize(('expression', 'value'), [
    (Scored.score + 1, 8),
    (1 + Scored.score, 8),
    (Scored.score - 1, 6),
    (1 - Scored.score, -6),
    (Scored.score * 3, 21),
    (3 * Scored.score, 21),
    (Scored.score / 2, 3.5),
    (14 / Scored.score, 2.0),
    (Scored.score // 2, 3),
    (15 // Scored.score, 2),
    (Scored.score % 4, 3),
    (9 % Scored.score, 2),
    (-Scored.score, -7),
    (Scored.score + Scored.bonus, 9),
    (Scored.score - Scored.bonus * 2 + 1, 4),
    ((Scored.score - Scored.bonus) * (2 + Scored.bonus), 20),
    (-(Scored.score + 1), -8),
    (Scored.score + 2**256, 2**256 + 7),
    (Scored.rate * 2, 3.0),
    (Scored.name + ' Lee', 'Ann Lee'),
    ('Mr ' + Scored.name, 'Mr Ann'),
    (Scored.day + datetime.timedelta(days=2), datetime.date(2024, 3, 1)),
    (Scored.at - datetime.timedelta(hours=1), datetime.datetime(2024, 2, 28, 22)),
    (Scored.tags + MORE, ['a', 'b']),
    (Scored.score, 7),
    (5, 5),
])  # fmt: skip
def test_values(expression: Any, value: Any) -> None:
    found = worked_out(expression)
    assert found == value
    assert type(found) is type(value)


def test_decimals_are_kept_digit_by_digit() -> None:
    price = decimal.Decimal('1' * 60 + '.5')
    assert str(worked_out(Scored.price + Scored.price, price=price)) == '2' * 59 + '3.0'
    assert str(worked_out(Scored.price / 3)) == str(decimal.Decimal('2.50') / 3)


@pytest.mark.parametrize(
    'expression', [Scored.score + 1, 1 - Scored.score, (Scored.bonus + Scored.score) * 2]
)
def test_without_a_value_nothing_comes_of_it(expression: Any) -> None:
    assert worked_out(expression, score=None) is None


def test_an_expression_is_data() -> None:
    expression = Scored.score * 2 + Scored.bonus
    assert isinstance(expression, Arithmetic)
    assert expression.sign == '+'
    assert expression.right is Scored.bonus
    with pytest.raises(AttributeError):
        expression.sign = '-'  # type: ignore[misc]
    assert [column.name for column in columns_in(expression)] == ['score', 'bonus']
    assert list(columns_in(5)) == []
    assert list(columns_in(Scored.day)) == [Scored.day]
    assert repr(expression) == '((score * 2) + bonus)'
    assert shown(Scored.score) == 'score'
    assert len({expression, Scored.score * 2}) == 2


def test_a_long_sum() -> None:
    total: Any = Scored.score
    for _ in range(20_000):
        total = total + 1
    assert worked_out(total) == 20_007
    assert len(list(columns_in(total))) == 1
    assert shown(total)


@pytest.mark.parametrize('compare', [
    operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge,
])  # fmt: skip
def test_it_is_not_compared(compare: Callable[[Any, Any], Any]) -> None:
    with pytest.raises(rom.InvalidOperation, match=r'\(score \+ 1\) is evaluated when'):
        compare(Scored.score + 1, 5)


def test_it_has_no_truth() -> None:
    with pytest.raises(rom.InvalidOperation, match='is evaluated'):
        bool(Scored.score + 1)


@pytest.mark.parametrize('make', [
    lambda: Scored.score + None,
    lambda: None * Scored.score,
])  # fmt: skip
def test_none_is_no_number(make: Callable[[], Any]) -> None:
    with pytest.raises(rom.InvalidOperation, match='expected a column or a number, got None'):
        make()


@pytest.mark.parametrize('search', [
    lambda: Scored.query.filter(score=Scored.score + 1),
    lambda: Scored.query.where(Scored.score + 1),
    lambda: Scored.query.where(Scored.score > Scored.bonus + 1),
    lambda: Scored.query.where(Scored.score == Scored.bonus + 1),
    lambda: Scored.query.where(Scored.score.in_([Scored.bonus + 1])),
])  # fmt: skip
def test_it_is_not_searched_for(search: Callable[[], Any]) -> None:
    with pytest.raises(rom.QueryError):
        search()


def test_it_is_no_value_of_an_entity() -> None:
    with pytest.raises(rom.InvalidColumnValue, match='expected an int'):
        Scored(score=Scored.score + 1)
