"""Records of migrations: a hash beside the data, with an entry for each that was ever begun."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from rom._core import migration_registry
from rom._core.encoding.text import as_text, show
from rom._core.ops.hash_replies import fields_in
from rom._core.ops.requests import Command, Operation, Pipeline
from rom._core.schema import Schema
from rom.exceptions import CorruptRowError


class Skipped(NamedTuple):
    """Row that a migration has left as it was.

    Attributes:
        id: the id of the row.
        reason: the error of the row, in at most 200 characters.
    """

    id: int
    reason: str


class Record(NamedTuple):
    """State of a migration that was begun.

    Attributes:
        name: the name of the migration.
        begun: the time at which it was begun; seconds since 1970, by the server's clock.
        version: the version of rom that began it.
        until: the highest id at that time; later rows are not migrated.
        total: the number of rows at that time.
        after: the last id that is done.
        done: the number of rows that are done.
        changed: the number of those that a step has changed.
        ended: the time at which it was finished; None before.
        skipped: the rows that failed and were left as they are, by id.
    """

    name: str
    begun: int
    version: str
    until: int
    total: int
    after: int = 0
    done: int = 0
    changed: int = 0
    ended: int | None = None
    skipped: tuple[Skipped, ...] = ()

    def packed(self) -> bytes:
        """Return the record as the hash holds it."""
        items = self._asdict()
        if not self.skipped:
            del items['skipped']
        return json.dumps(items, sort_keys=True).encode('ascii')


_NUMBERS: Final = ('begun', 'until', 'total', 'after', 'done', 'changed')


def _parsed(raw: bytes) -> Record | None:
    try:
        items = json.loads(raw)
        skipped = tuple(Skipped(id, reason) for id, reason in items.pop('skipped', ()))
        record = Record(**items, skipped=skipped)
        numbers = [getattr(record, name) for name in _NUMBERS]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    if record.ended is not None:
        numbers.append(record.ended)
    numbers += [one.id for one in record.skipped]
    texts = (record.name, record.version, *(one.reason for one in record.skipped))
    is_whole = all(type(number) is int and number >= 0 for number in numbers)
    return record if is_whole and all(isinstance(text, str) for text in texts) else None


def record_in(schema: Schema, name: str, raw: bytes | None) -> Record | None:
    """Return the record of a migration, or None if it was never begun.

    Raises:
        CorruptRowError: the hash holds something else.
    """
    record = None if raw is None else _parsed(raw)
    if raw is not None and (record is None or record.name != name):
        key = as_text(schema.keys.migrations)
        raise CorruptRowError(
            f'{key} holds {show(raw[:80])} as the record of the migration {show(name)}, and rom '
            f'did not write that; HDEL {key} {name} begins the migration again',
            key=key,
            value=raw,
        )
    return record


def read_records(
    schema: Schema, names: Sequence[str]
) -> Operation[tuple[dict[str, Record | None], list[Record]]]:
    """Return the records of migrations by name, and those of all others; one round trip.

    Raises:
        CorruptRowError: one of `names` has something else as its record.
    """
    key = schema.keys.migrations
    raws, every = yield Pipeline((Command('HMGET', key, *names), Command('HGETALL', key)))
    if schema.part is None:  # those of a partition do not say what is done in all of them
        note_records(schema.keys.namespace, every)
    found = {n: record_in(schema, n, raw) for n, raw in zip(names, raws, strict=True)}
    others = [record for record in _parsed_in(every) if record.name not in found]
    return found, others


def every_record(schema: Schema) -> Operation[dict[bytes, bytes]]:
    """Return the records of all migrations of a model, as they are stored, by name."""
    return fields_in((yield Command('HGETALL', schema.keys.migrations)))


def unfinished(records: Mapping[bytes, bytes]) -> str | None:
    """Return the name of a migration that was begun and is not finished, or None."""
    return next((record.name for record in _parsed_in(records) if record.ended is None), None)


def _parsed_in(reply: Any) -> Iterator[Record]:
    """Yield the records in a reply of HGETALL, without those that do not decode."""
    return filter(None, map(_parsed, fields_in(reply).values()))


def merged(records: Sequence[Record | None], counts: Sequence[int]) -> Record | None:
    """Return the records of a migration in all partitions as one; None if none was begun.

    Args:
        records: the record of each partition; None where it was not begun.
        counts: the number of rows of each partition now.
    """
    begun = [record for record in records if record is not None]
    if not begun:
        return None
    pairs = zip(records, counts, strict=True)
    ends = [record.ended for record in begun if record.ended is not None]
    return begun[0]._replace(
        begun=min(record.begun for record in begun),
        until=max(record.until for record in begun),
        total=sum(count if record is None else record.total for record, count in pairs),
        after=max(record.after for record in begun),
        done=sum(record.done for record in begun),
        changed=sum(record.changed for record in begun),
        ended=max(ends) if len(ends) == len(records) else None,
        skipped=tuple(one for record in begun for one in record.skipped),
    )


def note_records(namespace: str, reply: Any) -> None:
    """Note the records in a reply of HGETALL, for errors about rows; None: it was refused."""
    if reply is not None:
        states = {record.name: record.ended is not None for record in _parsed_in(reply)}
        migration_registry.note_recorded(namespace, states)
