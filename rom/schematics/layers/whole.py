"""Layers of redis-schematics, which store an object as one string, made by `__serializer__`."""

from __future__ import annotations

from collections.abc import Sequence

from rom._core.encoding.text import as_bytes, as_text
from rom._core.ops.commits.raw_commands import Check, Step, take
from rom._core.ops.requests import Command, Operation
from rom.schematics.fields import ModelFields, corrupt, fields_of
from rom.schematics.keys import ModelKeys
from rom.schematics.layers.base import PAGE, Layer, Primitive, Raw, Task, is_own

# The name of the one part.
WHOLE = ''


class WholeLayer(Layer):
    """Base of the layers that store an object as one string."""

    has_parts = False

    def encode(self, fields: ModelFields, primitive: Primitive) -> dict[str, bytes | None]:
        return {WHOLE: as_bytes(fields.model.__serializer__(primitive))}

    def decode(self, fields: ModelFields, raw: Raw, key: str) -> Primitive:
        dump = raw[WHOLE]
        assert dump is not None
        try:
            found: Primitive = fields.model.__deserializer__(dump)
        except Exception as error:
            raise corrupt(key, None, dump, error) from None
        return found

    def owns(self, keys: ModelKeys, pk: str, raw: Raw) -> bool:
        fields = fields_of(keys.model)
        found = self.decode(fields, raw, as_text(keys.key(pk)))
        return isinstance(found, dict) and is_own(fields, pk, found)

    def nothing(self, fields: ModelFields) -> Raw:
        return {WHOLE: None}

    def _bytes_of(self, task: Task) -> bytes:
        dump = None if task.raw is None else task.raw[WHOLE]
        assert dump is not None
        return dump


class SimpleLayer(WholeLayer):
    """Layer with a string `Class:pk` for each object."""

    def write(self, task: Task) -> list[Step]:
        step: Step = (b'SET', task.keys.key(task.pk), self._bytes_of(task))
        return [step if task.expire is None else (*step, b'PX', b'%d' % task.expire)]

    def remove(self, keys: ModelKeys, pk: str) -> list[Step]:
        return [(b'DEL', keys.key(pk))]

    def expect(self, keys: ModelKeys, pk: str, raw: Raw) -> list[Check]:
        return [Check((b'MGET', keys.key(pk)), (raw[WHOLE],))]

    def load(self, keys: ModelKeys, pks: Sequence[str]) -> Operation[list[Raw | None]]:
        if not pks:
            return []
        found = yield Command('MGET', *(keys.key(pk) for pk in pks))
        return [None if dump is None else {WHOLE: dump} for dump in found]

    def page(self, keys: ModelKeys, cursor: int) -> Operation[tuple[dict[str, Raw], int]]:
        matching = (cursor, 'MATCH', keys.pattern(), 'COUNT', PAGE, 'TYPE', 'string')
        cursor, found_keys = yield Command('SCAN', *matching, key=keys.key(''))
        pks = [pk for key in found_keys if (pk := keys.pk_of(key)) is not None]
        loaded = yield from self.load(keys, pks)
        return {pk: raw for pk, raw in zip(pks, loaded, strict=True) if raw}, cursor


class HashLayer(WholeLayer):
    """Layer with one hash `Class`, and a field `Class:pk` for each object.

    The hash expires as a whole.
    """

    def write(self, task: Task) -> list[Step]:
        keys = task.keys
        steps: list[Step] = [(b'HSET', keys.set_key, keys.key(task.pk), self._bytes_of(task))]
        if task.expire is not None:
            steps.append((b'EXPIRE', b'%d' % task.expire, keys.set_key))
        return steps

    def remove(self, keys: ModelKeys, pk: str) -> list[Step]:
        return [(b'HDEL', keys.set_key, keys.key(pk))]

    def expect(self, keys: ModelKeys, pk: str, raw: Raw) -> list[Check]:
        return [Check((b'HMGET', keys.set_key, keys.key(pk)), (raw[WHOLE],))]

    def load(self, keys: ModelKeys, pks: Sequence[str]) -> Operation[list[Raw | None]]:
        if not pks:
            return []
        found = yield Command('HMGET', keys.set_key, *(keys.key(pk) for pk in pks))
        return [None if dump is None else {WHOLE: dump} for dump in found]

    def page(self, keys: ModelKeys, cursor: int) -> Operation[tuple[dict[str, Raw], int]]:
        cursor, dumps = yield Command('HSCAN', keys.set_key, cursor, 'COUNT', PAGE)
        found = ((keys.pk_of(key), dump) for key, dump in dumps.items())
        return {pk: {WHOLE: dump} for pk, dump in found if pk is not None}, cursor

    def clear(self, keys: ModelKeys) -> Operation[int]:
        steps: list[Step] = [(b'HLEN', keys.set_key), (b'DEL', keys.set_key)]
        count, _ = yield from take(steps, once=as_text(keys.set_key))
        return int(count)
