"""Obstacles: what stands in the way where a goal is missed.

Found by profiling, in microseconds of CPU on the machine of the last whole run. They are about the
code as it is: who makes it faster says so here.
"""

from __future__ import annotations

_FIXED = (
    'A query has fixed costs, whatever it finds: some 50 µs until the server is awake and the '
    'reply has come, 45 µs in the program, 25 to 60 in the script with cold caches (its functions, '
    'the plan, the sizes of filters). Then 3.5 µs of the server for each row, of which the HMGET '
    'is 2.6, and 2.4 of the program.'
)
_SMALLER = (
    'What it is compared with grows with the data, and took more than twice as long on the machine '
    'where the goal was set (450 ms for the wide filter, 173 for the latest).'
)
_CALL = (
    'To wake the server takes some 40 µs here, whatever is asked, and each side of the comparison '
    'has to. The program waits awake, which saves it as much; the others sleep.'
)

#: By what the goal is about, as in the table of targets.
OBSTACLES = {
    'the same, against hand-written pipelines': (
        'An entity takes the program 24 µs (3 to make it, 3 to encode it, 14 for its entries and '
        'the request, 4 for what the session keeps of it), and the server 11. The pipelines take '
        '80 in both, without a check.'
    ),
    'get 1,000 entities by id': (
        'A row takes the server 3.5 µs in Lua, of which the HMGET is 2.6; the program makes an '
        'entity of it meanwhile, but for the last of four pages.'
    ),
    'the same, against the pipelined HGETALLs alone': (
        'Those make no entities, and take the server a third as long: it needs no Lua for them.'
    ),
    'get_by a unique column': _CALL,
    'one get': _CALL,
    'one save': (
        'One script with 28 commands: 40 µs with warm caches, twice that between other things; and '
        '80 µs in the program, 24 of which are what an entity takes in a commit of many. To wake '
        'the server takes 40 more, for whoever is compared as well.'
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
}
