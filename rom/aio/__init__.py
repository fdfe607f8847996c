"""Locks and maintenance for asyncio: the functions of `rom.util` and `rom.maintenance`, awaited.

Not imported by ``import rom``; use ``import rom.aio``.

Each uses the connection of the :class:`rom.AsyncSession` that it is called in. Outside of one it
uses, as a session does, the running event loop's own client for the server of the model.

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
    recover,
    refresh_all_indexes,
    refresh_indices,
    reindex,
    shard,
    show_progress,
    status,
)

__all__ = [
    'EntityLock',
    'Lock',
    'check',
    'clean_old_index',
    'clean_unsafe_cols',
    'recover',
    'refresh_all_indexes',
    'refresh_indices',
    'reindex',
    'shard',
    'show_progress',
    'status',
]
