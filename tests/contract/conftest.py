"""An empty database, which every model uses, and no models but those that a test declares."""

import pytest
import redis

import rom


@pytest.fixture(autouse=True)
def connection(fresh_registry: None, raw: redis.Redis) -> redis.Redis:
    """The client in force; it shows raw bytes."""
    for names in (rom.MODELS, rom.MODELS_REFERENCED):
        for name in [name for name in names if name != 'Model']:
            del names[name]
    rom.util.CONNECTION = raw
    return raw
