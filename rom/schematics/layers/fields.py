"""Layers that store each field by itself, so that one can be read and written alone."""

from __future__ import annotations

from collections.abc import Sequence

from rom._core.encoding.text import as_bytes, as_text
from rom._core.encoding.wire import pack
from rom._core.ops.commits.raw_commands import Check, Step, as_map, objection_of, take
from rom._core.ops.requests import Command, Operation, Pipeline, Script
from rom.schematics.fields import fields_of
from rom.schematics.keys import ModelKeys
from rom.schematics.layers.base import PAGE, Layer, Raw, Task, chunked


def _names(keys: ModelKeys) -> tuple[str, ...]:
    """Return the names of the fields, the primary key first, whose value marks a stored object."""
    return tuple(fields_of(keys.model).by_stored_name)


def _stored_parts(names: Sequence[str], values: Sequence[bytes | None]) -> Raw | None:
    return dict(zip(names, values, strict=True)) if values[0] is not None else None


def _pages(pks: Sequence[str], width: int) -> list[Sequence[str]]:
    """Split primary keys into pages of at most 5,000 values, so that no command is too long."""
    size = max(1, 5 * PAGE // max(width, 1))
    return [pks[start : start + size] for start in range(0, len(pks), size)]


def _deletions(keys: Sequence[bytes]) -> list[Step]:
    return [(b'DEL', *keys[start : start + PAGE]) for start in range(0, len(keys), PAGE)]


class FieldLayer(Layer):
    """Layer with a string `Class:pk:field` for each field of each object."""

    def write(self, task: Task) -> list[Step]:
        assert task.raw is not None
        keys, pk = task.keys, task.pk
        present = [(name, value) for name, value in task.raw.items() if value is not None]
        pairs = [part for name, value in present for part in (keys.key(pk, name), value)]
        removed = [keys.key(pk, name) for name, value in task.raw.items() if value is None]
        steps: list[Step] = []
        for start in range(0, len(pairs), PAGE):
            steps.append((b'MSET', *pairs[start : start + PAGE]))
        steps += _deletions(removed)
        # MSET removes the expiry of the keys that it writes. The object must expire as a whole, so
        # its other keys get the same expiry, or lose theirs.
        own_keys = [keys.key(pk, name) for name in _names(keys)]
        if task.expire is not None:
            steps.append((b'EXPIRE', b'%d' % task.expire, *own_keys))
        elif task.is_partial:
            steps += [(b'PERSIST', key) for key in own_keys]
        return steps

    def remove(self, keys: ModelKeys, pk: str) -> list[Step]:
        return _deletions([keys.key(pk, name) for name in reversed(_names(keys))])

    def expect(self, keys: ModelKeys, pk: str, raw: Raw) -> list[Check]:
        return [Check((b'MGET', *(keys.key(pk, name) for name in raw)), tuple(raw.values()))]

    def load(self, keys: ModelKeys, pks: Sequence[str]) -> Operation[list[Raw | None]]:
        if not pks:
            return []
        names = _names(keys)
        width = len(names)
        commands = tuple(
            Command('MGET', *(keys.key(pk, name) for pk in some for name in names))
            for some in _pages(pks, width)
        )
        replies = yield Pipeline(commands)
        values = [value for reply in replies for value in reply]
        starts = range(0, len(values), width)
        return [_stored_parts(names, values[start : start + width]) for start in starts]

    def page(self, keys: ModelKeys, cursor: int) -> Operation[tuple[dict[str, Raw], int]]:
        marker = fields_of(keys.model).pk.stored
        matching = (cursor, 'MATCH', keys.pattern(marker), 'COUNT', PAGE, 'TYPE', 'string')
        cursor, found_keys = yield Command('SCAN', *matching, key=keys.key(''))
        pks = [pk for key in found_keys if (pk := keys.pk_of(key, marker)) is not None]
        loaded = yield from self.load(keys, pks)
        found = zip(pks, loaded, strict=True)
        # A key of another model may match the pattern, but it holds another primary key.
        return {pk: raw for pk, raw in found if raw and raw[marker] == as_bytes(pk)}, cursor


class FieldHashLayer(Layer):
    """Layer with a hash `Class:field` for each field, which has the values of all objects.

    The hashes expire as a whole.
    """

    def write(self, task: Task) -> list[Step]:
        assert task.raw is not None
        keys, pk = task.keys, as_bytes(task.pk)
        steps: list[Step] = []
        for name, value in task.raw.items():
            key = keys.hash(name)
            steps.append((b'HDEL', key, pk) if value is None else (b'HSET', key, pk, value))
        if task.expire is not None:
            hashes = (keys.hash(name) for name in _names(keys))
            steps.append((b'EXPIRE', b'%d' % task.expire, *hashes))
        return steps

    def remove(self, keys: ModelKeys, pk: str) -> list[Step]:
        names = reversed(_names(keys))
        return [(b'HDEL', keys.hash(name), as_bytes(pk)) for name in names]

    def expect(self, keys: ModelKeys, pk: str, raw: Raw) -> list[Check]:
        field = as_bytes(pk)
        return [Check((b'HMGET', keys.hash(name), field), (value,)) for name, value in raw.items()]

    def load(self, keys: ModelKeys, pks: Sequence[str]) -> Operation[list[Raw | None]]:
        if not pks:
            return []
        names = _names(keys)
        columns: list[list[bytes | None]] = [[] for _ in names]
        scripts = tuple(self._reading(keys, names, some) for some in _pages(pks, 1))
        for status, details in (yield Pipeline(scripts)):
            if status != b'ok':
                raise objection_of(status, details)
            for column, values in zip(columns, details, strict=True):
                column += values
        return [_stored_parts(names, values) for values in zip(*columns, strict=True)]

    def _reading(self, keys: ModelKeys, names: Sequence[str], pks: Sequence[str]) -> Script:
        """Return a script that reads several hashes; a pipeline would not be atomic."""
        fields = [as_bytes(pk) for pk in pks]
        steps: list[Step] = [(b'HMGET', keys.hash(name), *fields) for name in names]
        return Script('run_commands', keys.hash(names[0]), pack(as_map(steps, ())))

    def page(self, keys: ModelKeys, cursor: int) -> Operation[tuple[dict[str, Raw], int]]:
        marker = keys.hash(_names(keys)[0])
        cursor, markers = yield Command('HSCAN', marker, cursor, 'COUNT', PAGE)
        pks = [as_text(pk) for pk in markers]
        loaded = yield from self.load(keys, pks)
        return {pk: raw for pk, raw in zip(pks, loaded, strict=True) if raw}, cursor

    def clear(self, keys: ModelKeys) -> Operation[int]:
        hashes = [keys.hash(name) for name in _names(keys)]
        steps: list[Step] = [(b'HLEN', hashes[0]), *((b'DEL', key) for key in hashes)]
        count, *_ = yield from take(steps, once=as_text(keys.set_key))
        return int(count)


class ObjectHashLayer(Layer):
    """Layer with a hash `Class:pk` for each object."""

    def write(self, task: Task) -> list[Step]:
        assert task.raw is not None
        key = task.keys.key(task.pk)
        present = [(as_bytes(name), value) for name, value in task.raw.items() if value is not None]
        removed = [as_bytes(name) for name, value in task.raw.items() if value is None]
        # A whole write starts with DEL, so that neither an expiry nor a field that the model no
        # longer has is left behind.
        steps: list[Step] = [] if task.is_partial else [(b'DEL', key)]
        steps += chunked(b'HSET', key, [part for pair in present for part in pair])
        if task.is_partial:
            steps += chunked(b'HDEL', key, removed)
        if task.expire is not None:
            steps.append((b'EXPIRE', b'%d' % task.expire, key))
        elif task.is_partial:
            steps.append((b'PERSIST', key))
        return steps

    def remove(self, keys: ModelKeys, pk: str) -> list[Step]:
        return [(b'DEL', keys.key(pk))]

    def expect(self, keys: ModelKeys, pk: str, raw: Raw) -> list[Check]:
        return [Check((b'HMGET', keys.key(pk), *map(as_bytes, raw)), tuple(raw.values()))]

    def load(self, keys: ModelKeys, pks: Sequence[str]) -> Operation[list[Raw | None]]:
        if not pks:
            return []
        names = _names(keys)
        fields = [as_bytes(name) for name in names]
        commands = tuple(Command('HMGET', keys.key(pk), *fields) for pk in pks)
        replies = yield Pipeline(commands)
        return [_stored_parts(names, values) for values in replies]

    def page(self, keys: ModelKeys, cursor: int) -> Operation[tuple[dict[str, Raw], int]]:
        marker = fields_of(keys.model).pk.stored
        matching = (cursor, 'MATCH', keys.pattern(), 'COUNT', PAGE, 'TYPE', 'hash')
        cursor, found_keys = yield Command('SCAN', *matching, key=keys.key(''))
        pks = [pk for key in found_keys if (pk := keys.pk_of(key)) is not None]
        loaded = yield from self.load(keys, pks)
        found = zip(pks, loaded, strict=True)
        return {pk: raw for pk, raw in found if raw and raw[marker] == as_bytes(pk)}, cursor
