"""State of compound indexes: does the data of a model have those that the model declares?

The search script compares the fingerprint at each call. Where it lacks a compound index, the query
is answered without it, at the price of a second round trip. So that not every query pays this, the
process uses no compound index of the model for some seconds then.
"""

from __future__ import annotations

import json
from typing import Any, Final
from weakref import WeakKeyDictionary

from rom._core.ops.index_fingerprint import COMPOUND, declared_by, stamp_of
from rom._core.ops.requests import Command, Operation, Pipeline
from rom._core.schema import Schema
from rom._core.support.clock import elapsed

#: Seconds until compound indexes are tried again.
PAUSE: Final = 10.0

_until: WeakKeyDictionary[Schema, float] = WeakKeyDictionary()
_texts: WeakKeyDictionary[Schema, tuple[bytes, ...]] = WeakKeyDictionary()


def may_use_compounds(schema: Schema) -> bool:
    """Return whether to try the compound indexes of a model."""
    until = _until.get(schema)
    if until is None:
        return schema.is_stamped
    if elapsed() < until:
        return False
    del _until[schema]
    return True


def note_not_built(schema: Schema) -> None:
    """Note that the data lacks a compound index."""
    _until[schema] = elapsed() + PAUSE


def write_fingerprint(schema: Schema, *also: Command) -> Operation[None]:
    """Write that the data has the declared indexes; this process uses compound ones at once.

    Args:
        schema: the schema of the model.
        also: further commands of the same round trip.
    """
    yield Pipeline((Command('SET', schema.keys.indexes, stamp_of(schema)), *also))
    _until.pop(schema, None)


def built_texts(schema: Schema) -> tuple[bytes, ...]:
    """Return the parts of the fingerprint that name the compound indexes."""
    texts = _texts.get(schema)
    if texts is None:
        named = declared_by(schema).items()
        pairs = ({name: how} for name, how in named if name.startswith(COMPOUND))
        texts = tuple(json.dumps(pair)[1:-1].encode('ascii') for pair in pairs)
        _texts[schema] = texts
    return texts


def read_index(schema: Schema, command: Command, is_compound: bool) -> Operation[Any]:
    """Return the reply to a command that reads an index; one round trip.

    None: it reads a compound index, and the data lacks one that the model declares.
    """
    if not is_compound:
        return (yield command)
    # The fingerprint is read last, because a reindex writes it after the index.
    reply, stamp = yield Pipeline((command, Command('GET', schema.keys.indexes)))
    is_built = stamp is not None and all(text in stamp for text in built_texts(schema))
    return reply if is_built else None
