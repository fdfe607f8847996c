"""What takes long to write is written once; later tests get the same keys back."""

from collections.abc import Callable, Hashable
from typing import Any

import redis

_KEPT: dict[Hashable, tuple[Any, dict[bytes, bytes]]] = {}


def once(raw: redis.Redis, name: Hashable, fill: Callable[[], Any]) -> Any:
    """Fill an empty database, the first time; put all keys back that it then had, from then on.

    Args:
        raw: a client of bytes on the server; each server has snapshots of its own.
        name: tells what is filled in from all else.
        fill: does it, and writes no key that expires.

    Returns:
        What `fill` returned; nobody may change it.
    """
    place = raw.connection_pool.connection_kwargs['path'], name
    if place in _KEPT:
        found, keys = _KEPT[place]
        with raw.pipeline(transaction=False) as pipe:
            for key, text in keys.items():
                pipe.restore(key, 0, text)
            pipe.execute()
        return found
    assert not raw.dbsize(), 'there is something else'
    found = fill()
    names = sorted(set(raw.scan_iter(count=1000)))
    with raw.pipeline(transaction=False) as pipe:
        for key in names:
            pipe.dump(key)
        _KEPT[place] = found, dict(zip(names, pipe.execute(), strict=True))
    return found
