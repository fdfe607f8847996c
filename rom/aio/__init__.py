"""Locks and maintenance for asyncio: the names of `rom.util` and `rom.maintenance`, awaited.

It is imported by those who need it: ``import rom.aio``.

They use the connection of the :class:`rom.AsyncSession` that they are called in; else, as a
session does, a client of their own for the model's server and the running event loop.

Example::

    import rom.aio

    async with rom.AsyncSession():
        async with rom.aio.Lock(User, 'nightly-report', 1, 60):
            async for done, total in rom.aio.refresh_indices(User):
                print(f'{done} of {total}')
"""

from rom.aio.locks import EntityLock, Lock
from rom.aio.maintenance import (
    check,
    clean_old_index,
    clean_unsafe_cols,
    refresh_all_indexes,
    refresh_indices,
    reindex,
    show_progress,
    status,
)

__all__ = [
    'EntityLock',
    'Lock',
    'check',
    'clean_old_index',
    'clean_unsafe_cols',
    'refresh_all_indexes',
    'refresh_indices',
    'reindex',
    'show_progress',
    'status',
]
