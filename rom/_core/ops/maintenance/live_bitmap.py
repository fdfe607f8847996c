"""Live bitmap: makes it for data that has none, and repairs an existing one."""

from __future__ import annotations

import secrets

from rom._core.encoding.wire import pack
from rom._core.ops.maintenance.progress import Job, Progress
from rom._core.ops.requests import Script
from rom._core.schema import Schema

# Ids in one step, which takes Redis some milliseconds.
_STEP = 5000
# Milliseconds without a step after which another process may take over the work.
_HOLD = 60_000
# A bitmap of ids farther apart than this would be larger than the rows that it helps to find.
_SPARSE = 1000


def relive(schema: Schema, rows: int, highest: int, done: int, total: int) -> Job[bool]:
    """Make or repair the live bitmap.

    Args:
        schema: the schema of the model. A model that rom 1.x writes as well has no live bitmap.
        rows: the approximate number of rows.
        highest: the highest known id.
        done, total: the progress of the job, to which this part adds nothing.

    Returns:
        True if the model has a correct live bitmap now.
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
        status, *rest = yield Script(
            'rebuild_live', keys.counter, pack({**request, 'first': first})
        )
        if status != b'more':
            return bool(status == b'done')
        first = rest[0]
        yield Progress(done, total)
