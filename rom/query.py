"""Queries, their pages and explanations, and the names that rom 1.x had here."""

from typing import TYPE_CHECKING

from rom._core.query.query import Query
from rom._core.query.results import Page as Page
from rom._core.query.results import Scored as Scored
from rom._core.query.results import _dict_data_factory as _dict_data_factory
from rom._core.query.results import _list_data_factory as _list_data_factory
from rom._core.query.results import _namedtuple_data_factory as _namedtuple_data_factory
from rom._core.query.results import _tuple_data_factory as _tuple_data_factory
from rom._core.support.public_names import lazily

if TYPE_CHECKING:
    from rom._core.query.explanation import Call as Call
    from rom._core.query.explanation import Explanation as Explanation
    from rom._core.query.explanation import Filter as Filter
    from rom._core.query.explanation import Plan as Plan
    from rom._core.query.explanation import Related as Related
    from rom._core.query.explanation import Run as Run
    from rom._core.query.explanation import Sorting as Sorting
    from rom._core.query.explanation import Step as Step
else:
    _EXPLANATION = (
        'Call', 'Explanation', 'Filter', 'Plan', 'Related', 'Run', 'Sorting', 'Step',
    )  # fmt: skip
    __getattr__ = lazily(
        __name__,
        {
            **dict.fromkeys(_EXPLANATION, 'rom._core.query.explanation'),
            # Names that rom 1.x had here as well.
            'ALLOWED_DIST': 'rom._core.query.geo_filters',
            'NOT_NULL': 'rom._core.query.filters',
            'NUMERIC_TYPES': 'rom._core.columns.column_lists',
            'QueryError': 'rom.exceptions',
        },
    )

__all__ = ['Query']
