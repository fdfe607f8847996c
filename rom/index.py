"""The names that programs for rom 1.x import from `rom.index`: searches without a model.

`GeoIndex` is part of a model. A program that has the model uses `Model.query` for the others.
"""

from rom._core.general_index import GeneralIndex, Pattern, Prefix, Suffix
from rom._core.general_index import Geofilter as Geofilter
from rom._core.indexing.geo_index import GeoIndex
from rom.exceptions import QueryError as QueryError

__all__ = ['GeneralIndex', 'GeoIndex', 'Pattern', 'Prefix', 'Suffix']
