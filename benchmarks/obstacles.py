"""Obstacles: the reasons for missed goals.

Found by profiling, in microseconds of CPU on the machine of the last whole run. They describe
the current code: a commit that makes it faster changes them.
"""

from __future__ import annotations

_FIXED = (
    'A query has fixed costs, whatever it finds. Waking the server and getting the reply takes '
    'some 50 µs, and the program 45. The script takes 25 to 60 with cold caches, for its '
    'functions, the plan and the sizes of filters. Each row costs the server 3.5 µs more, of '
    'which the HMGET is 2.6, and the program 2.4.'
)
_SMALLER = (
    'The time of rom 1.1.2 grows with the data. On the machine where the goal was set, it was more '
    'than twice as long (450 ms for the wide filter, 173 for the latest).'
)
_CALL = (
    'Both sides of the comparison have to wake the server, which takes some 40 µs here. rom '
    'busy-waits for the reply, which saves as much; the others sleep.'
)

#: By the name of the goal, as in the table of targets.
OBSTACLES = {
    'the same, against hand-written pipelines': (
        'An entity takes the program 24 µs (3 to make it, 3 to encode it, 14 for its entries and '
        'the request, 4 for what the session keeps of it), and the server 11. The pipelines take '
        '80 in both, without checks.'
    ),
    'get 1,000 entities by id': (
        'A row takes the server 3.5 µs in Lua, of which the HMGET is 2.6; the program makes an '
        'entity of it meanwhile, but for the last of four pages.'
    ),
    'the same, against the pipelined HGETALLs alone': (
        'The HGETALLs make no entities, and take the server a third of the time, without Lua.'
    ),
    'get_by a unique column': _CALL,
    'one get': _CALL,
    'one save': (
        'One script with 28 commands takes 40 µs with warm caches, and twice that between other '
        'work. The program takes 80 µs, 24 of which an entity also takes in a commit of many. '
        'Waking the server takes 40 more, for all peers.'
    ),
    'created_at range with 50 hits': _FIXED,
    'prefix with 10 hits': _FIXED,
    'city = x, age in 10%, order by score, first 20': (
        'The script reads the ages of all 2,000 entities in the city, and the scores of those that '
        'match. Plan and time are those of the prototype.'
    ),
    'age in 80%, order by -score, first 20': f'{_FIXED} {_SMALLER}',
    'the same, of 1,000,000': f'{_FIXED} {_SMALLER}',
    'latest 20, no filter': f'{_FIXED} {_SMALLER}',
    'any query, against hand-written commands': (
        'The commands make no entities, have a fixed plan, and take two or three round trips. For '
        'few results, the script and the session cost as much as the round trips that they save.'
    ),
}
