"""The data and the questions, without a server."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks import data
from benchmarks.operations import OPERATIONS, QUERIES
from benchmarks.peers import BY_NAME as MEMBERS
from benchmarks.peers.base import Peer
from benchmarks.questions import QUERIES as ASKED
from benchmarks.questions import Questions

ROOT = Path(data.__file__).parents[1]


def test_users_are_the_same_in_every_process() -> None:
    program = 'from benchmarks import data; print(hash(tuple(map(str, data.users(0, 3000)))))'
    shown = {
        subprocess.run(
            [sys.executable, '-c', program],
            cwd=ROOT,
            env={'PYTHONHASHSEED': '0'},
            check=True,
            capture_output=True,
        ).stdout
        for _ in range(2)
    }
    assert len(shown) == 1


def test_a_user_depends_on_its_number_alone() -> None:
    many = list(data.users(0, 3000))
    assert [user.number for user in many] == list(range(3000))
    assert list(data.users(950, 2050)) == many[950:2050]
    assert data.user(1234) == many[1234]


def test_unique_values_and_scores_are_unique() -> None:
    many = list(data.users(0, 20_000))
    for column in ('email', 'score', 'created_at'):
        assert len({getattr(user, column) for user in many}) == len(many)
    assert many == sorted(many, key=lambda user: user.created_at)


def ages_of(asked: dict[str, Any]) -> range:
    return range(asked['low'], asked['high'] + 1)


@pytest.mark.parametrize('size', [1000, 5000])
def test_hits_do_not_depend_on_the_size(size: int) -> None:
    """The checker is asked about answers that are worked out here, one user after the other."""
    questions, many = Questions(size), list(data.users(0, size))
    for asked in questions.ask('prefix'):
        right = [user.number for user in many if user.email.startswith(asked['prefix'])]
        assert len(right) == 10
        assert questions.objection('prefix', asked, right) is None
    for asked in questions.ask('words'):
        words = {asked['first'], asked['second']}
        right = [user.number for user in many if words <= set(user.name.split())]
        assert len(right) == 3
        assert questions.objection('words', asked, right) is None
    for asked in questions.ask('created_range'):
        low, high = asked['low'], asked['high']
        right = [user.number for user in many if low <= user.created_at <= high]
        assert len(right) == 50
        assert questions.objection('created_range', asked, right) is None


@pytest.mark.parametrize('size', [1000, 5000])
def test_numbers_of_the_checker_are_those_of_the_data(size: int) -> None:
    questions, many = Questions(size), list(data.users(0, size))
    for asked in questions.ask('either'):
        right = [user for user in many if user.city in asked['cities'] and user.age >= asked['low']]
        right.sort(key=lambda user: user.score)
        numbers = [user.number for user in right[:20]]
        assert len(set(asked['cities'])) == 2
        assert questions.objection('either', asked, numbers) is None
        assert questions.objection('either', asked, numbers[::-1]) is not None
    for asked in questions.ask('count'):
        right = [u for u in many if u.city == asked['city'] and u.age in ages_of(asked)]
        assert questions.objection('count', asked, len(right)) is None
        assert questions.objection('count', asked, len(right) + 1) is not None
    for asked in questions.ask('total'):
        total = sum(user.score for user in many if user.city == asked['city'])
        assert questions.objection('total', asked, total) is None
        assert questions.objection('total', asked, total + 0.01) is not None
    for asked in questions.ask('facets'):
        counts = Counter(user.city for user in many if user.age in ages_of(asked))
        assert questions.objection('facets', asked, dict(counts)) is None
        assert questions.objection('facets', asked, dict(counts, Nowhere=1)) is not None


@pytest.mark.parametrize('size', [1000, 5000, 20_000])
def test_models_that_a_filter_finds_fit_into_one_trip(size: int) -> None:
    questions, many = Questions(size), list(data.users(0, size))
    for asked in questions.ask('filter_models'):
        right = [user.number for user in many if user.age == asked['age']]
        assert 0 < len(right) <= size // 100
        assert questions.objection('filter_models', asked, right[::-1]) is None
        problem = questions.objection('filter_models', asked, [*right[1:], right[0] + 1])
        assert problem is not None
        assert '1 are missing, 1 do not match' in problem


@pytest.mark.parametrize('name', list(ASKED))
def test_a_wrong_answer_is_found(name: str) -> None:
    questions = Questions(1000)
    asked = questions.ask(name)
    assert asked == Questions(1000).ask(name)
    for wrong in ([], [1, 1], list(range(20))):
        assert any(questions.objection(name, question, wrong) for question in asked)


def test_too_small_a_set() -> None:
    with pytest.raises(ValueError, match='999 users are too few'):
        Questions(999)


def test_every_operation_is_a_method_of_a_peer() -> None:
    for operation in OPERATIONS:
        assert callable(getattr(Peer, operation.name))
    assert [operation.name for operation in QUERIES] == list(ASKED)


def test_those_who_alone_are_asked_are_peers() -> None:
    for operation in OPERATIONS:
        assert set(operation.of) <= MEMBERS.keys()
