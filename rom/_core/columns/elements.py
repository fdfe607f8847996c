"""Elements: the conversion, the JSON forms and the index words of a collection's elements.

One other column converts and checks each element. A row holds a collection as one JSON array, in
one field of its hash. Each element has the form of its column in dumps (`json_forms`). So equal
collections have equal bytes, any other program can read them, and a `Json` column that holds such
arrays can become a collection without a change of rows.

The index holds the words of each element, in the sets and strings that hold the words of a `Text`.
So every search of words works on elements. The words of a number are its stored digits: a sorted
set by score has room for one number of each row only.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final, Generic, NoReturn, TypeVar

from rom._core.columns.base import Column
from rom._core.columns.expire_at import ExpireAt
from rom._core.columns.json_forms import JsonForm, form_of
from rom._core.columns.primary_key import PrimaryKey
from rom._core.encoding.keygens import Keygen, Keys
from rom._core.encoding.text import show
from rom.exceptions import ColumnError, InvalidColumnValue

E = TypeVar('E')

# Options that a collection has, and its elements have not.
_OF_WHOLE: Final = (
    'required', 'default', 'unique', 'index', 'keygen', 'prefix', 'suffix', 'keygen2', 'stored_as',
    'stamps_insert', 'stamps_update',
)  # fmt: skip

_as_text: Final = json.JSONEncoder(ensure_ascii=False, separators=(',', ':')).encode


class Elements(Generic[E]):
    """The elements of one column of collections.

    Args:
        kind: the class of the collection's column, for errors.
        item: the column of the elements, as it was declared.

    Attributes:
        column: a copy of the item with the name and the index of the collection: it converts the
            elements, and filters on the collection compile as filters on it.

    Raises:
        ColumnError: no column, or one whose values cannot be elements.
    """

    def __init__(self, kind: str, item: Column[E]) -> None:
        self.kind = kind
        self.form = self._form_of(item)
        self.column = copy.copy(item)
        self.column.is_element = True
        # Elements that are stored already may be longer than new ones.
        self._keep: Callable[[Any], E] = getattr(self.column, 'as_kept', self.column.check)

    def _form_of(self, item: Any) -> JsonForm:
        if isinstance(item, type) and issubclass(item, Column):
            self._wrong(f'expected a column, got its class; call it: {item.__name__}()')
        if not isinstance(item, Column):
            self._wrong(f'expected a column such as rom.Text(), got {show(item)}')
        kind = type(item).__name__
        is_plain = item.is_stored and not (item.is_mutable or item.is_relation or item.is_foreign)
        if not is_plain or isinstance(item, (PrimaryKey, ExpireAt)):
            self._wrong(f'a {kind} cannot be an element; take a column of plain values, or a Json')
        for option in _OF_WHOLE:
            if getattr(item, option):
                self._wrong(f'{option} belongs to the {self.kind}: remove it from the {kind}')
        form = form_of(item)
        if form is None:
            self._wrong(f'a {kind} has no JSON form, in which it would be stored; add to_json')
        return form

    def _wrong(self, what: str) -> NoReturn:
        raise ColumnError(f'{self.kind} column: elements: {what}')

    def index_by(self, index: bool, prefix: bool, suffix: bool, keygen: Keygen | None) -> None:
        """Give the column of the elements the indexes of the collection."""
        column: Any = self.column
        column.index, column.prefix, column.suffix = index, prefix, suffix
        vars(column).pop('traits', None)  # computed for another keygen
        if column.is_string:
            column.keygen = keygen or column.whole
        elif column.is_numeric:
            column.is_numeric = column.is_wide = False
            column.default_keys = lambda value: [column.canonical(column.encode(value))]

    def taken(self, values: Collection[Any]) -> Iterator[E]:
        """Yield values that a program sets, as the column keeps them.

        Raises:
            InvalidColumnValue: the column does not accept one; the error names its position.
        """
        return self._converted(values, self.column.take)

    def kept(self, values: Collection[Any]) -> Iterator[E]:
        """Yield values as the column keeps them, without the rules and lengths of new ones.

        Raises:
            InvalidColumnValue: one is not a value of the column; the error names its position.
        """
        return self._converted(values, self._keep)

    def _converted(self, values: Collection[Any], convert: Callable[[Any], E]) -> Iterator[E]:
        is_sequence = isinstance(values, (list, tuple))
        for place, value in enumerate(values):
            try:
                if value is None:
                    self.column.refuse(value)
                yield convert(value)
            except InvalidColumnValue as error:
                self._refuse(f'[{place}]' if is_sequence else ', an element', str(error))

    def _refuse(self, where: str, problem: str) -> NoReturn:
        name = self.column.name
        problem = problem.removeprefix(f'{name or type(self.column).__name__}: ')
        raise InvalidColumnValue(f'{name or self.kind}{where}: {problem}') from None

    def to_json(self, values: Iterable[E]) -> list[Any]:
        """Return the JSON forms of elements."""
        to_json = self.form.to_json
        return [to_json(one) for one in values]

    def from_json(self, forms: list[Any]) -> list[Any]:
        """Return elements from their JSON forms, for the column to check.

        Raises:
            InvalidColumnValue: an element has another form; the error names its position.
        """
        form, found = self.form, []
        for place, one in enumerate(forms):
            is_wrong_bool = isinstance(one, bool) and bool not in form.accepts
            try:
                if is_wrong_bool or not isinstance(one, form.accepts):
                    raise ValueError(one)
                found.append(form.from_json(one))
            except (ValueError, OverflowError, ArithmeticError):
                self._refuse(f'[{place}]', f'expected {form.expected}, got {show(one)}')
        return found

    def encode(self, forms: list[Any]) -> bytes:
        """Return JSON forms as the bytes that a row stores."""
        return _as_text(forms).encode('utf-8')

    def decode(self, raw: bytes) -> Iterator[E]:
        """Yield the elements that a row stores.

        Raises:
            ValueError, InvalidColumnValue: the bytes are no array of such elements.
        """
        forms = json.loads(raw)
        if not isinstance(forms, list):
            raise ValueError('expected a JSON array')
        return self.kept(self.from_json(forms))

    def words(self, values: Iterable[E]) -> list[str | bytes]:
        """Return the index entries of elements, each once.

        Raises:
            InvalidColumnValue: the keygen returned something other than words.
        """
        column = self.column
        found: dict[str | bytes, None] = {}
        for one in values:
            keygen = column.keygen
            keys = column.default_keys(one) if keygen is None else keygen(column.indexed(one))
            found.update(dict.fromkeys(self._listed(keys)))
        return list(found)

    def _listed(self, keys: Keys) -> Iterable[Any]:
        if not keys:
            return ()
        if not isinstance(keys, (list, tuple, set, frozenset)):
            raise InvalidColumnValue(
                f'{self.column.name}: expected the keygen of its elements to return a list of '
                f'words or None, got {show(keys)}'
            )
        return keys


def place_of_form(form: Any) -> tuple[bool, Any]:
    """Return the sort key of an element's JSON form: numbers before text, such as "NaN"."""
    return isinstance(form, str), form
