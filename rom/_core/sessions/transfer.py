"""Transfer of a number between two entities; its errors are ValueErrors, as in rom 1.x."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rom._core.encoding.text import show_name
from rom._core.model import Model
from rom._core.ops.commits.attempts import Attempt
from rom._core.ops.shards import writing
from rom._core.ops.shards.placing import located
from rom._core.sessions.parts import RunOn, Work, check_entity
from rom._core.sessions.write_order import servers_of
from rom._core.sessions.write_outcomes import release_attempt, settle_all
from rom._core.support.clock import elapsed
from rom._core.writes.changes import Change
from rom.exceptions import TransferError

if TYPE_CHECKING:
    from rom._core.ops.transfer import Party
    from rom._core.sessions.identity_map import IdentityMap


def transfer(
    identity: IdentityMap,
    entities: tuple[Model, Model, Model],
    attr: str,
    txn_attr: str,
    value: Any,
    decimal_places: int,
    refresh: bool,
) -> Work[None]:
    """Move a number from one entity to another, and mark a third one.

    Args:
        identity: the identity map of the session.
        entities: the one whose number is reduced, the one whose number is increased, and the one
            that is marked, so that no transfer is repeated.
        attr: the column of the number.
        txn_attr: the column of the mark.
        value: the number to move.
        decimal_places: the precision of the number.
        refresh: take over the rows of the three entities afterwards.
    """
    from rom._core.ops import transfer as ops

    for entity in entities:
        check_entity(entity)
    amount = ops.amount_of(value, decimal_places)
    _check_connections(entities)
    purpose = ('transfer', amount, attr, txn_attr, *(entity._key for entity in entities))
    source, other, marked = entities
    earlier = marked._attempt
    yield from settle_all(entities)
    if earlier is not None and earlier.told is not None and earlier.purpose == purpose:
        return  # an earlier attempt at this transfer was carried out
    _check_saved(entities)
    source_party, target = (_party(entity, attr, ops.NUMBERS) for entity in (source, other))
    note = _party(marked, txn_attr, ())
    attempt = _attempt_of((source_party, target, note), purpose)
    identity.hold(entities)
    for place, entity in enumerate(entities):
        entity._attempt, entity._place = attempt, place
    try:
        rows = yield RunOn(type(source), ops.transfer(source_party, target, note, amount, attempt))
    except BaseException:
        release_attempt(attempt, entities)
        raise
    for entity, stored in zip(entities, rows, strict=True):
        if refresh:
            entity._begin(entity._id, stored, elapsed())
        entity._attempt = None


def _attempt_of(parties: Sequence[Party], purpose: object) -> Attempt:
    """Return an attempt to write three rows; their values are not known yet."""
    note = parties[2].schema
    if note.placement is None:
        return Attempt(note.keys.attempts, purpose)
    blank = [Change(party.schema, 'update', party.id, {}, {}, {}) for party in parties]
    return writing.attempt_of(located(blank), purpose)


def _check_connections(entities: Sequence[Model]) -> None:
    servers = servers_of(map(type, entities), entities[0]._session._connection)
    if len(set(servers.values())) > 1:
        raise TransferError(
            'the three entities of a transfer must have the same connection: one server, database '
            'and user, because one script writes all three'
        )


def _check_saved(entities: Sequence[Model]) -> None:
    if len({id(entity) for entity in entities}) < 3 or len({e._key for e in entities}) < 3:
        raise TransferError('a transfer needs three different entities')
    for entity in entities:
        if entity._modified or entity._deleted:
            raise TransferError(
                f'{entity._key} has unsaved changes, or is deleted; save it before a transfer'
            )


def _party(entity: Model, name: str, kinds: tuple[type, ...]) -> Party:
    from rom._core.ops.transfer import Party

    column = entity._columns.get(name) if isinstance(name, str) else None
    if column is None or not column.is_stored or (kinds and not isinstance(column, kinds)):
        raise TransferError(
            f'{type(entity).__name__}.{show_name(name)}: expected an Integer, a Float or a Decimal '
            'for the number, or a Boolean that marks the transfer as done'
        )
    if name == entity._pkey:
        raise TransferError(f'{type(entity).__name__}.{name} is the primary key')
    assert entity._id is not None
    return Party(entity._schema, entity._id, name, entity._seen_at)
