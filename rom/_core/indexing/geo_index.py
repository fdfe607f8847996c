"""Geo indexes: the place of an entity, computed from its columns.

A model lists its geo indexes, and a callback returns the place of a row. Entries follow from
the columns as all others do: when one that the callback looked at changes, the place is worked out
again, and the race check covers it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, NoReturn, TypeAlias

from rom._core.encoding.keys import Keys
from rom._core.encoding.scores import LATITUDES, LONGITUDES, geo_score
from rom._core.encoding.text import show
from rom._core.indexing.entry_lists import Entries
from rom.exceptions import InvalidColumnValue, ORMError

Point: TypeAlias = Mapping[str, Any]


class GeoIndex(NamedTuple):
    """An index of geographic positions, for ``Model.query.near``.

    The callback gets the values of an entity, as attributes and as items. It returns
    ``{'lon': ..., 'lat': ...}`` in degrees, or a list of those. An entity has one position: the
    last one of a list counts, and an empty list or None means no position.

    If the callback reads a column without a value, it ends there, and the entity has no position. A
    relation is an object with an ``id`` only.

    Args:
        name: the name of the index, for ``near``.
        callback: returns the position.

    Raises:
        InvalidColumnValue: (on save) the callback failed, or did not return a point on the globe.
            Latitudes end at 85.05112878 degrees north and south.

    Example::

        class Shop(rom.Model):
            lon = rom.Float()
            lat = rom.Float()
            geo_index = [rom.GeoIndex('at', lambda e: {'lon': e.lon, 'lat': e.lat})]

        Shop.query.near('at', 10.75, 59.91, 5, 'km').all()
    """

    name: str
    callback: Callable[[Any], Point | Sequence[Point] | None]


class _Missing(BaseException):
    """Raised if the callback reads a column without a value; its `except Exception` misses it."""


class _Present(Mapping[str, Any]):
    """The values of a row, for a callback."""

    __slots__ = ('_values',)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        value = self._values[name]
        if value is None:
            raise _Missing
        return value

    def __getattr__(self, name: str) -> Any:
        if name not in self._values:
            raise AttributeError(f'the model has no column {name!r}')
        return self[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self._values else default

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._values and self._values[name] is not None

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._values if self._values[name] is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Declared(NamedTuple):
    declared: GeoIndex
    keys: Keys


class Places(_Declared):
    """One geo index of one model."""

    #: Only a run of the callback shows the columns that these entries depend on.
    depends_on_others: ClassVar[bool] = True
    own: ClassVar[frozenset[str]] = frozenset()
    sources: ClassVar[tuple[str, ...]] = ()

    @cached_property
    def key(self) -> bytes:
        """Key of the index."""
        return self.keys.geo(self.declared.name)

    def entries(self, values: Mapping[str, Any]) -> Entries:
        """Return the entry of a row; none if a value is missing.

        Args:
            values: the Python values by column.

        Raises:
            InvalidColumnValue: the callback failed, or did not return a point.
        """
        try:
            found = self.declared.callback(_Present(values))
        except _Missing:
            return {}
        except ORMError:
            raise
        except Exception as error:
            raise InvalidColumnValue(f'{self._where}: its callback failed: {error!r}') from error
        points = [found] if isinstance(found, Mapping) else found or ()
        if not isinstance(points, (list, tuple)):
            self._refuse(found)
        scores = [self._score(point) for point in points]
        return {(self.key, b''): scores[-1]} if scores else {}

    @property
    def _where(self) -> str:
        return f'{self.keys.seen}, geo index {self.declared.name!r}'

    def _score(self, point: Any) -> bytes:
        try:
            longitude, latitude = float(point['lon']), float(point['lat'])
        except (TypeError, ValueError, LookupError, OverflowError):
            self._refuse(point)
        for degrees, (low, high), name in (
            (longitude, LONGITUDES, 'lon'),
            (latitude, LATITUDES, 'lat'),
        ):
            if not low <= degrees <= high:
                raise InvalidColumnValue(
                    f'{self._where}: {name}={show(degrees)} is not between {low} and {high} degrees'
                )
        return geo_score(longitude, latitude)

    def _refuse(self, found: Any) -> NoReturn:
        raise InvalidColumnValue(
            f"{self._where}: its callback returned {show(found)}; it must return {{'lon': degrees, "
            "'lat': degrees}, a list of those, or None"
        )
