"""What is measured: a table.

An operation is a method of a peer, with the same name. Some are timed as a whole, over a count of
users (how many of them in one commit, say); others call by call. Those of kind 'query' are asked of
the large sets; all others work on a small set that is written anew in every round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# The set that the operations on users write, change and read.
SMALL_SET = 10_000


@dataclass(frozen=True)
class Operation:
    """One thing to measure.

    Attributes:
        name: the method of the peers.
        title: for the report.
        kind: 'bulk', timed as a whole over `counts` users; 'calls', timed one by one, of
            `counts[0]` different users; or 'query', timed one by one, on each of the large sets.
        counts: of how many users.
        note: more for the report.
        of_entities: the answer is entities; else it is a number, or counts by name.
        of: the only peers that are asked, the one that the others are compared with first; empty:
            all are, and compared with rom.
    """

    name: str
    title: str
    kind: Literal['bulk', 'calls', 'query']
    counts: tuple[int, ...] = ()
    note: str = ''
    of_entities: bool = True
    of: tuple[str, ...] = ()


# In this order: what writes the small set comes before what needs it.
OPERATIONS = (
    Operation('create', 'commit of new entities', 'bulk', (100, 1000, SMALL_SET)),
    Operation('change', 'change one indexed column, commit', 'bulk', (100, 1000, SMALL_SET)),
    Operation('get_many', 'get by id', 'bulk', (100, 1000, SMALL_SET)),
    Operation('read_many', 'get by id, and read every column', 'bulk', (1000,)),
    Operation('get_by', 'get by a unique column', 'calls', (100,)),
    Operation('get_one', 'one get', 'calls', (200,)),
    Operation('save_one', 'one save', 'calls', (200,)),
    Operation('city_and_age', 'city = x, age in 10%, order by score, first 20', 'query'),
    Operation('created_range', 'created_at range, 50 hits', 'query'),
    Operation('prefix', 'prefix, 10 hits', 'query'),
    Operation('suffix', 'suffix, first 20 of 2%', 'query'),
    Operation('words', 'two words, 3 hits', 'query'),
    Operation('wide', 'age in 80%, order by -score, first 20', 'query'),
    Operation('latest', 'latest 20, no filter', 'query'),
    Operation('either', 'two cities, age from, order by score, first 20', 'query'),
    Operation('count', 'count of city = x, age in 10%', 'query', of_entities=False),
    Operation('total', 'sum of score over a city', 'query', of_entities=False),
    Operation('facets', 'facets of city over age in 10%', 'query', of_entities=False),
    Operation(
        'filter_models',
        'filter of schematics models, age = x, 1% at most',
        'query',
        of=('ours_schematics', 'redis_schematics'),
    ),
)
BY_NAME = {operation.name: operation for operation in OPERATIONS}
QUERIES = tuple(operation for operation in OPERATIONS if operation.kind == 'query')
ENTITY_QUERIES = tuple(query for query in QUERIES if query.of_entities)
# Those that the compound indexes of a peer are for.
COMPOUND = ('city_and_age', 'count')
# What a search engine is asked as well: all queries of users, and the look-up.
SEARCHES = (BY_NAME['get_by'], *(query for query in QUERIES if not query.of))
