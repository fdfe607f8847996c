"""Directed schedules of links: a new link beside a delete of its row in another partition."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rom._core.columns.links import read_ids
from rom._core.ops.commits.commit import Guard
from rom._core.ops.shards.transact import guards_by_partition, transact
from rom._core.schema import Schema
from rom._core.writes.changes import Change
from tests.faults.shards.group import SCHEMAS, SIZE, CheckedList, account, row_of, transaction_of

if TYPE_CHECKING:
    from tests.faults.shards.directed import Stage, Turns

LISTS: list[Schema] = [CheckedList._schema.at(number) for number in range(SIZE)]
#: The row that the links lead to, and its id as programs see it.
NUMBER, ID = account(1)
LINKED = SCHEMAS[NUMBER].seen_id(ID)


def _link(stage: 'Stage', number: int) -> 'Turns':
    """A new list in a partition, with a link to the row."""
    values: dict[str, Any] = {'rows': (LINKED,)}
    insert = Change(
        LISTS[number], 'insert', 1, {}, {'rows': b'%d' % LINKED}, values, checks_links=True
    )
    return stage.begin({number: [insert]})


def _delete(stage: 'Stage') -> 'Turns':
    """A delete of the row, by a session that has found no links to it."""
    from tests.faults.shards.directed import Turns

    delete = Change(SCHEMAS[NUMBER], 'delete', ID, row_of(stage.connection, NUMBER, ID), {}, {})
    transaction = transaction_of({NUMBER: [delete]})
    guards = [
        Guard(schema.keys.word('rows', b'%d' % LINKED), LINKED, schema.keys.head, 'rows', (), True)
        for schema in LISTS
    ]
    parts = guards_by_partition(transaction, guards)
    return Turns(stage.world, transact(transaction, parts, patience=stage._patience))


def _problems(stage: 'Stage') -> list[str]:
    """Links to rows that do not exist, and what transactions have left."""
    connection, found = stage.connection, []
    for schema in LISTS:
        raw: Any = connection.hget(schema.keys.row(1), 'rows')
        for id in read_ids(raw):
            if not connection.exists(SCHEMAS[0].part.whole.row_key(id)):  # type: ignore[union-attr]
                found.append(f'{schema.keys.row(1)!r} leads to {id}')
    ends = (b':intents', b':prepared', b':unfinished')
    return found + [f'left: {key!r}' for key in connection.scan_iter() if key.endswith(ends)]


def _delete_beside_a_link(stage: 'Stage') -> list[str]:
    """A row is deleted when a commit with a link has looked at it."""
    link = _link(stage, 0)
    link.until('shard_commit')
    _delete(stage).end()
    link.end()
    return _problems(stage)


def _link_beside_a_delete(stage: 'Stage') -> list[str]:
    """A link is made when a commit that deletes its row has looked for links."""
    delete = _delete(stage)
    delete.until('shard_commit')
    _link(stage, 0).end()
    delete.end()
    return _problems(stage)


def _two_links(stage: 'Stage') -> list[str]:
    """A row is deleted when one of two commits with a link to it has ended."""
    one, other = _link(stage, 0), _link(stage, 2)
    one.until('shard_commit')
    other.until('shard_commit')
    one.end()
    assert one.error is None
    # As a session does that has found this link.
    update = Change(LISTS[0], 'update', 1, {'rows': b'%d' % LINKED}, {'rows': None}, {})
    stage.commit({0: [update]})
    _delete(stage).end()
    other.end()
    return _problems(stage)


#: The schedules, by the name of the mutant that each must find.
LINKS: dict[str, Callable[['Stage'], list[str]]] = {
    'a linked row need not stay': _delete_beside_a_link,
    'a delete does not close the sets of links': _link_beside_a_delete,
    'one of two links gives up the row for both': _two_links,
}
