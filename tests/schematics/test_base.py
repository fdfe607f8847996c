"""One suite for what objects do, run over every layer."""

from __future__ import annotations

import datetime
import math
from typing import Any

import pytest
import redis
from schematics import models, types
from schematics.exceptions import DataError
from schematics.types.serializable import serializable

import rom
from rom.exceptions import CorruptRowError, DataRaceError, InvalidOperation
from rom.schematics import (
    BaseRedisMixin,
    FieldRedisMixin,
    HashRedisMixin,
    MultipleFound,
    NotFound,
    SimpleRedisMixin,
    StrictPerformanceException,
)
from tests.schematics.support import (
    EVERY_LAYER,
    LATE,
    PARTED,
    SOON,
    expire,
    fill,
    model,
    pks,
    trips,
    vanilla,
)
from tests.support.servers import dump, ttls, without_notes

Mixin = type[BaseRedisMixin]


@EVERY_LAYER
def test_a_life_on_every_kind_of_client(
    client: redis.Redis, raw: redis.Redis, mixin: Mixin
) -> None:
    kind = model(mixin, client)
    fill(kind)
    one = kind.match(id='vanilla')
    assert one == vanilla(kind, pk='vanilla', price='1.50', vegan=False, tags=['a', 'b'])
    assert pks(kind.all()) == ['bare', 'choc', 'little', 'vanilla']
    assert pks(kind.filter(amount_kg__gte=30)) == ['little', 'vanilla']
    one.amount_kg = 1
    one.set(if_unchanged=True)
    assert kind.match_for_pk('vanilla').amount_kg == 1
    one.delete()
    assert kind.delete_filter(vegan=True) == 1
    assert kind.delete_all() == 2
    # Of the indexed layer the counter and the bitmap stay, as of every rom model.
    assert without_notes(dump(raw)).keys() <= {b'IceCream:rom_id:', b'IceCream:rom_id:live'}


@pytest.fixture(params=[pytest.param(m, id=m.__name__) for m in EVERY_LAYER.args[1]])
def kind(request: pytest.FixtureRequest, raw: redis.Redis) -> Any:
    return model(request.param, raw)


@pytest.mark.one_server
class TestStoring:
    def test_every_value_comes_back(self, kind: Any) -> None:
        fill(kind)
        one = kind.match_for_pk('vanilla')
        assert one.to_native() == {
            'pk': 'vanilla', 'id': 'vanilla', 'flavour': 'Sweet é', 'amount_kg': 42,
            'best_before': SOON, 'price': one.price, 'vegan': False, 'tags': ['a', 'b'],
        }  # fmt: skip
        assert str(one.price) == '1.50'
        bare = kind.match_for_pk('bare')
        assert [bare[name] for name in bare._schema.fields] == ['bare', 'bare', *[None] * 6]

    def test_a_value_can_be_taken_away(self, kind: Any) -> None:
        fill(kind)
        one = kind.match_for_pk('vanilla')
        one.flavour = one.tags = None
        one.set()
        again = kind.match_for_pk('vanilla')
        assert (again.flavour, again.tags, again.amount_kg) == (None, None, 42)
        assert kind.filter(flavour='Sweet é') == []

    def test_none_is_kept_where_there_is_a_default(self, kind: Any) -> None:
        with_default = model(
            kind.mixin, kind.__redis_client__,
            flavour=types.StringType(default='plain'),
        )  # fmt: skip
        with_default({'id': 'a'}).set()
        with_default({'id': 'b', 'flavour': None}).set()
        assert with_default.match_for_pk('a').flavour == 'plain'
        assert with_default.match_for_pk('b').flavour is None

    @pytest.mark.parametrize(
        'text', ['', ' ', 'a:b', '*', '[x]?', '\\', '\n', 'é\x00', '"', '12', 'null', '😀']
    )
    def test_any_text_is_a_value_and_a_key(self, kind: Any, text: str) -> None:
        kind({'id': text or 'empty', 'flavour': text}).set()
        kind({'id': f'x{text}', 'flavour': 'other'}).set()
        found = kind.match_for_pk(text or 'empty')
        assert found.flavour == text
        assert pks(kind.all()) == sorted([text or 'empty', f'x{text}'])
        assert pks(kind.filter(flavour=text)) == [text or 'empty']
        assert kind.delete_filter(flavour=text) == 1
        assert pks(kind.all()) == [f'x{text}']

    def test_set_overwrites(self, kind: Any) -> None:
        fill(kind)
        kind({'id': 'vanilla', 'amount_kg': 7}).set()
        assert kind.match_for_pk('vanilla').to_native()['flavour'] is None
        assert len(kind.all()) == 4

    def test_an_invalid_object_is_never_stored(self, raw: redis.Redis, kind: Any) -> None:
        strict = model(kind.mixin, raw, flavour=types.StringType(required=True, max_length=3))
        for given in ({'id': 'x'}, {'id': 'x', 'flavour': 'much too long'}):
            one = strict(given)
            with pytest.raises(DataError):
                one.set()
            assert (one.pk, one.flavour) == (None, given.get('flavour'))
        one.flavour, one.amount_kg = 'ok', 'many'
        with pytest.raises(DataError):
            one.set()
        assert one.amount_kg == 'many'
        assert dump(raw) == {}

    def test_refresh_takes_what_is_stored(self, kind: Any) -> None:
        fill(kind)
        one = kind.match_for_pk('vanilla')
        one.amount_kg = 1
        one.refresh()
        assert one.amount_kg == 42
        mine = vanilla(kind)
        mine.refresh()
        assert (mine.pk, mine.vegan) == ('vanilla', False)

    def test_what_is_gone_is_not_found(self, kind: Any) -> None:
        fill(kind)
        one = kind.match_for_pk('vanilla')
        one.delete()
        one.delete()
        for look in (one.refresh, lambda: kind.match(id='vanilla'), kind({}).refresh):
            with pytest.raises(NotFound):
                look()
        with pytest.raises(KeyError, match='no IceCream matches pk=1'):
            kind.match_for_pk(1)
        kind({}).delete()
        assert len(kind.all()) == 3


@pytest.mark.one_server
class TestPrimaryKey:
    def test_it_is_the_pk_then_the_id(self, kind: Any) -> None:
        for given, pk in (({'pk': 'a', 'id': 'b'}, 'a'), ({'id': 'b'}, 'b')):
            one = kind(given)
            one.set()
            assert one.pk == pk
            assert one.key == f'IceCream:{pk}'
        assert pks(kind.all()) == ['a', 'b']

    def test_numbers_are_ids(self, raw: redis.Redis, kind: Any) -> None:
        numbered = model(kind.mixin, raw, id=types.IntType())
        for number in (0, 5):
            numbered({'id': number}).set()
        assert pks(numbered.all()) == ['0', '5']
        assert numbered.match(id=0).id == 0
        assert numbered.match(id='5').id == 5
        assert numbered.match_for_pk(5).id == 5

    @pytest.mark.parametrize('name', ['__unique_together__', '__unique_args__'])
    def test_values_that_are_unique_together(self, kind: Any, raw: redis.Redis, name: str) -> None:
        more = {name: ('flavour', 'amount_kg'), 'id': None}
        group = model(kind.mixin, raw, **more)
        one = group({'flavour': 'x', 'amount_kg': 5})
        one.set()
        assert one.pk == 'x.5'
        group({'flavour': 'x', 'amount_kg': 5, 'vegan': True}).set()
        assert [found.vegan for found in group.all()] == [True]
        assert group.match(flavour='x', amount_kg='5').pk == 'x.5'
        loose = group({'flavour': 'x'})
        loose.set()
        assert len(loose.pk) == 36

    def test_without_any_each_object_has_its_own(self, kind: Any) -> None:
        ones = [kind({'amount_kg': number}) for number in range(3)]
        for one in ones:
            one.set()
            one.set()
        assert len({one.pk for one in ones}) == 3 == len(kind.all())

    def test_a_default_is_one_too(self, raw: redis.Redis, kind: Any) -> None:
        made = model(kind.mixin, raw, pk=types.StringType(default=lambda: 'made'))
        made({'id': 'x'}).set()
        assert made.match_for_pk('made').id == 'x'
        assert made.match(id='x').pk == 'made'

    def test_a_model_without_pk_is_told_so(self, raw: redis.Redis, kind: Any) -> None:
        without = type(models.Model)(
            'Without', (models.Model, kind.mixin),
            {'__redis_client__': raw, 'id': types.StringType()},
        )  # fmt: skip
        with pytest.raises(TypeError, match=r'declare pk = types\.StringType'):
            without({'id': 'x'}).set()

    def test_the_group_must_be_fields(self, raw: redis.Redis) -> None:
        wrong = model(SimpleRedisMixin, raw, __unique_together__=('nope',))
        with pytest.raises(TypeError, match="got 'nope'"):
            wrong({}).set()


@pytest.mark.one_server
class TestFinding:
    @pytest.mark.parametrize(
        ('clauses', 'found'),
        [
            ({}, 'bare choc little vanilla'),
            ({'amount_kg': 42}, 'vanilla'),
            ({'amount_kg': '42'}, 'vanilla'),
            ({'amount_kg__eq': 42}, 'vanilla'),
            ({'amount_kg': None}, 'bare'),
            ({'amount_kg__gt': 30}, 'vanilla'),
            ({'amount_kg__gte': 30}, 'little vanilla'),
            ({'amount_kg__lt': 30}, 'choc'),
            ({'amount_kg__lte': 30}, 'choc little'),
            ({'amount_kg__gt': None}, ''),
            ({'amount_kg__not': 42}, 'bare choc little'),
            ({'amount_kg__not': None}, 'choc little vanilla'),
            ({'amount_kg__in': [12, '30', 99]}, 'choc little'),
            ({'amount_kg__in': []}, ''),
            ({'amount_kg__in': [None, 12]}, 'bare choc'),
            ({'amount_kg__exclude': [12, 30]}, 'bare vanilla'),
            ({'amount_kg__exclude': [None]}, 'choc little vanilla'),
            ({'amount_kg__gte': 12, 'amount_kg__lt': 42}, 'choc little'),
            ({'flavour': 'Chocolate'}, 'choc'),
            ({'flavour__gt': 'D'}, 'vanilla'),
            ({'flavour__not': 'Chocolate'}, 'bare little vanilla'),
            ({'flavour__in': ('Chocolate', 'Sweet é')}, 'choc vanilla'),
            ({'flavour': None}, 'bare little'),
            ({'flavour__startswith': 'Choc'}, 'choc'),
            ({'flavour__endswith': 'é'}, 'vanilla'),
            ({'best_before': SOON}, 'vanilla'),
            ({'best_before': '2031-05-06T07:08:09.123456'}, 'vanilla'),
            ({'best_before__gt': SOON}, 'choc'),
            ({'best_before__gte': SOON}, 'choc vanilla'),
            ({'best_before__lt': LATE}, 'vanilla'),
            ({'best_before__gte': SOON.replace(tzinfo=datetime.UTC)}, 'choc vanilla'),
            ({'best_before__not': SOON}, 'bare choc little'),
            ({'price': '1.5'}, 'vanilla'),
            ({'price__gt': '1.5'}, 'choc'),
            ({'price__exclude': ['1.5']}, 'bare choc little'),
            ({'vegan': True}, 'choc'),
            ({'vegan': False}, 'vanilla'),
            ({'vegan__not': True}, 'bare little vanilla'),
            ({'vegan': None}, 'bare little'),
            ({'tags': ['a', 'b']}, 'vanilla'),
            ({'tags': []}, 'choc'),
            ({'pk': 'choc'}, 'choc'),
            ({'pk': 'choc', 'amount_kg': 1}, ''),
            ({'pk__in': ['choc', 'vanilla', 'nope']}, 'choc vanilla'),
            ({'pk__in': ['choc', 'vanilla'], 'amount_kg': 12}, 'choc'),
            ({'id__not': 'choc'}, 'bare little vanilla'),
            ({'amount_kg__gte': 12, 'tags__not': None, 'vegan': True}, 'choc'),
        ],
    )
    def test_filter(self, kind: Any, clauses: dict[str, Any], found: str) -> None:
        fill(kind)
        assert pks(kind.filter(**clauses)) == found.split()

    @pytest.mark.parametrize(
        ('clauses', 'message'),
        [
            ({'amount__gte': 30}, "no field 'amount' .*amount__gte"),
            ({'colour': 1}, "no field 'colour'"),
            ({'amount_kg__above': 30}, 'operators .* got __above'),
            ({'amount_kg': 'many'}, "value of the field amount_kg, got 'many'"),
            ({'amount_kg__in': 'many'}, 'expected a list'),
            ({'amount_kg__in': 5}, 'expected a list'),
            ({'flavour__startswith': 5}, 'expected a str'),
            ({'best_before__gt': 'soon'}, 'value of the field best_before'),
        ],
    )
    def test_what_makes_no_sense(self, kind: Any, clauses: dict[str, Any], message: str) -> None:
        fill(kind)
        for method in (kind.filter, kind.match, kind.match_for_values, kind.delete_filter):
            with pytest.raises(ValueError, match=message):
                method(**clauses)
        assert len(kind.all()) == 4

    def test_match(self, kind: Any) -> None:
        fill(kind)
        assert kind.match(amount_kg__gt=30).pk == 'vanilla'
        assert kind.match(id='vanilla', amount_kg=42).pk == 'vanilla'
        assert kind.match_for_values(id='vanilla').pk == 'vanilla'
        with pytest.raises(NotFound, match="id='vanilla', amount_kg=1"):
            kind.match(id='vanilla', amount_kg=1)
        with pytest.raises(MultipleFound, match='2 IceCream match amount_kg__gte=30'):
            kind.match(amount_kg__gte=30)
        with pytest.raises(NotFound):
            kind.match_for_values(amount_kg=99)

    def test_match_by_primary_key_takes_one_trip(
        self, kind: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(kind)
        for clauses in ({'pk': 'vanilla'}, {'id': 'vanilla', 'amount_kg': 42}):
            with trips(monkeypatch) as sent:
                kind.match(**clauses)
            assert len(sent) == 1

    def test_all_goes_page_by_page(self, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        with rom.schematics.transaction():
            for number in range(2500):
                kind({'id': f'{number:05}', 'amount_kg': number}).set()
        with trips(monkeypatch) as sent:
            assert pks(kind.all()) == [f'{number:05}' for number in range(2500)]
        # SCAN looks at every key, and there is one for each field where each has its own.
        assert len(sent) < 40
        assert not any('KEYS' in one for one in sent)
        assert kind.delete_all() == 2500

    def test_models_whose_names_begin_alike(self, raw: redis.Redis, kind: Any) -> None:
        mixin = kind.mixin
        others = [
            model(mixin, raw, name='IceCreamCone'),
            model(mixin, raw, name='Ice'),
            model(mixin, raw, __prefix__='IceCream:Cone'),
            model(mixin, raw, __prefix__='IceCrea*'),
        ]
        fill(kind)
        for number, other in enumerate(others):
            other({'id': f'o{number}', 'amount_kg': 42}).set()
        assert pks(kind.all()) == ['bare', 'choc', 'little', 'vanilla']
        assert pks(kind.filter(amount_kg=42)) == ['vanilla']
        assert kind.delete_all() == 4
        for number, other in enumerate(others):
            assert pks(other.all()) == [f'o{number}']

    def test_keys_of_other_programs_are_left_alone(self, raw: redis.Redis, kind: Any) -> None:
        fill(kind)
        raw.rpush('IceCream:a-list', 'x')
        raw.zadd('IceCream:a-zset', {'x': 1})
        raw.set('IceCreams', 'x')
        assert len(kind.all()) == 4
        assert kind.delete_all() == 4
        assert raw.exists('IceCream:a-list', 'IceCream:a-zset', 'IceCreams') == 3


@pytest.mark.one_server
class TestStrict:
    def test_scans_raise(self, raw: redis.Redis, kind: Any) -> None:
        strict = model(kind.mixin, raw, __strict_performance__=True)
        fill(strict)
        for scan in (
            strict.all,
            lambda: strict.filter(tags=[]),
            lambda: strict.match(tags=[]),
            lambda: strict.match_for_values(tags=[]),
            lambda: strict.delete_filter(tags=[]),
        ):
            with pytest.raises(StrictPerformanceException, match='__strict_performance__'):
                scan()
        assert strict.match(id='choc').amount_kg == 12
        assert strict.delete_all() == 4


@pytest.mark.one_server
class TestExpiry:
    def test_objects_go(self, raw: redis.Redis, kind: Any) -> None:
        brief = model(kind.mixin, raw, __expire__=1000)
        fill(brief)
        one = brief.match(id='vanilla')
        expire(raw)
        assert brief.all() == []
        assert brief.filter(amount_kg__gt=0) == []
        for look in (one.refresh, lambda: brief.match_for_pk('choc')):
            with pytest.raises(NotFound):
                look()
        with pytest.raises(DataRaceError):
            one.set(if_unchanged=True)
        one.set()
        assert pks(brief.all()) == ['vanilla']

    def test_all_of_an_object_goes_at_once(self, raw: redis.Redis, kind: Any) -> None:
        brief = model(kind.mixin, raw, __expire__=1000)
        vanilla(brief).set()
        if brief.__layer__.has_parts:
            brief({'pk': 'vanilla', 'amount_kg': 3}).set(only=['amount_kg', 'tags'])
        left = {key: raw.execute_command('PEXPIRETIME', key) for key in ttls(raw)}
        moments = {moment for key, moment in left.items() if b':done:' not in key}
        if brief.__layer__.has_indexes:
            assert moments == set()
        else:
            assert len(moments) == 1
            stay = without_notes(dump(raw)).keys() - left.keys()
            assert stay == set()

    @pytest.mark.parametrize(
        'seconds', [0, -1, 0.0001, 10**12, 10**400, math.nan, math.inf, True, 'soon', '5', [1]]
    )
    def test_a_time_that_is_none(self, raw: redis.Redis, kind: Any, seconds: Any) -> None:
        wrong = model(kind.mixin, raw, __expire__=seconds)
        with pytest.raises(
            ValueError,
            match=r'__expire__: expected more than 0 and at most 100,000,000,000 seconds',
        ):
            vanilla(wrong).set()
        assert dump(raw) == {}

    def test_without_expire_objects_stay(self, raw: redis.Redis, kind: Any) -> None:
        """redis-schematics fails here on hash models."""
        fill(kind)
        assert [key for key in ttls(raw) if b':done:' not in key] == []


@pytest.mark.one_server
class TestIfUnchanged:
    def test_what_another_changed_is_not_overwritten(self, raw: redis.Redis, kind: Any) -> None:
        fill(kind)
        mine, theirs = kind.match(id='vanilla'), kind.match(id='vanilla')
        theirs.amount_kg = 1
        theirs.set()
        before = without_notes(dump(raw))
        mine.flavour = 'mine'
        with pytest.raises(DataRaceError, match="IceCream 'vanilla': another writer changed"):
            mine.set(if_unchanged=True)
        assert without_notes(dump(raw)) == before
        mine.refresh()
        mine.flavour = 'mine'
        mine.set(if_unchanged=True)
        mine.set(if_unchanged=True)
        found = kind.match(id='vanilla')
        assert (found.flavour, found.amount_kg) == ('mine', 1)

    def test_what_another_removed(self, kind: Any) -> None:
        fill(kind)
        mine = kind.match(id='vanilla')
        kind.match(id='vanilla').delete()
        with pytest.raises(DataRaceError):
            mine.set(if_unchanged=True)
        assert len(kind.all()) == 3

    def test_under_another_key_it_is_a_new_object(self, kind: Any) -> None:
        fill(kind)
        one = kind.match(id='vanilla')
        one.pk = 'renamed'
        one.set(if_unchanged=True)
        one.set(if_unchanged=True)
        one.pk = 'choc'
        with pytest.raises(DataRaceError, match='another writer stored it'):
            one.set(if_unchanged=True)
        assert pks(kind.all()) == ['bare', 'choc', 'little', 'renamed', 'vanilla']

    def test_a_new_object_must_be_new(self, kind: Any) -> None:
        mine, theirs = vanilla(kind), vanilla(kind, amount_kg=1)
        mine.set(if_unchanged=True)
        with pytest.raises(DataRaceError, match='another writer stored it'):
            theirs.set(if_unchanged=True)
        assert kind.match(id='vanilla').amount_kg == 42
        mine.delete()
        theirs.set(if_unchanged=True)


@pytest.mark.one_server
class TestOnly:
    @pytest.fixture(params=[pytest.param(m, id=m.__name__) for m in PARTED])
    def parted(self, request: pytest.FixtureRequest, raw: redis.Redis) -> Any:
        found = model(request.param, raw)
        fill(found)
        return found

    def test_writes_what_is_named(self, parted: Any) -> None:
        mine, theirs = parted.match(id='vanilla'), parted.match(id='vanilla')
        theirs.flavour, theirs.amount_kg = 'theirs', 1
        theirs.set()
        mine.flavour, mine.amount_kg, mine.tags = 'mine', 2, None
        mine.set(only=['amount_kg', 'tags', 'pk'])
        found = parted.match(id='vanilla')
        assert (found.flavour, found.amount_kg, found.tags) == ('theirs', 2, None)
        assert pks(parted.filter(amount_kg=2)) == ['vanilla']
        assert parted.filter(amount_kg=1) == []

    def test_what_is_not_stored_cannot_be_written_in_part(
        self, raw: redis.Redis, parted: Any
    ) -> None:
        before = without_notes(dump(raw))
        with pytest.raises(NotFound, match=r"'new' is not stored"):
            parted({'id': 'new', 'amount_kg': 1}).set(only=['amount_kg'])
        with pytest.raises(ValueError, match="no field 'amount'"):
            parted.match(id='vanilla').set(only=['amount'])
        assert without_notes(dump(raw)) == before

    def test_only_what_is_written_must_be_unchanged(self, parted: Any) -> None:
        mine, theirs = parted.match(id='vanilla'), parted.match(id='vanilla')
        theirs.flavour = 'theirs'
        theirs.set()
        mine.amount_kg = 2
        mine.set(only=['amount_kg'], if_unchanged=True)
        mine.flavour = 'mine'
        with pytest.raises(DataRaceError):
            mine.set(only=['flavour'], if_unchanged=True)
        assert parted.match(id='vanilla').flavour == 'theirs'

    @pytest.mark.parametrize('mixin', [SimpleRedisMixin, HashRedisMixin])
    def test_layers_of_whole_objects_refuse(self, raw: redis.Redis, mixin: Mixin) -> None:
        with pytest.raises(InvalidOperation, match='stored as a whole'):
            vanilla(model(mixin, raw)).set(only=['amount_kg'])


@pytest.mark.one_server
class TestDamage:
    def test_a_key_of_another_type(self, raw: redis.Redis, kind: Any) -> None:
        vanilla(kind).set()
        for key in dump(raw):
            raw.delete(key)
            raw.rpush(key, 'x')
        before = dump(raw)
        if kind.mixin in (SimpleRedisMixin, FieldRedisMixin):
            vanilla(kind).set()  # SET and MSET do not ask
            return
        with pytest.raises(CorruptRowError, match='IceCream'):
            vanilla(kind).set()
        with pytest.raises(CorruptRowError, match='IceCream'):
            kind.match_for_pk('vanilla')
        assert without_notes(dump(raw)) == without_notes(before)

    def test_others_stay_readable(self, raw: redis.Redis, kind: Any) -> None:
        fill(kind)
        assert _damage(raw) == 1
        for look in (kind.all, lambda: kind.filter(amount_kg__lt=1000)):
            with pytest.raises(CorruptRowError, match='IceCream') as raised:
                look()
            assert {'choc', 'little'} <= {one.pk for one in raised.value.entities}
        with pytest.raises(CorruptRowError):
            kind.match_for_pk('vanilla')

    def test_a_field_that_is_no_more(self, raw: redis.Redis, kind: Any) -> None:
        fill(kind)
        fewer = model(kind.mixin, raw, tags=None, price=None)
        one = fewer.match(id='vanilla')
        assert one.amount_kg == 42
        assert 'tags' not in one._schema.fields


def _damage(raw: redis.Redis) -> int:
    """Spoil the number of the object 'vanilla', wherever it is."""
    done = 0
    for key, value in without_notes(dump(raw)).items():
        if isinstance(value, bytes) and key.startswith(b'IceCream:vanilla'):
            if key.endswith(b'amount_kg') or value.startswith(b'{'):
                done += bool(raw.set(key, b'{broken'))
        elif isinstance(value, dict) and b':idx' not in key and b'uidx' not in key:
            for field, held in value.items():
                is_whole = field == b'IceCream:vanilla'
                is_part = field == b'amount_kg' and held == b'42'
                if is_whole or is_part or (key.endswith(b':amount_kg') and field == b'vanilla'):
                    done += 1 - raw.hset(key, field, b'{broken')
    return done


@pytest.mark.one_server
class TestSayingOtherwise:
    def test_names_of_keys(self, raw: redis.Redis, kind: Any) -> None:
        mixin = kind.mixin
        other = model(
            mixin, raw, __key_pattern__=lambda self, *parts: '/'.join(('shop', *parts)),
            __prefix__='Shop',
        )  # fmt: skip
        fill(other)
        assert pks(other.all()) == ['bare', 'choc', 'little', 'vanilla']
        assert other({'id': 'x'}).key == 'shop/x'
        assert other.delete_all() == 4

    def test_serializable_values_are_computed(self, raw: redis.Redis, kind: Any) -> None:
        @serializable
        def twice(self: Any) -> int:
            return 2 * (self.amount_kg or 0)

        doubled = model(kind.mixin, raw, twice=twice)
        fill(doubled)
        assert doubled.match(id='vanilla').twice == 84

    def test_serialized_names(self, raw: redis.Redis, kind: Any) -> None:
        named = model(
            kind.mixin, raw, amount_kg=types.IntType(serialized_name='kg')
        )  # fmt: skip
        fill(named)
        assert named.match(id='vanilla').amount_kg == 42
        assert pks(named.filter(amount_kg=12)) == ['choc']

    @pytest.mark.parametrize('mixin', [SimpleRedisMixin, HashRedisMixin])
    def test_a_serializer(self, raw: redis.Redis, mixin: Mixin) -> None:
        odd = model(
            mixin, raw,
            __serializer__=staticmethod(lambda obj: repr(obj).encode()),
            __deserializer__=staticmethod(lambda dump: eval(dump)),
        )  # fmt: skip
        fill(odd)
        assert odd.match(id='vanilla').amount_kg == 42

    def test_the_connection_is_that_of_rom(self, raw: redis.Redis, kind: Any) -> None:
        rom.util.CONNECTION = raw
        plain = model(kind.mixin, None)  # type: ignore[arg-type]
        fill(plain)
        assert len(plain.all()) == 4


def test_partitions_are_refused() -> None:
    with pytest.raises(rom.ORMError, match=r'Parted\._shards: partitions are for rom\.Model'):

        class Parted(models.Model, SimpleRedisMixin):  # type: ignore[misc]
            _shards = rom.Shards('parted')
            pk = types.StringType()
