"""ExpireAt: a DateTime with an index, at most one a model, for which a timedelta is from now on."""

import datetime as dt
from typing import Any

import pytest

import rom
from rom.columns import DateTime, ExpireAt
from rom.exceptions import ColumnError, InvalidColumnValue

HOUR = dt.timedelta(hours=1)
MOMENT = dt.datetime(2030, 5, 6, 7, 8, 9, 123456)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def about(moment: Any, expected: dt.datetime) -> bool:
    return bool(abs(moment - expected) < dt.timedelta(seconds=10))


def test_it_is_stored_and_indexed_as_a_datetime() -> None:
    column, other = ExpireAt(), DateTime(index=True)
    assert isinstance(column, DateTime)
    assert column.index
    assert not column.required
    for value in (MOMENT, MOMENT.replace(tzinfo=dt.timezone(HOUR)), 1.5e9, 0):
        checked = column.check(value)
        assert checked == other.check(value)
        assert column.encode(checked) == other.encode(checked)
        assert column.default_keys(checked) == other.default_keys(checked)
        assert column.decode(column.encode(checked)) == checked


def test_only_the_class_and_the_module_of_columns_have_it() -> None:
    assert rom.ExpireAt is ExpireAt
    assert 'ExpireAt' not in rom.__all__
    assert 'ExpireAt' in rom.columns.__all__


def test_a_timedelta_is_from_now_on() -> None:
    column = ExpireAt()
    assert about(column.check(HOUR), now() + HOUR)
    assert about(column.check(-HOUR), now() - HOUR)
    assert about(dt.datetime(1970, 1, 1) + dt.timedelta(seconds=column.score(HOUR)), now() + HOUR)


@pytest.mark.parametrize('value', ['soon', True, dt.timedelta.max, dt.timedelta.min, dt.time()])
def test_what_it_does_not_take(value: Any) -> None:
    column = ExpireAt()
    column.name = 'until'
    with pytest.raises(InvalidColumnValue, match=r'^until: ') as raised:
        column.check(value)
    if isinstance(value, dt.timedelta):
        assert 'out of range' in str(raised.value)
    else:
        assert 'a datetime or a timedelta' in str(raised.value)


def test_values_of_an_entity() -> None:
    class Ticket(rom.Model):
        until = ExpireAt()

    ticket = Ticket(until=MOMENT)
    assert ticket.until == MOMENT
    ticket.until = HOUR
    assert about(ticket.until, now() + HOUR)
    del ticket.until
    assert ticket.until is None
    with pytest.raises(InvalidColumnValue, match=r'Ticket\.until'):
        ticket.until = 'soon'  # type: ignore[assignment]


@pytest.mark.parametrize('default', [HOUR, lambda: HOUR, lambda: now() + HOUR])
def test_defaults(default: Any) -> None:
    class Ticket(rom.Model):
        until = ExpireAt(default=default)

    assert about(Ticket().until, now() + HOUR)
    assert Ticket(until=MOMENT).until == MOMENT


def test_a_default_is_for_new_entities_only() -> None:
    """A row without a value never expires, so it must not look, nor be saved, as if it did."""

    class Ticket(rom.Model):
        until = ExpireAt(default=HOUR)

    old = Ticket._from_row(1, {'id': b'1'})
    assert old.until is None
    change = old._change(full=True, force=True)
    assert change is not None
    assert change.wanted == {'until': None}


def test_required() -> None:
    class Ticket(rom.Model):
        until = ExpireAt(required=True)

    with pytest.raises(rom.MissingColumn):
        Ticket()
    ticket = Ticket(until=HOUR)
    with pytest.raises(rom.InvalidOperation):
        del ticket.until


def test_one_a_model() -> None:
    with pytest.raises(ColumnError, match='until, again'):

        class Twice(rom.Model):
            until = ExpireAt()
            again = ExpireAt()

    class Base(rom.Model):
        until = ExpireAt()

    with pytest.raises(ColumnError, match='bases included'):

        class Derived(Base):
            again = ExpireAt()

    class Other(Base):
        until = ExpireAt(required=True)

    class Never(Base):
        until = DateTime()

    class Heir(Base):
        pass

    found = [model._schema.expiry for model in (Base, Other, Never, Heir)]
    assert found == ['until', 'until', None, 'until']
    assert Heir._schema.expiry_field == b'until'


def test_past_by_this_clock() -> None:
    column = ExpireAt()
    assert column.is_past(column.encode(column.check(-HOUR)))
    assert not column.is_past(column.encode(column.check(HOUR)))
    assert not column.is_past(None)
    assert not column.is_past(b'no number')
