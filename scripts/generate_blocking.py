"""Write the blocking twin of each asyncio module: `generate_blocking.py [--check]`.

`scripts/check` calls it with ``--check``, and `scripts/check --fix` without.

What rom offers to blocking and to asyncio programs is written once, for asyncio. This makes the
blocking module of it, in these steps:

1. The texts of `Pair.texts` are replaced: docstrings, and names that only this pair has.
2. A statement ``if True:  # asyncio`` is dropped, up to its ``else:  # blocking`` if it has one.
3. ``async`` and ``await`` are dropped, and the names of `RULES` replaced.
4. ruff sorts the imports, removes those without a use, and formats the result.

Each text to replace must be there, and no trace of asyncio may be left; both are errors that name
the module, so that a change of the source cannot quietly lose its counterpart.

``--check`` writes nothing, and fails if a twin is not what its source makes.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent


class Pair(NamedTuple):
    """An asyncio module, its blocking twin, and the texts that they do not share."""

    source: str
    twin: str
    texts: Mapping[str, str]


SESSION_DOC = '''\
    """Tracks entities and commits their changes atomically, without blocking the event loop.

    Entities that are made inside ``async with`` belong to it. At the end of the block it forgets
    its entities; it does not commit.

    Args:
        connection: the asyncio client to use for all models; default: one for each
            model's server and event loop, closed with the loop.
        replicas: True: queries, ``get`` and relations read from replicas, of a cluster or of
            Sentinel (Redis 7.0 on). The rows may be some moments old. Writes go to the master, and
            so do the reads of a write.
        durable: the number of replicas that every commit waits for; True: one. See :meth:`commit`.
'''
BLOCKING_SESSION_DOC = '''\
    """Tracks entities and commits their changes atomically.

    Every thread has one already, `rom.session`. ``with`` enters another one, which forgets its
    entities at the end of the block; it does not commit.

    Args:
        connection: the client to use for all models; default: that of each model.
        replicas: True: queries, ``get`` and relations read from replicas, of a cluster or of
            Sentinel (Redis 7.0 on). The rows may be some moments old. Writes go to the master, and
            so do the reads of a write.
        durable: the number of replicas that every commit waits for; True: one. See :meth:`commit`.
'''

MIGRATIONS_DOC = '''\
"""Migrations under asyncio: run the migrations of a module, each once, beside programs that write.

:class:`rom.migrations.Migration` declares one, and the ready steps are beside it.
"""
'''
BLOCKING_MIGRATIONS_DOC = '''\
"""Migrations: named changes of all rows of a model, which ``rom migrate`` carries out once.

A module declares them in their order::

    # shop/migrations.py
    from rom.migrations import Migration, migration, rename
    from shop.models import Product

    rename_colour = Migration('rename-colour', Product, rename('colour', 'color'))

    @migration(Product)
    def shout(row):
        row['name'] = row['name'].upper()

``rom.aio.migrations`` has the same functions for event loops.
"""
'''

#: The names of rom 1.x; `rom.maintenance` has the others.
OF_UTIL: Final = (
    'clean_old_index',
    'clean_unsafe_cols',
    'refresh_all_indexes',
    'refresh_indices',
    'show_progress',
)

PAIRS: Final = (
    Pair(
        'rom/_core/sessions/async_session.py',
        'rom/_core/sessions/sync_session.py',
        {
            'AsyncSession: the methods of Session, for asyncio.': 'Session: methods that block.',
            SESSION_DOC: BLOCKING_SESSION_DOC,
            'Give a new entity its id now, before it is saved.': (
                'Give a new entity its id now; reading ``entity.id`` does that too.'
            ),
            'twin_of(connection_of(model))': 'connection_of(model)',
            'twin_of(connection_of(entity))': 'connection_of(entity)',
            'no other task or thread writes': 'no other thread writes',
            'as s:\n': 'as session:\n',
            ' s.': ' session.',
            'async_queries': 'sync_queries',
        },
    ),
    Pair(
        'rom/_core/sessions/async_queries.py',
        'rom/_core/sessions/sync_queries.py',
        {' s.': ' session.'},
    ),
    Pair(
        'rom/aio/maintenance.py',
        'rom/maintenance.py',
        {
            ' under asyncio: jobs that yield their progress, and may be cancelled.': (
                ': generators that carry out a job and yield their progress.'
            ),
            'client: Client': 'model: type[Model]',
            'await driver_on(client_of(model))': 'SyncDriver(connection_of(model))',
            'await driver_on(client)': 'SyncDriver(connection_of(model))',
            'client_of(model)': 'model',
            'self._run(client,': 'self._run(model,',
            'from rom.aio.clients import Client, client_of, driver_on': (
                'from rom._core.drivers.connections import connection_of\n'
                'from rom._core.drivers.sync_driver import SyncDriver'
            ),
            **{f'rom.aio.{name}': f'rom.util.{name}' for name in OF_UTIL},
            'rom.aio.': 'rom.maintenance.',
        },
    ),
    Pair(
        'rom/aio/jsonl.py',
        'rom/jsonl/operations.py',
        {
            'JSON lines under asyncio: dump': 'JSON lines: dump',
            'rom.aio.jsonl.': 'rom.jsonl.',
            'await driver_on(client_of(': 'SyncDriver(connection_of(',
            'from rom.aio.clients import client_of, driver_on': (
                'from rom._core.drivers.connections import connection_of\n'
                'from rom._core.drivers.sync_driver import SyncDriver'
            ),
        },
    ),
    Pair(
        'rom/aio/migrations.py',
        'rom/migrations.py',
        {
            MIGRATIONS_DOC: BLOCKING_MIGRATIONS_DOC,
            'AsyncGenerator[MigrationProgress, None]': 'Generator[MigrationProgress, None, None]',
            'AsyncGenerator, ': 'Generator, ',
            '``aclose()``': '``close()``',
            'rom.aio.migrations.': 'rom.migrations.',
            'rom.aio.reindex': 'rom.maintenance.reindex',
            'await driver_on(client_of(': 'SyncDriver(connection_of(',
            'client_of(': 'connection_of(',
            'from rom.aio.clients import client_of, driver_on': (
                'from rom._core.drivers.connections import connection_of\n'
                'from rom._core.drivers.sync_driver import SyncDriver'
            ),
            'from rom.aio.locks import Lock': 'from rom.locks import Lock',
        },
    ),
)

#: What is replaced in each source, in this order: patterns, and what stands for them.
RULES: Final = (
    (r'\b(?:async|await) (?=\S)', ''),
    (r'\bAsync(?=Iterator\b|Iterable\b|Session)', ''),
    (r'\b__a(?=(?:enter|exit|next|iter)__)', '__'),
    (r'\banext\(', 'next('),
    (r'\bredis\.asyncio\b', 'redis'),
    (r'\bAsyncDriver\b', 'SyncDriver'),
    (r'\basync_driver\b', 'sync_driver'),
    (r'\basyncio\.sleep\b', 'time.sleep'),
    (r'\bfor (\w+) in ([^\n]+):\n +yield \1\n', r'yield from \2\n'),
)
HALVES: Final = re.compile(
    r'^(?P<indent> *)if True:  # asyncio\n(?:(?P=indent) .*\n|\n)*'
    r'(?:(?P=indent)else:  # blocking\n(?P<half>(?:(?P=indent) .*\n|\n)*))?',
    re.MULTILINE,
)
HEAD: Final = """\
# Generated by scripts/generate_blocking.py from {}. Do not
# edit this file: change that one, and run `scripts/check --fix`.
"""
LEFT: Final = re.compile(r'.*(?:async|await).*', re.IGNORECASE)


class GenerationError(Exception):
    """A source that no twin can be made of; it says what to change."""


def converted(pair: Pair, source: str) -> str:
    """Return a twin before ruff has formatted it.

    Raises:
        GenerationError: the source lacks a text of the pair.
    """
    for text, other in pair.texts.items():
        if text not in source:
            raise GenerationError(
                f'{pair.source} no longer has the text {text!r}: mend the texts of this pair'
            )
        source = source.replace(text, other)
    source = HALVES.sub(lambda found: re.sub('(?m)^    ', '', found['half'] or ''), source)
    for pattern, other in RULES:
        source = re.sub(pattern, other, source)
    return source


def formatted(text: str, path: str) -> str:
    """Return a module as ruff wants it: with the imports that are used, in order, and its format.

    Raises:
        GenerationError: ruff is not installed, or cannot read the module.
    """
    for arguments in ('check --quiet --fix --select I,F401', 'format'):
        command = [sys.executable, '-m', 'ruff', *arguments.split(), '--stdin-filename', path, '-']
        done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=ROOT)
        if done.returncode:
            raise GenerationError(f'{path}: {" ".join(command)}: {done.stderr or done.stdout}')
        text = done.stdout
    return text


def twin_of(pair: Pair, source: str) -> str:
    """Return the text of a twin.

    Raises:
        GenerationError: the source lacks a text of the pair, or a trace of asyncio is left.
    """
    twin = formatted(converted(pair, source), pair.twin)
    if left := LEFT.findall(twin):
        lines = '\n'.join(left)
        raise GenerationError(
            f'{pair.source}: this would be left of asyncio in {pair.twin}; add a rule, a text, or '
            f'an `if True:  # asyncio`:\n{lines}'
        )
    return HEAD.format(pair.source) + twin


def twins() -> Iterator[tuple[Path, str]]:
    """Yield the path of each twin, and what its source makes of it."""
    for pair in PAIRS:
        yield ROOT / pair.twin, twin_of(pair, (ROOT / pair.source).read_text('utf-8'))


def main(arguments: list[str]) -> int:
    """Write the twins, or check them; return the exit status."""
    stale = []
    try:
        for path, text in twins():
            if path.exists() and path.read_text('utf-8') == text:
                continue
            stale.append(str(path.relative_to(ROOT)))
            if '--check' not in arguments:
                path.write_text(text, 'utf-8')
    except GenerationError as error:
        print(error, file=sys.stderr)
        return 1
    if '--check' not in arguments:
        print('\n'.join(f'written: {name}' for name in stale) or 'nothing has changed')
        return 0
    for name in stale:
        print(f'{name} is not what its source makes: run scripts/check --fix')
    return 1 if stale else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
