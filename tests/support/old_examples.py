"""Small programs for rom 1.x. rom 1.1.2 and this project both run them, and show the same.

    python old_examples.py SOCKET

Prints, as JSON, by the name of each program, the lines that it showed.
"""

import datetime
import decimal
import json
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import rom

Show = Callable[..., None]


def shown(value: Any) -> str:
    """A value as a line has it: an entity by its key, an error by its class."""
    if isinstance(value, rom.Model):
        return f'<{value._pk}>'
    if isinstance(value, BaseException):
        is_either = type(value).__name__ in ('ArgumentError', 'TransferError')  # ORMErrors, here
        return 'ValueError' if is_either else type(value).__name__
    if isinstance(value, (list, tuple)):
        return f'[{", ".join(map(shown, value))}]'
    if isinstance(value, (set, frozenset)):
        return f'{{{", ".join(sorted(map(shown, value)))}}}'
    if isinstance(value, dict):
        return f'{{{", ".join(f"{k}: {shown(v)}" for k, v in sorted(value.items()))}}}'
    return repr(value)


def refusal(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The error that a call ends with; what it returns, if it ends well."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return error


def saving(show: Show) -> None:
    """An entity from its making to its end."""

    class User(rom.Model):
        name = rom.Text(required=True)
        age = rom.Integer(default=18)
        made = rom.Integer(default=lambda: 7)

    user = User(name='Ann')
    show(user.age, user.made, user.id)
    show(user.save(), user.save(), user.save(full=True))
    user.age += 1
    show(user.save())
    show(user.update(name='Bea', age=3) is user, user.save())
    show(user.to_dict())
    twin = user.copy()
    show(twin.name, twin.id != user.id)
    del user.age
    show(user.save(), user.age)
    rom.session.rollback()
    found = User.get(1)
    show(found, found.name, User.get(99), User.get([1, 99]))
    found.refresh()
    found.name = 'x'
    show(refusal(found.refresh))
    found.refresh(force=True)
    show(found.name)
    found.delete()
    show(User.get(1), refusal(found.save), found.save(force=True), User.get(1) is not None)


def mistakes(show: Show) -> None:
    """What is refused, and as what."""

    class User(rom.Model):
        name = rom.Text(required=True)
        age = rom.Integer()

    show(refusal(User), refusal(User, name=5), refusal(User, name='a', nope=1))
    show(refusal(User, id=1, name='a'))
    user = User(name='a', nope=1, _extra_ok=True)
    show(refusal(setattr, user, 'age', 'x'), refusal(delattr, user, 'name'))
    show(refusal(User.get_by), refusal(User.get_by, age=1), refusal(User.query.filter, age=1))
    show(refusal(User.query.filter, nope=1), refusal(User.query.startswith, name='a'))
    show(refusal(User.query.select, 'nope'), refusal(User.query.select, 'age', 'age'))
    show(refusal(User.query.near, 'at', 1, 2, 3, 'm'), refusal(User.query.cached_result, 5))
    for declare in (
        lambda: rom.Text(index=True),
        lambda: rom.Float(unique=True),
        lambda: rom.ManyToOne('User'),
        lambda: rom.Text(keygen=rom.IDENTITY),
    ):
        show(refusal(declare))


def columns_and_times(show: Show) -> None:
    """What the columns hold."""

    class Thing(rom.Model):
        i = rom.Integer(index=True)
        f = rom.Float(index=True)
        d = rom.Decimal(index=True)
        b = rom.Boolean(index=True)
        t = rom.Text()
        s = rom.String()
        j = rom.Json()
        day = rom.Date(index=True)
        clock = rom.Time(index=True)
        at = rom.DateTime(index=True)

    day, at = datetime.date(2020, 2, 29), datetime.datetime(2020, 2, 29, 12, 30)
    Thing(
        i=2**70, f=2, d=decimal.Decimal('1.50'), b=True, t='é', s=b'\xff', j={'a': [1, None]},
        day=day, clock=datetime.time(1, 2, 3), at=at,
    ).save()  # fmt: skip
    Thing(b=False, i=5).save()
    rom.session.rollback()
    for thing in Thing.get([1, 2]):
        show(thing.to_dict())
    query = Thing.query
    show(query.filter(b=True).all(), query.filter(b=False).all())
    show(query.filter(day=day).all(), query.filter(day=(None, day)).all())
    show(query.filter(at=(at, None)).count(), query.filter(f=(1, 3)).count())
    show(query.filter(d=decimal.Decimal('1.5')).count(), query.filter(i=(5, 5)).count())
    show(query.filter(clock=(datetime.time(1), datetime.time(2))).count())


def uniqueness(show: Show) -> None:
    """Values that one entity has alone."""

    class User(rom.Model):
        unique_together = [('first', 'last')]
        email = rom.Text(unique=True)
        number = rom.Integer(unique=True, index=True)
        first = rom.Text()
        last = rom.Text()

    ann = User(email='a', number=1, first='A', last='X')
    show(ann.save())
    for values in ({'email': 'a'}, {'number': 1}, {'first': 'A', 'last': 'X'}):
        user = User(**values)
        show(refusal(user.save))
        rom.session.forget(user)
    show(User(first='A').save(), User(first='A').save())
    show(User.get_by(email='a'), User.get_by(email='b'), User.get_by(email=['a', 'b']))
    show(User.get_by(number=1), User.query.filter(number=(0, 5)).all())
    ann.email = 'c'
    ann.save()
    show(User.get_by(email='a'), User.get_by(email='c'), User(email='a').save() > 0)


def numbers(show: Show) -> None:
    """Ranges, orders and limits."""

    class Item(rom.Model):
        price = rom.Integer(index=True)
        kind = rom.Text(index=True, keygen=rom.SIMPLE)

    for n in range(10):
        Item(price=n * 10, kind=f'k{n % 3}').save()
    query = Item.query
    show(query.filter(price=(20, 50)).all(), query.filter(price=30).all())
    show(query.filter(price=(None, 10)).count(), query.filter(price=(80, None)).count())
    show(Item.get_by(price=(0, 40), _limit=(1, 2)))
    show(query.order_by('-price').limit(2, 3).all(), query.order_by('price').first())
    show(query.filter(price=(20, 50)).order_by('-price').execute())
    show(query.filter(price=1).first())
    show(query.limit(0, 4).count(), query.limit(8, 4).count(), query.limit(10, 4).count())
    show(query.filter(price=(20, 50)).limit(1, 2).count())
    show(query.order_by('price').limit(1, 2).count())
    show(query.order_by('price').replace(limit=(0, 2), order_by='-price').all())
    show([one.price for one in query.filter(price=(20, 50)).iter_result(30, 2, True)])
    show([one.price for one in query.filter(price=(0, 90)).iter_result(pagesize=3, no_hscan=True)])
    show(len(list(query.iter_result(no_hscan=True))))
    key = query.filter(price=(20, 50)).order_by('-price').cached_result(30)
    connection = Item._connection
    show(connection.zcard(key), 0 < connection.ttl(key) <= 30)


def words(show: Show) -> None:
    """Texts, by words, by their beginnings and their ends."""

    class Page(rom.Model):
        text = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.FULL_TEXT)
        slug = rom.Text(prefix=True, suffix=True, keygen=rom.IDENTITY_CI)

    for text, slug in (
        ('Hello, world', 'One-Thing'), ('world of words', 'one-more'), ('Other', 'two'),
    ):  # fmt: skip
        Page(text=text, slug=slug).save()
    query = Page.query

    def ids(query: Any) -> list[int]:
        return sorted(page.id for page in query.all())

    show(ids(query.filter(text='hello')), ids(query.filter(text=['hello', 'other'])))
    show(ids(query.filter(text='world').filter(text='words')))
    show(ids(query.startswith(text='wor')), ids(query.endswith(text='ld')))
    show(ids(query.startswith(slug='ONE')), ids(query.endswith(slug='ing')))
    show(ids(query.like(text='w?r*d')), ids(query.like(slug='one!m+')))
    show(sorted(page.id for page in Page.does_not_startwith('slug', 'one')))
    page = Page.get(1)
    page.text = 'changed'
    page.save()
    show(ids(query.filter(text='hello')), ids(query.filter(text='changed')))


def selecting(show: Show) -> None:
    """Data of columns instead of entities."""

    class Firm(rom.Model):
        name = rom.Text()
        people = rom.OneToMany('Person')

    class Person(rom.Model):
        name = rom.Text()
        firm = rom.ManyToOne('Firm', on_delete='no action')
        age = rom.Integer(index=True)

    firm = Firm(name='F')
    rom.session.commit()
    Person(name='a', age=1, firm=firm).save()
    Person(name='b', age=2).save()
    query = Person.query.filter(age=(0, 9)).order_by('age')
    for is_null in (False, True):
        rom.session.null_session = is_null
        show(query.select('id', 'firm').all())
        show([row['firm'].name for row in query.select('firm').limit(0, 1).all()])
    del rom.session.null_session
    rom.session.rollback()
    show(query.select('name', 'age', include_pk=True).all())
    show(query.select('id', 'age', include_pk=True).limit(0, 1).all())
    show(query.select('firm', 'age', decode=False).all())
    show(Firm.query.select('name', 'people').all())
    for factory in ('list', 'tuple', 'dict'):
        show(query.select('name', 'age', ff=getattr(rom.query, f'_{factory}_data_factory')).all())
    made = query.select('name', 'age', ff=rom.query._namedtuple_data_factory).all()
    show([(row.name, row.age) for row in made])


def relations(show: Show) -> None:
    """Entities that refer to others, and what becomes of them."""

    class Team(rom.Model):
        name = rom.Text()
        players = rom.OneToMany('Player', column='team')

    class Player(rom.Model):
        team = rom.ManyToOne('Team', on_delete='cascade')
        coach = rom.ManyToOne('Team', on_delete='set null')
        rival = rom.ManyToOne('Team', on_delete='restrict')

    red, blue, green = (Team(name=name) for name in ('red', 'blue', 'green'))
    player = Player(team=red, coach=blue, rival=green)
    show(rom.session.commit() > 0)
    rom.session.rollback()
    player = Player.get(1)
    show(player.team, player.team.name, player.team.players, Team.get(3).players)
    show(Player.get_by(team=1), Player.query.filter(coach=2).all())
    show(Player.query.filter(team=rom.NOT_NULL).count(), Player.query.filter(team=9).count())
    show(Player.team.get_related_model() is Team) if rom.VERSION != '1.1.2' else show(True)
    show(refusal(Team.get(3).delete))
    Team.get(2).delete()
    rom.session.rollback()
    show(Player.get(1).coach, Player.get(1).team)
    Team.get(1).delete()
    rom.session.rollback()
    show(Player.get(1), Team.get(1), Team.get(3))
    show(refusal(setattr, Team.get(3), 'players', []))


def sessions(show: Show) -> None:
    """What the session knows, and what it writes."""

    class User(rom.Model):
        name = rom.Text()

    session = rom.session
    a, b = User(name='a'), User(name='b')
    show(session.commit(), session.commit())
    show(User.get(1) is a, session.get('User:1') is a)
    a.name, b.name = 'x', 'y'
    show(session.flush(), session.save(a), session.save(a, b, full=True, all=True))
    session.forget(a)
    session.rollback()
    show(User.get(1) is a, User.get(1) is User.get(1))
    c = User(name='c')
    session.rollback()
    show(session.commit(), c.name, User.get(3))
    User.get(2).name = 'z'
    session.refresh_all(force=True)
    show(User.get(2).name)
    session.delete(User.get(2))
    show(User.get(2))
    rom.util.use_null_session()
    show(User.get(1) is User.get(1))
    rom.util.use_rom_session()
    show(session.null_session)


def races(show: Show) -> None:
    """Two writers of one row."""

    class User(rom.Model):
        col = rom.Integer()
        other = rom.Integer()

    mine = User(col=5)
    mine.save()
    rom.session.rollback()
    theirs = User.get(1)
    theirs.col = 6
    theirs.save()
    rom.session.rollback()
    mine.col = 7
    show(refusal(mine.save))
    mine.refresh(force=True)
    show(mine.col, mine.save())
    theirs.delete()
    show(refusal(mine.save), refusal(mine.save))
    show(mine.save(force=True) > 0, User.get(1).col)
    done = []
    thread = threading.Thread(target=lambda: done.append(User.get(1).delete()))
    thread.start()
    thread.join()
    show(done, refusal(mine.save))


def hooks(show: Show) -> None:
    """What is called around writes."""

    class User(rom.Model):
        name = rom.Text()

        def _before_insert(self) -> None:
            show('before insert')

        def _after_insert(self) -> None:
            show('after insert')

        def _before_update(self) -> None:
            show('before update')

        def _after_update(self) -> None:
            show('after update')

        def _before_delete(self) -> None:
            show('before delete')

        def _after_delete(self) -> None:
            show('after delete')

    user = User(name='a')
    user.save()
    user.name = 'b'
    rom.session.commit()
    user.delete()


def transfers(show: Show) -> None:
    """A number that moves once."""

    class Purse(rom.Model):
        gold = rom.Integer(default=0, index=True)

    class Note(rom.Model):
        complete = rom.Integer(default=0)
        flag = rom.Boolean(default=False)

    a, b, note = Purse(gold=10), Purse(), Note()
    rom.session.commit()
    show(a.transfer(b, 'gold', 3, note, 'complete'), a.gold, b.gold, note.complete)
    show(refusal(a.transfer, b, 'gold', 3, note, 'complete'))
    note.complete = 0
    note.save()
    show(a.transfer(b, 'gold', 3, note, 'complete'), a.gold, b.gold, note.complete)
    show(a.transfer(b, 'gold', 1, note, 'flag'), note.flag)
    for value in (0, -1, 100):
        fresh = Note()
        fresh.save()
        show(refusal(a.transfer, b, 'gold', value, fresh, 'complete'))
    show(Purse.query.filter(gold=(7, 7)).all())


def unsafe_columns(show: Show) -> None:
    """A key of the entity's own."""

    class Page(rom.Model):
        seen = rom.UnsafeColumn()

    page = Page()
    page.save()
    seen = page.seen
    show(seen.rpush('a'), seen.rpush('b'), seen.llen(), Page._connection.llen('Page:1:seen'))
    page.delete()
    show(seen.llen(), refusal(lambda: page.seen), seen.rpush('late'), seen.llen())
    rom.util.clean_unsafe_cols(Page)
    show(seen.llen())


def underscores(show: Show) -> None:
    """Names that begin with an underscore."""

    class Thing(rom.Model):
        _id = rom.PrimaryKey()
        _x = rom.Integer(index=True)

    thing = Thing(_x=3)
    show(thing._id, thing._pk, thing.save())
    rom.session.rollback()
    found = Thing.get(1)
    show(found._id, found._x, found.to_dict(), Thing.query.filter(_x=3).all())
    show(refusal(setattr, found, '_id', 5), refusal(Thing, _id=5))
    made = Thing.query.select('_id', '_x', ff=rom.query._namedtuple_data_factory).all()
    show([(row.id, row.x) for row in made])


def keygens(show: Show) -> None:
    """Indexes of a program's own making."""

    def parts(value: Any) -> Any:
        return {'': value, 'rest': value % 10, 'even': None} if value is not None else None

    class Thing(rom.Model):
        n = rom.Integer(index=True, keygen=parts)
        both = rom.Text(index=True, keygen2=lambda name, d: [f'{d.get("n")}-{d.get("both")}'])
        alias = rom.IndexOnly('both', keygen=lambda v: [v.upper()] if v else None, suffix=True)

    for n in (11, 22, 31):
        Thing(n=n, both='x').save()
    query = Thing.query
    show(query.filter(n=(11, 22)).all(), query.filter(**{'n:rest': (1, 1)}).all())
    show(query.filter(n='even').count(), query.order_by('n:rest').all())
    show(query.filter(both='22-x').all(), query.filter(alias='X').count())
    show(query.endswith(alias='X').count(), rom.FULL_TEXT('b, A b'), rom.IDENTITY_CI('A b'))


def places(show: Show) -> None:
    """Places around a point."""

    class Shop(rom.Model):
        lon = rom.Float()
        lat = rom.Float()
        geo_index = [rom.GeoIndex('at', lambda e: {'lon': e['lon'], 'lat': e['lat']})]

    for lon in (1, 2, 3):
        Shop(lon=lon, lat=0).save()
    near = Shop.query.near
    show(sorted(shop.id for shop in near('at', 1.9, 0, 150, 'km').all()))
    show(near(name='at', lon=1.9, lat=0, distance=20, measure='km').all())
    show(near('at', 1.9, 0, 500, 'km', 1).count())


def properties_and_locks(show: Show) -> None:
    """What is of use beside models."""

    class Thing(rom.Model):
        _rate = 1
        n = rom.Integer(index=True)

        @rom.ClassProperty
        def rate(cls) -> Any:
            return cls._rate

        @rate.setter
        def rate(cls, value: Any) -> None:
            cls._rate = value

        @rate.deleter
        def rate(cls) -> None:
            cls._rate = None

    thing = Thing(n=1)
    thing.save()
    show(Thing.rate, thing.rate)
    thing.rate = 5
    show(Thing.rate)
    del thing.rate
    show(Thing.rate)
    with rom.util.EntityLock(thing, 1, 5):
        show(bool(rom.util.EntityLock(thing, 0, 5).acquire()))
    lock = rom.util.Lock(Thing._connection, 'x', 1, 5)
    show(bool(lock.acquire()), bool(lock.refresh()), bool(lock.release()), bool(lock.release()))
    Thing._connection.delete('Thing:n:idx')
    show(Thing.query.filter(n=1).count())
    for _ in rom.util.refresh_indices(Thing):
        pass
    show(Thing.query.filter(n=1).count())
    rom.session.rollback()
    show(rom.util.dt2ts(datetime.datetime(2020, 1, 1)), rom.util.ts2dt(1577836800.5))
    index = rom.GeneralIndex('Thing')
    show(len(index.search(Thing._connection, [('n', 0, 5)], None)))


def expiring(show: Show) -> None:
    """A column that says when something is over, and a query for what is."""

    class Login(rom.Model):
        expire_at = rom.Float(index=True)

    for second in range(20):
        Login(expire_at=1000.0 + second).save()
    over = Login.query.filter(expire_at=(0, 1015)).order_by('expire_at').limit(0, 10)
    show(over.all())
    for login in over.all():
        login.delete()
    show([login.expire_at for login in over.all()])


class Customer:
    """An object of another store."""

    def __init__(self, id: int) -> None:
        self.id = id

    @classmethod
    def get(cls, id: Any) -> Any:
        return cls(int(id)) if int(id) < 100 else None

    def __repr__(self) -> str:
        return f'Customer({self.id})'


def foreign_models(show: Show) -> None:
    """Objects of another store."""

    class Order(rom.Model):
        customer = rom.ForeignModel(Customer)

    Order(customer=Customer(7)).save()
    rom.session.rollback()
    show(Order.get(1).customer, Order.query.select('customer').all())
    show(Order.query.select('customer', decode=False).all())


PROGRAMS = (
    saving, mistakes, columns_and_times, uniqueness, numbers, words, selecting, relations, sessions,
    races, hooks, transfers, unsafe_columns, underscores, keygens, places, properties_and_locks,
    expiring, foreign_models,
)  # fmt: skip


def told(program: Callable[[Show], None]) -> list[str]:
    """What a program shows, on an empty database and with no models."""
    lines: list[str] = []
    rom.session.rollback()
    rom.util.get_connection().flushdb()
    for name in [name for name in rom.MODELS if name != 'Model']:
        del rom.MODELS[name]
    rom.MODELS_REFERENCED.clear()
    try:
        program(lambda *values: lines.append(' | '.join(map(shown, values))))
    except Exception:
        lines.append(traceback.format_exc())
    return lines


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    rom.util.set_connection_settings(unix_socket_path=sys.argv[1])
    print(json.dumps([rom.VERSION, {program.__name__: told(program) for program in PROGRAMS}]))
