"""Manager: ``Model.objects``, which makes and finds records; its results can be sorted."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from rom._core.encoding.text import as_bytes, show
from rom._core.support.caller_warnings import warn
from rom.exceptions import CorruptRowError, InvalidColumnValue, QueryError
from rom.repocket import loading, saving, search
from rom.repocket.connection import run
from rom.repocket.record_schema import RecordSchema
from rom.repocket.registry import Record
from rom.repocket.search import criteria_of

R = TypeVar('R', bound=Record)


class ResultSet(list[R]):
    """List of records that can be sorted by their attributes."""

    def order_by(self, *names: str) -> ResultSet[R]:
        """Return the same records in another order.

        Args:
            *names: the attributes to sort by, the first one first. A leading ``-`` means
                descending. None comes last, either way.

        Returns:
            A new ResultSet.

        Raises:
            RepocketUnknownField: the model has no such attribute.
            QueryError: no name is given, or the values cannot be compared.

        Example::

            User.objects.all().order_by('name', '-age')
        """
        if not names:
            raise QueryError('order_by: expected the name of an attribute, got none')
        for name in names:
            if not isinstance(name, str):
                raise QueryError(f'order_by: expected names of attributes, got {show(name)}')
        found = ResultSet(self)
        for name in reversed(names):
            found._sort_by(name.removeprefix('-'), name.startswith('-'))
        return found

    def _sort_by(self, name: str, is_reversed: bool) -> None:
        keyed = [(record._comparable(name), record) for record in self]
        with_value = [pair for pair in keyed if pair[0] is not None]
        try:
            with_value.sort(key=_first, reverse=is_reversed)
        except TypeError as error:
            raise QueryError(f'order_by({show(name)}): the values have no order: {error}') from None
        without = [record for value, record in keyed if value is None]
        self[:] = [record for _, record in with_value] + without

    def __repr__(self) -> str:
        return f'ResultSet({super().__repr__()})'


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]


# The number of records that a filter may scan without a warning.
_WITHOUT_WARNING = 1000


class Manager(Generic[R]):
    """Manager of the records of one model.

    Attributes:
        model: the model.

    Example::

        User.objects.filter(name='Ann').order_by('-age')
    """

    def __init__(self, model: type[R]) -> None:
        self.model = model

    @property
    def _record_schema(self) -> RecordSchema:
        return self.model._record_schema

    def create(self, /, **values: Any) -> R:
        """Make a record and save it.

        Raises:
            RepocketUnknownField: the model has no such attribute.
            InvalidColumnValue: an attribute does not accept its value.
            UniqueKeyViolation: another record has a value that must be unique.
            RepocketReferenceError: a pointer to a record that is not saved.

        Example::

            User.objects.create(name='Ann')
        """
        record = self.model(**values)
        record.save()
        return record

    def get(self, id: str | bytes | uuid.UUID | None = None, **more: Any) -> R | None:
        """Return the record with this id, or None; see `get_by` and `filter` for other attributes.

        Raises:
            QueryError: the value is not a UUID, or another argument than the id is given.
            CorruptRowError: the key holds something other than a record.

        Example::

            User.objects.get(id='7d4a5be6-9d4b-11ee-b962-0242ac120002')
        """
        schema = self._record_schema
        wanted = more.pop(schema.primary, None) if id is None else id
        if more or wanted is None:
            raise QueryError(
                f'{schema.model}.objects.get: expected {schema.primary}=... and nothing else; '
                'get_by and filter find records by other attributes'
            )
        try:
            raw = as_bytes(str(schema.attributes[schema.primary].cast(wanted)))
        except InvalidColumnValue as error:
            raise QueryError(f'{schema.model}.objects.get: {error}') from None
        found = run(loading.load(schema, [raw]))
        if found.broken:
            raise loading.unreadable(schema, raw)
        records = self._records(found.rows)
        return records[0] if records else None

    def get_by(self, /, **value: Any) -> Any:
        """Find records by one attribute that has an index, in one round trip.

        Returns:
            For a unique attribute, the record or None. For another one, a ResultSet.

        Raises:
            QueryError: more or fewer than one attribute, or one without an index.
            CorruptRowError: as for `filter`.

        Example::

            User.objects.get_by(email='ann@example.org')
        """
        schema = self._record_schema
        if len(value) != 1:
            raise QueryError(
                f'{schema.model}.objects.get_by: expected one attribute, got {len(value)}'
            )
        [name] = value
        attribute = schema.attribute(name)
        if name == schema.primary:
            return self.get(value[name])
        if not (attribute.unique or attribute.index):
            raise QueryError(
                f'{schema.model}.objects.get_by: expected an attribute with an index, got {name}; '
                'declare it with unique=True or index=True, or use filter'
            )
        if not attribute.unique:
            return self._found(value)
        [criterion] = criteria_of(schema, value)
        matches = run(search.find_unique(schema, criterion))
        records = self._results(matches.rows, matches.errors)
        return records[0] if records else None

    def all(self) -> ResultSet[R]:
        """Return all records, in no order. They are read in pages.

        Raises:
            CorruptRowError: a key holds something other than a record. The ``entities`` of the
                error are the other records.

        Example::

            User.objects.all()
        """
        schema = self._record_schema
        found = run(loading.scan(schema))
        errors = [loading.unreadable(schema, id) for id in found.broken]
        return self._results(found.rows, errors)

    def filter(self, /, **criteria: Any) -> ResultSet[R]:
        """Return the records that meet all criteria, in no order.

        ``name='Ann'`` tests for equality, ``age__gte=18`` compares, as do ``gt``, ``lt`` and
        ``lte``. A value of None is found by None only. If an attribute has an index, only the
        records that it names are read, the first 1,000 in one round trip. Else all are read.

        Raises:
            RepocketUnknownField: the model has no such attribute.
            QueryError: an invalid value or comparison, or a criterion on a ByteStream.
            CorruptRowError: some records cannot be read. The ``entities`` of the error are the
                other records found.

        Warns:
            UserWarning: more than 1,000 records were read because no attribute has an index.

        Example::

            User.objects.filter(city='Oslo', age__gte=18)
        """
        return self._found(criteria)

    def reindex(self) -> int:
        """Write the index entries of all records, in batches of 500.

        Needed for records that were written before their model had the index, or by a program that
        does not know the index. Correct entries stay in place meanwhile.

        Returns:
            The number of records.

        Raises:
            UniqueKeyViolation: two records have the same unique value.
            CorruptRowError: a key holds something other than a record; raised after all other
                records were indexed.

        Example::

            User.objects.reindex()
        """
        return run(saving.reindex(self._record_schema))

    def _found(self, clauses: dict[str, Any]) -> ResultSet[R]:
        schema = self._record_schema
        criteria = criteria_of(schema, clauses)
        if not criteria:
            return self.all()
        for criterion in criteria:
            if criterion.name in schema.streams:
                raise QueryError(
                    f'{schema.model}.{criterion.name}: expected an attribute other than a '
                    'ByteStream, which filters cannot search'
                )
        matches = run(search.find(schema, criteria))
        if matches.scanned > _WITHOUT_WARNING:
            warn(
                f'{schema.model}.objects.filter({", ".join(clauses)}): {matches.scanned} records '
                'were read, because none of these attributes has an index; declare one with '
                'index=True',
            )
        return self._results(matches.rows, matches.errors)

    def _results(
        self,
        rows: Iterable[tuple[bytes, dict[str, bytes]]],
        errors: list[CorruptRowError],
    ) -> ResultSet[R]:
        records = self._records(rows)
        if errors:
            errors[0].entities = list(records)
            raise errors[0]
        return records

    def _records(self, rows: Iterable[tuple[bytes, dict[str, bytes]]]) -> ResultSet[R]:
        return ResultSet(self.model._loaded(rows))
