"""The data: users, the same in every process, whoever asks and however many.

User number *n* depends on *n* alone, so a set of 100,000 begins with the set of 10,000. Among the
first 1,000 some are planted, so that certain questions have the same number of hits in any set:
the users of a club, whose addresses begin alike, and pairs of words that occur together in three
names only.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any, NamedTuple

SEED = 20_100_815
BLOCK = 1000  # users that come from one state of the random numbers

CITIES = tuple(f'City {number:02}' for number in range(50))
DOMAINS = tuple(f'mail{number:02}.example' for number in range(50))
FIRST = tuple(f'first{number:02}' for number in range(40))
MIDDLE = tuple(f'middle{number:02}' for number in range(40))
LAST = tuple(f'last{number:02}' for number in range(60))

# Planted users stand a step apart, from the first to the last of these.
PLANTED = 1000
STEP = 100
CLUBS = 10
CLUB_MEMBERS = 10
PAIRS = 10
PAIR_MEMBERS = 3
PAIRS_BEGIN = 50  # clubs and pairs are of different users

BEGINNING = 1_500_000_000.0
SECONDS_APART = 60.0


class User(NamedTuple):
    """One user; `number` counts from 0, and is kept by nobody."""

    number: int
    email: str
    name: str
    city: str
    age: int
    score: float
    created_at: float

    def columns(self) -> dict[str, Any]:
        """What is stored."""
        columns = self._asdict()
        del columns['number']
        return columns


def users(start: int, stop: int) -> Iterator[User]:
    """The users from one number up to another."""
    for block in range(start // BLOCK, -(-stop // BLOCK)):
        first = block * BLOCK
        yield from _block(block)[max(start - first, 0) : stop - first]


def user(number: int) -> User:
    """One of them."""
    return next(users(number, number + 1))


@cache
def pairs() -> tuple[tuple[str, str], ...]:
    """The first and last words that only planted users have together."""
    return tuple((FIRST[number], LAST[number]) for number in range(PAIRS))


def club(number: int) -> str:
    """What the addresses of a club's members begin with."""
    return f'club{number:02}.'


def changed(user: User, count: int) -> User:
    """A user with a new score, another one for each count of those that are changed together."""
    return user._replace(score=user.number + count / 2**20)


@lru_cache(maxsize=16)
def _block(block: int) -> list[User]:
    rng = random.Random(SEED + block)
    first = block * BLOCK
    return [_user(rng, number) for number in range(first, first + BLOCK)]


def _user(rng: random.Random, number: int) -> User:
    return User(
        number=number,
        email=f'{_beginning(rng, number)}{number}@{rng.choice(DOMAINS)}',
        name=_name(rng, number),
        city=rng.choice(CITIES),
        age=rng.randrange(100),
        score=rng.random() * 1000,
        created_at=BEGINNING + (number + rng.random()) * SECONDS_APART,
    )


def _beginning(rng: random.Random, number: int) -> str:
    letters = ''.join(rng.choices('abcdefghijklmnopqrstuvwxyz', k=6))
    row, column = divmod(number, STEP)
    return club(column) if column < CLUBS and row < CLUB_MEMBERS else letters


def _name(rng: random.Random, number: int) -> str:
    first, last = rng.choice(FIRST), rng.choice(LAST)
    while (first, last) in pairs():
        last = rng.choice(LAST)
    row, column = divmod(number, STEP)
    if 0 <= column - PAIRS_BEGIN < PAIRS and row < PAIR_MEMBERS:
        first, last = pairs()[column - PAIRS_BEGIN]
    middle = f'{rng.choice(MIDDLE)} ' if rng.random() < 0.5 else ''
    return f'{first} {middle}{last}'
