"""A model with a column of every kind; nothing here needs a server, unless a test asks for one."""

import datetime as dt
from typing import Any

import pytest

import rom


class Customer:
    """No entity, and known by its id."""

    def __init__(self, id: int) -> None:
        self.id = id

    @classmethod
    def get(cls, id: int) -> 'Customer | None':
        return cls(id) if id < 1000 else None


@pytest.fixture
def every() -> Any:
    """A model with every kind of column, none of them required."""

    class Every(rom.Model):
        """One of each."""

        number = rom.Integer(index=True)
        real = rom.Float()
        exact = rom.Decimal()
        flag = rom.Boolean()
        raw = rom.String()
        text = rom.Text(index=True, keygen=rom.FULL_TEXT)
        data = rom.Json()
        moment = rom.DateTime()
        strict = rom.SaferDateTime()
        day = rom.Date()
        time = rom.Time()
        until = rom.ExpireAt()
        of = rom.ManyToOne('Every', 'no action')
        one = rom.OneToOne('Every', 'no action')
        all = rom.OneToMany('Every', column='of')
        customer = rom.ForeignModel(Customer)
        words = rom.IndexOnly('text', keygen=rom.FULL_TEXT)
        key = rom.UnsafeColumn()

    return Every


@pytest.fixture
def account() -> Any:
    """A model with defaults, and columns that are required."""

    class Account(rom.Model):
        name = rom.Text(required=True, unique=True)
        plan = rom.Text(required=True, default='free')
        limit = rom.Decimal(default='1.50')
        digest = rom.String(default=b'\xff\x00')
        since = rom.DateTime(default=dt.datetime(2024, 1, 2, 3, 4, 5))
        token = rom.Text(default=lambda: 'made')
        until = rom.ExpireAt(default=dt.timedelta(days=1))
        notes = rom.Json(default={'a': [1]})

    return Account
