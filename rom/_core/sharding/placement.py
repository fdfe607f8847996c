"""Placement: which partition of its group has a row, and the ids inside and outside a partition.

A partition gives *local* ids, as any namespace does; programs see *global* ids. Partition k of n
gives the global ids k + 1, k + 1 + n, k + 1 + 2n and so on. So an id alone names the partition, and
the ids of a partition ascend as the local ones do.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from rom._core.columns import Column
from rom._core.encoding.text import show
from rom._core.sharding.tags import number_of_value
from rom.exceptions import ColumnError, InvalidColumnValue, ORMError

if TYPE_CHECKING:
    from rom._core.sharding.shards import Shards


class Placement(NamedTuple):
    """The rule that divides the rows of a model among the partitions of its group.

    Attributes:
        group: the group of partitions.
        by: the column whose value decides the partition, or None.
        beside: the relation to the row that decides the partition, or None.
        is_tree: `beside` refers to rows of the model itself. A row without a value there is a root,
            and `by` decides its partition, if the model has that too.
    """

    group: 'Shards'
    by: str | None = None
    beside: str | None = None
    is_tree: bool = False

    def __str__(self) -> str:
        rules = [f'by {self.by}'] if self.by else []
        rules += [f'with {self.beside}'] if self.beside else []
        return ' '.join(rules) or 'spread'

    @property
    def deciders(self) -> tuple[str, ...]:
        """The columns that decide the partition of a new row."""
        return tuple(name for name in (self.by, self.beside) if name is not None)

    @property
    def needed(self) -> str | None:
        """The column that every new row needs, unless the other one decides; None: no column."""
        return self.by if self.is_tree else self.by or self.beside

    def number_at(self, schema: Any, name: str, raw: bytes) -> int:
        """Return the partition of the rows with an encoded value in one of the `deciders`."""
        if name == self.beside:
            return self.group.partition_of(int(raw))
        return self.number_by(schema.columns[name], raw)

    def number_by(self, column: Column[Any], raw: bytes) -> int:
        """Return the partition of the rows with an encoded value in the column `by`."""
        return number_of_value(column.canonical(raw), self.group.partitions)

    def number_of(self, schema: Any, row: Mapping[str, bytes | None]) -> int | None:
        """Return the partition of a new row; None: any.

        Args:
            schema: the schema of the model.
            row: the encoded values of the row.

        Raises:
            InvalidColumnValue: the row has no value of the column that decides, or its values say
                different partitions.
        """
        found = {
            self.number_at(schema, name, raw)
            for name in self.deciders
            if (raw := row.get(name)) is not None
        }
        if len(found) > 1:
            raise InvalidColumnValue(
                f'{schema.name}.{self.by}: this value decides for another partition than that of '
                f'{self.beside}, and a tree is in one partition; nothing was written. Give '
                f'{self.by} the value of {self.beside}, or leave it out'
            )
        if not found and self.needed is not None:
            raise no_value_error(schema, self.needed)
        return found.pop() if found else None


class Part(NamedTuple):
    """A partition of one model.

    Attributes:
        whole: the schema of the model over all partitions.
        number: the number of the partition, from 0.
        partitions: the number of partitions.
    """

    whole: Any
    number: int
    partitions: int

    def global_id(self, local: int) -> int:
        """Return the id that programs see.

        >>> Part(None, 2, 4).global_id(1), Part(None, 2, 4).global_id(2)
        (3, 7)
        """
        return (local - 1) * self.partitions + self.number + 1

    def local_id(self, id: int) -> int:
        """Return the id in the partition of an id that programs see.

        >>> Part(None, 2, 4).local_id(7)
        2
        """
        return (id - 1) // self.partitions + 1

    def local_ids(self, ids: Iterable[int]) -> tuple[int, ...]:
        """Return the ids in the partition of those ids that belong to it.

        >>> Part(None, 2, 4).local_ids([3, 4, 7, 0])
        (1, 2)
        """
        own = (id for id in ids if id > 0 and (id - 1) % self.partitions == self.number)
        return tuple(map(self.local_id, own))

    def last_at(self, id: int) -> int:
        """Return the largest local id whose global id is at most an id, of any partition.

        >>> [Part(None, 2, 4).last_at(id) for id in (0, 2, 3, 6, 7)]
        [0, 0, 1, 1, 2]
        """
        return (id - 1 - self.number) // self.partitions + 1

    def first_at(self, id: int) -> int:
        """Return the smallest local id whose global id is at least an id, of any partition.

        >>> [Part(None, 2, 4).first_at(id) for id in (1, 2, 3, 6, 7)]
        [1, 1, 1, 2, 2]
        """
        return self.last_at(id - 1) + 1


def no_value_error(schema: Any, name: str) -> InvalidColumnValue:
    """Return the error for a new row without the value that decides its partition."""
    return InvalidColumnValue(
        f'{schema.name}.{name}: a new {schema.name} needs a value here, because it decides the '
        'partition; set it before the save'
    )


def placement_of(
    name: str, columns: Mapping[str, Column[Any]], shards: object, by: object, beside: object
) -> Placement | None:
    """Check the declarations of a class body about its partitions; None: it has none.

    Args:
        name: the class's name.
        columns: the columns.
        shards, by, beside: the values of `_shards`, `_shard_by` and `_shard_with`, or None.

    Raises:
        ORMError, ColumnError: a declaration is invalid; the message names the attribute.
    """
    if shards is None:
        if by is not None or beside is not None:
            which = '_shard_by' if by is not None else '_shard_with'
            raise ORMError(f'{name}.{which}: the model has no group; add _shards = rom.Shards(...)')
        return None
    from rom._core.sharding.shards import Shards

    if not isinstance(shards, Shards):
        raise ORMError(f'{name}._shards: expected rom.Shards(name, partitions), got {show(shards)}')
    is_tree = isinstance(beside, str) and getattr(columns.get(beside), 'ftable', '') == name
    if by is not None and beside is not None and not is_tree:
        raise ORMError(
            f'{name}: _shard_by and _shard_with both decide the partition; keep one. A model has '
            f'both only if _shard_with is a relation to {name}'
        )
    if by is not None:
        _check_by(name, columns, by)
    if beside is not None:
        _check_beside(name, columns, beside)
    return Placement(shards, by, beside, is_tree)  # type: ignore[arg-type]  # they are columns


def _check_by(name: str, columns: Mapping[str, Column[Any]], by: object) -> None:
    column = columns.get(by) if isinstance(by, str) else None
    is_value = column is not None and column.is_stored and column.name == by
    if column is None or not is_value:
        raise ColumnError(f'{name}._shard_by: expected a column with a value, got {show(by)}')
    if column.is_relation or column.is_links or column.is_foreign:
        raise ColumnError(
            f'{name}._shard_by: {by!r} is a relation; _shard_with = {by!r} stores the rows beside '
            'those they refer to'
        )
    if column.is_mutable or column.stamps_insert or column.stamps_update or _is_key(column):
        raise ColumnError(
            f'{name}._shard_by: {by!r} is a {type(column).__name__} whose value is set by rom or '
            'may change; name a column that the program sets once'
        )


def _is_key(column: Column[Any]) -> bool:
    from rom._core.columns import ExpireAt, PrimaryKey

    return isinstance(column, (PrimaryKey, ExpireAt))


def _check_beside(name: str, columns: Mapping[str, Column[Any]], beside: object) -> None:
    column = columns.get(beside) if isinstance(beside, str) else None
    if column is None or not column.is_relation:
        raise ColumnError(
            f'{name}._shard_with: expected a ManyToOne or OneToOne of the model, got {show(beside)}'
        )
