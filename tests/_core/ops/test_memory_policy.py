"""Which policies evict keys that rom needs, and what is said of them."""

from __future__ import annotations

import pytest

from rom._core.ops.memory_policy import Memory, objection, read

POLICIES = {
    'noeviction': None,
    'volatile-lru': 'volatile',
    'volatile-lfu': 'volatile',
    'volatile-random': 'volatile',
    'volatile-ttl': 'volatile',
    'allkeys-lru': 'allkeys',
    'allkeys-lfu': 'allkeys',
    'allkeys-random': 'allkeys',
}


@pytest.mark.parametrize('policy', POLICIES)
@pytest.mark.parametrize('limit', [0, 1_000_000])
def test_policies(policy: str, limit: int) -> None:
    said = objection(Memory(limit, policy), 'localhost:6379')
    if not limit or POLICIES[policy] is None:
        assert said is None
        return
    assert said is not None
    assert said.startswith(f'Redis at localhost:6379 has maxmemory-policy {policy}: ')
    assert '1,000,000 bytes' in said
    assert 'locks' in said
    assert 'the notes of commits' in said
    assert ('rows, index entries' in said) == (POLICIES[policy] == 'allkeys')
    assert 'CONFIG SET maxmemory-policy noeviction' in said


def test_a_server_that_does_not_say() -> None:
    assert objection(None, 'x') is None
    assert read([]) is read(None) is None
