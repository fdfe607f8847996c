"""The hostile test for models of schematics: see `tests/support/hostile.py`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import redis
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rom.schematics import IndexedRedisMixin, SimpleRedisMixin
from tests.schematics.support import model, vanilla
from tests.support.hostile import ANYTHING, survive
from tests.support.servers import Server

Draw = Callable[..., Any]
NAMES = st.sampled_from(['pk', 'flavour', 'vegan', 'x', '', 'x' * 500, 'flavour__x'])


def assigned(found: Any, d: Draw) -> Any:
    name, value = d(st.sampled_from(['pk', 'flavour', 'vegan'])), d(ANYTHING)
    try:
        setattr(found, name, value)
        found.validate()
    except Exception:  # of the library itself, about its own types
        return None
    return found.set()


def expiring(kind: Any, seconds: Any) -> Any:
    kind.__expire__ = seconds
    return kind


CALLS: dict[str, Callable[[Any, Draw], Any]] = {
    'match_for_pk': lambda m, d: m.match_for_pk(d(ANYTHING)),
    'match': lambda m, d: m.match(**{d(NAMES): d(ANYTHING)}),
    'match_for_values': lambda m, d: m.match_for_values(**{d(NAMES): d(ANYTHING)}),
    'filter': lambda m, d: m.filter(**{d(NAMES): d(ANYTHING)}),
    'delete_filter': lambda m, d: m.delete_filter(**{d(NAMES): d(ANYTHING)}),
    'ordered': lambda m, d: m.ordered(d(ANYTHING), offset=d(ANYTHING), limit=d(ANYTHING)),
    'ordered window': lambda m, d: m.ordered('flavour', offset=d(ANYTHING), limit=d(ANYTHING)),
    'sweep': lambda m, d: m.sweep(d(ANYTHING)),
    'expire': lambda m, d: vanilla(expiring(m, d(ANYTHING))).set(),
    'set': lambda m, d: vanilla(m).set(only=d(ANYTHING)),
    'assign': lambda m, d: assigned(m.all()[0], d),
}


OF_INDEXED = ('ordered', 'ordered window', 'sweep')


@pytest.mark.one_server
@pytest.mark.parametrize(
    ('name', 'mixin'),
    [
        (name, mixin)
        for name in CALLS
        for mixin in (IndexedRedisMixin, SimpleRedisMixin)
        if name not in OF_INDEXED or mixin is IndexedRedisMixin
    ],
)
@settings(max_examples=20, phases=(Phase.explicit, Phase.generate))
@given(data=st.data())
def test_hostile_arguments(
    name: str, mixin: Any, data: Any, server: Server, raw: redis.Redis
) -> None:
    server.flush()
    kind = model(mixin, raw)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        vanilla(kind).set()
        survive(lambda: CALLS[name](kind, data.draw))
