"""Native reads: a query of one range as two trips of native commands, in place of its script.

The first trip lists the ids, by `ZRANGEBYSCORE` or `ZRANGEBYLEX`; the second reads their rows. The
driver decides whether that is faster than the script: see `rom._core.drivers.native_reads`.

A commit may be carried out between the trips. So each row is compared with what the query asks for.
If one does not match, or anything else is unusual, the script answers the whole query.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from rom._core.encoding.stems import bounds_of
from rom._core.ops.requests import Command, Operation, RowReads
from rom._core.ops.rows import Row
from rom._core.ops.search.queries import Scores, find
from rom._core.query.nodes import InRange, StartsWith, Whole
from rom._core.query.query import Query
from rom._core.schema import Schema
from rom.exceptions import ServerError

#: The most rows of a native read. With more, the script's pages are as fast.
MOST: Final = 200

#: Tells whether the stored value of the filter's column matches the filter.
Matches = Callable[[bytes], bool]


class NativeRange(NamedTuple):
    """A filter as one native command.

    Attributes:
        name: the command's name.
        bounds: its arguments: the key, and the bounds of the range; a limit follows.
        column: the column that the filter is about.
        matches: compares the value of a row with the filter.
        has_strings: the members are strings, each followed by a NUL and an id.
    """

    name: str
    bounds: tuple[bytes, bytes, bytes]
    column: str
    matches: Matches
    has_strings: bool = False


def range_of(query: Query[Any]) -> NativeRange | None:
    """Return the one range of an index that answers a query; None: the query needs the script."""
    spec = query.spec
    nodes = spec.where.nodes
    if len(nodes) != 1 or (make := _RANGES.get(type(nodes[0]))) is None:
        return None
    if spec.orders or spec.offset or spec.selection or spec.mark or spec.with_scores:
        return None
    if spec.count is not None and not 0 < spec.count <= MOST:
        return None
    schema = query.schema
    leaves_out = schema.expiry is not None or schema.soft_delete is not None
    # Beside programs with rom 1.x, an index may name rows that they have deleted.
    if leaves_out or schema.keep_index_data or schema.absent_fields or schema.placement is not None:
        return None
    return make(schema, nodes[0])


def native_find(query: Query[Any], scores: Scores) -> Operation[tuple[list[Row], bool]] | None:
    """Return an operation with the result of `find`; None: the query needs the script."""
    found = range_of(query)
    return None if found is None else _find(query, found, scores)


def _find(
    query: Query[Any], asked: NativeRange, scores: Scores
) -> Operation[tuple[list[Row], bool]]:
    count = query.spec.count
    try:
        rows = yield from _rows(query.schema, asked, MOST + 1 if count is None else count)
    except (ServerError, ValueError):
        rows = None  # the script finds the same error, and names the key
    if rows is None:
        return (yield from find(query, scores=scores))
    return rows, count is None or len(rows) < count


def _rows(schema: Schema, asked: NativeRange, most: int) -> Operation[list[Row] | None]:
    """Return the rows; None: the script must find them.

    Raises:
        ServerError: the key of the index holds another type.
        ValueError: a member of the index or a value is malformed.
    """
    ids: Sequence[bytes] = yield Command(asked.name, *asked.bounds, b'LIMIT', b'0', b'%d' % most)
    if asked.has_strings:
        ids = [member.rpartition(b'\0')[2] for member in ids]
    if not ids:
        return []
    if len(ids) > MOST or len(set(ids)) < len(ids):
        return None
    replies = yield RowReads(schema.keys.head, ids, schema.fields)
    names, column, matches = schema.names, asked.column, asked.matches
    rows: list[Row] = []
    for id, values in zip(ids, replies, strict=True):
        if type(values) is not list:
            return None
        if values[-1] is None:
            del values[-1]  # the list of entries of rom 1.x, which few rows have
        stored = dict(zip(names, values, strict=False))
        if None in values:
            stored = {name: raw for name, raw in stored.items() if raw is not None}
        if column not in stored or not matches(stored[column]):
            return None
        rows.append(Row(int(id), stored))
    return rows


def _of_numbers(schema: Schema, node: InRange) -> NativeRange | None:
    column = _columns(schema).get(node.key)
    if column is None or node.exact is not None:
        return None
    low, high = float(node.low), float(node.high)
    return NativeRange(
        'ZRANGEBYSCORE',
        (node.key, node.low, node.high),
        column,
        # The text of a stored number is that of its score, or of a double beside it.
        lambda raw: low <= float(raw) <= high,
    )


def _of_strings(schema: Schema, node: StartsWith) -> NativeRange | None:
    whole, head = node.whole, node.head
    if whole is None or node.pattern or node.without or b'\0' in head:
        return None
    column = _columns(schema).get(whole.field)
    if column is None:
        return None
    return NativeRange(
        'ZRANGEBYLEX',
        (node.key, *bounds_of(head)),
        column,
        lambda raw: _as_indexed(whole, raw).startswith(head),
        has_strings=True,
    )


def _as_indexed(whole: Whole, raw: bytes) -> bytes:
    """Return a stored text as the index has it.

    Raises:
        UnicodeDecodeError: the bytes are not UTF-8.
    """
    if raw.isascii():
        value = raw[::-1] if whole.turned else raw
        return value.lower() if whole.lowers else value
    text = raw.decode('utf-8')
    text = text[::-1] if whole.turned else text
    return (text.lower() if whole.lowers else text).encode('utf-8')


def _columns(schema: Schema) -> Mapping[bytes, str]:
    """Return columns whose index entries follow from the stored value alone.

    Those of numbers are found by the keys of their indexes, those of texts by their fields.
    """
    found = _known.get(schema)
    if found is None:
        found = _known[schema] = {}
        for name, index in schema.indexes.items():
            column = index.column
            is_single = column.element is None and not column.is_element
            if is_single and column.is_stored and column.indexes_itself:
                found[index.numbers_key if index.is_number else schema.keys.field(name)] = name
    return found


_known: WeakKeyDictionary[Schema, dict[bytes, str]] = WeakKeyDictionary()
_RANGES: Final[dict[type, Callable[[Schema, Any], NativeRange | None]]] = {
    InRange: _of_numbers,
    StartsWith: _of_strings,
}
