"""Layers of redis-schematics, which store an object as one string, made by `__serializer__`."""

from __future__ import annotations

from collections.abc import Sequence

from rom._core.encoding.text import as_bytes, as_text
from rom._core.ops.commits.raw_commands import Check, Step, take
from rom._core.ops.requests import Command, Operation
from rom.schematics.fields import Shape, corrupt, shape_of
from rom.schematics.keys import Home
from rom.schematics.layers.base import PAGE, Layer, Primitive, Raw, Task, is_own

# The name of the one part.
WHOLE = ''


class WholeLayer(Layer):
    """Base of the layers that store an object as one string."""

    has_parts = False

    def encode(self, shape: Shape, primitive: Primitive) -> dict[str, bytes | None]:
        return {WHOLE: as_bytes(shape.model.__serializer__(primitive))}

    def decode(self, shape: Shape, raw: Raw, key: str) -> Primitive:
        dump = raw[WHOLE]
        assert dump is not None
        try:
            found: Primitive = shape.model.__deserializer__(dump)
        except Exception as error:
            raise corrupt(key, None, dump, error) from None
        return found

    def owns(self, home: Home, pk: str, raw: Raw) -> bool:
        shape = shape_of(home.model)
        found = self.decode(shape, raw, as_text(home.key(pk)))
        return isinstance(found, dict) and is_own(shape, pk, found)

    def nothing(self, shape: Shape) -> Raw:
        return {WHOLE: None}

    def _bytes_of(self, task: Task) -> bytes:
        dump = None if task.raw is None else task.raw[WHOLE]
        assert dump is not None
        return dump


class SimpleLayer(WholeLayer):
    """Layer with a string `Class:pk` for each object."""

    def write(self, task: Task) -> list[Step]:
        step: Step = (b'SET', task.home.key(task.pk), self._bytes_of(task))
        return [step if task.expire is None else (*step, b'PX', b'%d' % task.expire)]

    def remove(self, home: Home, pk: str) -> list[Step]:
        return [(b'DEL', home.key(pk))]

    def expect(self, home: Home, pk: str, raw: Raw) -> list[Check]:
        return [Check((b'MGET', home.key(pk)), (raw[WHOLE],))]

    def load(self, home: Home, pks: Sequence[str]) -> Operation[list[Raw | None]]:
        if not pks:
            return []
        found = yield Command('MGET', *(home.key(pk) for pk in pks))
        return [None if dump is None else {WHOLE: dump} for dump in found]

    def page(self, home: Home, cursor: int) -> Operation[tuple[dict[str, Raw], int]]:
        cursor, keys = yield Command(
            'SCAN', cursor, 'MATCH', home.pattern(), 'COUNT', PAGE, 'TYPE', 'string'
        )
        pks = [pk for key in keys if (pk := home.pk_of(key)) is not None]
        loaded = yield from self.load(home, pks)
        return {pk: raw for pk, raw in zip(pks, loaded, strict=True) if raw}, cursor


class HashLayer(WholeLayer):
    """Layer with one hash `Class`, and a field `Class:pk` for each object.

    The hash expires as a whole.
    """

    def write(self, task: Task) -> list[Step]:
        home = task.home
        steps: list[Step] = [(b'HSET', home.set_key, home.key(task.pk), self._bytes_of(task))]
        if task.expire is not None:
            steps.append((b'EXPIRE', b'%d' % task.expire, home.set_key))
        return steps

    def remove(self, home: Home, pk: str) -> list[Step]:
        return [(b'HDEL', home.set_key, home.key(pk))]

    def expect(self, home: Home, pk: str, raw: Raw) -> list[Check]:
        return [Check((b'HMGET', home.set_key, home.key(pk)), (raw[WHOLE],))]

    def load(self, home: Home, pks: Sequence[str]) -> Operation[list[Raw | None]]:
        if not pks:
            return []
        found = yield Command('HMGET', home.set_key, *(home.key(pk) for pk in pks))
        return [None if dump is None else {WHOLE: dump} for dump in found]

    def page(self, home: Home, cursor: int) -> Operation[tuple[dict[str, Raw], int]]:
        cursor, dumps = yield Command('HSCAN', home.set_key, cursor, 'COUNT', PAGE)
        found = ((home.pk_of(key), dump) for key, dump in dumps.items())
        return {pk: {WHOLE: dump} for pk, dump in found if pk is not None}, cursor

    def clear(self, home: Home) -> Operation[int]:
        steps: list[Step] = [(b'HLEN', home.set_key), (b'DEL', home.set_key)]
        count, _ = yield from take(steps, once=as_text(home.set_key))
        return int(count)
