"""Arguments of a move that are refused, before anything is sent."""

from typing import Any

import pytest

import rom
from tests.support.moving import GROUP, after, before
from tests.support.worlds import Front

PALS = rom.ManyToMany('Resident')
pytestmark = [pytest.mark.one_server, pytest.mark.usefixtures('on_client')]


@pytest.mark.parametrize(
    ('model', 'into', 'options', 'said'),
    [
        (lambda: 5, GROUP, {}, 'takes a model, not 5'),
        (before, GROUP, {}, 'add _shards'),
        (after, 'city', {}, "into: expected 'town', the group of the model, got 'city'"),
        (after, None, {}, 'got None'),
        (after, rom.Shards('city', 3), {}, 'got Shards'),
        (after, GROUP, {'source': 7}, 'source: expected a namespace, got 7'),
        (after, GROUP, {'source': ''}, "source: expected a namespace, got ''"),
        (after, GROUP, {'source': '{town:001.0000}Resident'}, 'is a partition of'),
        (after, GROUP, {'rate': 0}, 'rate must be'),
        (after, GROUP, {'batch': 0}, 'batch'),
        (after, GROUP, {'durable': -1}, 'durable=-1: expected True'),
        (lambda: after(visits=rom.UnsafeColumn()), GROUP, {}, "UnsafeColumn 'visits' cannot be mo"),
        (lambda: after(_shard_by='age'), GROUP, {}, "'age' may ask for another one"),
        (lambda: after(pals=PALS), GROUP, {}, "links of the ManyToMany 'pals' cannot be moved"),
    ],
)
def test_arguments(front: Front, model: Any, into: Any, options: Any, said: str) -> None:
    with pytest.raises(rom.InvalidOperation) as caught:
        list(front.shard(model(), into, **options))
    assert said in str(caught.value)
