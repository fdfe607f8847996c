"""Contract, section 4: relations. Each docstring quotes what its test proves."""

from typing import Any

import pytest
import redis

import rom
from tests.contract.support import fresh, ids, model, saved
from tests.support.servers import dump, without_notes

pytestmark = pytest.mark.one_server

RELATIONS = [rom.ManyToOne, rom.OneToOne]
ON_DELETE = ['no action', 'restrict', 'cascade', 'set null', 'set default']


def family(on_delete: str = 'no action', kind: Any = rom.ManyToOne, **options: Any) -> Any:
    """A Parent, and a Child that refers to it."""
    Parent = model('Parent', children=rom.OneToMany('Child'))
    return Parent, model('Child', parent=kind('Parent', on_delete=on_delete, **options))


@pytest.mark.parametrize('kind', RELATIONS)
def test_on_delete_is_one_of_five(kind: Any) -> None:
    """'`on_delete` is one of 'no action', 'restrict', 'cascade', 'set null', 'set default'. Missing
    or unknown: `ColumnError`'.
    """
    for on_delete in ON_DELETE:
        kind('Parent', on_delete)
    for wrong in (None, 'nothing', '', 5):
        with pytest.raises(rom.ColumnError):
            kind('Parent', wrong)
    with pytest.raises(rom.ColumnError):
        kind('Parent')


@pytest.mark.parametrize('kind', RELATIONS)
def test_on_delete_and_required(kind: Any) -> None:
    """''set null' on a required column, 'set default' on a required column without a default:
    `ColumnError`.'
    """
    for on_delete in ('set null', 'set default'):
        with pytest.raises(rom.ColumnError):
            kind('Parent', on_delete, required=True)
    assert kind('Parent', 'set default', required=True, default=lambda: None)


def test_one_to_one_unique() -> None:
    """'`OneToOne(..., unique=False)`'."""
    Parent, Child = family(kind=rom.OneToOne)
    parent = Parent()
    rom.session.save(Child(parent=parent), Child(parent=parent))
    Only = model('Only', parent=rom.OneToOne('Parent', 'no action', unique=True))
    first = saved(Only(parent=parent))
    assert Only.get_by(parent=parent) is first
    with pytest.raises(rom.UniqueKeyViolation):
        Only(parent=parent).save()


def test_defaults() -> None:
    """'`ManyToOne(ftable, on_delete, required=False, default=...)`'."""
    Parent = model('Parent')
    main = saved(Parent())
    Child = model('Child', parent=rom.ManyToOne('Parent', 'no action', default=lambda: main))
    assert Child().parent is main
    Needy = model('Needy', parent=rom.ManyToOne('Parent', 'no action', required=True))
    with pytest.raises(rom.MissingColumn):
        Needy()


@pytest.mark.parametrize('save', [lambda child: child.save(), lambda child: rom.session.commit()])
def test_an_unsaved_entity(save: Any) -> None:
    """'An unsaved entity that is assigned gets saved with, and before, the one that refers to
    it.'
    """
    Parent, Child = family()
    order: list[str] = []
    for kind in (Parent, Child):
        kind._before_insert = lambda self: order.append(type(self).__name__)
    child = Child()
    child.parent = parent = Parent()
    save(child)
    assert order == ['Parent', 'Child']
    assert not parent._new
    assert fresh(child).parent.id == parent.id


@pytest.mark.parametrize('kind', RELATIONS)
def test_searching(kind: Any, connection: redis.Redis) -> None:
    """'Both are indexed by the referred id: `get_by(ref=5)`, `filter(ref=entity)`,
    `filter(ref=NOT_NULL)`.'
    """
    Parent, Child = family(kind=kind)
    one, two = saved(Parent()), saved(Parent())
    for parent in (one, two, None):
        Child(parent=parent).save()
    assert ids(Child.get_by(parent=2)) == ids(Child.query.filter(parent=two)) == [2]
    assert ids(Child.query.filter(parent=1)) == [1]
    assert ids(Child.query.filter(parent=rom.NOT_NULL)) == [1, 2]
    assert connection.zrange('Child:parent:idx', 0, -1, withscores=True) == [(b'1', 1), (b'2', 2)]


def test_a_reference_to_what_is_gone() -> None:
    """'A reference to an entity that is gone reads as None.'"""
    Parent, Child = family('no action')
    child = saved(Child(parent=Parent()))
    child.parent.delete()
    assert child.parent is None
    assert fresh(child).parent is None


def test_the_related_model() -> None:
    """'`Model.col.get_related_model()`.'"""
    Parent, Child = family()
    assert Child.parent.get_related_model() is Parent


class TestOnDelete:
    """What each of the five does."""

    @pytest.mark.parametrize(
        ('on_delete', 'reference'),
        [('no action', b'1'), ('cascade', None), ('set null', None), ('set default', b'2')],
    )
    def test_what_becomes_of_a_child(
        self, connection: redis.Redis, on_delete: str, reference: bytes | None
    ) -> None:
        options = {'default': lambda: Parent.get(2)} if on_delete == 'set default' else {}
        Parent, Child = family(on_delete, **options)
        parent, other = saved(Parent()), saved(Parent())
        rom.session.save(Child(parent=parent), Child(parent=other))
        parent.delete()
        assert connection.exists('Child:1') == (on_delete != 'cascade')
        assert connection.hget('Child:1', 'parent') == reference
        assert connection.hget('Child:2', 'parent') == b'2'

    def test_restrict(self, connection: redis.Redis) -> None:
        """'`RestrictError` from `delete()` when 'restrict' references exist ... with nothing
        deleted.'
        """
        Parent, Child = family('restrict')
        parent = Parent()
        child = saved(Child(parent=parent))
        before = dump(connection)
        with pytest.raises(rom.RestrictError):
            parent.delete()
        assert dump(connection) == before
        child.delete()
        parent.delete()
        assert Parent.query.count() == 0

    def test_restrict_behind_cascades(self, connection: redis.Redis) -> None:
        """'found through any depth of 'cascade' first, with nothing deleted.'"""
        Level = model('Level', up=rom.ManyToOne('Level', 'cascade'))
        Guard = model('Guard', of=rom.ManyToOne('Level', 'restrict'))
        levels = [Level()]
        for _ in range(5):
            levels.append(Level(up=levels[-1]))
        guard = Guard(of=levels[-1])
        rom.session.commit()
        before = dump(connection)
        with pytest.raises(rom.RestrictError):
            levels[0].delete()
        assert dump(connection) == before
        guard.delete()
        levels[0].delete()
        assert without_notes(dump(connection)).keys() <= {
            b'%s:id:%s' % (name, kind)
            for name in (b'Level', b'Guard')
            for kind in (b'', b'live', b'indexes')
        }


class TestOneToMany:
    """'`OneToMany(ftable, column=None)`: the entities that refer to this one.'"""

    def test_the_list(self) -> None:
        Parent, Child = family()
        one, two = saved(Parent()), saved(Parent())
        rom.session.save([Child(parent=parent) for parent in (one, two, one)])
        assert ids(fresh(one).children) == [1, 3]
        assert ids(fresh(two).children) == [2]
        assert saved(Parent()).children == []

    @pytest.mark.parametrize('first', ['Parent', 'Child'])
    def test_two_candidates(self, first: str) -> None:
        """'Two candidate columns on the other side and no `column`: `ColumnError`, whichever model
        is declared first.'
        """

        def declare(name: str) -> Any:
            if name == 'Parent':
                return model('Parent', children=rom.OneToMany('Child'))
            one, two = (rom.ManyToOne('Parent', 'no action') for _ in range(2))
            return model('Child', one=one, two=two)

        declare(first)
        with pytest.raises(rom.ColumnError):
            declare('Child' if first == 'Parent' else 'Parent')

    def test_a_named_column(self) -> None:
        """'`column=None`'."""
        Parent = model('Parent', children=rom.OneToMany('Child', column='two'))
        one, two = (rom.ManyToOne('Parent', 'no action') for _ in range(2))
        Child = model('Child', one=one, two=two)
        parent = Parent()
        rom.session.save(Child(one=parent), Child(two=parent))
        assert ids(parent.children) == [2]

    @pytest.mark.parametrize(
        'column', [lambda: rom.OneToMany('None'), lambda: rom.ManyToOne('None', 'cascade')]
    )
    def test_an_unknown_model(self, column: Any) -> None:
        """'Unknown model, here and in `ManyToOne`: `ORMError` as soon as an entity is made.'"""
        N = model(other=column())
        with pytest.raises(rom.ORMError):
            N()
        model('None', up=rom.ManyToOne('N', 'no action'))
        assert N()

    def test_assigning(self) -> None:
        """'Assigning or deleting it: `InvalidOperation`.'"""
        Parent, _ = family()
        parent = Parent()
        with pytest.raises(rom.InvalidOperation):
            parent.children = []
        with pytest.raises(rom.InvalidOperation):
            del parent.children
