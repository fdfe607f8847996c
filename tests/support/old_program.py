"""A program of rom 1.1.2: tests/support/rom1.py runs it with that version, in its own process.

    python old_program.py SOCKET WHAT RESULT [JSON of more arguments]

What it found it leaves in the file RESULT, pickled.
"""

import json
import pickle
import random
import sys
import warnings
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))

import old_models
from surface import surface

import rom

warnings.simplefilter('ignore')
KNOWN = {name: getattr(old_models, name) for name in ('OldTeam', 'OldThing', 'OldKept')}


def write(model: str, count: int, seed: int, first: int = 1, teams: int = 20) -> dict[int, Any]:
    """Make entities; returns what they hold, by id."""
    rng = random.Random(seed)
    all_teams = [old_models.OldTeam.get_by(name=f'team {n}') for n in range(teams)]
    all_teams = [team or old_models.OldTeam(name=f'team {n}') for n, team in enumerate(all_teams)]
    rom.session.commit()
    made = []
    for serial in range(first, first + count):
        values = old_models.values(rng, serial)
        if rng.random() < 0.8:
            values['team'] = rng.choice(all_teams)
        if serial <= teams:
            values['badge'] = all_teams[serial - 1]
        entity = KNOWN[model](**values)
        entity.save()
        made.append(entity)
    return {entity.id: old_models.as_plain(entity) for entity in made}


def change(model: str, seed: int, share: float = 0.5, first: int = 1) -> dict[int, Any]:
    """Change some entities, delete some; returns what all hold afterwards."""
    rng = random.Random(seed)
    kind = KNOWN[model]
    for serial, entity in enumerate(list(kind.query.all()), first):
        if rng.random() > share:
            continue
        if rng.random() < 0.2:
            entity.delete()
            continue
        values = old_models.values(rng, serial)
        for name in rng.sample(sorted(values), 5):
            setattr(entity, name, values[name])
        gone = rng.choice(['full', 'small', 'moment', 'flag', 'simple_ci'])
        setattr(entity, gone, None)
        entity.save()
    return read(model)


def read(model: str) -> dict[int, Any]:
    """What all entities hold."""
    rom.session.rollback()
    last = int(KNOWN[model]._connection.get(f'{KNOWN[model]._namespace}:id:') or 0)
    found = KNOWN[model].get(list(range(1, last + 1)))
    return {entity.id: old_models.as_plain(entity) for entity in found if entity}


def ask(model: str) -> dict[str, Any]:
    """The ids that each query finds; None where it fails."""
    found: dict[str, Any] = {}
    for name, query in old_models.queries(KNOWN[model]).items():
        try:
            found[name] = sorted(entity.id for entity in query.all())
        except Exception as error:
            found[name] = repr(error)
    return found


def unique(model: str) -> list[Any]:
    """The ids by their unique values."""
    rom.session.rollback()
    return [
        [getattr(KNOWN[model].get_by(**{name: value}), 'id', None) for name, value in asked]
        for asked in [
            [('email', f'User{n}@Exämple.org'), ('token', b'\xff%d' % n), ('serial', n)]
            for n in range(1, 60)
        ]
    ]


def delete_all(model: str) -> int:
    """Delete every entity, one by one."""
    rom.session.rollback()
    count = 0
    for id in read(model):
        KNOWN[model].get(id).delete()
        count += 1
    return count


COMMANDS = {
    function.__name__: function
    for function in (write, change, read, ask, unique, delete_all, surface)
}

if __name__ == '__main__':
    assert rom.VERSION == '1.1.2', rom.VERSION
    socket, what, result, *more = sys.argv[1:]
    rom.util.set_connection_settings(unix_socket_path=socket)
    answer = COMMANDS[what](**(json.loads(more[0]) if more else {}))
    Path(result).write_bytes(pickle.dumps(answer))
