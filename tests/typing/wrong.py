"""Lines that are wrong, each with a comment: ``wrong``, or ``wrong: mypy`` if pyright allows it.

`scripts/typing_check.py` fails where mypy or pyright finds no error in such a line, or finds one in
any other line. Nothing runs this file.
"""

from __future__ import annotations

import datetime
import decimal
import enum

import rom
from rom import Mapped, Ref


class Mood(enum.Enum):
    GOOD = 'good'


class Other(enum.Enum):
    GOOD = 'good'


class Old(rom.Model):
    name = rom.Text(required=True, unique=True)
    nick = rom.Text()
    age = rom.Integer(index=True, default=5)
    size = rom.Integer(index=True)
    price = rom.Decimal(index=True)
    mood = rom.Enum(Mood, default=Mood.GOOD)
    seen = rom.DateTime()
    words = rom.List(rom.Text(), required=True)
    active = rom.Boolean()
    parent = rom.ManyToOne('Old', 'cascade')


class Team(rom.TypedModel):
    name: Mapped[str]
    people: Mapped[list[New]] = rom.related('team')


class New(rom.TypedModel):
    name: Mapped[str]
    age: Mapped[int | None] = rom.column(index=True, default=None)
    price: Mapped[decimal.Decimal] = rom.column(default=decimal.Decimal(0))
    mood: Mapped[Mood] = rom.column(default=Mood.GOOD)
    made: Mapped[datetime.datetime] = rom.column(auto_now_add=True, init=False)
    bio: Mapped[str | None] = rom.Text(default=None)
    tags: Mapped[list[str]] = rom.column(index=True, default=list)
    team: Ref[Team | None] = rom.relation(on_delete='set null', default=None)
    home: Ref[Team] = rom.relation(on_delete='cascade')
    team_id = rom.id_of('team')


class Declarations(rom.TypedModel):
    a: Mapped[int] = rom.column(default='x')  # wrong
    b: Mapped[int] = rom.column(default=None)  # wrong
    c: Mapped[str] = rom.Text()  # wrong
    d: Mapped[int] = rom.Text(required=True)  # wrong
    e: Mapped[int] = rom.column(indx=True)  # wrong
    f: Ref[Team] = rom.relation(on_delete='cascad')  # wrong
    g: Ref[Team] = rom.relation()  # wrong
    h: Mapped[int] = rom.column(required=True)  # wrong
    i: Mapped[int] = 5  # wrong
    j: Mapped[str | None] = rom.Integer(default=None)  # wrong
    n: Mapped[list[str]] = rom.List(rom.Integer(), required=True)  # wrong
    m: Mapped[list[str]] = rom.column(default=set)  # wrong
    k: Mapped[datetime.datetime] = rom.column(default=datetime.date.today)  # wrong


class Partitions(rom.TypedModel):
    _shards = 'shop'  # wrong
    _shard_by = Team  # wrong
    _shard_with = 5  # wrong


class OldPartitions(rom.Model):
    _shards = rom.Shards('shop', '5')  # wrong
    _shard_by = rom.Integer(index=True)  # wrong


class Options(rom.Model):
    a = rom.Text(required=True, indx=True)  # wrong
    b = rom.Integer(default='x')  # wrong
    c = rom.Enum(Mood, default=Other.GOOD)  # wrong: mypy
    d = rom.Integer(max_length=5)  # wrong
    e = rom.DateTime(tz='utc')  # wrong
    f = rom.Text(keygen='words')  # wrong
    g = rom.ManyToOne()  # wrong


def constructors(team: Team) -> None:
    New(name='Ann')  # wrong
    New(home=team)  # wrong
    New(name=5, home=team)  # wrong
    New(name='Ann', home=team, age='x')  # wrong
    New(name='Ann', home=team, nmae='x')  # wrong
    New(name='Ann', home=team, made=datetime.datetime.min)  # wrong
    New(name='Ann', home=team, id=5)  # wrong
    New(name='Ann', home=team, mood=Other.GOOD)  # wrong
    New('Ann', home=team)  # wrong
    New(name='Ann', home=New)  # wrong
    Team(name='x', people=[])  # wrong


def values(old: Old, new: New, team: Team) -> None:
    old.name = None  # wrong
    old.name = 5  # wrong
    old.age = None  # wrong
    old.size = 'x'  # wrong
    old.mood = Other.GOOD  # wrong
    old.id = 5  # wrong
    old.words = None  # wrong
    old.words.append(5)  # wrong
    old.nick.upper()  # wrong
    old.size + 1  # wrong
    new.name = None  # wrong
    new.name = 5  # wrong
    new.age = 'x'  # wrong
    new.age + 1  # wrong
    new.mood = 'good'  # wrong
    new.id = 5  # wrong
    new.team = 'red'  # wrong
    new.team = new  # wrong
    new.home = None  # wrong
    new.team_id = 5  # wrong
    new.nmae  # wrong
    new.tags = 'x'  # wrong
    new.tags.append(5)  # wrong
    team.people[0].nmae  # wrong


def reading(new: New) -> None:
    new.team.name  # wrong
    new.home.nmae  # wrong
    new.bio.upper()  # wrong


def expressions(old: Old, new: New, team: Team) -> None:
    Old.query.where(Old.age >= 'x')  # wrong
    Old.query.where(Old.age == 'x')  # wrong
    Old.query.where(Old.name != 5)  # wrong
    Old.query.where(Old.size.in_(['x']))  # wrong
    Old.query.where(Old.size.between(1, 'x'))  # wrong
    Old.query.where(Old.size.startswith('x'))  # wrong
    Old.query.where(Old.price < 'x')  # wrong
    Old.query.where(Old.seen > datetime.date.min)  # wrong
    Old.query.where(Old.mood == Other.GOOD)  # wrong
    Old.query.where(old.age)  # wrong
    New.query.where(New.age >= 'x')  # wrong
    New.query.where(New.age == 'x')  # wrong
    New.query.where(New.name == None)  # wrong  # noqa: E711
    New.query.where(New.name < 5)  # wrong
    New.query.where(New.age.like('x'))  # wrong
    New.query.where(New.mood.in_(['good']))  # wrong
    New.query.where(New.price >= 'x')  # wrong
    New.query.where(New.id == 'x')  # wrong
    New.query.where(New.team == 'red')  # wrong
    New.query.where(New.team == new)  # wrong
    New.query.where(New.team.in_(['red']))  # wrong
    New.query.where(New.team_id == 'x')  # wrong
    New.query.where(New.team.name)  # wrong
    New.query.where(New.name.size == 'x')  # wrong
    New.query.where(new.name == 'Ann')  # wrong
    New.query.where(New.nmae == 'Ann')  # wrong
    New.query.where(New.tags.contains(5))  # wrong
    New.query.where(New.name.contains('a'))  # wrong
    New.query.where(New.tags >= 5)  # wrong
    New.query.where((New.age > 5) & True)  # wrong
