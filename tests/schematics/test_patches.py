import datetime
import json

import pytest
import redis

from rom.schematics import SimpleRedisMixin, patches
from rom.schematics.patches import patch_json
from tests.schematics.support import model, vanilla


@pytest.mark.one_server
def test_patch_json(raw: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json.JSONEncoder, 'default', patches._original)
    one = vanilla(model(SimpleRedisMixin, raw))
    with pytest.raises(TypeError, match='not JSON serializable'):
        json.dumps(one)
    patch_json()
    patch_json()
    assert json.loads(json.dumps({'one': [one]})) == {'one': [one.to_primitive()]}
    for other in (datetime.datetime.now(), object(), {1}):
        with pytest.raises(TypeError, match='not JSON serializable'):
            json.dumps(other)
