"""Surveying: which key belongs to which index, and what a sample says of the others."""

import pytest
import redis

import rom
from rom._core.ops.maintenance.index_stats import Gauge
from rom.index_stats import index_stats
from tests.support.servers import Server

pytestmark = pytest.mark.one_server


class SurveyUser(rom.Model):
    _namespace = 'survey'
    name = rom.Text(index=True, suffix=True, keygen=rom.FULL_TEXT)
    score = rom.Integer(index=True, keygen=lambda value: {'': value, 'half': value / 2})
    lon = rom.Float()
    own = rom.UnsafeColumn()
    geo_index = [rom.GeoIndex('home', lambda e: {'lon': e.lon, 'lat': e.lon})]


class SurveyOther(rom.Model):
    """Whose keys begin as those of the other do."""

    _namespace = 'survey:deep'
    word = rom.Text(index=True, keygen=rom.IDENTITY)


@pytest.fixture(autouse=True)
def made(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    for number in range(1, 301):
        SurveyUser(name=f'all w{number % 40}', score=number, lon=1.0)
    SurveyOther(word='x')
    rom.session.commit()
    SurveyUser.get(5).own.rpush('x')
    raw.set('unrelated:5', 'x')


def gauges(model: type[rom.Model], sample: int = 100) -> dict[tuple[str, str], Gauge]:
    *steps, found = index_stats([SurveyUser, SurveyOther], sample)
    assert isinstance(found, dict)
    assert all(isinstance(step, tuple) and step[0] <= step[1] for step in steps)
    return {(gauge.kind, gauge.name): gauge for gauge in found[model].values()}


def test_each_key_is_one_of_one_index(raw: redis.Redis) -> None:
    found = gauges(SurveyUser)
    assert {what: (gauge.keys, gauge.entries) for what, gauge in found.items()} == {
        ('rows', ''): (300, None),
        ('live', 'id'): (1, None),
        ('words', 'name'): (41, 600),
        ('suffixes', 'name'): (1, 600),
        ('numbers', 'score'): (1, 300),
        ('places', 'home'): (1, 300),
        ('unsafe', 'own'): (1, None),
    } | {what: (found[what].keys, found[what].entries) for what in found if what[1] == 'score'}
    others = gauges(SurveyOther)
    assert ('words', 'word') in others
    assert others['rows', ''].keys == 1


SURVEYED = rom.Shards('surveyed', 8)


class SurveyPart(rom.Model):
    _shards, _shard_by = SURVEYED, 'tenant'
    tenant = rom.Integer(index=True)
    name = rom.Text(index=True, keygen=rom.IDENTITY)
    code = rom.Text(unique=True)
    text = rom.Text(rank=True)


class SurveyBeside(rom.Model):
    _shards, _shard_with = SURVEYED, 'of'
    of = rom.ManyToOne('SurveyPart', on_delete='cascade')


def test_a_model_over_partitions_has_the_sums_of_all() -> None:
    for number in range(60):
        of = SurveyPart(tenant=number, name=f'n{number % 3}', code=f'c{number}', text='red shoe')
        SurveyBeside(of=of)
    rom.session.commit()
    *_, result = index_stats([SurveyOther, SurveyPart, SurveyBeside], 10_000)
    assert isinstance(result, dict) and set(result) == {SurveyOther, SurveyPart, SurveyBeside}
    found = {(gauge.kind, gauge.name): gauge for gauge in result[SurveyPart].values()}
    assert {what: gauge.entries for what, gauge in found.items() if what[0] != 'ranks'} == {
        ('rows', ''): None,
        ('live', 'id'): None,
        ('unique', 'code'): 60,
        ('directory', 'code'): 60,
        ('words', 'name'): 60,
        ('numbers', 'tenant'): 60,
    }
    assert found['rows', ''].keys == 60 and result[SurveyBeside]['rows', ''].keys == 60
    assert found['ranks', 'text'].keys > 8
    assert all(gauge.sampled == gauge.keys and gauge.memory for gauge in found.values())
    *_, few = index_stats([SurveyPart], 5)
    assert isinstance(few, dict) and few[SurveyPart]['rows', ''].sampled == 5


def test_what_a_sample_says_of_the_others() -> None:
    rows = gauges(SurveyUser, sample=20)['rows', '']
    whole = gauges(SurveyUser, sample=300)['rows', '']
    assert gauges(SurveyUser, sample=10**400)['rows', ''] == whole
    assert (rows.keys, rows.sampled, whole.sampled) == (300, 20, 300)
    assert rows.memory == pytest.approx(whole.memory, rel=0.2)


def test_models_on_two_servers(server: Server) -> None:
    with server.connect(db=1) as other:

        class SurveyElsewhere(rom.Model):
            _conn = other

        found: dict[type[rom.Model], object] = {}
        for step in index_stats([SurveyOther, SurveyElsewhere]):
            if isinstance(step, dict):
                found |= step
        assert set(found) == {SurveyOther, SurveyElsewhere}
        assert not found[SurveyElsewhere]


def test_arguments() -> None:
    for sample in (0, -1, True, 1.0, '5', None):
        with pytest.raises(
            rom.InvalidOperation, match='sample: expected an int of at least 1, got '
        ):
            list(index_stats([SurveyUser], sample))  # type: ignore[arg-type]
    with pytest.raises(rom.InvalidOperation, match='takes a model'):
        list(index_stats([rom.Model]))
