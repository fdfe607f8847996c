"""Clauses: one column in a call of a query's method, with the errors about it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final, NoReturn

from rom._core.columns import Column, String
from rom._core.encoding.keygens import TRAITS
from rom._core.encoding.plain_values import plain
from rom._core.encoding.stems import Word
from rom._core.encoding.text import show, show_name, show_names
from rom._core.query.filter_labels import Sign
from rom._core.query.relation_filters import STEP, path_in
from rom._core.schema import Schema
from rom.exceptions import QueryError

#: The maximum number of ids or unique values in one filter: one call looks all of them up.
MOST_LISTED: Final = 20_000

# The methods that need no index on a unique column.
_FILTERS: Final = ('filter', 'where')


class Clause:
    """One column of a clause, with the errors about it.

    Args:
        schema: the schema of the model.
        method: the name of the query's method.
        name: the column's name; for `filter`, also that of a sub-index, as in 'col:x'.

    Raises:
        QueryError: no such column.
    """

    def __init__(self, schema: Schema, method: str, name: str) -> None:
        self.schema = schema
        self.method = method
        self.name = name
        base, colon, self.part = name.partition(':')
        if colon and not self.part:
            self.wrong('behind the colon comes the name that a keygen gives to a number')
        found = schema.columns.get(base)
        if found is None:
            self._unknown(base)
        self.column: Column[Any] = found

    def _unknown(self, name: str) -> NoReturn:
        known = f'it has {show_names(self.schema.columns)}'
        path = path_in(self.schema, name)
        if path is not None:
            self.wrong(
                f'only filters reach the columns of a related model, here of {path[0]}; keep the '
                f'value in a column of {self.schema.name} as well'
            )
        start = name.partition(STEP)[0]
        if start in self.schema.columns and start != name:
            known += f'; {show(start)} is no relation, so no path leads on from it'
        self.wrong(f'the model has no column {show(name)}; {known}')

    @cached_property
    def sign(self) -> Sign:
        """The comparison with one value, in labels."""
        return 'contains' if self.column.is_element else '='

    @cached_property
    def words(self) -> bytes:
        """The template of the keys of the column's words."""
        return self.schema.keys.words(self.name)

    def of_elements(self) -> Clause:
        """Make this the clause about the elements, if the column is a collection; return it."""
        if self.column.element is None:
            return self
        if self.part:
            self.wrong(f'the index of a {type(self.column).__name__} has no numbers with a name')
        self.column = self.column.element
        return self

    def wrong(self, what: str, *value: Any) -> NoReturn:
        """Raise the error for this clause, with the value that was given."""
        asked = f'={show(value[0])}' if value else ''
        raise QueryError(
            f'{self.schema.name}.query.{self.method}({show_name(self.name)}{asked}): {what}'
        ) from None

    def need_index(self, *options: str) -> None:
        """Raise unless the column has one of these kinds of index."""
        for option in options:
            if getattr(self.column, option):
                return
        remedy = self.how_to_declare(*options)
        if self.method in _FILTERS and self.column.unique and not self.part:
            remedy = f'filter({self.name}=...) looks up single values without one; else {remedy}'
        self.wrong(f'the column has no such index; {remedy}')

    def how_to_declare(self, *options: str) -> str:
        """Return the remedy for a missing index: these options of the column, or ``index``."""
        wanted = ' or '.join(f'{option}=True' for option in options or ('index',))
        return f'declare it with {wanted}'

    def ends_of_range(self, value: tuple[Any, ...]) -> tuple[Any, Any]:
        """Return the two ends of a range.

        Raises:
            QueryError: the tuple has another length.
        """
        if len(value) != 2:
            self.wrong(
                f'a range is a tuple of 2 endpoints, (low, high), None being an open end; '
                f'this one has {len(value)}. For any of several values, pass a list',
                value,
            )
        return value

    def check_listed(self, count: int) -> None:
        """Raise if a list has more values than one call may look up."""
        if count > MOST_LISTED:
            self.wrong(
                f'{count} values are too many for one look-up; {MOST_LISTED} are the most. Ask in '
                f'parts, or read them by {self.schema.name}.get([...])'
            )

    @property
    def numbers_key(self) -> bytes:
        """The key of the numeric index of the column or sub-index.

        Raises:
            QueryError: the column has no keygen that names numbers.
        """
        column = self.column
        if self.part and (column.keygen in TRAITS or not (column.keygen or column.keygen2)):
            self.wrong(
                f'only a keygen of your own gives numbers a name, and {column.name} has none; '
                f'leave out {show(":" + self.part)}'
            )
        return self.schema.keys.scores(self.name)


def asked_word(clause: Clause, value: Any) -> Word:
    """Return a string to search for in the form that the column's keygen gets.

    Raises:
        QueryError: the value is not a string, or not a valid one for the column.
    """
    if not isinstance(value, (str, bytes)):
        got = type(value).__name__
        clause.wrong(f'this index holds words: expected str or bytes, got {got}', value)
    try:
        return as_kept(clause.column, plain(value))
    except (UnicodeEncodeError, UnicodeDecodeError) as error:
        clause.wrong(f'no value of this column could be that: {error}', value)


def as_kept(column: Column[Any], word: Word) -> Word:
    """Return a string in the form that the column's keygen gets."""
    traits = column.traits
    if isinstance(column, String) and isinstance(word, str):
        word = word.encode('latin-1')
    elif not isinstance(column, String) and isinstance(word, bytes) and column.keygen in TRAITS:
        word = word.decode('utf-8')
    if isinstance(word, bytes) and traits.lowers and traits.splits:
        word = word.decode('latin-1')
    if traits.lowers:
        word = word.lower()
    if traits.reads_bytes and isinstance(word, str):
        word = word.encode('latin-1')
    return word
