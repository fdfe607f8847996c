"""AsyncSession: the methods of Session, for asyncio."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import redis.asyncio

from rom._core import session_context
from rom._core.drivers.async_clients import twin_of
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.client_support import running_loop
from rom._core.drivers.connections import connection_of
from rom._core.drivers.errors import translate_errors
from rom._core.model import Model
from rom._core.ops.commits.replication import Replications, number_of_replicas
from rom._core.ops.shards.moved import explained
from rom._core.sessions.async_queries import AsyncSessionQueries
from rom._core.sessions.parts import Work
from rom._core.sessions.stale_index_warning import watched
from rom._core.support.descriptors import made_once
from rom.exceptions import CorruptRowError, ServerError

if TYPE_CHECKING:
    from typing import Self

    from rom._core.query import Query

M = TypeVar('M', bound=Model)
R = TypeVar('R')
T = TypeVar('T')


class AsyncSession(AsyncSessionQueries):
    """Tracks entities and commits their changes atomically, without blocking the event loop.

    Entities that are made inside ``async with`` belong to it. At the end of the block it forgets
    its entities; it does not commit.

    Args:
        connection: the asyncio client to use for all models; default: one for each
            model's server and event loop, closed with the loop.
        replicas: True: queries, ``get`` and relations read from replicas, of a cluster or of
            Sentinel (Redis 7.0 on). The rows may be some moments old. Writes go to the master, and
            so do the reads of a write.
        durable: the number of replicas that every commit waits for; True: one. See :meth:`commit`.

    Example::

        async with rom.AsyncSession() as s:
            user = await s.get(User, 1)
            user.age += 1
            await s.commit()
    """

    if True:  # asyncio
        is_async = True

        @made_once
        def _locks(self) -> dict[asyncio.AbstractEventLoop, asyncio.Lock]:
            """For each loop that the session serves, the lock of its tasks that write."""
            return {}

        def _add_lock(self, loop: asyncio.AbstractEventLoop) -> asyncio.Lock:
            for other in list(self._locks):
                if other.is_closed():
                    self._locks.pop(other, None)
            return self._locks.setdefault(loop, asyncio.Lock())

    def __init__(
        self,
        connection: redis.asyncio.Redis | None = None,
        replicas: bool = False,
        durable: bool | int = False,
    ) -> None:
        self._connection = connection
        self._entered = []
        super().__init__()
        if replicas:
            self._replicas = True
        if durable:
            self._durable = number_of_replicas(durable)

    async def __aenter__(self) -> Self:
        self._note_entering()
        self._entered.append(session_context.enter(self))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        session_context.leave(self._entered.pop())
        if error is None:
            self._end()
        else:
            self.rollback()

    async def _run(self, work: Work[T], reads: bool = True, waits: Replications | None = None) -> T:
        """Run an operation.

        Args:
            work: the operation.
            reads: the operation only reads, so replicas may answer if the session uses them.
            waits: the replicas that commits wait for, if they do.
        """
        from_replicas = reads and self._replicas
        if reads and self._durable:
            waits = Replications(self._durable)  # a read may carry out a commit that it meets
        try:
            step = next(work)
            while True:
                try:
                    driver = self._driver(step.model, from_replicas)
                    operation = step.operation
                    if step.nearby is not None and driver.is_near:
                        operation = step.nearby
                    if True:  # asyncio
                        if step.in_a_crowd is not None and driver.is_crowded:
                            operation = step.in_a_crowd
                    if waits is not None and (not reads or step.model._schema.placement):
                        operation = waits.of(step.model).watch(operation)
                    operation = watched(step.model, operation, driver.connection, not reads)
                    reply = await driver.run(operation)
                except (CorruptRowError, ServerError) as error:
                    step = work.throw(await driver.run(explained(step.model._schema, error)))
                except BaseException as error:
                    step = work.throw(error)
                else:
                    step = work.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result
        except BaseException:
            work.close()  # in case this function was interrupted, not the generator
            raise

    async def _run_alone(self, work: Work[T], durable: bool | int | None = None) -> T:
        """Run an operation that writes, while no other task or thread writes in this session."""
        wanted = self._durable if durable is None else number_of_replicas(durable)
        waits = Replications(wanted) if wanted else None
        queue = self._identity.write_queue
        if True:  # asyncio
            loop = running_loop()
            lock = self._locks.get(loop) or self._add_lock(loop)
        try:
            if True:  # asyncio
                async with lock:
                    number = await queue.take_awaited(work)
                    result = await self._run(work, False, waits)
            else:  # blocking
                number = queue.take(work)
                result = self._run(work, False, waits)
        finally:
            work.close()  # in case it was cancelled, or interrupted, before it began
        queue.give_back(number)
        for model, replication in waits.by_model.items() if waits is not None else ():
            await self._driver(model).run(replication.wait())
        return result

    def _driver(self, model: type[Model], from_replicas: bool = False) -> AsyncDriver:
        client = self._connection or twin_of(connection_of(model))
        return AsyncDriver(client, from_replicas)

    async def _call(
        self, entity: Model, name: str | None, command: str, args: Any, kwargs: dict[str, Any]
    ) -> Any:
        """Call a command of the client, on the key of the UnsafeColumn *name* if given."""
        client = self._connection or twin_of(connection_of(entity))
        if name is not None:
            if entity._id is None:
                await self.take_ids(entity)
            args = (entity._unsafe_key(name), *args)
        with translate_errors(client):
            reply = getattr(client, command)(*args, **kwargs)
            if True:  # asyncio
                if inspect.isawaitable(reply):
                    reply = await reply
            return reply

    async def delete_all(self, query: Query[Any], blocksize: int = 100, hard: bool = False) -> int:
        """Delete a query's results in blocks; return their number: see :meth:`rom.Query.delete`.

        Example::

            await s.delete_all(User.query.filter(active=False))
        """
        return await self._run_alone(self._deleter.delete_all(query, blocksize, hard))

    async def update_all(
        self, query: Query[Any], /, _blocksize: int | None = None, **values: Any
    ) -> int:
        """Set columns of a query's results to new values: see :meth:`rom.Query.update`.

        Example::

            await s.update_all(User.query.filter(city='Roma'), city='Rome')
        """
        return await self._run_alone(self._updater.update_all(query, _blocksize, values))

    async def get_or_create(
        self, model: type[M], defaults: Mapping[str, Any] | None = None, /, **unique: Any
    ) -> tuple[M, bool]:
        """Return the entity with a unique value, or a new one: see :meth:`rom.Model.get_or_create`.

        Example::

            user, created = await s.get_or_create(User, {'name': 'Ann'}, email='ann@example.org')
        """
        work = self._updater.get_or_create(model, defaults, unique)
        return await self._run_alone(work)

    async def upsert(
        self,
        model: type[M],
        values: Mapping[str, Any] | None = None,
        create: Mapping[str, Any] | None = None,
        /,
        **unique: Any,
    ) -> tuple[M, bool]:
        """Update the entity with a unique value, or create it: see :meth:`rom.Model.upsert`.

        Example::

            page, created = await s.upsert(Page, {'hits': Page.hits + 1}, {'hits': 1}, slug='home')
        """
        work = self._updater.upsert(model, values, create, unique)
        return await self._run_alone(work)

    async def refresh(self, *objects: Any, force: bool = False) -> None:
        """Read the rows of entities again: see :meth:`rom.Model.refresh`.

        Example::

            await s.refresh(user)
        """
        await self._run_alone(self._loader.refresh(*objects, force=force))

    async def refresh_all(self, force: bool = False) -> None:
        """Read the rows of all tracked entities again.

        Example::

            await s.refresh_all()
        """
        await self._run_alone(self._loader.refresh_all(force))

    async def flush(
        self,
        full: bool = False,
        all: bool = False,
        force: bool = False,
        batch: int | None = None,
        durable: bool | int | None = None,
    ) -> int:
        """Write all changes; those of one connection are atomic.

        Args:
            full: write every column of the written entities.
            all: write unchanged entities too.
            force: overwrite the changes of other writers.
            batch: the number of entities to write at once, each batch atomic: for more than one
                atomic commit holds: see :func:`rom.util.limit_commits`.
            durable: the number of replicas to wait for, for 2 seconds at most; True: one; default:
                that of the session. A failover to one of these replicas keeps the commit.

        Returns:
            The number of written columns.

        Raises:
            UniqueKeyViolation, DataRaceError, EntityDeletedError: nothing was written, except the
                batches before the one that failed.
            InvalidOperation: the changes exceed one commit; nothing was written.
            NotReplicatedError: all was written, and too few replicas have it so far.

        Example::

            await s.flush()
        """
        return await self._run_alone(self._flusher.flush(full, all, force, batch), durable)

    async def commit(
        self,
        full: bool = False,
        all: bool = False,
        force: bool = False,
        batch: int | None = None,
        durable: bool | int | None = None,
    ) -> int:
        """Flush, then hold entities only weakly; the arguments are those of :meth:`flush`.

        Example::

            await s.commit()
        """
        return await self._run_alone(self._flusher.commit(full, all, force, batch), durable)

    async def save(
        self,
        *objects: Any,
        full: bool = False,
        all: bool = False,
        force: bool = False,
        durable: bool | int | None = None,
    ) -> int:
        """Write the changes of these entities, or of lists of them, atomically.

        The arguments by name are those of :meth:`flush`.

        Example::

            await s.save(ann, bob)
        """
        work = self._flusher.save(*objects, full=full, all=all, force=force)
        return await self._run_alone(work, durable)

    async def delete(self, *objects: Any, force: bool = False, hard: bool = False) -> None:
        """Delete these entities, or lists of them, atomically.

        Args:
            *objects: the entities.
            force: treat an earlier write in doubt as not carried out.
            hard: remove the rows of models with ``_soft_delete``, too.

        Example::

            await s.delete(ann, bob)
        """
        await self._run_alone(self._deleter.delete(*objects, force=force, hard=hard))

    async def restore(self, *objects: Any) -> None:
        """Restore soft-deleted entities, or lists of them: see :meth:`rom.Model.restore`.

        Example::

            await s.restore(ann)
        """
        await self._run_alone(self._deleter.restore(*objects))

    async def transfer(
        self,
        source: Model,
        other: Model,
        attr: str,
        value: Any,
        txn_model: Model,
        txn_attr: str,
        decimal_places: int = 0,
        refresh_entities: bool = True,
        refresh_index: bool = True,
    ) -> None:
        """Move a number from one entity to another: see :meth:`rom.Model.transfer`.

        Example::

            await s.transfer(ann, bob, 'gold', 5, trade, 'done')
        """
        from rom._core.sessions.transfer import transfer

        entities = source, other, txn_model
        refresh = refresh_entities or refresh_index
        work = transfer(self._identity, entities, attr, txn_attr, value, decimal_places, refresh)
        await self._run_alone(work)

    async def expire(
        self,
        model: type[Model],
        limit: int | None = None,
        blocksize: int = 1000,
        on_delete: bool = False,
        hooks: bool = False,
    ) -> int:
        """Remove entities that have expired, in blocks: see :func:`rom.util.expire`.

        Example::

            await s.expire(Login, limit=10_000)
        """
        return await self._run_alone(
            self._expirer.expire(model, limit, blocksize, on_delete, hooks)
        )

    async def take_ids(self, entity: Model) -> None:
        """Give a new entity its id now, before it is saved.

        Example::

            await s.take_ids(user)
        """
        await self._run_alone(self._flusher.take_ids(entity))
