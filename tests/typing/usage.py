"""What a type checker knows of a program that uses rom. `scripts/check` has mypy read it."""

import dataclasses
import datetime
import decimal
import enum
import ipaddress
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

import pydantic

import rom
import rom.aio
from rom import maintenance
from rom._core.columns.arithmetic import Arithmetic
from rom._core.columns.expressions import Expression
from rom._core.columns.relation_paths import RelationPath


class State(enum.Enum):
    OPEN = 'open'
    DONE = 'done'


class Money:
    cents: int


class MoneyColumn(rom.Column[Money]):
    accepts = Money
    kind = 'Money'
    is_numeric = True
    adds = 'integer'

    def encode(self, value: Money) -> bytes:
        return b'%d' % value.cents

    def decode(self, raw: bytes) -> Money:
        return Money()

    def number(self, value: Money) -> float:
        return float(value.cents)


@dataclasses.dataclass
class Home:
    city: str


class User(rom.Model):
    name = rom.Text(required=True, unique=True)
    age = rom.Integer(index=True)
    score = rom.Float()
    price = rom.Decimal()
    active = rom.Boolean(default=True)
    born = rom.Date()
    seen = rom.DateTime()
    wakes = rom.Time()
    digest = rom.String()
    notes = rom.Json(default=dict)
    until = rom.ExpireAt(default=datetime.timedelta(days=1))
    state = rom.Enum(State, index=True, default=State.OPEN)
    key = rom.UUID(default=uuid.uuid4)
    length = rom.Duration(index=True)
    ip = rom.IPAddress(stored_as='address')
    made = rom.DateTime(tz=True, auto_now_add=True)
    words = rom.List(rom.Text(), required=True)
    plan = rom.Text(choices=['free', 'paid'], validators=[str.isalpha])
    friends = rom.ManyToMany('User', on_delete='restrict', related_name='friend_of')
    followers = rom.ManyToMany('User', column='friends')
    price_paid = MoneyColumn(index=True, unique=False)
    tags = rom.List(rom.Text(max_length=40), index=True, prefix=True, default=list)
    marks = rom.Set(rom.Integer(), index=True, default=set)
    states = rom.List(rom.Enum(State), max_length=5, validators=[bool])
    home = rom.Typed(Home)
    past = rom.Typed(list[Home], default=list)


def columns_and_values(user: User) -> None:
    assert_type(User.name, rom.Text[str])
    assert_type(User.age, rom.Integer)
    assert_type(user.id, int)
    assert_type(user.name, str)
    assert_type(user.age, int | None)
    assert_type(user.score, float | None)
    assert_type(user.price, decimal.Decimal | None)
    assert_type(user.active, bool)
    assert_type(user.born, datetime.date | None)
    assert_type(user.seen, datetime.datetime | None)
    assert_type(user.wakes, datetime.time | None)
    assert_type(user.digest, bytes | None)
    assert_type(user.notes, Any)
    assert_type(user.until, datetime.datetime | None)
    assert_type(User.state, rom.Enum[State, State])
    assert_type(user.state, State)
    assert_type(user.key, uuid.UUID)
    assert_type(user.length, datetime.timedelta | None)
    assert_type(user.ip, ipaddress.IPv4Address | ipaddress.IPv6Address | None)
    assert_type(user.made, datetime.datetime | None)
    assert_type(user.plan, str | None)
    assert_type(user.tags, list[str])
    assert_type(user.marks, set[int])
    assert_type(user.words, list[str])
    assert_type(user.price_paid, Money | None)
    assert_type(user.states, list[State] | None)
    assert_type(user.home, Home | None)
    assert_type(user.past, list[Home] | None)
    user.tags = ['x']
    user.tags = [5]  # type: ignore[list-item]
    user.marks = {5}
    User.query.where(User.tags.contains('x') & ~User.marks.overlaps(5, 6))
    User.query.update(tags=User.tags.add('x').remove('y'), marks=User.marks.add(5))
    rom.List(5)  # type: ignore[call-overload]
    assert_type(User.friends, RelationPath[Any])
    assert_type(user.friends, rom.LinkCollection)
    user.friends.add(user, 3)
    user.friends = [user, 3]
    user.state = State.DONE
    user.state = 5  # type: ignore[assignment]
    user.until = datetime.timedelta(hours=1)
    user.until = 5  # type: ignore[assignment]
    user.age = 5
    user.age = None
    user.age = 'five'  # type: ignore[assignment]


def reading() -> None:
    assert_type(User.get(1), User | None)
    assert_type(User.get([1, 2]), list[User])
    query = User.query.filter(age=(1, None)).order_by('-age').limit(0, 10)
    assert_type(query[10:20].offset(5), rom.Query[User])
    assert_type(query[3], User)
    assert_type(query.page(20, before=query.page(20).previous).previous, str | None)
    assert_type(query.all(), list[User])
    assert_type(query.first(), User | None)
    assert_type(query.count(), int)
    assert_type(query.exists(), bool)
    assert_type(query.get(), User)
    assert_type(query.ids(), list[int])
    assert_type(query.histogram('age', [0, 18, None]), list[int])
    assert_type(query.sum('age'), Any)
    assert_type(query.facets('age'), Counter[Any])
    assert_type(query.facets('age', 'name'), dict[str, Counter[Any]])
    assert_type(query.delete(), int)
    assert_type(query.with_expired().all(), list[User])
    assert_type(rom.util.expire(User, limit=5), int)
    assert_type(query.cached_result(30), str)
    assert_type(query.iter_result(), Iterator[User])
    assert_type(User.does_not_startwith('name', ['a']), Iterator[User])
    assert_type([user.age for user in query], list[int | None])


def expressions() -> None:
    assert_type(User.age >= 18, Expression)
    assert_type(User.age == 18, Expression)
    assert_type(User.name != 'Ann', Expression)
    assert_type(User.state == State.OPEN, Expression)
    assert_type(User.age.between(1, 2), Expression)
    assert_type(User.name.in_(['Ann']), Expression)
    assert_type(User.name.startswith('A'), Expression)
    assert_type(~User.age.is_none(), Expression)
    assert_type((User.age >= 18) & ((User.name == 'Ann') | ~User.name.like('A*')), Expression)
    assert_type(User.query.where(User.age < 18, User.name == 'Ann').all(), list[User])
    User.query.where(True)  # type: ignore[arg-type]
    User.query.where((User.age < 18) & True)  # type: ignore[operator]


def changes_in_place() -> None:
    assert_type(User.age + 1, Arithmetic)
    assert_type(1 - User.age * User.score, Arithmetic)
    assert_type(User.born + datetime.timedelta(days=1), Arithmetic)
    assert_type(User.query.update(age=User.age + 1, name='Ann'), int)
    assert_type(User.query.update(_blocksize=1000, age=None), int)
    assert_type(User.get_or_create({'age': 1}, name='Ann'), tuple[User, bool])
    assert_type(
        User.upsert({'age': User.age + 1}, create={'age': 1}, name='Ann'), tuple[User, bool]
    )
    assert_type(rom.session.get_or_create(User, name='Ann')[0], User)
    rom.session.add_all([User(name='Ann')])
    rom.session.add_all(5)  # type: ignore[arg-type]


def types_that_travel(user: User) -> None:
    assert_type(User.pydantic(), type[pydantic.BaseModel])
    new_user = User.pydantic(include=['name', 'age'], exclude='age', name='NewUser')
    assert_type(new_user(name='Ann'), pydantic.BaseModel)
    assert_type(User(**new_user(name='Ann').model_dump(exclude_unset=True)), User)
    assert_type(user.update(User.pydantic(partial=True)(age=5).model_dump()), User)
    assert_type(pydantic.TypeAdapter(User).validate_python({'name': 'Ann'}), User)
    assert_type(pydantic.TypeAdapter(list[User]).validate_json('[]'), list[User])
    User.pydantic(include=5)  # type: ignore[arg-type]
    User.pydantic('name')  # type: ignore[call-arg]


def sessions() -> None:
    assert_type(rom.session.get(User, 1), User | None)
    assert_type(rom.session.all(User.query), list[User])
    assert_type(rom.session.stream(User.query), Iterator[User])
    assert_type(rom.session.commit(), int)


async def async_sessions() -> None:
    async with rom.AsyncSession() as s:
        assert_type(await s.get(User, 1), User | None)
        assert_type(await s.get(User, [1]), list[User])
        assert_type(await s.all(User.query), list[User])
        assert_type(await s.count(User.query), int)
        assert_type(await s.one(User.query), User)
        assert_type(await s.max(User.query, 'age'), Any)
        assert_type(await s.facets(User.query, 'age'), Counter[Any])
        assert_type(await s.facets(User.query, 'age', 'name'), dict[str, Counter[Any]])
        assert_type(await s.delete_all(User.query), int)
        assert_type(await s.update_all(User.query, age=User.age + 1), int)
        assert_type(await s.get_or_create(User, {'age': 1}, name='Ann'), tuple[User, bool])
        assert_type(await s.upsert(User, {'age': 1}, name='Ann'), tuple[User, bool])
        assert_type(s.stream(User.query), AsyncIterator[User])
        assert_type(await s.commit(), int)
        async with rom.aio.Lock(User, 'x', 1, 1) as lock:
            assert_type(lock, rom.aio.Lock)
            assert_type(await lock.refresh(), bool)
        assert_type(rom.aio.refresh_indices(User), AsyncIterator[tuple[int, int]])
        assert_type(await rom.aio.clean_unsafe_cols(User), tuple[int, int])
        assert_type([one async for one in rom.aio.check(User)], list[maintenance.Finding])
        assert_type(rom.aio.reindex(User, rate=5.5), AsyncIterator[tuple[int, int]])
        assert_type(await rom.aio.status(), list[maintenance.Status])


def upkeep() -> None:
    check = maintenance.check(User, repair=True, progress=print)
    assert_type(list(check), list[maintenance.Finding])
    assert_type(check.unrepaired, int)
    assert_type(maintenance.reindex(User, rate=5), Iterator[tuple[int, int]])
    assert_type(maintenance.status(User)[0].changes, tuple[str, ...])
