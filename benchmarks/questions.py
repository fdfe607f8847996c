"""What is asked of the data, and what the right answers are: worked out from the data alone.

An answer is a list of users' numbers, a number, or counts by city. That a peer is fast is of no
interest before its answers are right, so the runner has each of them checked here first.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeAlias

from benchmarks import data
from benchmarks.data import User

Question: TypeAlias = dict[str, Any]

FIRST_OF_MANY = 20
HITS_OF_RANGE = 50


class Questions:
    """The questions about the first so many users.

    Args:
        size: how many users there are; 1,000 at least, so that all that is planted is there.
    """

    def __init__(self, size: int) -> None:
        if size < data.PLANTED:
            raise ValueError(f'{size} users are too few: take {data.PLANTED}, or more')
        self.size = size

    @cached_property
    def users(self) -> list[User]:
        """All of them, by number."""
        return list(data.users(0, self.size))

    @cached_property
    def _by_city(self) -> dict[str, list[User]]:
        found = defaultdict(list)
        for user in self.users:
            found[user.city].append(user)
        return found

    @cached_property
    def _by_age(self) -> dict[int, list[int]]:
        found = defaultdict(list)
        for user in self.users:
            found[user.age].append(user.number)
        return found

    @cached_property
    def _domains(self) -> Counter[str]:
        return Counter(user.email.partition('@')[2] for user in self.users)

    @cached_property
    def _by_score(self) -> list[User]:
        return sorted(self.users, key=lambda user: user.score)

    def ask(self, query: str, count: int = 10) -> list[Question]:
        """Questions for a query; the same ones every time.

        Args:
            query: a name of `QUERIES`.
            count: how many.
        """
        rng = random.Random(f'{query} {self.size}')
        asker, _ = QUERIES[query]
        return [asker(self, rng, number) for number in range(count)]

    def objection(self, query: str, question: Question, answer: Any) -> str | None:
        """What is wrong with an answer; None where it is right."""
        _, checker = QUERIES[query]
        problem = checker(self, question, answer)
        return problem and f'{query} {question} of {self.size:,} users: {problem}'

    # How questions are made.

    def _ask_city_and_age(self, rng: random.Random, number: int) -> Question:
        low = rng.randrange(90)
        return {'city': rng.choice(data.CITIES), 'low': low, 'high': low + 9}

    def _ask_range(self, rng: random.Random, number: int) -> Question:
        first = rng.randrange(self.size - HITS_OF_RANGE)
        last = self.users[first + HITS_OF_RANGE - 1]
        return {'low': self.users[first].created_at, 'high': last.created_at}

    def _ask_prefix(self, rng: random.Random, number: int) -> Question:
        return {'prefix': data.club(number % data.CLUBS)}

    def _ask_suffix(self, rng: random.Random, number: int) -> Question:
        return {'suffix': '@' + rng.choice(data.DOMAINS)}

    def _ask_words(self, rng: random.Random, number: int) -> Question:
        first, last = data.pairs()[number % data.PAIRS]
        return {'first': first, 'second': last}

    def _ask_wide(self, rng: random.Random, number: int) -> Question:
        low = rng.randrange(20)
        return {'low': low, 'high': low + 79}

    def _ask_latest(self, rng: random.Random, number: int) -> Question:
        return {}

    def _ask_either(self, rng: random.Random, number: int) -> Question:
        return {'cities': rng.sample(data.CITIES, 2), 'low': rng.randrange(50)}

    def _ask_total(self, rng: random.Random, number: int) -> Question:
        return {'city': rng.choice(data.CITIES)}

    def _ask_facets(self, rng: random.Random, number: int) -> Question:
        low = rng.randrange(90)
        return {'low': low, 'high': low + 9}

    def _ask_filter_models(self, rng: random.Random, number: int) -> Question:
        # The server sends up to 1,000 rows in a trip, so no more than 1% of 100,000.
        rare = [age for age, found in self._by_age.items() if len(found) * 100 <= self.size]
        return {'age': rng.choice(sorted(rare))}

    # How answers are checked.

    def _city_and_age(self, question: Question, answer: list[int]) -> str | None:
        return _in_order(answer, _first_by_score(self._of_city_and_age(**question)))

    def _of_city_and_age(self, city: str, low: int, high: int) -> list[User]:
        return [user for user in self._by_city[city] if low <= user.age <= high]

    def _either(self, question: Question, answer: list[int]) -> str | None:
        found = [
            user
            for city in question['cities']
            for user in self._by_city[city]
            if user.age >= question['low']
        ]
        return _in_order(answer, _first_by_score(found))

    def _count(self, question: Question, answer: int) -> str | None:
        return _equal(answer, len(self._of_city_and_age(**question)))

    def _total(self, question: Question, answer: float) -> str | None:
        """An engine may add doubles up as they come, so the last digits are its own."""
        right = math.fsum(user.score for user in self._by_city[question['city']])
        is_close = isinstance(answer, float) and math.isclose(answer, right, rel_tol=1e-9)
        return None if is_close else _equal(answer, right)

    def _facets(self, question: Question, answer: dict[str, int]) -> str | None:
        ages = range(question['low'], question['high'] + 1)
        right = Counter(self.users[n].city for age in ages for n in self._by_age[age])
        return _equal(answer, dict(right))

    def _range(self, question: Question, answer: list[int]) -> str | None:
        low, high = question['low'], question['high']
        begin = int((low - data.BEGINNING) // data.SECONDS_APART)
        near = self.users[max(begin - 1, 0) : begin + HITS_OF_RANGE + 2]
        right = [user.number for user in near if low <= user.created_at <= high]
        return _in_any_order(answer, right)

    def _prefix(self, question: Question, answer: list[int]) -> str | None:
        prefix = question['prefix']
        near = self.users[: data.PLANTED]
        return _in_any_order(answer, [u.number for u in near if u.email.startswith(prefix)])

    def _suffix(self, question: Question, answer: list[int]) -> str | None:
        """Any of those that match, for nothing sorts them."""
        matching = min(self._domains[question['suffix'][1:]], FIRST_OF_MANY)
        if not len(set(answer)) == len(answer) == matching:
            return f'{len(answer)} users, {len(set(answer))} of them different, not {matching}'
        others = [n for n in answer if not self.users[n].email.endswith(question['suffix'])]
        return f'users {others} do not match' if others else None

    def _words(self, question: Question, answer: list[int]) -> str | None:
        wanted = {question['first'], question['second']}
        near = self.users[: data.PLANTED]
        right = [user.number for user in near if wanted <= set(user.name.split())]
        return _in_any_order(answer, right)

    def _wide(self, question: Question, answer: list[int]) -> str | None:
        right: list[int] = []
        for user in reversed(self._by_score):
            if question['low'] <= user.age <= question['high']:
                right.append(user.number)
                if len(right) == FIRST_OF_MANY:
                    break
        return _in_order(answer, right)

    def _latest(self, question: Question, answer: list[int]) -> str | None:
        return _in_order(answer, list(range(self.size - 1, self.size - 1 - FIRST_OF_MANY, -1)))

    def _filter_models(self, question: Question, answer: list[int]) -> str | None:
        """So many that they are counted, not shown."""
        right = self._by_age[question['age']]
        if sorted(answer) == right:
            return None
        missing, wrong = len(set(right) - set(answer)), len(set(answer) - set(right))
        return f'{len(answer)} users, not {len(right)}: {missing} are missing, {wrong} do not match'


def _first_by_score(users: list[User]) -> list[int]:
    ordered = sorted(users, key=lambda user: user.score)
    return [user.number for user in ordered[:FIRST_OF_MANY]]


def _equal(answer: Any, right: Any) -> str | None:
    return None if answer == right else f'{answer} instead of {right}'


def _in_order(answer: list[int], right: list[int]) -> str | None:
    return _equal(answer, right)


def _in_any_order(answer: list[int], right: list[int]) -> str | None:
    return _in_order(sorted(answer), sorted(right))


_Asker: TypeAlias = Callable[[Questions, random.Random, int], Question]
_Checker: TypeAlias = Callable[[Questions, Question, Any], 'str | None']

# A query's name, which is that of a peer's method, to how it is asked and how it is checked.
QUERIES: dict[str, tuple[_Asker, _Checker]] = {
    'city_and_age': (Questions._ask_city_and_age, Questions._city_and_age),
    'created_range': (Questions._ask_range, Questions._range),
    'prefix': (Questions._ask_prefix, Questions._prefix),
    'suffix': (Questions._ask_suffix, Questions._suffix),
    'words': (Questions._ask_words, Questions._words),
    'wide': (Questions._ask_wide, Questions._wide),
    'latest': (Questions._ask_latest, Questions._latest),
    'either': (Questions._ask_either, Questions._either),
    'count': (Questions._ask_city_and_age, Questions._count),
    'total': (Questions._ask_total, Questions._total),
    'facets': (Questions._ask_facets, Questions._facets),
    'filter_models': (Questions._ask_filter_models, Questions._filter_models),
}
