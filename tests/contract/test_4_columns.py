"""Contract, section 4: columns and keygens. Each docstring quotes what its test proves.

Relations are in test_4_relations.py, columns that hold no value in test_4_special.py.
"""

import datetime as dt
import decimal
import inspect
from typing import Any

import pytest
import redis

import rom
from tests.contract.support import fresh, ids, model, saved
from tests.support.servers import dump

pytestmark = pytest.mark.one_server


def indexes(connection: redis.Redis) -> dict[bytes, Any]:
    """What a column c has in the indexes."""
    return {key: value for key, value in dump(connection).items() if key.startswith(b'N:c:')}


def test_common_arguments() -> None:
    """'Common arguments: `required default unique index keygen prefix suffix keygen2`.'"""
    common = ['required', 'default', 'unique', 'index', 'keygen', 'prefix', 'suffix', 'keygen2']
    for kind in (rom.Column, rom.Integer, rom.Text, rom.String, rom.Json, rom.DateTime):
        parameters = inspect.signature(kind).parameters.values()
        ours = {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}  # by name only
        assert [each.name for each in parameters if each.kind not in ours] == common


class TestKeygens:
    """'`keygen(value)` or `keygen2(column_name, all_column_values)` returns what to index'."""

    @pytest.mark.parametrize(
        'words', [['x', 'y'], ('x', 'y'), {'x', 'y'}], ids=['list', 'tuple', 'set']
    )
    def test_words(self, connection: redis.Redis, words: Any) -> None:
        """'a list, tuple or set of strings (words)'."""
        N = model(c=rom.Integer(index=True, keygen=lambda value: words))
        N(c=5).save()
        assert indexes(connection) == {b'N:c:x:idx': {b'1'}, b'N:c:y:idx': {b'1'}}
        assert ids(N.query.filter(c='x').filter(c='y')) == [1]

    def test_a_dict(self, connection: redis.Redis) -> None:
        """'or a dict: `{'': number}` a numeric index on the column itself, `{'x': number}` a
        numeric index searched as `col:x`, `{'x': None}` a word.'
        """
        N = model(c=rom.Text(index=True, keygen=lambda value: {'': 2, 'x': 3.5, 'y': None}))
        N(c='v').save()
        assert indexes(connection) == {
            b'N:c:idx': {b'1': 2.0},
            b'N:c:x:idx': {b'1': 3.5},
            b'N:c:y:idx': {b'1'},
        }
        for asked in ({'c': 2}, {'c': (1, 2)}, {'c:x': (3, 4)}, {'c': 'y'}):
            assert ids(N.query.filter(**asked)) == [1]
        assert ids(N.query.filter(**{'c:x': (4, 5)})) == []

    @pytest.mark.parametrize('nothing', [None, [], (), set(), {}], ids=str)
    def test_nothing(self, connection: redis.Redis, nothing: Any) -> None:
        """'Empty result: no entries.'"""
        N = model(c=rom.Text(index=True, prefix=True, suffix=True, keygen=lambda value: nothing))
        N(c='v').save()
        assert indexes(connection) == {}

    def test_keygen2(self, connection: redis.Redis) -> None:
        """'`keygen2(column_name, all_column_values)`'; it follows the other columns."""
        asked = []

        def keygen(name: str, values: Any) -> list[str]:
            asked.append((name, values['c'], values['d']))
            return [f'{values["c"]}{values["d"]}']

        N = model(c=rom.Text(index=True, keygen2=keygen), d=rom.Integer())
        entity = saved(N(c='x', d=1))
        assert ('c', 'x', 1) in asked
        entity.d = 2
        entity.save()
        assert indexes(connection) == {b'N:c:x2:idx': {b'1'}}

    @pytest.mark.parametrize(
        'declare',
        [
            lambda: rom.Text(index=True, keygen=rom.IDENTITY, keygen2=lambda n, v: []),
            lambda: rom.Text(keygen=rom.IDENTITY),
            lambda: rom.Integer(keygen2=lambda n, v: []),
            lambda: rom.Float(unique=True),
            lambda: rom.Boolean(unique=True),
            lambda: rom.Decimal(unique=True),
            lambda: rom.DateTime(unique=True),
            lambda: rom.Date(unique=True),
            lambda: rom.Time(unique=True),
            lambda: rom.Json(unique=True),
        ],
    )
    def test_wrong_options(self, declare: Any) -> None:
        """'Both given: `ColumnError`. A keygen without any of index, prefix, suffix, unique:
        `ColumnError`.' '`unique` on anything but strings and integers: `ColumnError`.'
        """
        with pytest.raises(rom.ColumnError):
            declare()

    @pytest.mark.parametrize('option', ['index', 'prefix', 'suffix'])
    @pytest.mark.parametrize('kind', [rom.Text, rom.String])
    def test_strings_need_one(self, kind: Any, option: str) -> None:
        """'A string column with `index` and no keygen: `ColumnError` that names the keygens; with
        only prefix or suffix and no keygen, the whole value is taken (IDENTITY).'
        """
        if option != 'index':
            N = model(c=kind(**{option: True}))
            entity = saved(N(c='Ann Lee'))
            search = N.query.startswith if option == 'prefix' else N.query.endswith
            assert ids(search(c='Ann Lee').all()) == [entity.id]
            assert ids(search(c='ann lee').all()) == []
            assert ids(search(c='Ann L' if option == 'prefix' else 'n Lee').all()) == [entity.id]
        with pytest.raises(rom.ColumnError) as caught:
            kind(**{'index': True, option: True})
        for name in ('FULL_TEXT', 'IDENTITY', 'IDENTITY_CI', 'SIMPLE', 'SIMPLE_CI'):
            assert name in str(caught.value)
        assert kind(**{option: True}, keygen=rom.IDENTITY)

    @pytest.mark.parametrize('option', ['index', 'prefix', 'suffix', 'unique'])
    def test_one_is_enough(self, option: str) -> None:
        """'any of index, prefix, suffix, unique'."""
        model(c=rom.Text(**{option: True}, keygen=rom.IDENTITY))

    @pytest.mark.parametrize('column', [rom.Text, rom.String, rom.Integer])
    def test_unique(self, column: Any) -> None:
        """'`unique` on ... strings and integers'."""
        N = model(c=column(unique=True))
        value = 5 if column is rom.Integer else 'x'
        N(c=value).save()
        with pytest.raises(rom.UniqueKeyViolation):
            N(c=value).save()


NOON = dt.datetime(2026, 1, 5, 12, 30, 15, 123456)


class TestValues:
    """Which values a column takes, and that they are read back as they were."""

    @pytest.mark.parametrize(
        ('column', 'value'),
        [
            (rom.Integer, 2**256),
            (rom.Integer, -(2**256) + 1),
            (rom.Integer, 0),
            (rom.Float, 0.1),
            (rom.Float, float('inf')),
            (rom.Decimal, decimal.Decimal('3.10')),
            (rom.Boolean, True),
            (rom.Boolean, False),
            (rom.DateTime, NOON),
            (rom.SaferDateTime, NOON),
            (rom.Date, NOON.date()),
            (rom.Time, NOON.time()),
            (rom.String, bytes(range(256))),
            (rom.Text, 'Ünï\0€😀'),
            (rom.Json, {'b': [1, None, 'é'], 'a': {}}),
            (rom.Json, []),
        ],
        ids=str,
    )
    def test_round_trips(self, column: Any, value: Any) -> None:
        """'`Integer` (any size round-trips, 2**256 too), `Float`, ... `Text` (str, UTF-8),
        `Json`'.
        """
        found = fresh(saved(model(c=column())(c=value))).c
        assert (found, type(found)) == (value, type(value))

    @pytest.mark.parametrize(
        ('column', 'given', 'kept'),
        [
            (rom.Float, 5, 5.0),
            (rom.String, 'é', b'\xe9'),
            (rom.Json, (1, 2), [1, 2]),
            (rom.Boolean, 'no', True),
            (rom.Boolean, '', False),
            (rom.Boolean, [], False),
            (rom.Boolean, 0, False),
            (rom.Boolean, 5, True),
            (rom.Boolean, None, None),
        ],
        ids=str,
    )
    def test_what_is_taken(self, column: Any, given: Any, kept: Any) -> None:
        """'`Float` (ints accepted)', '`Boolean` (truthiness; `None` is no value)', '`String` (a
        `str` is taken as latin-1)', '`Json` (dict, list, tuple)'.
        """
        assert fresh(saved(model(c=column())(c=given))).c == kept

    @pytest.mark.parametrize(
        ('column', 'value'),
        [
            (rom.Integer, 'x'),
            (rom.Integer, 1.5),
            (rom.Float, 'x'),
            (rom.Decimal, 0.5),
            (rom.DateTime, 'today'),
            (rom.Date, 'today'),
            (rom.Time, NOON),
            (rom.SaferDateTime, 5.0),
            (rom.SaferDateTime, 5),
            (rom.SaferDateTime, NOON.date()),
            (rom.String, 5),
            (rom.Text, 5),
            (rom.Text, b'\xff'),
            (rom.Json, 'x'),
            (rom.Json, 5),
        ],
        ids=str,
    )
    def test_what_is_not(self, column: Any, value: Any) -> None:
        """'`Decimal` (no floats)', '`SaferDateTime` (only a `datetime` may be set)' ..."""
        entity = model(c=column())()
        with pytest.raises(rom.InvalidColumnValue):
            entity.c = value

    def test_text_that_is_no_latin_1(self) -> None:
        """'`String` ...: one that does not fit raises `UnicodeEncodeError`'."""
        entity = model(c=rom.String())()
        with pytest.raises(UnicodeEncodeError):
            entity.c = '€'

    def test_booleans_are_filtered(self) -> None:
        """'`Boolean` (...; filter with True and False)'."""
        N = model(c=rom.Boolean(index=True))
        for value in (True, False, None):
            N(c=value).save()
        assert [ids(N.query.filter(c=value)) for value in (True, False)] == [[1], [2]]

    def test_primary_keys(self, connection: redis.Redis) -> None:
        """'`PrimaryKey(index=False)`'."""
        assert inspect.signature(rom.PrimaryKey).parameters['index'].default is False
        N, M = model('N', c=rom.PrimaryKey()), model('M', c=rom.PrimaryKey(index=True))
        saved(N()), saved(M()), saved(M())
        assert (connection.exists('N:c:idx'), connection.exists('M:c:idx')) == (0, 1)
        assert [entity.c for entity in M.query.filter(c=(2, None))] == [2]


class TestRomsKeygens:
    """'Keygens: ...'"""

    @pytest.mark.parametrize(
        ('keygen', 'value', 'words'),
        [
            (rom.FULL_TEXT, "The (cat's)\t«no» Dog! -", ["cat's", 'dog', 'the', '«no»']),
            (rom.IDENTITY, 'New York', ['New York']),
            (rom.IDENTITY_CI, 'New York', ['new york']),
            (rom.IDENTITY_STRING, b'A \xff', [b'A \xff']),
            (rom.IDENTITY_STRING_CI, b'A \xff', [b'a \xff']),
        ],
    )
    def test_words(self, keygen: Any, value: Any, words: list[Any]) -> None:
        """'`FULL_TEXT` lower-cased words, split at white space, punctuation stripped at both ends;
        `IDENTITY` the whole value; `IDENTITY_CI` lower-cased; `IDENTITY_STRING(_CI)` the same for
        bytes'.
        """
        assert sorted(keygen(value)) == words

    @pytest.mark.parametrize(
        ('keygen', 'values'),
        [
            (rom.SIMPLE, ['Z', 'a', 'b']),
            (rom.SIMPLE_CI, ['a', 'B', 'c']),
            (rom.CASE_INSENSITIVE, ['a', 'B', 'c']),
        ],
    )
    def test_order(self, keygen: Any, values: list[str]) -> None:
        """'`SIMPLE`, `SIMPLE_CI` (old name `CASE_INSENSITIVE`) order only.'"""
        N = model(c=rom.Text(index=True, keygen=keygen))
        for value in (values[2], values[0], values[1]):
            N(c=value).save()
        assert [entity.c for entity in N.query.order_by('c')] == values
        with pytest.raises(rom.QueryError):
            N.query.filter(c='a')

    @pytest.mark.parametrize('keygen', [rom.FULL_TEXT, rom.IDENTITY_CI, rom.IDENTITY_STRING_CI])
    def test_queries_are_lower_cased(self, keygen: Any) -> None:
        """'Lower-casing keygens lower-case what a query asks for too.'"""
        kind = rom.String if keygen is rom.IDENTITY_STRING_CI else rom.Text
        N = model(c=kind(index=True, prefix=True, suffix=True, keygen=keygen))
        N(c='ABc').save()
        assert ids(N.query.filter(c='aBC')) == ids(N.get_by(c='aBC')) == [1]
        assert ids(N.query.startswith(c='aB')) == ids(N.query.endswith(c='BC')) == [1]
        assert ids(N.query.like(c='A*C')) == [1]

    @pytest.mark.parametrize('keygen', [rom.IDENTITY, rom.SIMPLE])
    def test_others_are_not(self, keygen: Any) -> None:
        N = model(c=rom.Text(prefix=True, keygen=keygen))
        N(c='ABc').save()
        assert (ids(N.query.startswith(c='aB')), ids(N.query.startswith(c='AB'))) == ([], [1])

    @pytest.mark.parametrize(
        'keygen',
        [
            rom.FULL_TEXT,
            rom.IDENTITY,
            rom.IDENTITY_CI,
            rom.IDENTITY_STRING,
            rom.SIMPLE,
            rom.SIMPLE_CI,
        ],
    )
    def test_prefixes_and_suffixes(self, keygen: Any) -> None:
        """'With prefix or suffix: FULL_TEXT matches on each word, the others on the whole
        value.'
        """
        kind = rom.String if keygen is rom.IDENTITY_STRING else rom.Text
        N = model(c=kind(prefix=True, suffix=True, keygen=keygen))
        N(c='ab cd').save()
        whole, each = ([1], [1]) if keygen is rom.FULL_TEXT else ([1], [])
        assert ids(N.query.startswith(c='ab')) == ids(N.query.endswith(c='cd')) == whole
        assert ids(N.query.startswith(c='cd')) == ids(N.query.endswith(c='ab')) == each
        spaced = [] if keygen is rom.FULL_TEXT else [1]
        assert ids(N.query.startswith(c='ab c')) == ids(N.query.endswith(c='b cd')) == spaced
