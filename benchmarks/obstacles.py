"""Obstacles: what stands in the way where a goal is missed.

Found by profiling, in microseconds of CPU on the machine of the last whole run. They are about the
code as it is: who makes it faster says so here.
"""

from __future__ import annotations

_FIXED = (
    'A query has fixed costs, whatever it finds: waking the server (some 90 µs here), 50 µs in the '
    'program, 40 to 80 in the script with cold caches (its functions, the plan, the sizes of '
    'filters). Then 3.3 µs of the server for each row, of which the HMGET is 2, and 3 of the '
    'program.'
)
_SMALLER = (
    'What it is compared with grows with the data, and took more than twice as long on the machine '
    'where the goal was set (450 ms for the wide filter).'
)
_CALL = (
    'Waking the server takes some 90 µs here, whatever is asked, and each side of the comparison '
    'has to. Where both run on one core, which takes 10 µs instead, one get is 2.8 times as fast '
    'as that of rom 1.1.2.'
)

#: By what the goal is about, as in the table of targets.
OBSTACLES = {
    'the same, against hand-written pipelines': (
        'An entity takes the program 32 µs (5 to make it, 4 to encode it, 16 for its entries and '
        'the request, 7 for what the session keeps of it), and the server 15. The pipelines take '
        '80 to 90 in both, without a check.'
    ),
    'change one indexed column of 10,000 loaded entities, commit': (
        'A change takes the program 22 to 25 µs (2 to set it, 4 to encode and compare it, 8 for '
        'the entries and the request, 5 for what the session keeps of it), and the server 8.'
    ),
    'get 1,000 entities by id': (
        'A row takes the server 3.3 µs in Lua, and the program 3 to make an entity of it, one '
        'after the other: the reply comes when the last row is read. In one script of many rows '
        'that is most of the time.'
    ),
    'the same, against the pipelined HGETALLs alone': (
        'Those make no entities, and the client reads the first replies while the server is at the '
        'last. A script replies at its end.'
    ),
    'get_by a unique column': _CALL,
    'one get': _CALL,
    'one save': (
        'One script with some 28 commands: 45 µs with warm caches, twice that between other '
        'things; and 90 µs in the program, 35 of which are what an entity takes in a commit of '
        'many. Waking the server takes as long again.'
    ),
    'created_at range with 50 hits': _FIXED,
    'prefix with 10 hits': _FIXED,
    'city = x, age in 10%, order by score, first 20': (
        'Of 2,000 entities in the city, all are asked for their age and those that fit for their '
        'score: the plan is that of the prototype, and takes what it took.'
    ),
    'age in 80%, order by -score, first 20': f'{_FIXED} {_SMALLER}',
    'the same, of 1,000,000': f'{_FIXED} {_SMALLER}',
    'latest 20, no filter': f'{_FIXED} {_SMALLER}',
    'any query, against hand-written commands': (
        'Those make no entities, know the plan without looking, and take two trips or three. Where '
        'little is found, the script and the session cost as much as the trips that they save.'
    ),
    'importing rom, against importing redis': (
        'Some 90 modules; what few programs use is imported when it is asked for.'
    ),
}
