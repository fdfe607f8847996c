"""What type checkers know of models declared by annotations; mypy and pyright find no error."""

from __future__ import annotations

import datetime
import decimal
import enum
import ipaddress
import uuid
from typing import Annotated, Any, Literal, TypedDict, assert_type

import pydantic
from annotated_types import Ge, MaxLen

import rom
from rom import Mapped, Ref
from rom._core.columns.arithmetic import Arithmetic
from rom._core.columns.expressions import Expression


class Mood(enum.Enum):
    GOOD = 'good'
    BAD = 'bad'


class Prefs(TypedDict):
    theme: str


class Stamped(rom.Mixin):
    created: Mapped[datetime.datetime] = rom.column(auto_now_add=True, index=True, init=False)


class Team(rom.TypedModel):
    name: Mapped[str]
    people: Mapped[list[Person]] = rom.related('team')


class Person(Stamped, rom.TypedModel):
    name: Mapped[str]
    email: Mapped[Annotated[str, MaxLen(40)]] = rom.column(unique=True)
    age: Mapped[Annotated[int, Ge(0)] | None] = rom.column(index=True, default=None)
    score: Mapped[float] = rom.column(default=0.0)
    price: Mapped[decimal.Decimal] = rom.column(default=decimal.Decimal(0))
    active: Mapped[bool] = rom.column(default=True)
    mood: Mapped[Mood] = rom.column(default=Mood.GOOD)
    plan: Mapped[Literal['free', 'paid']] = rom.column(default='free')
    key: Mapped[uuid.UUID] = rom.column(default=uuid.uuid4)
    seen: Mapped[datetime.datetime | None] = rom.column(default=None, tz=True)
    length: Mapped[datetime.timedelta | None] = rom.column(default=None)
    ip: Mapped[ipaddress.IPv4Address | None] = rom.column(default=None)
    prefs: Mapped[Prefs] = rom.column(default=lambda: Prefs(theme='dark'))
    notes: Mapped[dict[str, Any]] = rom.column(default=dict)
    bio: Mapped[str | None] = rom.Text(default=None, max_length=500)
    words: Mapped[list[str]] = rom.Json(default=list)
    tags: Mapped[list[str]] = rom.column(index=True, default=list)
    marks: Mapped[set[int] | None] = rom.column(default=None)
    links: Mapped[list[str]] = rom.List(rom.Text(), default=list)
    until: Mapped[datetime.datetime | None] = rom.ExpireAt(default=datetime.timedelta(days=1))
    team: Ref[Team | None] = rom.relation(on_delete='set null', default=None)
    boss: Ref[Person | None] = rom.relation(on_delete='set null', default=None)
    home: Ref[Team] = rom.relation(on_delete='cascade')
    team_id = rom.id_of('team')


class Admin(Person):
    level: Mapped[int] = rom.column(default=1)


class OldBase(rom.Model):
    name = rom.Text(required=True)
    code = rom.Integer(index=True)


class OldChild(rom.Model):
    parent = rom.ManyToOne(OldBase, 'cascade')


class MixedModel(OldBase, rom.TypedModel):
    age: Mapped[int]


SHARDS = rom.Shards('typed', 16)


class Owned(rom.Mixin):
    _shards, _shard_by = SHARDS, 'owner'
    owner: Mapped[int | None] = rom.column(index=True, default=None)


class Folder(Owned, rom.TypedModel):
    _shard_with = 'parent'
    parent: Ref[Folder | None] = rom.relation(on_delete='cascade', default=None)
    labels = rom.ManyToMany('Label', related_name='folders')


class File(rom.TypedModel):
    _shards, _shard_with = SHARDS, 'folder'
    folder: Ref[Folder] = rom.relation(on_delete='cascade')


class Label(rom.TypedModel):
    _shards = SHARDS
    word: Mapped[str]


def partitions(folder: Folder) -> File:
    assert_type(SHARDS.partition_of(folder.id), int)
    assert_type(folder.parent, Folder | None)
    assert_type(folder.owner, int | None)
    folder.labels.add(Label(word='x'))
    return File(folder=Folder(owner=5, parent=folder))


def constructors(team: Team) -> Person:
    Team(name='red')
    Person(name='Ann', email='a@x', home=team)
    Person(name='Ann', email='a@x', home=team, team=None, age=None, mood=Mood.BAD, plan='paid')
    Person(name='Ann', email='a@x', home=team, prefs={'theme': 'light'}, words=['a'])
    MixedModel(age=5)
    return Admin(name='Ann', email='a@x', home=team, level=3)


def values(person: Person, team: Team, mixed: MixedModel) -> None:
    assert_type(person.id, int)
    assert_type(person.created, datetime.datetime)
    assert_type(person.name, str)
    assert_type(person.email, str)
    assert_type(person.age, int | None)
    assert_type(person.score, float)
    assert_type(person.price, decimal.Decimal)
    assert_type(person.active, bool)
    assert_type(person.mood, Mood)
    assert_type(person.plan, Literal['free', 'paid'])
    assert_type(person.key, uuid.UUID)
    assert_type(person.seen, datetime.datetime | None)
    assert_type(person.length, datetime.timedelta | None)
    assert_type(person.ip, ipaddress.IPv4Address | None)
    assert_type(person.prefs['theme'], str)
    assert_type(person.notes, dict[str, Any])
    assert_type(person.bio, str | None)
    assert_type(person.words, list[str])
    assert_type(person.tags, list[str])
    assert_type(person.marks, set[int] | None)
    person.tags.append('x')
    assert_type(person.team, Team | None)
    assert_type(person.boss, Person | None)
    assert_type(person.home, Team)
    assert_type(person.home.name, str)
    assert_type(person.team_id, int | None)
    assert_type(team.people, list[Person])
    assert_type(team.people[0].name, str)
    assert_type(mixed.name, str)
    assert_type(mixed.code, int | None)
    person.name = 'Bob'
    person.age = None
    person.age = 5
    person.team = team
    person.team = 5
    person.team = None
    person.home = 5
    person.mood = Mood.BAD
    del person.age


def expressions() -> None:
    assert_type(Person.age >= 18, Expression)
    assert_type(Person.age == None, Expression)  # noqa: E711
    assert_type(Person.name == 'Ann', Expression)
    assert_type(Person.name.startswith('A'), Expression)
    assert_type(Person.bio.like('A*'), Expression)
    assert_type(Person.score < 5, Expression)
    assert_type(Person.price <= 5, Expression)
    assert_type(Person.price > decimal.Decimal('1.5'), Expression)
    assert_type(Person.created.between(datetime.datetime.min, datetime.datetime.max), Expression)
    assert_type(Person.mood.in_([Mood.GOOD]), Expression)
    assert_type(Person.tags.contains('a'), Expression)
    assert_type(Person.tags.overlaps('a', 'b'), Expression)
    assert_type(Person.marks.contains_all(1, 2), Expression)
    assert_type(Person.links.contains('a'), Expression)
    Person.query.update(tags=Person.tags.add('x'), marks=Person.marks.remove(5))
    assert_type(Person.id == 5, Expression)
    assert_type(Person.id >= 5, Expression)
    assert_type(Person.team == 5, Expression)
    assert_type(Person.team.in_([1, 2]), Expression)
    assert_type(Person.team_id == 5, Expression)
    assert_type(Person.age + 1, Arithmetic)
    assert_type(MixedModel.code > 5, Expression)
    assert_type(~Person.bio.is_none() & (Person.age > 1), Expression)
    assert_type(Person.query.where(Person.age == 7, Person.active == True).all(), list[Person])  # noqa: E712
    assert_type(Admin.query.where(Admin.level > 1, Admin.name == 'x').first(), Admin | None)


def relations_compare(team: Team, person: Person) -> None:
    assert_type(Person.team == team, Expression)
    assert_type(Person.home != team, Expression)
    assert_type(Person.boss.in_([person, 5]), Expression)
    assert_type(Person.team.name == 'red', Expression)
    assert_type(Person.boss.team.people.age >= 18, Expression)
    assert_type(~Person.team.name.startswith('r') | Person.team.name.in_(['x']), Expression)
    assert_type(Team.people.name != 'x', Expression)
    assert_type(Team.people.is_none(), Expression)
    assert_type(OldChild.parent.name == 'x', Expression)
    assert_type(Person.query.where(Person.team.name == 'x').all(), list[Person])


def calls(person: Person) -> None:
    assert_type(Person.get(1), Person | None)
    assert_type(Person.query.first(), Person | None)
    assert_type(person.save(), int)
    assert_type(person.copy(), Person)
    assert_type(Person.pydantic(), type[pydantic.BaseModel])
    Person.upsert({'age': Person.age + 1}, email='a@x')


async def async_session() -> None:
    async with rom.AsyncSession() as s:
        person = await s.get(Person, 1)
        assert_type(person, Person | None)
        assert person is not None
        assert_type(person.age, int | None)
        assert_type(await s.all(Person.query.where(Person.age > 5)), list[Person])
