"""The bitmap of live ids: made for data that has none, set right where there is one."""

from __future__ import annotations

import secrets

from rom._core.encoding.wire import pack
from rom._core.ops.maintenance.progress import Job, Progress
from rom._core.ops.requests import Script
from rom._core.schema import Schema

# Ids looked at in one step, some milliseconds of the server's time.
_STEP = 5000
# Somebody else may go on when we have not been heard of for so long, in milliseconds.
_HOLD = 60_000
# A bitmap for ids farther apart than this would be larger than what it helps to find.
_SPARSE = 1000


def relive(schema: Schema, rows: int, highest: int, done: int, total: int) -> Job[bool]:
    """Make the bitmap right.

    Args:
        schema: the model's. One that rom 1.x writes too has no bitmap.
        rows: how many rows there are, about.
        highest: the highest id known.
        done, total: how far the job has got; this part counts for nothing.

    Returns:
        There is one now, and it is right.
    """
    keys = schema.keys
    if schema.keep_index_data or highest > _SPARSE * (rows + _STEP):
        return False
    request = {
        'head': keys.head,
        'live': keys.live,
        'draft': keys.live_draft,
        'counter': keys.counter,
        'by': keys.live + b':by',
        'token': secrets.token_hex(8).encode('ascii'),
        'hold': b'%d' % _HOLD,
        'count': b'%d' % _STEP,
        'highest': b'%d' % highest,
    }
    first = b'0'
    while True:
        status, *rest = yield Script('relive', keys.counter, pack({**request, 'first': first}))
        if status != b'more':
            return bool(status == b'done')
        first = rest[0]
        yield Progress(done, total)
