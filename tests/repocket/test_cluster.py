"""Records on a cluster: their keys have no tag, and they say so at the first use."""

from __future__ import annotations

import uuid

import pytest

import rom
from rom.repocket import ActiveRecord, attributes
from tests.support.cluster import Cluster, connect


def test_records_are_refused(cluster: Cluster) -> None:
    class Post(ActiveRecord):
        title = attributes.Unicode()

    rom.util.CONNECTION = connect(cluster)
    for use in (
        lambda: Post(title='x').save(),
        lambda: Post.create(title='x'),
        lambda: Post.objects.get(id=uuid.uuid1()),
        lambda: Post.objects.filter(title='x'),
        lambda: Post.objects.all(),
    ):
        with pytest.raises(rom.InvalidOperation, match=r'of rom\.repocket cannot be on a cluster'):
            use()
    assert not any(node.client.dbsize() for node in cluster.masters())
