"""Conversion of a row to one line of JSON, and back. Pure.

    {"model": "User", "id": 5, "dialect": 2, "columns": {"name": "Ann", "team": 3}}

Every stored column is named; null means that the row has no value. Index entries are not in a line,
because they follow from the values. Nor are UnsafeColumns, whose data is in keys of their own.

Values have the forms of :mod:`rom._core.columns.json_forms`. A column class of the program has the
form of its base class, or that of its own `to_json`. If it overrides encode or decode without
`to_json`, its stored bytes are written, as a String. Any other form is refused, and never guessed
at.

Each line names its dialect, instead of a header that names it for all. So files can be joined,
split, filtered and resumed by any tool for lines, and rows of an old dump can stand beside new
ones. A line without a dialect is of dialect 1.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from rom._core.columns import Column, String
from rom._core.columns.json_forms import BYTES_OF_DIALECT_1, DIALECT, FORMS, form_of
from rom._core.encoding.text import show
from rom._core.model import Model
from rom._core.ops.import_rows import ImportRow
from rom._core.ops.maintenance.arguments import checked
from rom._core.ops.rows import Row
from rom._core.schema import Schema
from rom.exceptions import InvalidColumnValue, InvalidOperation, LineError

# Half of the largest id that the counter can give, because it must have ids left after this one.
_MOST_ID = 2**62

_FORM = '{"model": ..., "id": ..., "columns": {...}}'

_PARTS = ({'model', 'id', 'dialect', 'columns'}, {'model', 'id', 'columns'})
_DIALECTS = (1, DIALECT)
_BYTES = {1: BYTES_OF_DIALECT_1, DIALECT: FORMS[String]}

_MOST_SHOWN = 80


def check_models(where: str, models: Sequence[Any]) -> None:
    """Check the models of a function.

    Raises:
        InvalidOperation: there are no models, or something is not a model.
    """
    if not models:
        raise InvalidOperation(f'{where}: expected at least one model, got none')
    for model in models:
        checked(model)


@dataclass(frozen=True, slots=True)
class Line:
    """A parsed line.

    Attributes:
        number: the line number, from 1.
        model: the model of the row.
        row: the row.
    """

    number: int
    model: type[Model]
    row: ImportRow


def line_of(schema: Schema, row: Row) -> bytes:
    """Return a row as a line, with its line end.

    Raises:
        CorruptRowError: a value does not decode.
    """
    key = f'{schema.keys.namespace}:{row.id}'
    columns = {
        name: to_json(column, row.stored.get(name), key)
        for name, column in schema.columns.items()
        if column.is_stored and name != schema.primary
    }
    data = {'model': schema.name, 'id': row.id, 'dialect': DIALECT, 'columns': columns}
    try:
        text = json.dumps(data, ensure_ascii=False).encode('utf-8')
    except UnicodeEncodeError:
        # A lone surrogate in a Json column: JSON can escape it, UTF-8 cannot encode it.
        text = json.dumps(data).encode('ascii')
    return text + b'\n'


class Reader:
    """Parser of lines.

    Args:
        models: the models that lines may name, by class name or by namespace.
    """

    def __init__(self, models: Iterable[type[Model]]) -> None:
        self._models: dict[str, type[Model]] = {}
        for model in models:
            self._models[model._namespace] = self._models[model.__name__] = model

    def read(self, number: int, text: bytes) -> Line:
        """Parse one line.

        Raises:
            LineError: the line is malformed; the message says where and why.
        """
        data = _parsed(number, text)
        model = self._model(number, data['model'])
        id = data['id']
        if not isinstance(id, int) or isinstance(id, bool) or not 1 <= id <= _MOST_ID:
            _wrong(number, f'"id": expected an integer from 1 to {_MOST_ID}, got {_shown(id)}')
        columns = data['columns']
        if not isinstance(columns, dict):
            _wrong(number, f'"columns": expected an object, got {_shown(columns)}')
        dialect = data.get('dialect', 1)
        if isinstance(dialect, bool) or dialect not in _DIALECTS:
            _wrong(
                number,
                f'"dialect": expected one of {", ".join(map(str, _DIALECTS))}, got '
                f'{_shown(dialect)}; load the line with a newer version of rom',
            )
        wanted = _wanted(number, model._schema, columns, dialect)
        return Line(number, model, ImportRow(model._schema, id, wanted))

    def _model(self, number: int, name: Any) -> type[Model]:
        model = self._models.get(name) if isinstance(name, str) else None
        if model is None:
            known = ', '.join(dict.fromkeys(m.__name__ for m in self._models.values()))
            _wrong(number, f'"model": expected one of {known}, got {_shown(name)}; load it, too')
        return model


def _parsed(number: int, text: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f' at character {error.pos + 1}' if isinstance(error, json.JSONDecodeError) else ''
        _wrong(number, f'invalid JSON{where}: {_shown_text(text)}; expected a line like {_FORM}')
    if not isinstance(data, dict) or data.keys() not in _PARTS:
        _wrong(number, f'expected a line like {_FORM}, got {_shown_text(text)}')
    return data


def _wanted(
    number: int, schema: Schema, columns: Mapping[str, Any], dialect: int
) -> Mapping[str, bytes | None]:
    wanted: dict[str, bytes | None] = {}
    names = [name for name in schema.stored if name != schema.primary]
    for name, value in columns.items():
        if name not in names:
            _wrong(number, _no_column(schema, name, names))
        column = schema.columns[name]
        if value is None and column.required:
            _wrong(number, f'{schema.name}.{name} is required: expected a value, got null')
        try:
            wanted[name] = from_json(column, value, dialect)
        except InvalidColumnValue as error:
            _wrong(number, f'{schema.name}.{error}')
    return wanted


def _no_column(schema: Schema, name: str, names: Sequence[str]) -> str:
    if name in schema.columns or name in schema.unsafe or name in schema.lists:
        return f'{schema.name}.{name} is not stored in the row; leave it out of the line'
    close = difflib.get_close_matches(name, names, 1)
    suggestion = f'did you mean {close[0]!r}?' if close else 'leave it out, or declare it'
    return f'{schema.name} has no column {show(name)}; {suggestion}'


def _wrong(number: int, problem: str) -> NoReturn:
    raise LineError(f'line {number}: {problem}', number) from None


def _shown(value: Any) -> str:
    return _shown_text(json.dumps(value, ensure_ascii=False).encode('utf-8', 'replace'))


def _shown_text(text: bytes) -> str:
    shown = text.decode('utf-8', 'replace').strip()
    return shown if len(shown) <= 60 else f'{shown[:60]} ...'


def to_json(column: Column[Any], raw: bytes | None, key: str) -> Any:
    """Convert a stored value for JSON.

    Args:
        column: the column.
        raw: the stored bytes; None: the row lacks the column. A constant default is dumped then. A
            default that is a function is not, because its result is not a value of the row.
        key: the key of the row, for the error.

    Raises:
        CorruptRowError: the bytes do not decode.
    """
    if raw is None:
        default = column.lasting_default
        if default is None:
            return None
        raw = column.encode(default)
    form = form_of(column)
    if form is None:
        return _BYTES[DIALECT].to_json(raw)
    return form.to_json(column.read_stored(raw, key))


def from_json(column: Column[Any], value: Any, dialect: int = DIALECT) -> bytes | None:
    """Convert parsed JSON to the bytes that a row stores; null to None.

    Args:
        column: the column.
        value: the parsed JSON.
        dialect: the dialect of the line.

    Raises:
        InvalidColumnValue: the column cannot hold it; the message names the expected form.
    """
    if value is None:
        return None
    own = form_of(column)
    form = _BYTES[dialect] if own is None or own is FORMS[String] else own
    is_wrong_bool = isinstance(value, bool) and bool not in form.accepts
    if is_wrong_bool or not isinstance(value, form.accepts):
        _refuse(column, value, form.expected)
    if column.is_relation or column.is_foreign:
        # Do not look the other entity up, because it may be on a later line.
        id = int(value)  # type: ignore[call-overload]
        return b'%d' % id if id >= 0 or column.is_foreign else _refuse(column, value, form.expected)
    try:
        read = form.from_json(value)
        return read if own is None else column.encode(column.take(read))
    except InvalidColumnValue:
        raise
    except (ValueError, OverflowError, ArithmeticError):
        _refuse(column, value, form.expected)


def _refuse(column: Column[Any], value: Any, expected: str) -> NoReturn:
    text = json.dumps(value, ensure_ascii=False)
    shown = text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + ' ...'
    raise InvalidColumnValue(f'{column.name}: expected {expected} or null, got {shown}')
