"""Recovery: by function, by command, and what a check says about what was left behind."""

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
import redis
from typer.testing import CliRunner

import rom
from rom import maintenance
from rom._core.drivers import connections
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Pipeline
from rom._core.ops.shards import patience
from rom._core.ops.shards.partitions import Entry, partitions_of
from rom.cli.app import app
from tests.support.servers import Server
from tests.support.trips import note_trips
from tests.support.worlds import Front

pytestmark = pytest.mark.one_server
SHARDS = rom.Shards('bank', 4)
PARTITIONS = partitions_of(SHARDS)


class BankAccount(rom.Model):
    _shards = SHARDS
    gold = rom.Integer(index=True)
    email = rom.Text(unique=True)


class Died(Exception):
    """The program ends here."""


@pytest.fixture
def accounts(on_client: None) -> Iterator[list[BankAccount]]:
    found = []
    for number in range(3):
        found.append(BankAccount(gold=10, email=f'e{number}'))
        found[-1].save()
    yield found
    rom.session.rollback()


def dying_before(script: str) -> Callable[..., object]:
    """A driver's method that ends before a trip that calls a script."""
    real = SyncDriver.perform

    def perform(self: SyncDriver, request: object) -> object:
        parts = request.requests if isinstance(request, Pipeline) else (request,)
        if any(getattr(one, 'name', '') == script for one in parts):
            raise Died
        return real(self, request)  # type: ignore[arg-type]

    return perform


def die_before(script: str, accounts: list[BankAccount], monkeypatch: pytest.MonkeyPatch) -> None:
    """Transfer gold, and end before a trip that calls this script."""
    accounts[0].gold, accounts[1].gold = 5, 15
    with monkeypatch.context() as patched, pytest.raises(Died):
        patched.setattr(SyncDriver, 'perform', dying_before(script))
        rom.session.commit()
    rom.session.rollback()


def make_old(raw: redis.Redis) -> None:
    """Have each intent be a minute old."""
    for key in raw.scan_iter('*:prepared'):
        for token, kept in raw.hgetall(key).items():
            raw_intent, _, rest = kept.partition(b' ')
            intent = PARTITIONS.entry(raw_intent, key)
            older = b'%d:%b:%d' % (intent.partition, intent.token, intent.second - 60)
            raw.hset(key, token, older + b' ' + rest)


def test_what_is_decided_is_carried_out(
    accounts: list[BankAccount], front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_before('shard_apply', accounts, monkeypatch)
    assert front.recover(BankAccount) == maintenance.Recovered(1, 0, 0)
    assert front.recover() == (0, 0, 0)
    assert [account.gold for account in BankAccount.get([a.id for a in accounts])] == [5, 15, 10]


def test_what_is_not_decided_is_undone_when_it_is_old(
    accounts: list[BankAccount], front: Front, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_before('shard_commit', accounts, monkeypatch)
    assert front.recover(BankAccount) == (0, 0, 1)
    assert [*front.check(BankAccount)] == []
    make_old(raw)
    [finding] = front.check(BankAccount)
    assert finding.kind == 'unfinished' and 'rom recover' in finding.message
    assert front.recover(BankAccount) == (0, 1, 0)
    assert [*front.check(BankAccount)] == []
    assert [account.gold for account in BankAccount.get([a.id for a in accounts])] == [10, 10, 10]


def test_the_command(
    accounts: list[BankAccount], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_before('shard_apply', accounts, monkeypatch)
    arguments = ('recover', '--url', f'unix://{server.socket}', f'{__name__}:BankAccount')
    monkeypatch.setattr(connections, '_provider', None)
    ran = CliRunner().invoke(app, arguments)
    assert (ran.exit_code, ran.stdout) == (
        0, 'recovered\tcarried out\t1\nrecovered\tundone\t0\nrecovered\tunder way\t0\n',
    )  # fmt: skip


@pytest.mark.parametrize('entry', [None, b'2:token:5', b'no entry', b'4:token:5', b'-1:t:5'])
def test_a_wrong_directory_is_found_and_repaired(
    entry: bytes | None, accounts: list[BankAccount], front: Front, raw: redis.Redis
) -> None:
    account = accounts[0]
    if SHARDS.partition_of(account.id) == 2:
        account = accounts[1]
    name = b'BankAccount:email:uidx'
    value = account.email.encode()
    key = PARTITIONS.directory(name, value)
    assert raw.hdel(key, value) == 1
    if entry is not None:
        raw.hset(key, value, entry)
    [finding] = front.check(BankAccount)
    assert (finding.kind, finding.key, finding.repaired) == ('directory', key.decode(), False)
    [finding] = front.check(BankAccount, repair=True)
    assert finding.repaired and finding.id == account.id
    assert [*front.check(BankAccount)] == []
    assert BankAccount.get_by(email=account.email).id == account.id
    with pytest.raises(rom.UniqueKeyViolation):
        BankAccount(email=account.email).save()


def entry_of(raw: redis.Redis, value: bytes) -> bytes | None:
    found: bytes | None = raw.hget(PARTITIONS.directory(b'BankAccount:email:uidx', value), value)
    return found


def test_an_entry_without_a_row_is_found_and_removed(
    accounts: list[BankAccount], front: Front, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    BankAccount(email='lost')
    monkeypatch.setattr(SyncDriver, 'perform', dying_before('shard_commit'))
    with pytest.raises(Died):
        rom.session.commit()
    monkeypatch.undo()
    rom.session.rollback()
    young = entry_of(raw, b'lost')
    assert young is not None and not [*front.check(BankAccount, repair=True)]
    key = PARTITIONS.directory(b'BankAccount:email:uidx', b'lost')
    partition, token, second = young.split(b':')
    raw.hset(key, b'lost', b'%b:%b:%d' % (partition, token, int(second) - 60))
    before = {value: entry_of(raw, value) for value in (b'e0', b'e1', b'e2')}
    [finding] = front.check(BankAccount)
    assert (finding.kind, finding.key, finding.id) == ('leftover', key.decode(), None)
    assert "'lost' is in partition" in finding.message and entry_of(raw, b'lost')
    [finding] = front.check(BankAccount, repair=True)
    assert finding.repaired and entry_of(raw, b'lost') is None
    assert not [*front.check(BankAccount)]
    assert {value: entry_of(raw, value) for value in before} == before
    assert BankAccount(email='lost').save()


def test_a_malformed_entry_without_a_row_is_removed(
    accounts: list[BankAccount], front: Front, raw: redis.Redis
) -> None:
    key = PARTITIONS.directory(b'BankAccount:email:uidx', b'odd')
    raw.hset(key, b'odd', b'no entry')
    [finding] = front.check(BankAccount, repair=True)
    assert finding.kind == 'leftover' and entry_of(raw, b'odd') is None
    assert BankAccount(email='odd').save()


def test_many_leftovers_of_a_directory_share_their_round_trips(
    accounts: list[BankAccount], front: Front, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips = note_trips(monkeypatch)
    counts = []
    for number in (4, 40):
        for value in (b'odd%d' % at for at in range(number)):
            raw.hset(PARTITIONS.directory(b'BankAccount:email:uidx', value), value, b'2:token:5')
        trips.clear()
        findings = [*front.check(BankAccount, repair=True)]
        assert [one.kind for one in findings] == ['leftover'] * number
        counts.append(len(trips))
        assert not [*front.check(BankAccount)]
    assert counts[1] - counts[0] <= 3 * SHARDS.partitions


class BankGuest(rom.Model):
    _shards = SHARDS
    email = rom.Text(unique=True)
    expire_at = rom.ExpireAt()


def test_the_entry_of_an_expired_row_stays(front: Front, raw: redis.Redis, on_client: None) -> None:
    guest = BankGuest(email='e', expire_at=dt.datetime(2020, 1, 1))
    guest.save()
    key = PARTITIONS.directory(b'BankGuest:email:uidx', b'e')
    raw.hset(key, b'e', b'%d:old:5' % SHARDS.partition_of(guest.id))
    assert not [*front.check(BankGuest, repair=True)]
    assert raw.hget(key, b'e')
    guest.expire_at = dt.datetime(2900, 1, 1)
    guest.save(force=True)
    with pytest.raises(rom.UniqueKeyViolation):
        BankGuest(email='e').save()
    rom.session.rollback()


def test_who_may_abort_an_undecided_transaction() -> None:
    limits = patience.Patience()
    other = Entry(1, b'8000' + b'x' * 16 + b'1', 100, b'')
    assert not limits.may_fence(b'7000', other, 104, 0)
    assert limits.may_fence(b'7000', other, 105, 0), 'it is old'
    assert limits.may_fence(b'7000', other, 100, 3), 'the smaller token goes first'
    assert not limits.may_fence(b'9000', other, 100, 3)
    assert not limits.may_fence(b'', other, 100, 99), 'a reader does not wait'
    from rom._core.ops.commits.attempts import new_token

    own = Entry(1, new_token(), 100, b'')
    patience.begin(own.token)
    assert not limits.may_fence(b'7000', own, 100, 0)
    patience.end(own.token)
    assert limits.may_fence(b'7000', own, 100, 0), 'this process has given it up'
    assert max(limits.pause(tries) for tries in range(2000)) <= 0.05


@pytest.mark.parametrize('entry', [b'no entry', b'4:token:5'])
def test_a_malformed_entry_is_named_before_anything_is_written(
    entry: bytes, accounts: list[BankAccount], raw: redis.Redis
) -> None:
    account = accounts[0]
    key = PARTITIONS.directory(b'BankAccount:email:uidx', b'e0')
    raw.hset(key, b'e0', entry)

    def claims() -> None:
        BankAccount(email='e0').save()

    def gives_up() -> None:
        account.email = 'other'
        account.save()

    for work in (claims, gives_up, account.delete, lambda: BankAccount.get_by(email='e0')):
        with pytest.raises(rom.CorruptRowError, match='rom check --repair') as caught:
            work()
        assert (caught.value.key, caught.value.value) == (key.decode(), entry)
        rom.session.rollback()
    assert raw.hget(key, b'e0') == entry
    assert BankAccount.get(account.id).email == 'e0'


def test_a_malformed_intent_is_named(
    accounts: list[BankAccount], raw: redis.Redis, front: Front
) -> None:
    account = accounts[0]
    part = BankAccount._schema.at_id(account.id)
    number, row = part.part.number, part.keys.row(part.part.local_id(account.id))
    raw.hset(PARTITIONS.intents(number), row, b'7:token:5')
    rom.session.rollback()

    def writes() -> None:
        account.gold = 1
        account.save()

    for work in (writes, lambda: BankAccount.get(account.id)):
        with pytest.raises(rom.CorruptRowError, match='a partition from 0 to 3') as caught:
            work()
        assert caught.value.key == PARTITIONS.intents(number).decode()
        rom.session.rollback()
    raw.delete(PARTITIONS.intents(number))
    raw.hset(PARTITIONS.head(number) + b'prepared', b'token', b'nonsense x')
    with pytest.raises(rom.CorruptRowError) as caught:
        front.recover(BankAccount)
    assert caught.value.key.endswith(':prepared')


def test_apply_reads_what_is_kept_once(accounts: list[BankAccount], raw: redis.Redis) -> None:
    accounts[0].gold, accounts[1].gold = 5, 15
    raw.config_resetstat()
    rom.session.commit()
    calls = raw.info('commandstats')
    assert calls['cmdstat_hget']['calls'] == 1
