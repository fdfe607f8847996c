"""redis-schematics: its SimpleRedisMixin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import redis_schematics
from redis_schematics.patches import patch_json

from benchmarks.operations import QUERIES
from benchmarks.peers.models import Fields, Models

patch_json()


class Person(Fields, redis_schematics.SimpleRedisMixin):  # type: ignore[misc]
    """There are no indexes."""


class Implementation(Models):
    """redis-schematics, as its documents say."""

    person = Person
    cannot = {
        operation.name: 'redis-schematics reads and compares everything, and sorts nothing'
        for operation in QUERIES
        if not operation.of
    }

    def write(self, people: Iterable[Any]) -> None:
        for person in people:
            person.set()
